"""Logistic regression: whether a neuron fires in a bin, given the counts of the others."""

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings, SeparableCountsWarning
from circuitbias.estimators.cross_validation import (
    CHOICES,
    CrossValidation,
    check_choice,
    choose,
    relative_misfit,
)
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.logistic_path import LogisticPath
from circuitbias.memory import DEFAULT_MB, regression_bytes, require_memory
from circuitbias.options import ErrorKind, bin_width, convergence, kind_of_errors, most_passes
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import count_moments
from circuitbias.spikes.segments import SpikeSource


class Logistic(Estimator):
    """Logistic regression of whether a neuron fires in a bin on the counts of the others."""

    bin_steps: int = bin_width()
    binarise: bool = option(False, "Reduce the covariates to 0 or 1; the response is whether a neuron fires.")
    l1: Literal["cross_validation", "oracle"] | float = option(
        0.0,
        "Penalty on the sum of absolute couplings, beside the sum over bins of the log-losses: a number, or "
        "how to choose it from `l1_grid`. An `oracle` looks at the true weights.",
        least=0,
    )
    l1_grid: tuple[float, ...] = option(
        (0, 10, 30, 100, 300, 1000), "Penalties to choose from.", least=0, fewest=1, different=True
    )
    folds: int = option(5, "Blocks of bins that cross-validation leaves out in turn.", least=2, most=100)
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    cost = Cost(seconds=5)
    look = Look("regressions", {"logistic": ("#AA4499", "h")})
    examples = Examples(
        {},
        {"binarise": True, "bin_steps": 80},
        {"l1": 5.0},
        {"l1": "cross_validation", "l1_grid": [0, 3, 10], "folds": 3},
    )

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise

    @property
    def n_fits(self):
        """One, or one for every penalty to choose from, and for every fold."""
        of_a_penalty = {"cross_validation": self.folds, "oracle": 1}.get(self.l1)
        return len(self.l1_grid) * of_a_penalty if of_a_penalty else 1


