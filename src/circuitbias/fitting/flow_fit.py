"""The fit of an Ising model by minimum probability flow: on a sample first, then on all rows."""

from dataclasses import dataclass

import numpy as np
import torch

from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.probability_flow import Flow, Packing, flow_solver, told_by
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget
from circuitbias.progress import Descent
from circuitbias.spikes.moments import Moments, state_counts


@dataclass
class FlowFit:
    """Couplings and biases of all neurons.

    Attributes
    ----------
    coefficients : ndarray, shape (n + 1, n)
        Couplings J, then biases b; NaN if the fit did not converge.
    standard_errors : ndarray, shape (n, n)
    unseen : ndarray of bool, shape (n, n)
        Pairs, above the diagonal, whose coupling is infinite.
    scaled_gradient : float
    converged : bool
    passes : int
    """

    coefficients: np.ndarray
    standard_errors: np.ndarray
    unseen: np.ndarray
    scaled_gradient: float
    converged: bool
    passes: int


def fit_flow(
    design: Design,
    budget: Budget,
    moments: Moments,
    all_flip: bool,
    tolerance: float,
    max_passes: int,
    errors: str,
) -> FlowFit:
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
    """
    _, _, _, sample = design.survey(tuning().sample_rows(design.n_columns))
    packing = Packing(design.n_targets, sample.device)
    mean = torch.from_numpy(moments.mean).to(sample)
    sd = (mean * (1 - mean)).sqrt()
    scale = torch.cat([sd[:, None] * sd, sd[None]])
    gradient_scale = packing.gather(scale)
    start = packing.gather(torch.cat([torch.zeros_like(scale[:-1]), (mean / (1 - mean)).log()[None]]))

    free = design.free_coefficients()

    # On a subsample first: it is cheap, starts the fit close to its end, and gives the Hessians. What it
    # hardly tells of, such as pairs that it scarcely sees together, rests at the start.
    told = packing.gather(told_by(sample)) > 0
    uncoupled = torch.cat([mean[:, None] * sd, sd[None]]) / 2
    solve = flow_solver(sample, packing, start, uncoupled, free)
    single = tuning().worth_single_precision(design.n_rows, design.n_columns, design.n_targets)
    rough = lbfgs(
        Flow(lambda: iter(sample.split(design.block_rows)), len(sample), packing, all_flip, told),
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
    n, found = design.n_targets, solution.coefficients
    coefficients, standard_errors = np.full((n + 1, n), np.nan), np.full((n, n), np.nan)
    unseen = np.triu((state_counts(moments) == 0).any(axis=0), 1)
    if converged := bool(solution.converged):
        coefficients = packing.spread(found).cpu().numpy()
        steep = np.triu(np.abs(coefficients[:-1]) > tuning().steep, 1)
        if steep.any():  # the states of more than two neurons may send a coupling to infinity, too
            told = packing.spread(packing.gather(objective.curvature(found)))[:-1]
            unseen |= steep & (design.n_rows * told < tuning().identified).cpu().numpy()
        groups = Groups(errors, design.n_rows)
        solve = flow_solver(sample, packing, found, objective.curvature(found), free, all_flip)
        spread = groups.spread(solve(objective.scores(found, groups)) / design.n_rows)
        standard_errors = packing.spread(spread[:, None])[:-1].cpu().numpy()
    gradient = solution.scaled_gradient.item()
    return FlowFit(coefficients, standard_errors, unseen, gradient, converged, objective.passes)
