"""Naive mean field: couplings from the inverse covariance of the counts."""

import numpy as np

from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.moments import count_moments, torch_device, usable_neurons
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource


def estimate(
    source: SpikeSource,
    *,
    bin_steps: int = 100,
    binarise: bool = False,
    memory_mb: float = 1500.0,
    device: str = "auto",
) -> Couplings:
    """Estimate couplings as ``J = -C^{-1}``, C being the covariance of the counts.

    Symmetric and signed. To first order in the couplings of an Ising model this is their value.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` in place of the count.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``mean_count``, and ``condition_number`` of the correlation matrix.

    Raises
    ------
    ValueError
        If there are not more bins than neurons.

    References
    ----------
    Kappen & Rodriguez, Neural Comput. 10:1137 (1998); Roudi, Tyrcha & Hertz, Phys. Rev. E 79:051915
    (2009).
    """
    counts = BinnedCounts(source, bin_steps, binarise, memory_mb)
    moments = count_moments(counts, torch_device(device))
    usable = usable_neurons(moments)

    kept = np.ix_(usable.kept, usable.kept)
    sd = np.sqrt(np.diag(moments.covariance)[usable.kept])
    correlation = moments.covariance[kept] / np.outer(sd, sd)  # better conditioned than C itself
    values = np.full((counts.n_neurons,) * 2, np.nan)
    values[kept] = -np.linalg.inv(correlation) / np.outer(sd, sd)
    values[usable.undefined, :] = values[:, usable.undefined] = np.nan
    return Couplings(
        values,
        diagnostics={
            "n_bins": counts.n_bins,
            "mean_count": float(moments.mean.mean()),
            "condition_number": float(np.linalg.cond(correlation)),
        },
    )
