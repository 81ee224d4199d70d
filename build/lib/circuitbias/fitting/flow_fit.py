"""The fit of an Ising model by minimum probability flow: on a sample first, then on all rows."""

from dataclasses import dataclass

import numpy as np

from circuitbias.device import namespace, on_cpu, parts, placed, quietly
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


@quietly
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
    n, found = design.n_targets, solution.coefficients
    coefficients, standard_errors = np.full((n + 1, n), np.nan), np.full((n, n), np.nan)
    unseen = np.triu((state_counts(moments) == 0).any(axis=0), 1)
    if converged := bool(solution.converged):
        coefficients = on_cpu(packing.spread(found))
        steep = np.triu(np.abs(coefficients[:-1]) > tuning().steep, 1)
        if steep.any():  # the states of more than two neurons may send a coupling to infinity, too
            told = packing.spread(packing.gather(objective.curvature(found)))[:-1]
            unseen |= steep & on_cpu(design.n_rows * told < tuning().identified)
        groups = Groups(errors, design.n_rows)
        solve = flow_solver(sample, packing, found, objective.curvature(found), free, all_flip)
        spread = groups.spread(solve(objective.scores(found, groups)) / design.n_rows)
        standard_errors = on_cpu(packing.spread(spread[:, None])[:-1])
    gradient = solution.scaled_gradient.item()
    return FlowFit(coefficients, standard_errors, unseen, gradient, converged, objective.passes)