@Logistic.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    binarise: bool,
    l1: float | str,
    l1_grid: Sequence[float],
    folds: int,
    tolerance: float,
    max_passes: int,
    errors: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
    weights: np.ndarray | None = None,
) -> Couplings:
    """Fit, for every neuron j, ``P(count_j > 0) = 1 / (1 + exp(-b_j - sum_i J[i, j] count_i))``.

    Covariates are the counts of all other neurons in the same bin.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` as covariate too: the conditional of an Ising model.
    l1 : float or {"cross_validation", "oracle"}, optional
        Penalty ``l1 * sum_i |J[i, j]|`` on the sum over bins of the negative log-likelihood: as for Das &
        Fiete (2020), and the inverse of scikit-learn's ``C``. The intercept b is not penalised. As the
        sum grows with the number of bins, so must l1 if it is to mean the same. They chose, for 1e8 spikes,
        what came closest to the true weights: 260, 310, 210, 110, 0, 0, 0, 0, 0, 60, 260 for r = 0.0005,
        0.0025, ... 0.025.
        ``oracle`` does the same: of ``l1_grid``, what brings the couplings, on their best scale, closest to
        ``weights``. ``cross_validation`` takes what makes bins likeliest that were left out of the fit,
        intervals of the recording in turn, on the mean over neurons; as fewer bins are fitted then, the
        penalty is scaled by their share. One penalty is chosen for all neurons.
    l1_grid : sequence of float, optional
        Penalties to choose from.
    folds : int, optional
        Intervals that cross-validation leaves out in turn.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which a fit has converged, per standard deviations
        of covariate and response; with ``l1``, that of the subgradient of least size.
    max_passes : int, optional
        Most passes over the data.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of the standard errors: see `circuitbias.fitting.standard_errors`.
    memory_mb, device
        See `circuitbias.estimators.estimate`.
    weights : ndarray, shape (n, n), optional
        True weights [pre, post], for the oracle alone.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``passes``, ``largest_scaled_gradient`` (the certificate:
        over all neurons that have a fit), ``n_not_converged``. Where the penalty
        was chosen also ``l1``, the choice, and ``l1_path``, for every penalty its ``error`` or its
        ``held_out_log_likelihood`` (nats per bin and neuron); that is None where some neuron has no fit.
        Arrays, of the chosen fit: ``intercepts`` (n,), ``scaled_gradient`` (n,) and, without a penalty,
        ``standard_errors`` (n, n).

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        A coefficient from a neuron whose count decides whether another one fires, off its lowest or off its
        highest value, has no finite value: it is NaN, and all others are those in this limit (see
        `circuitbias.fitting.limits`); a penalty makes all finite. A neuron that fires in every bin has no
        fit: NaN.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN.

    Raises
    ------
    ValueError
        If l1 is negative or unknown, the oracle is not shown the weights, or there are not more bins than
        neurons.
    """
    check_choice(l1, l1_grid, folds, weights, source.n_neurons)
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, binarise, memory_mb)
    needed = regression_bytes(n := counts.n_neurons, n + 1, counts.n_bins)
    # A penalty keeps the Hessians of the fit before.
    require_memory(memory_mb, needed * (1 if l1 == 0 else 2), f"logistic regressions of {n} neurons")
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    design = Design(counts, usable.kept, [0], device, moments)
    path = LogisticPath(design, counts.block_bins, tolerance, max_passes, memory_mb)

    penalties = [l1] if l1 not in CHOICES else sorted(map(float, l1_grid), reverse=True)
    validation = CrossValidation(design, path, folds) if l1 == "cross_validation" else None
    fits = {}
    for penalty in penalties:
        fits[penalty] = path.fit(penalty)
        if validation:
            validation.fit(penalty)
    chosen, choice = penalties[0], {}
    if validation:
        chosen, choice = choose(penalties, "held_out_log_likelihood", validation.log_likelihoods())
    elif l1 == "oracle":
        found = [torch.where(fit.fitted, fit.coefficients[:-1], torch.nan) for fit in fits.values()]
        errors = [relative_misfit(weights, usable.pairs(values.cpu().numpy())) for values in found]
        chosen, choice = choose(penalties, "error", errors)

    fit = fits[chosen]
    if fit.separable.any():
        warnings.warn(
            f"neurons {usable.kept[fit.separable.cpu().numpy()].tolist()} fire always, in every bin: their "
            "likelihood has no maximum and their couplings are NaN",
            SeparableCountsWarning,
            stacklevel=4,
        )
    warn_infinite(
        fit.infinite[:-1].cpu().numpy(),
        usable.kept,
        "fire, or do not, for certain where some other neuron's count is not its lowest, or not its highest",
        "Option l1 > 0, a penalty l1 |J_j| on the negative log-likelihood of all bins (nats), gives all of "
        "them finite values",
    )
    some = ~fit.separable
    warn_not_converged(usable.kept[some.cpu().numpy()], fit.of(some), tolerance, max_passes)
    coefficients = torch.where(fit.fitted & ~fit.infinite, fit.coefficients, torch.nan).cpu().numpy()
    scaled_gradient = torch.where(fit.fitted, fit.scaled_gradient, torch.nan).cpu().numpy()
    arrays = {}
    if chosen == 0:  # a penalty makes errors of another kind
        found = torch.where(fit.fitted & ~fit.infinite, path.standard_errors(fit, errors), torch.nan)[:-1]
        arrays["standard_errors"] = usable.pairs(found.cpu().numpy())
    return Couplings(
        usable.pairs(coefficients[:-1]),
        diagnostics={
            "n_bins": design.n_rows,
            "n_counts": moments.total,
            "passes": path.passes + (validation.passes if validation else 0),
            "largest_scaled_gradient": float(np.nanmax(scaled_gradient)) if fit.fitted.any() else None,
            "n_not_converged": int((some & ~fit.converged).sum()),
        }
        | choice,
        arrays={
            "intercepts": usable.neurons(coefficients[-1]),
            "scaled_gradient": usable.neurons(scaled_gradient),
            **arrays,
        },
    )
