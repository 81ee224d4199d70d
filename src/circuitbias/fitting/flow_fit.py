"""The fit of an Ising model by minimum probability flow: on a sample first, then on all rows."""

from circuitbias.device import namespace, parts, placed, quietly
from circuitbias.device import single as single_precision
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.lbfgs import Solution, lbfgs
from circuitbias.fitting.probability_flow import Flow, Packing, flow_limits, flow_solver, told_by
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget
from circuitbias.progress import Descent
from circuitbias.spikes.moments import Moments


@quietly
def fit_flow(
    design: Design,
    budget: Budget,
    moments: Moments,
    all_flip: bool,
    tolerance: float,
    max_passes: int,
    errors: str,
) -> Fit:
    """Minimise the flow of probability.

    Parameters
    ----------
    design : Design
        Of binary counts.
    budget : Budget
    moments : Moments
        Of these counts.
    all_flip : bool
        Whether to add the flow into the state with all neurons flipped.
    tolerance, max_passes
        See `circuitbias.estimators.mpf.Mpf`.
    errors : {"sandwich", "jackknife"}
        Kind of standard errors: see `circuitbias.fitting.standard_errors`.

    Returns
    -------
    Fit
        Of all neurons, as one: symmetric couplings, then biases. Where a coupling is infinite, so are the
        biases of both.
    """
    _, _, _, sample = design.survey(tuning().sample_rows(design.n_columns))
    n, free = design.n_targets, design.free_coefficients()
    packing = Packing(n, sample.device, all_flip)
    # Hessians that lead are those of single flips: with the other's, conjugate gradients take too long.
    leading = Packing(n, sample.device, False)
    xp, mean = namespace(sample), placed(moments.mean, sample.device)
    sd = (mean * (1 - mean)) ** 0.5
    gradient_scale = packing.gather(xp.concat([sd[:, None] * sd, sd[None]]))
    limits = flow_limits(moments, free)
    start = packing.gather(limits)
    start[:-n] /= 2
    start[-n:] += xp.log(mean / (1 - mean))[:, None]
    fitted = xp.ones_like(start) > 0
    fitted[:-n] = packing.gather((limits != 0) * 1.0)[:-n] == 0

    # On a subsample first: it is cheap, starts the fit close to its end, and gives the Hessians. What it
    # hardly tells of, such as pairs that it scarcely sees together, rests at the start.
    told = (packing.gather(told_by(sample)) > 0) & fitted
    uncoupled = xp.concat([mean[:, None] * sd, sd[None]]) / 2
    sampled = DenseRows(lambda: parts(sample, design.block_rows), *sample.shape, single_precision)
    single = tuning().worth_single_precision(design.n_rows, design.n_columns, n)
    rough = lbfgs(
        Flow(sampled.blocks, sampled, packing, told),
        start,
        flow_solver(sampled, leading, start, uncoupled, told),
        gradient_scale,
        tuning().coarse_tolerance,
        tuning().rough_passes,
        begin_in_single=single,
    )
    events = design.sparse(tuning().most_density, budget)
    rows = events[0] if events else DenseRows(design.narrow_blocks, design.n_rows, design.n_columns)
    objective = Flow(design.narrow_blocks, rows, packing, fitted)
    solution = Solution.at(rough.coefficients if rough.converged else start)
    # Where rows are events, the Hessian is that of all rows at once; else that of the sample, and a fit that
    # lags behind gets that of all rows where it is.
    leads, allowed = (rows, tuning().passes_per_hessian) if events else (sampled, tuning().patience)
    while not solution.converged and objective.passes < max_passes:
        least = objective.curvature(solution.coefficients)[:, :n]
        objective.passes += leads is rows
        solution = lbfgs(
            objective,
            solution.coefficients,
            flow_solver(leads, leading, solution.coefficients, least, fitted),
            gradient_scale,
            tolerance,
            min(allowed, max_passes - objective.passes),
            Descent(tolerance),
            begin_in_single=single,
        )
        leads, allowed, single = rows, tuning().passes_per_hessian, False
    found, converged = solution.coefficients, bool(solution.converged)
    coefficients = packing.spread(found)[:, :n]
    standard_errors = xp.full_like(coefficients[:-1], xp.nan)
    infinite = limits[:-1] != 0
    if converged:
        curvature = objective.curvature(found)
        # The states of more than two neurons may send a coupling to infinity, too.
        told = packing.spread(packing.gather(curvature[:, :n]))[:-1, :n]
        infinite |= (abs(coefficients[:-1]) > tuning().steep) & (design.n_rows * told < tuning().identified)
        groups = Groups(errors, design.n_rows)
        solve = flow_solver(rows if events else sampled, packing, found, curvature, fitted)
        spread = groups.spread(solve(objective.scores(found, groups)) / design.n_rows)
        standard_errors = packing.spread(spread[:, None])[:-1, :n]
    infinite &= free[:-1]
    everyone = xp.ones_like(coefficients[0])
    return Fit(
        coefficients,
        xp.concat([infinite, infinite.any(0)[None]]),
        everyone * solution.scaled_gradient,
        everyone * converged > 0,
        objective.passes,
        standard_errors,
    )
