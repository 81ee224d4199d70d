"""Descents with Hessians of all rows: for fits that were left behind, and where rows are sparse."""

from circuitbias.device import Array, namespace
from circuitbias.fitting.lbfgs import Solution, lbfgs, no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import own_inverses
from circuitbias.fitting.tuning import tuning


def newton(
    objective: Objective,
    solution: Solution,
    least_diagonal: Array,
    gradient_scale: Array,
    tolerance: float,
    max_passes: int,
    passes_per_hessian: int,
    report=no_report,
) -> Solution:
    """Minimise all objectives with Hessians of all rows, made again for those that are not at the end yet.

    The first step with a Hessian is Newton's; those that follow correct it by what the gradients show. Each
    target has its own step length.

    Parameters
    ----------
    objective : Objective
    solution : Solution
        Where to begin; what has converged rests. It becomes the result.
    gradient_scale, tolerance, max_passes, report
        As in `circuitbias.fitting.lbfgs.lbfgs`.
    least_diagonal : array, shape (n_columns, n_targets)
        Lower bound of the Hessians' diagonals.
    passes_per_hessian : int

    Returns
    -------
    Solution
    """
    xp = namespace(gradient_scale)
    left = xp.where(~solution.converged)[0]
    each = xp.arange(len(gradient_scale), device=gradient_scale.device)
    passes = 0
    while len(left) and passes + 3 <= max_passes:  # a Hessian, where it is, and a step
        part, begin = objective.of(left), solution.coefficients[:, left]
        hessians, scale = part.hessians(begin, least_diagonal[:, left]), gradient_scale[:, left]
        # Far from the end a few rows may hold all curvature, and say nothing of most directions. Steps that
        # are the shorter the larger the gradient (Li, Fukushima, Qi & Yamashita 2004) do not run away there.
        damping = tuning().damping * xp.clip(solution.scaled_gradient[left], None, 1.0)
        hessians[:, each, each] += (damping * scale**2 / scale[-1]).T
        precondition, _ = own_inverses(hessians, part.free)
        allowed = min(passes_per_hessian, max_passes - passes - part.passes)
        found = lbfgs(part, begin, precondition, gradient_scale[:, left], tolerance, allowed, report=report)
        passes += part.passes
        for whole, some in zip(vars(solution).values(), vars(found).values(), strict=True):
            whole[..., left] = some
        stuck = (found.coefficients == begin).all(0)  # if no step is short enough, rounding leaves none
        left = left[~found.converged & ~stuck & ~part.separated(found)]
    objective.passes += passes
    return solution
