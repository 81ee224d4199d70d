"""Poisson regressions on histories through one temporal filter that all pairs share: the plan of the fit."""

from functools import partial

from circuitbias.device import Array, namespace, on_cpu, quietly
from circuitbias.fitting.designs.raised_cosines import BasisDesign
from circuitbias.fitting.filter_sample import FilterSample
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.lbfgs import Solution, lbfgs, no_report
from circuitbias.fitting.limits import unidentified
from circuitbias.fitting.newton import newton
from circuitbias.fitting.shared_filter import FilterProblem, JointObjective, pack
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.progress import Descent


@quietly
def fit_shared_filter(
    design: BasisDesign, n_sample: int, ridge: float, tolerance: float, max_passes: int, errors: str = "model"
) -> tuple[Fit, Array, float]:
    """Fit couplings and filter together.

    Order of calls: descend along both on a sample, from the filter that cross-covariances suggest; then on
    all rows; both times preconditioned by their joint Hessian on the sample, which is made again every few
    passes.

    Parameters
    ----------
    design : BasisDesign
    n_sample : int
        About how many rows to sample.
    ridge, tolerance, max_passes
        See `circuitbias.estimators.glm_spatiotemporal.GlmSpatiotemporal`.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of standard errors: see `circuitbias.fitting.standard_errors`.

    Returns
    -------
    couplings : Fit
        Converged where the filter has, too; its slopes carry the size.
    weights : array, shape (n_basis,)
        Of the basis functions; the filter's largest absolute value is 1 and its sum positive.
    scaled_gradient : float
        Largest entry of the filter's gradient, in the units of the tolerance.
    """
    survey, basis = design.survey_basis(n_sample), design.basis
    xp = namespace(basis)
    tuned, n_targets = tuning(), design.n_targets
    pairs = design.free_coefficients()[:-1]
    at_lowest, at_highest = (
        at & pairs & (ridge == 0) for at in (survey.at_lowest[:-1], survey.at_highest[:-1])
    )
    problem = FilterProblem(survey.cross, basis, at_lowest, ~pairs | at_highest, ridge)
    sample = FilterSample(problem, survey.sample, survey.means, design.block_rows)
    *start, sampled = sample.start()
    on_sample = JointObjective(problem, sample.rows, sample.n_rows, sampled)
    free = xp.asarray(problem.free, copy=True)
    rough, _, scale = _descend(on_sample, sample, pack(*start), tuned.rough_tolerance, tuned.rough_passes)
    aside = (free & ~problem.free).any(0)
    problem.free[:] = free
    enough = bool((rough.scaled_gradient <= tuned.rough_enough).all())
    rows_at = partial(design.rows, present=on_cpu(problem.present))
    objective = JointObjective(problem, rows_at, design.n_rows, problem.free)
    begin = rough.coefficients if enough else pack(*start)
    if enough and max_passes > 2:
        # Where couplings are within their noise on the sample, it tells less than nothing.
        begin = min(begin, pack(*start), key=lambda packed: objective.evaluate(packed)[0].item())
        # What has no fit to the sample may have one to all rows.
        begin = _each_by_itself(objective, begin, scale, aside)
    solution, joint, scale = _descend(objective, sample, begin, tolerance, max_passes, Descent(tolerance))
    _, of_filter = problem.unpack(abs(objective.gradient_at(solution.coefficients)) / scale)
    filter_gradient = of_filter.max().item()
    aside = (free & ~problem.free).any(0)
    problem.free[:] = free
    joint.inverse_diagonal[:, aside] = xp.inf
    found = _each_by_itself(objective, solution.coefficients, scale, aside, tolerance)
    of_couplings, _ = problem.unpack(abs(objective.gradient_at(found)) / scale)
    scaled_gradient = xp.amax(of_couplings, 0)
    coefficients, weights = problem.unpack(problem.normalised(found))
    size, by_weight = _filter_size(basis, weights)
    converged = (scaled_gradient <= tolerance) & (filter_gradient <= tolerance)
    given = objective.given_filter(weights)
    infinite = given.examine(
        coefficients, problem.start, joint.inverse_diagonal[:-1], converged, n_targets, sample.units(weights)
    )
    if errors == "model":
        variances = joint.variances(coefficients, size, by_weight) / design.n_rows
    else:
        variances = _grouped_variances(errors, design, sample, joint, coefficients, weights, size, by_weight)
        objective.passes += 1
    standard_errors = xp.where(problem.free, variances, xp.nan) ** 0.5
    coefficients[:n_targets] *= size
    held = infinite[:n_targets] | at_lowest | at_highest
    couplings = Fit(
        xp.concat([coefficients[:n_targets], coefficients[-1:]]),
        xp.concat([held, xp.zeros_like(held[:1])]),
        scaled_gradient,
        converged,
        objective.passes + objective.apart + given.passes,
        standard_errors[:n_targets],
    )
    return couplings, weights / size, filter_gradient


