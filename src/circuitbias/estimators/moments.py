"""First and second moments of counts, and which neurons they allow to be analysed."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import qr

from circuitbias.estimators.couplings import CollinearNeuronsWarning, ConstantNeuronWarning
from circuitbias.spikes.binning import BinnedCounts

_NULL_EIGENVALUE = 1e-10  # of a correlation matrix; rounding leaves about 1e-14


def torch_device(device: str) -> torch.device:
    """Resolve ``auto`` to cuda where there is one."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={device!r} is unknown, allowed are: auto, cpu, cuda")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' was asked for, but torch sees no CUDA device; allowed: auto, cpu")
    return torch.device(device)


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

    def of(self, neurons: np.ndarray) -> "Moments":
        """Moments of some of the neurons."""
        return Moments(self.n_bins, self.mean[neurons], self.covariance[np.ix_(neurons, neurons)])


_EXACT_IN_SINGLE = 2**24  # whole numbers up to this one


def products_of_columns(rows: torch.Tensor) -> torch.Tensor:
    """``X'X`` of rows of whole numbers, none negative: by single precision, where that is as exact.

    Parameters
    ----------
    rows : tensor, shape (n_rows, n_columns)

    Returns
    -------
    tensor of float64, shape (n_columns, n_columns)
    """
    exact = len(rows) == 0 or len(rows) * rows.max().item() ** 2 <= _EXACT_IN_SINGLE
    rows = rows.to(torch.float32 if exact else torch.float64)
    return (rows.T @ rows).double()


def count_moments(counts: BinnedCounts, device: torch.device) -> Moments:
    """Accumulate the moments in float64 in one pass over the counts.

    Parameters
    ----------
    counts : BinnedCounts
    device : torch.device

    Returns
    -------
    Moments
    """
    total = torch.zeros(counts.n_neurons, dtype=torch.float64, device=device)
    products = torch.zeros((counts.n_neurons,) * 2, dtype=torch.float64, device=device)
    for block in counts.blocks():
        total += torch.from_numpy(block.counts.sum(axis=0, dtype=np.float64)).to(device)
        products += products_of_columns(torch.from_numpy(block.counts.astype(np.float32)).to(device))
    mean = (total / counts.n_bins).cpu().numpy()
    second = (products / counts.n_bins).cpu().numpy()
    return Moments(counts.n_bins, mean, second - np.outer(mean, mean))


@dataclass(frozen=True)
class UsableNeurons:
    """Which neurons can be analysed.

    Attributes
    ----------
    kept : ndarray of int, shape (n_kept,)
        Neurons whose counts are linearly independent and span the counts of all.
    undefined : ndarray of bool, shape (n,)
        Neurons whose couplings are not defined, because their count is constant or part of an exact
        linear dependency.
    """

    kept: np.ndarray
    undefined: np.ndarray

    def neurons(self, values: np.ndarray) -> np.ndarray:
        """Put values of the kept neurons among those of all, (n,), with NaN elsewhere."""
        result = np.full(len(self.undefined), np.nan)
        result[self.kept] = values
        result[self.undefined] = np.nan
        return result

    def pairs(self, values: np.ndarray) -> np.ndarray:
        """Put values of the kept neurons' pairs among those of all, (n, n), with NaN elsewhere."""
        result = np.full((len(self.undefined),) * 2, np.nan)
        result[np.ix_(self.kept, self.kept)] = values
        result[self.undefined, :] = result[:, self.undefined] = np.nan
        return result


def usable_neurons(moments: Moments) -> UsableNeurons:
    """Find the neurons that the data allow to be analysed; warn of the others.

    Parameters
    ----------
    moments : Moments

    Raises
    ------
    ValueError
        If there are not more bins than neurons, or fewer than two neurons can be used.
    """
    n = len(moments.mean)
    if moments.n_bins <= n:
        raise ValueError(
            f"{moments.n_bins} bins are too few for {n} neurons: more bins than neurons are needed"
        )
    constant, dependent, n_superfluous = _dependencies(moments.mean, moments.covariance)
    if constant.any():
        warnings.warn(
            f"neurons {np.flatnonzero(constant).tolist()} have the same count in every bin: "
            "their couplings are NaN",
            ConstantNeuronWarning,
            stacklevel=2,
        )
    varying = np.flatnonzero(~constant)
    if len(varying) < 2:
        raise ValueError(f"only {len(varying)} of {n} neurons have counts that vary: at least 2 are needed")

    kept = varying
    if n_superfluous:
        warnings.warn(
            f"counts of neurons {np.flatnonzero(dependent).tolist()} are linearly dependent: "
            "their couplings are NaN",
            CollinearNeuronsWarning,
            stacklevel=2,
        )
        pivots = qr(_correlation(moments.covariance, varying), mode="r", pivoting=True)[1]
        kept = np.sort(varying[pivots[: len(varying) - n_superfluous]])
    return UsableNeurons(kept, constant | dependent)


def dependent_counts(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Which counts, of mean (n,) and covariance (n, n), are constant or in a linear dependency: (n,) bool."""
    constant, dependent, _ = _dependencies(mean, covariance)
    return constant | dependent


def _dependencies(mean, covariance):
    """Constant counts, others in exact linear dependencies, and how many such dependencies there are."""
    constant = np.diag(covariance) <= 1e-12 * np.maximum(mean**2, 1e-300)
    varying = np.flatnonzero(~constant)
    eigenvalues, vectors = np.linalg.eigh(_correlation(covariance, varying))
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
    return np.linalg.inv(covariance / np.outer(sd, sd)) / np.outer(sd, sd)


def _correlation(covariance, chosen):
    sd = np.sqrt(np.diag(covariance)[chosen])
    return covariance[np.ix_(chosen, chosen)] / np.outer(sd, sd)
