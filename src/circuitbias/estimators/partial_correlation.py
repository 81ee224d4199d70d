"""Partial correlations: of the counts of two neurons, given the counts of all others."""

import warnings
from typing import Literal

import numpy as np
import torch
from sklearn.covariance import graphical_lasso
from sklearn.exceptions import ConvergenceWarning

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings, NotConvergedWarning
from circuitbias.estimators.cross_validation import split_by_fold
from circuitbias.estimators.usable import usable_neurons
from circuitbias.memory import DEFAULT_MB
from circuitbias.options import bin_width, binarised
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import Moments
from circuitbias.spikes.segments import SpikeSource

_FOLDS = 5
_N_ALPHAS = 12
_LEAST_ALPHA = 0.1  # of the sampling error of a correlation, 1 / sqrt(T)
_TOLERANCE = 1e-7  # of the gradient, in units of correlation
_DUAL_GAP, _INNER_TOLERANCE, _MOST_SWEEPS = 1e-10, 1e-12, 200  # of the solver


class PartialCorrelation(Estimator):
    """Correlation of two neurons' counts given those of all others; sparse by the graphical lasso."""

    bin_steps: int = bin_width()
    binarise: bool = binarised()
    alpha: Literal["cross_validation"] | float = option(
        0.0,
        "Penalty of the graphical lasso on the absolute entries of the inverse of the correlation matrix; 0 "
        "inverts the matrix itself.",
        least=0,
    )

    cost = Cost(seconds=8)
    look = Look("correlations", {"partial_correlation": ("#BB5566", "s")})
    examples = Examples(
        {}, {"alpha": 0.005}, {"alpha": "cross_validation", "binarise": True, "bin_steps": 80}
    )

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise


@PartialCorrelation.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    binarise: bool,
    alpha: float | str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    r"""Estimate couplings as partial correlations, ``-P_ij / sqrt(P_ii P_jj)``.

    P is the inverse of the matrix R of correlations between counts or, with a penalty, its graphical lasso

    .. math:: P = \arg\min_P \; \operatorname{tr}(R P) - \log\det P + \alpha \sum_{i \ne j} |P_{ij}|,

    in which many pairs have exactly no coupling. Symmetric and signed.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` in place of the count.
    alpha : float or {"cross_validation"}, optional
        Penalty, in units of correlation: no pair is left at that of the strongest one. ``cross_validation``
        takes, of 12 penalties on a logarithmic scale from a tenth of the sampling error of a correlation up
        to that one, the one that makes left-out bins likeliest: five intervals of the recording in turn,
        under a normal distribution with the mean and the variances of the other bins.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``condition_number`` of R, ``alpha``. With a penalty also
        ``passes`` (over the data: 1), ``largest_scaled_gradient`` (the certificate: the largest violation of
        ``R - P^-1 + alpha sign(P) = 0``, in units of correlation) and ``n_not_converged``; if it was chosen,
        ``alpha_path``, for every penalty its ``held_out_log_likelihood`` (nats per bin and neuron, up to a
        constant; None where there is no fit).

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    NotConvergedWarning
        If the violation is larger than 1e-7, all couplings are NaN.

    Raises
    ------
    ValueError
        If alpha is negative or unknown, or there are not more bins than neurons.

    References
    ----------
    Friedman, Hastie & Tibshirani, Biostatistics 9:432 (2008), by way of scikit-learn.
    """
    chosen_by_data = alpha == "cross_validation"
    if not chosen_by_data and (isinstance(alpha, str) or not alpha >= 0):
        raise ValueError(f"alpha={alpha} must be 0 or more, or cross_validation")
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, binarise, memory_mb)
    folds = _sums(counts, min(_FOLDS, counts.n_bins) if chosen_by_data else 1, device)
    moments = _moments(folds)
    usable = usable_neurons(moments)

    covariance = moments.of(usable.kept).covariance
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    diagnostics = {
        "n_bins": counts.n_bins,
        "n_counts": moments.total,
        "condition_number": float(np.linalg.cond(correlation)),
    }
    if chosen_by_data:
        alpha, diagnostics["alpha_path"] = _choose(folds, usable.kept, correlation, counts.n_bins)
    diagnostics["alpha"] = alpha
    precision = np.linalg.inv(correlation)
    if alpha > 0:
        precision, violation = sparse_inverse(correlation, alpha)
        failed = not violation <= _TOLERANCE
        if failed:
            warnings.warn(
                f"the graphical lasso with alpha={alpha:g} misses its optimum by {violation:.1e}, more than "
                f"{_TOLERANCE:g}: all couplings are NaN",
                NotConvergedWarning,
                stacklevel=4,
            )
            precision = np.full_like(correlation, np.nan)
        diagnostics |= {
            "passes": 1,
            "largest_scaled_gradient": None if failed else violation,
            "n_not_converged": len(correlation) if failed else 0,
        }
    scale = np.sqrt(np.diag(precision))
    return Couplings(usable.pairs(0.0 - precision / np.outer(scale, scale)), diagnostics=diagnostics)


