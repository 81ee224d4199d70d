"""Naive mean field: couplings from the inverse covariance of the counts."""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.usable import usable_neurons
from circuitbias.memory import DEFAULT_MB
from circuitbias.options import bin_width, binarised
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import count_moments, inverse_covariance
from circuitbias.spikes.segments import SpikeSource


class MeanField(Estimator):
    """Naive mean field: minus the inverse covariance of the counts."""

    bin_steps: int = bin_width()
    binarise: bool = binarised()

    cost = Cost(seconds=5)
    look = Look("inverse Ising", {"mean_field": ("#D55E00", "s"), "mean_field_binarised": ("#E69F00", "D")})
    examples = Examples({}, {"binarise": True, "bin_steps": 80})

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise


@MeanField.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    binarise: bool,
    memory_mb: float = DEFAULT_MB,
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
        Diagnostics: ``n_bins``, ``n_counts``, and ``condition_number`` of the correlation matrix.

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

    covariance = moments.of(usable.kept).covariance
    sd = np.sqrt(np.diag(covariance))
    return Couplings(
        usable.pairs(-inverse_covariance(covariance)),
        diagnostics={
            "n_bins": counts.n_bins,
            "n_counts": moments.total,
            "condition_number": float(np.linalg.cond(covariance / np.outer(sd, sd))),
        },
    )
