"""Partial correlations: of the counts of two neurons, given the counts of all others."""

import warnings
from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import on_cpu, placed
from circuitbias.estimators.couplings import Certificate, NotConvergedWarning, warn
from circuitbias.estimators.cross_validation import split_by_fold
from circuitbias.estimators.prepare import prepare
from circuitbias.options import bin_width, binarised
from circuitbias.spikes.moments import Moments, correlation

_FOLDS = 5
_N_ALPHAS = 12
_LEAST_ALPHA = 0.1  # of the sampling error of a correlation, 1 / sqrt(T)
_TOLERANCE = 1e-7  # of the gradient, in units of correlation
_DUAL_GAP, _INNER_TOLERANCE, _MOST_SWEEPS = 1e-10, 1e-12, 200  # of the solver


class PartialCorrelation(Estimator):
    r"""Correlation of two neurons' counts given those of all others; sparse by the graphical lasso.

    Couplings are ``-P_ij / sqrt(P_ii P_jj)``, symmetric and signed. P is the inverse of the matrix R of
    correlations between counts or, with a penalty, its graphical lasso

    .. math:: P = \arg\min_P \; \operatorname{tr}(R P) - \log\det P + \alpha \sum_{i \ne j} |P_{ij}|,

    in which many pairs have exactly no coupling; none is left at a penalty of the strongest correlation.
    ``alpha: cross_validation`` takes, of 12 penalties on a logarithmic scale from a tenth of the sampling
    error of a correlation up to that one, the one that makes left-out bins likeliest: five intervals of the
    recording in turn, under a normal distribution with the mean and the variances of the other bins.

    References
    ----------
    Friedman, Hastie & Tibshirani, Biostatistics 9:432 (2008), by way of scikit-learn.
    """

    bin_steps: int = bin_width()
    binarise: bool = binarised()
    alpha: Literal["cross_validation"] | float = option(
        0.0,
        "Penalty of the graphical lasso on the absolute entries of the inverse of the correlation matrix; 0 "
        "inverts the matrix itself.",
        least=0,
    )

    across_bins = False
    cost = Cost(seconds=8)
    look = Look("correlations", {"partial_correlation": ("#BB5566", "s")})
    examples = Examples(
        {}, {"alpha": 0.005}, {"alpha": "cross_validation", "binarise": True, "bin_steps": 80}
    )

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings.

        Returns
        -------
        Couplings
            Diagnostics: ``condition_number`` of R, ``alpha``. With a penalty also the `Certificate`: the
            largest violation of ``R - P^-1 + alpha sign(P) = 0``, in units of correlation; if it was chosen,
            ``alpha_path``, for every penalty its ``held_out_log_likelihood`` (nats per bin and neuron, up to
            a constant; None where there is no fit).

        Warns
        -----
        NotConvergedWarning
            If the violation is larger than 1e-7, all couplings are NaN.
        """
        given = prepare(source, self.bin_steps, self.binarise, memory_mb=memory_mb, device=device)
        chosen_by_data, alpha = self.alpha == "cross_validation", self.alpha
        folds = _sums(given.counts, min(_FOLDS, given.n_bins) if chosen_by_data else 1, given.device)
        given.all_moments = _moments(folds)

        correlations = correlation(given.moments.covariance)
        said = {"condition_number": float(np.linalg.cond(correlations))}
        if chosen_by_data:
            alpha, said["alpha_path"] = _choose(folds, given.kept, correlations, given.n_bins)
        said["alpha"] = alpha
        precision, certificate = np.linalg.inv(correlations), None
        if alpha > 0:
            precision, violation = sparse_inverse(correlations, alpha)
            failed = not violation <= _TOLERANCE
            if failed:
                says = (
                    f"the graphical lasso with alpha={alpha:g} misses its optimum by {violation:.1e}, more "
                    f"than {_TOLERANCE:g}: all couplings are NaN"
                )
                warn(NotConvergedWarning(says))
                precision = np.full_like(correlations, np.nan)
            certificate = Certificate(1, None if failed else violation, failed * len(correlations))
        scale = np.sqrt(np.diag(precision))
        return given.result(0.0 - precision / np.outer(scale, scale), said, certificate=certificate)


def sparse_inverse(correlations: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Graphical lasso of a matrix of correlations (n, n), and how far it is from the optimum.

    Returns
    -------
    precision : ndarray, shape (n, n)
    violation : float
        Largest violation of the optimum's conditions, in units of correlation; infinite if the solver failed.
    """
    from sklearn.covariance import graphical_lasso  # a second to load, for the penalty alone
    from sklearn.exceptions import ConvergenceWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the violation says it better
            _, precision = graphical_lasso(
                correlations, alpha, tol=_DUAL_GAP, enet_tol=_INNER_TOLERANCE, max_iter=_MOST_SWEEPS
            )
        gradient = correlations - np.linalg.inv(precision)
        positive = np.linalg.eigvalsh(precision)[0] > 0
    except (FloatingPointError, np.linalg.LinAlgError):
        return np.full_like(correlations, np.nan), np.inf
    penalties = alpha * ~np.eye(len(correlations), dtype=bool)
    least = np.where(
        precision == 0,
        np.maximum(np.abs(gradient) - penalties, 0),
        np.abs(gradient + penalties * np.sign(precision)),
    )
    return precision, float(least.max()) if positive else np.inf


def _sums(counts, n_folds, device):
    """Number of bins, sums and products of the counts in each fold, in one pass: a list, one entry a fold."""
    totals = np.zeros((n_folds, counts.n_neurons))
    products = placed(np.zeros((n_folds, *(counts.n_neurons,) * 2)), device)
    n_bins = [0] * n_folds
    blocks = (block.counts for block in counts.blocks())
    for fold, rows in split_by_fold(blocks, counts.n_bins, n_folds):
        totals[fold] += rows.sum(axis=0, dtype=np.float64)
        x = placed(rows.astype(np.float64), device)
        products[fold] += x.T @ x
        n_bins[fold] += len(rows)
    return list(zip(n_bins, totals, on_cpu(products), strict=True))


def _moments(folds):
    """Moments of the bins of some folds."""
    n_bins, totals, products = (sum(sums) for sums in zip(*folds, strict=True))
    mean = totals / n_bins
    return Moments.from_second(n_bins, mean, products / n_bins)


def _choose(folds, kept, correlations, n_bins):
    """The penalty that makes left-out bins likeliest, and the likelihoods of all."""
    largest = np.abs(correlations - np.eye(len(kept))).max()
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
            precision, violation = sparse_inverse(correlation(training.covariance), alpha)
            score = (np.linalg.slogdet(precision)[1] - (spread * precision).sum()) / 2
            scores[index] += score * held_out.n_bins if violation <= _TOLERANCE else np.nan
    scores /= n_bins * len(kept)
    chosen = int(np.nanargmax(scores)) if np.isfinite(scores).any() else 0
    path = [
        {"alpha": float(alpha), "held_out_log_likelihood": float(score) if np.isfinite(score) else None}
        for alpha, score in zip(alphas, scores, strict=True)
    ]
    return float(alphas[chosen]), path[::-1]
