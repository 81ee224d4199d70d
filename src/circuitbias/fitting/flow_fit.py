"""The fit of an Ising model by minimum probability flow: on a sample first, then on all rows."""

from circuitbias.device import namespace, parts, placed, quietly
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.probability_flow import Flow, Packing, flow_solver, told_by
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget
from circuitbias.progress import Descent
from circuitbias.spikes.moments import Moments, state_counts


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
    packing = Packing(design.n_targets, sample.device)
    xp, mean = namespace(sample), placed(moments.mean, sample.device)
    sd = (mean * (1 - mean)) ** 0.5
    scale = xp.concat([sd[:, None] * sd, sd[None]])
    gradient_scale = packing.gather(scale)
    start = packing.gather(xp.concat([0 * scale[:-1], xp.log(mean / (1 - mean))[None]]))

    free = design.free_coefficients()

    # On a subsample first: it is cheap, starts the fit close to its end, and gives the Hessians. What it
    # hardly tells of, such as pairs that it scarcely sees together, rests at the start.
    told = packing.gather(told_by(sample)) > 0
    uncoupled = xp.concat([mean[:, None] * sd, sd[None]]) / 2
    solve = flow_solver(sample, packing, start, uncoupled, free)
    single = tuning().worth_single_precision(design.n_rows, design.n_columns, design.n_targets)
    rough = lbfgs(
        Flow(lambda: parts(sample, design.block_rows), len(sample), packing, all_flip, told),
        start,
        lambda gradient: solve(gradient) * told,
        gradient_scale,
        tuning().coarse_tolerance,
        tuning().rough_passes,
        begin_in_single=single,
    )
    begin = rough.coefficients if rough.converged else start
    events = design.sparse(tuning().most_density, budget)
    events = events.rows if events else None
    objective = Flow(design.narrow_blocks, design.n_rows, packing, all_flip, events=events)
    solve = flow_solver(sample, packing, begin, objective.curvature(begin), free)
    solution = lbfgs(
        objective,
        begin,
        solve,
        gradient_scale,
        tolerance,
        max_passes - objective.passes,
        Descent(tolerance),
        begin_in_single=single,
    )
    found, converged = solution.coefficients, bool(solution.converged)
    coefficients = packing.spread(found)
    standard_errors = xp.full_like(coefficients[:-1], xp.nan)
    infinite = placed((state_counts(moments) == 0).any(axis=0), sample.device)
    if converged:
        curvature = objective.curvature(found)
        # The states of more than two neurons may send a coupling to infinity, too.
        told = packing.spread(packing.gather(curvature))[:-1]
        infinite |= (abs(coefficients[:-1]) > tuning().steep) & (design.n_rows * told < tuning().identified)
        groups = Groups(errors, design.n_rows)
        solve = flow_solver(sample, packing, found, curvature, free, all_flip)
        spread = groups.spread(solve(objective.scores(found, groups)) / design.n_rows)
        standard_errors = packing.spread(spread[:, None])[:-1]
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
