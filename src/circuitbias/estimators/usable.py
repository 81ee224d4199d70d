"""Which neurons the data allow to be analysed."""

from dataclasses import dataclass

import numpy as np

from circuitbias.estimators.couplings import CollinearNeuronsWarning, warn, warn_constant
from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.moments import Moments, correlation, dependencies


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
        """Put values of the kept ones' pairs, (..., n_kept, n_kept), among those of all, NaN elsewhere."""
        result = np.full((*values.shape[:-2], *self.undefined.shape * 2), np.nan)
        result[..., self.kept[:, None], self.kept] = values
        result[..., self.undefined, :] = result[..., :, self.undefined] = np.nan
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
        raise UnusableDataError(
            f"{moments.n_bins} bins are too few for {n} neurons: more bins than neurons are needed"
        )
    constant, dependent, n_superfluous = dependencies(moments.mean, moments.covariance)
    warn_constant(constant)
    varying = np.flatnonzero(~constant)
    if len(varying) < 2:
        raise UnusableDataError(
            f"only {len(varying)} of {n} neurons have counts that vary: at least 2 are needed"
        )

    kept = varying
    if n_superfluous:
        warn(
            CollinearNeuronsWarning(
                f"counts of neurons {np.flatnonzero(dependent).tolist()} are linearly dependent: "
                "their couplings are NaN",
                neurons=np.flatnonzero(dependent),
            )
        )
        from scipy.linalg import qr  # slow to load, and hardly ever needed

        pivots = qr(correlation(moments.of(varying).covariance), mode="r", pivoting=True)[1]
        kept = np.sort(varying[pivots[: len(varying) - n_superfluous]])
    return UsableNeurons(kept, constant | dependent)
