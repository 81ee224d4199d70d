"""First and second moments of counts."""

from dataclasses import dataclass

import numpy as np

from circuitbias.device import Array, double, namespace, on_cpu, placed
from circuitbias.spikes.binning import BinnedCounts

_NULL_EIGENVALUE = 1e-10  # of a correlation matrix; rounding leaves about 1e-14


@dataclass(frozen=True)
class Moments:
    """Moments of the counts, over all bins.

    Attributes
    ----------
    n_bins : int
    mean : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)
        Divided by ``n_bins``.
    """

    n_bins: int
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def total(self) -> int:
        """Sum of the counts of all neurons in all bins: spikes or, of binarised counts, bins with some."""
        return round(self.mean.sum() * self.n_bins)

    @classmethod
    def from_second(cls, n_bins: int, mean: np.ndarray, second: np.ndarray) -> "Moments":
        """Moments of counts with this mean, (n,), and these mean products, (n, n)."""
        return cls(n_bins, mean, second - mean[:, None] * mean)

    def of(self, neurons: np.ndarray) -> "Moments":
        """Moments of some of the neurons."""
        return Moments(self.n_bins, self.mean[neurons], self.covariance[np.ix_(neurons, neurons)])


_EXACT_IN_SINGLE = 2**24  # whole numbers up to this one


def products_of_columns(rows: Array) -> Array:
    """``X'X`` of rows of whole numbers, none negative: by single precision, where that is as exact.

    Parameters
    ----------
    rows : array, shape (n_rows, n_columns)

    Returns
    -------
    array of float64, shape (n_columns, n_columns)
    """
    xp = namespace(rows)
    exact = len(rows) == 0 or len(rows) * rows.max().item() ** 2 <= _EXACT_IN_SINGLE
    rows = xp.asarray(rows, dtype=xp.float32 if exact else xp.float64)
    return double(rows.T @ rows)


def mean_and_covariance(second_moment):
    """Mean (n,) and covariance (n, n) from mean products (n + 1, n + 1), whose last column is that of 1."""
    mean = second_moment[-1, :-1]
    return mean, second_moment[:-1, :-1] - mean[:, None] * mean


class EvenlySpaced:
    """Takes every so many rows from blocks that follow each other."""

    def __init__(self, stride: int):
        self._stride, self._row = stride, 0

    def of(self, block):
        """Rows of the next block: a view."""
        first, self._row = -self._row % self._stride, self._row + len(block)
        return block[first :: self._stride]


def count_moments(counts: BinnedCounts, device) -> Moments:
    """Accumulate the moments in float64 in one pass over the counts.

    Parameters
    ----------
    counts : BinnedCounts
    device : str or torch.device

    Returns
    -------
    Moments
    """
    total = np.zeros(counts.n_neurons)
    products = placed(np.zeros((counts.n_neurons,) * 2), device)
    for block in counts.blocks():
        total += block.counts.sum(axis=0, dtype=np.float64)
        products += products_of_columns(placed(block.counts.astype(np.float32), device))
    return Moments.from_second(counts.n_bins, total / counts.n_bins, on_cpu(products) / counts.n_bins)


def dependent_counts(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Which counts, of mean (n,) and covariance (n, n), are constant or in a linear dependency: (n,) bool."""
    constant, dependent, _ = dependencies(mean, covariance)
    return constant | dependent


def dependencies(mean, covariance):
    """Find constant counts, others in exact linear dependencies, and how many such dependencies there are.

    Parameters
    ----------
    mean : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)

    Returns
    -------
    constant, dependent : ndarray of bool, shape (n,)
    n_superfluous : int
    """
    constant = np.diag(covariance) <= 1e-12 * np.maximum(mean**2, 1e-300)
    varying = np.flatnonzero(~constant)
    eigenvalues, vectors = np.linalg.eigh(correlation(covariance[np.ix_(varying, varying)]))
    null = vectors[:, eigenvalues < _NULL_EIGENVALUE]
    dependent = np.zeros_like(constant)
    dependent[varying] = (np.abs(null) > 1e-6).any(axis=1)
    return constant, dependent, null.shape[1]


def state_counts(moments: Moments) -> np.ndarray:
    """Bins in which both neurons of a pair of binary counts are 1, neither, only the first, only the second.

    Parameters
    ----------
    moments : Moments
        Of binary counts.

    Returns
    -------
    ndarray, shape (4, n, n)
        Whole numbers: rounding cannot hide that there is none.
    """
    p = moments.mean
    both = moments.covariance + np.outer(p, p)
    states = [both, 1 - p[:, None] - p + both, p[:, None] - both, p - both]
    return np.rint(np.multiply(states, moments.n_bins))


def inverse_covariance(covariance: np.ndarray) -> np.ndarray:
    """Inverse of a covariance matrix (n, n) by way of the correlations, which are better conditioned."""
    sd = np.sqrt(np.diag(covariance))
    return np.linalg.inv(correlation(covariance)) / np.outer(sd, sd)


def correlation(covariance: np.ndarray) -> np.ndarray:
    """Correlation matrix of counts, none of them constant, with this covariance matrix (n, n)."""
    sd = np.sqrt(np.diag(covariance))
    return covariance / np.outer(sd, sd)
