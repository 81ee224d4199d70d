"""Naive mean field: couplings from the inverse covariance of the counts."""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look
from circuitbias.estimators.prepare import prepare
from circuitbias.options import bin_width, binarised
from circuitbias.spikes.moments import correlation, inverse_covariance


class MeanField(Estimator):
    """Naive mean field: minus the inverse covariance of the counts.

    ``J = -C^{-1}``, C being the covariance of the counts: symmetric and signed. To first order in the
    couplings of an Ising model this is their value.

    References
    ----------
    Kappen & Rodriguez, Neural Comput. 10:1137 (1998); Roudi, Tyrcha & Hertz, Phys. Rev. E 79:051915
    (2009).
    """

    bin_steps: int = bin_width()
    binarise: bool = binarised()

    across_bins = False
    cost = Cost(seconds=5)
    look = Look("inverse Ising", {"mean_field": ("#D55E00", "s"), "mean_field_binarised": ("#E69F00", "D")})
    examples = Examples({}, {"binarise": True, "bin_steps": 80})

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise

    def estimate(self, source, *, memory_mb, device):
        """Estimate couplings.

        Returns
        -------
        Couplings
            With the diagnostic ``condition_number`` of the correlation matrix.

        Raises
        ------
        UnusableDataError
            If there are not more bins than neurons.
        """
        given = prepare(source, self.bin_steps, self.binarise, memory_mb=memory_mb, device=device)
        covariance = given.moments.covariance
        condition = float(np.linalg.cond(correlation(covariance)))
        return given.result(-inverse_covariance(covariance), {"condition_number": condition})