def _descend(objective, sample, begin, tolerance, max_passes, report=no_report):
    """Descend along couplings and filter; the solution, the last joint Hessian, and the gradient's size."""
    single = tuning().worth_single_precision(objective.n_rows, *sample.free.shape)
    while True:
        begin = objective.problem.normalised(begin)
        joint, scale = sample.lead(*objective.problem.unpack(begin))
        allowed = min(max(max_passes - objective.passes, 1), tuning().filter_passes)
        solution = lbfgs(
            objective, begin, joint.solve, scale, tolerance, allowed, report, begin_in_single=single
        )
        single = False
        stuck = (solution.coefficients == begin).all()  # rounding leaves no better point
        if solution.converged or stuck or objective.passes >= max_passes:
            return solution, joint, scale
        begin = solution.coefficients
        of_targets, _ = objective.problem.unpack(abs(objective.gradient_at(begin)) / scale)
        behind = ~(namespace(begin).amax(of_targets, 0) <= tuning().behind)
        begin = _each_by_itself(objective, begin, scale, behind)


def _each_by_itself(objective, packed, scale, which, tolerance=None):
    """Fit the couplings of some targets given the filter.

    With the filter, all targets have one step length, which a neuron of few spikes makes short for all. By
    itself each has its own. A target of which some coupling has no finite value with this filter is set
    aside, so that it does not tell of the filter: unless a tolerance says that this is the last one.
    """
    problem, tuned, xp = objective.problem, tuning(), namespace(packed)
    left = xp.where(which)[0]
    if not len(left):
        return packed
    coefficients, weights = problem.unpack(xp.asarray(packed, copy=True))
    part, begin = objective.given_filter(weights).of(left), problem.start[:, left]
    scales = problem.unpack(scale)[0][:, left]
    least = part.cross_moment**2 / part.cross_moment[-1]
    limits = tolerance or tuned.aside_tolerance, tuned.rough_passes, tuned.passes_per_hessian
    found = newton(part, Solution.at(begin), least, scales, *limits).coefficients
    coefficients[:, left] = found
    if problem.ridge == 0 and tolerance is None:
        hessians = part.hessians(found, 0 * begin)
        aside = left[unidentified(hessians, objective.n_rows, part.free, tuned.identified).any(0)]
        problem.free[:-1, aside] = False
        coefficients[:, aside] = problem.start[:, aside]
    objective.apart += part.passes
    return pack(coefficients, weights)


def _filter_size(basis, weights):
    """Largest absolute value of the filter, with the sign of its sum, and the derivatives by the weights."""
    values = basis @ weights
    peak = abs(values).argmax()
    sign = (1 if values[peak] > 0 else -1) * (-1 if values.sum() < 0 else 1)
    return (sign * values[peak]).item(), sign * basis[peak]


def _grouped_variances(kind, design, sample, joint, coefficients, weights, size, by_weight):
    """Variances of the coefficients times the size of the filter, as residuals show them."""
    groups, first, slopes = Groups(kind, design.n_rows), 0, coefficients[: design.n_targets]
    xp = namespace(weights)
    scores = xp.stack([0 * coefficients.T] * groups.n)
    of_filter = xp.stack([0 * weights[:, None]] * groups.n)
    for histories, responses in design.histories():
        rows = sample.rows_of(histories, weights)
        residuals = xp.exp(rows @ coefficients) - responses
        groups.add(scores, first, residuals, rows)
        # sum_j r_j sum_i W_ij (phi_k * s_i)
        of_rows = xp.einsum("tik,ti->tk", histories, residuals @ slopes.T)
        groups.add(of_filter, first, of_rows, xp.ones_like(of_rows[:, :1]))
        first += len(rows)
    n_basis, influences = len(weights), []
    for score, of_weights in zip(scores, of_filter, strict=True):
        step = joint.solve(pack(score.T * sample.free, of_weights[:, 0]))
        slope_step, weight_step = step[:-n_basis, 0].reshape(coefficients.shape), step[-n_basis:, 0]
        influences.append(size * slope_step + coefficients * (by_weight @ weight_step))
    return (groups.spread(xp.stack(influences, -1)) / design.n_rows) ** 2
