"""Descents with Hessians of all rows: for fits that were left behind, and where rows are sparse."""

import torch

from circuitbias.fitting.lbfgs import Solution, lbfgs, no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import newton_steps
from circuitbias.fitting.tuning import tuning


def newton(
    objective: Objective,
    start: torch.Tensor,
    least_diagonal: torch.Tensor,
    gradient_scale: torch.Tensor,
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
    start, gradient_scale, tolerance, max_passes, report
        As in `circuitbias.fitting.lbfgs.lbfgs`.
    least_diagonal : tensor, shape (n_columns, n_targets)
        Lower bound of the Hessians' diagonals.
    passes_per_hessian : int

    Returns
    -------
    Solution
    """
    coefficients = start.clone()
    scaled_gradient = torch.full_like(start[0], torch.inf)
    converged = torch.zeros_like(scaled_gradient, dtype=torch.bool)
    left = torch.arange(start.shape[1], device=start.device)
    searching = torch.zeros_like(converged)  # for a step that is short enough
    passes = 0
    while len(left) and passes + 3 <= max_passes:  # a Hessian, where it is, and a step
        part, begin = objective.of(left), coefficients[:, left]
        precondition = newton_steps(part.hessians(begin, least_diagonal[:, left]), part.free)
        enough = tuning().line_search if searching[left].any() else passes_per_hessian
        allowed = min(enough, max_passes - passes - part.passes)
        solution = lbfgs(
            part, begin, precondition, gradient_scale[:, left], tolerance, allowed, report=report
        )
        passes += part.passes
        coefficients[:, left] = solution.coefficients
        scaled_gradient[left], converged[left] = solution.scaled_gradient, solution.converged
        # What has not moved searches on; if no step is short enough, rounding leaves no better point.
        still = (solution.coefficients == begin).all(0)
        stuck = still & searching[left]
        searching[left] = still
        left = left[~solution.converged & ~stuck]
    objective.passes += passes
    return Solution(coefficients, scaled_gradient, converged)
