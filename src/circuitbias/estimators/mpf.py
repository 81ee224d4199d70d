r"""Minimum probability flow: an Ising model of binary counts without its partition function.

A bin with spikes has x = 1, one without has x = 0. The model is

.. math:: P(x) \propto e^{-E(x)}, \quad -E(x) = \sum_{i<j} J_{ij} x_i x_j + \sum_i b_i x_i,

and the objective the mean over bins of the flow of probability into states one flip away,

.. math:: K = \frac1T \sum_t \sum_i e^{[E(x_t) - E(x_t^{(i)})] / 2}
            = \frac1T \sum_t \sum_i e^{-s_{ti} a_{ti} / 2}, \quad
          a_{ti} = b_i + \sum_j J_{ij} x_{tj}, \quad s = 2x - 1.

K is convex. It is a regression of every neuron on all others, with an exponential loss; what ties these
together is that J is symmetric.
"""

import warnings
from typing import Literal

import numpy as np
import torch

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings, NotConvergedWarning, SeparableCountsWarning
from circuitbias.estimators.result import named_pairs
from circuitbias.estimators.usable import usable_neurons
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.probability_flow import Flow, Packing, flow_solver, told_by
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import DEFAULT_MB, regression_bytes, require_memory
from circuitbias.options import bin_width, convergence, kind_of_errors, most_passes
from circuitbias.progress import Descent
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import count_moments, state_counts
from circuitbias.spikes.segments import SpikeSource


class Mpf(Estimator):
    """Minimum probability flow: an Ising model fitted without its partition function."""

    bin_steps: int = bin_width()
    all_flip: bool = option(
        False, "Add the flow into the state with all neurons flipped, as in the published objective."
    )
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: Literal["sandwich", "jackknife"] = kind_of_errors("jackknife")

    binary = True
    cost = Cost(seconds=14)
    look = Look("inverse Ising", {"mpf": ("#6A3D9A", "p")}, ("MPF",))
    examples = Examples({}, {"all_flip": True, "bin_steps": 80})


@Mpf.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    all_flip: bool,
    tolerance: float,
    max_passes: int,
    errors: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    r"""Estimate the symmetric couplings J of an Ising model of the binary counts.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    all_flip : bool, optional
        Add the flow into the state with all neurons flipped, ``exp([E(x) - E(1 - x)] / 2)``, as Das & Fiete
        (2020) did.
    tolerance : float, optional
        Largest gradient at which the fit has converged, in units of ``2 sd_i sd_j`` for a coupling and
        ``sd_i`` for a bias: what each bin contributes to it where neurons are uncoupled.
    max_passes : int, optional
        Most passes over the data.
    errors : {"sandwich", "jackknife"}, optional
        Kind of the standard errors: see `circuitbias.fitting.standard_errors`. There is no likelihood, and so
        no error that the model itself predicts.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts`` (sum of x), ``passes``, ``largest_scaled_gradient`` (the
        certificate), ``n_undefined_pairs``. Arrays: ``biases`` (n,), ``standard_errors`` (n, n).

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        A pair that is never seen in one of its four states has an infinite coupling: NaN, and so are the
        biases of both. All others are those in this limit.
    NotConvergedWarning
        A fit that did not reach the tolerance is NaN altogether.

    References
    ----------
    Sohl-Dickstein, Battaglino & DeWeese, Phys. Rev. Lett. 107:220601 (2011).
    """
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, True, memory_mb)
    needed = regression_bytes(n := counts.n_neurons, n + 1, counts.n_bins)
    require_memory(memory_mb, needed, f"minimum probability flow of {n} neurons")
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    kept = moments.of(usable.kept)
    design = Design(counts, usable.kept, [0], device, moments)
    _, _, _, sample = design.survey(tuning().sample_rows(design.n_columns))

    packing = Packing(design.n_targets, device)
    mean = torch.from_numpy(kept.mean).to(device)
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
        Flow(lambda: iter(sample.split(counts.block_bins)), len(sample), packing, all_flip, told),
        start,
        lambda gradient: solve(gradient) * told,
        gradient_scale,
        tuning().coarse_tolerance,
        tuning().rough_passes,
        begin_in_single=single,
    )
    begin = rough.coefficients if rough.converged else start
    events = design.sparse(tuning().most_density, memory_mb)
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
    values, biases = np.full_like(kept.covariance, np.nan), np.full_like(kept.mean, np.nan)
    standard_errors = values
    unseen = np.triu((state_counts(kept) == 0).any(axis=0), 1)
    if solution.converged:
        coefficients = packing.spread(solution.coefficients).cpu().numpy()
        steep = np.triu(np.abs(coefficients[:-1]) > tuning().steep, 1)
        if steep.any():  # the states of more than two neurons may send a coupling to infinity, too
            told = packing.spread(packing.gather(objective.curvature(solution.coefficients)))[:-1]
            unseen |= steep & (design.n_rows * told < tuning().identified).cpu().numpy()
        values = np.where(unseen | unseen.T, np.nan, coefficients[:-1])
        biases = np.where((unseen | unseen.T).any(axis=0), np.nan, coefficients[-1])
        groups, found = Groups(errors, design.n_rows), solution.coefficients
        solve = flow_solver(sample, packing, found, objective.curvature(found), free, all_flip)
        spread = groups.spread(solve(objective.scores(found, groups)) / design.n_rows)
        standard_errors = packing.spread(spread[:, None])[:-1].cpu().numpy()
        standard_errors = np.where(np.isnan(values), np.nan, standard_errors)
    else:
        warnings.warn(
            f"the fit did not reach tolerance={tolerance:g} in {objective.passes} passes "
            f"(max_passes={max_passes}, largest scaled gradient {solution.scaled_gradient.item():.1e}): "
            "all couplings are NaN",
            NotConvergedWarning,
            stacklevel=4,
        )
    if unseen.any():
        warnings.warn(
            f"{unseen.sum()} pairs of neurons never fire together, never one of them alone, or always at "
            f"least one of them, perhaps given others ({named_pairs(unseen, usable.kept)}): their couplings "
            "are infinite and given as NaN; all others are those in this limit. Leave out the neurons named, "
            "or use wider bins",
            SeparableCountsWarning,
            stacklevel=4,
        )
    return Couplings(
        usable.pairs(values),
        diagnostics={
            "n_bins": design.n_rows,
            "n_counts": moments.total,
            "passes": objective.passes,
            "largest_scaled_gradient": solution.scaled_gradient.item(),
            "n_undefined_pairs": int(unseen.sum()),
        },
        arrays={"biases": usable.neurons(biases), "standard_errors": usable.pairs(standard_errors)},
    )