def sparse_inverse(correlation: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Graphical lasso of a matrix of correlations (n, n), and how far it is from the optimum.

    Returns
    -------
    precision : ndarray, shape (n, n)
    violation : float
        Largest violation of the optimum's conditions, in units of correlation; infinite if the solver failed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the violation says it better
            _, precision = graphical_lasso(
                correlation, alpha, tol=_DUAL_GAP, enet_tol=_INNER_TOLERANCE, max_iter=_MOST_SWEEPS
            )
        gradient = correlation - np.linalg.inv(precision)
        positive = np.linalg.eigvalsh(precision)[0] > 0
    except (FloatingPointError, np.linalg.LinAlgError):
        return np.full_like(correlation, np.nan), np.inf
    penalties = alpha * ~np.eye(len(correlation), dtype=bool)
    least = np.where(
        precision == 0,
        np.maximum(np.abs(gradient) - penalties, 0),
        np.abs(gradient + penalties * np.sign(precision)),
    )
    return precision, float(least.max()) if positive else np.inf


def _sums(counts, n_folds, device):
    """Number of bins, sums and products of the counts in each fold, in one pass: a list, one entry a fold."""
    totals = torch.zeros((n_folds, counts.n_neurons), dtype=torch.float64, device=device)
    products = torch.zeros((n_folds, *(counts.n_neurons,) * 2), dtype=torch.float64, device=device)
    n_bins = [0] * n_folds
    blocks = (block.counts for block in counts.blocks())
    for fold, rows in split_by_fold(blocks, counts.n_bins, n_folds):
        x = torch.from_numpy(rows.astype(np.float64)).to(device)
        totals[fold] += x.sum(0)
        products[fold].addmm_(x.T, x)
        n_bins[fold] += len(rows)
    return list(zip(n_bins, totals.cpu().numpy(), products.cpu().numpy(), strict=True))


def _moments(folds):
    """Moments of the bins of some folds."""
    n_bins, totals, products = (sum(sums) for sums in zip(*folds, strict=True))
    mean = totals / n_bins
    return Moments.from_second(n_bins, mean, products / n_bins)


def _choose(folds, kept, correlation, n_bins):
    """The penalty that makes left-out bins likeliest, and the likelihoods of all."""
    largest = np.abs(correlation - np.eye(len(kept))).max()
    least = min(_LEAST_ALPHA / np.sqrt(n_bins), 0.1 * largest)
    alphas = np.geomspace(largest, least, _N_ALPHAS)
    scores = np.zeros(_N_ALPHAS)
    for left_out in range(len(folds)):
        training = _moments(folds[:left_out] + folds[left_out + 1 :]).of(kept)
        held_out = _moments(folds[left_out : left_out + 1]).of(kept)
        # A neuron whose count is constant without this fold has no likelihood in it, at any penalty.
        varying = np.flatnonzero(np.diag(training.covariance) > 1e-12 * np.maximum(training.mean**2, 1e-300))
        training, held_out = training.of(varying), held_out.of(varying)
        sd = np.sqrt(np.diag(training.covariance))
        off = held_out.mean - training.mean
        spread = (held_out.covariance + np.outer(off, off)) / np.outer(sd, sd)
        for index, alpha in enumerate(alphas):
            precision, violation = sparse_inverse(training.covariance / np.outer(sd, sd), alpha)
            score = (np.linalg.slogdet(precision)[1] - (spread * precision).sum()) / 2
            scores[index] += score * held_out.n_bins if violation <= _TOLERANCE else np.nan
    scores /= n_bins * len(kept)
    chosen = int(np.nanargmax(scores)) if np.isfinite(scores).any() else 0
    path = [
        {"alpha": float(alpha), "held_out_log_likelihood": float(score) if np.isfinite(score) else None}
        for alpha, score in zip(alphas, scores, strict=True)
    ]
    return float(alphas[chosen]), path[::-1]
