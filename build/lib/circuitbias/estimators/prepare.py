"""The first lines and the last of every method: from spikes to moments, from values to couplings."""

from functools import cached_property

import numpy as np

from circuitbias.device import on_cpu, resolve_device
from circuitbias.estimators.couplings import Certificate, Couplings
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import UsableNeurons, usable_neurons
from circuitbias.fitting.fit import Fit
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import Moments, count_moments
from circuitbias.spikes.segments import SpikeSource


class Prepared:
    """What a method makes of spikes before its own work; moments are counted when they are first asked for.

    Attributes
    ----------
    counts : BinnedCounts
    n_bins : int
    budget : Budget
    device : str or torch.device
    """

    def __init__(self, counts: BinnedCounts, device: str):
        self.counts, self.budget, self.device = counts, counts.budget, resolve_device(device)
        self.n_bins = counts.n_bins

    @cached_property
    def all_moments(self) -> Moments:
        """Moments of the counts of all neurons."""
        return count_moments(self.counts, self.device)

    @cached_property
    def usable(self) -> UsableNeurons:
        """Neurons that can be analysed; warns of the others."""
        return usable_neurons(self.all_moments)

    def drop_counts(self) -> None:
        """Free the memory of the counts, which the moments are the last to need."""
        _ = self.usable
        self.counts = None

    @property
    def kept(self) -> np.ndarray:
        """Numbers of the neurons whose counts are worked on, shape (n_kept,)."""
        return self.usable.kept

    @property
    def moments(self) -> Moments:
        """Moments of the counts of these neurons."""
        return self.all_moments.of(self.kept)

    def result(
        self,
        values: np.ndarray,
        said: dict | None = None,
        *,
        certificate: Certificate | None = None,
        pairs: dict | None = None,
        neurons: dict | None = None,
        arrays: dict | None = None,
    ) -> Couplings:
        """Put what was found of the kept neurons among all.

        Parameters
        ----------
        values : ndarray, shape (n_kept, n_kept)
            The couplings.
        said : dict, optional
            Diagnostics beside ``n_bins`` and ``n_counts``.
        certificate : Certificate, optional
            Of a fit.
        pairs, neurons, arrays : dict of str to ndarray, optional
            Further arrays by name: of pairs of the kept neurons, shape (..., n_kept, n_kept), of the kept
            neurons, (n_kept,), and others.
        """
        counted = {"n_bins": self.n_bins, "n_counts": self.all_moments.total}
        of_pairs = {name: self.usable.pairs(array) for name, array in (pairs or {}).items()}
        of_neurons = {name: self.usable.neurons(array) for name, array in (neurons or {}).items()}
        return Couplings(
            self.usable.pairs(values),
            diagnostics=counted | (vars(certificate) if certificate else {}) | (said or {}),
            arrays=of_pairs | of_neurons | (arrays or {}),
        )

    def result_of(
        self,
        fit: Fit,
        limits: tuple[float, int],
        why_infinite: str,
        said: dict | None = None,
        *,
        remedy: str | None = None,
        n_lags: int | None = None,
        arrays: dict | None = None,
    ) -> Couplings:
        """Make couplings of the regressions of the kept neurons; warn of those without any.

        Parameters
        ----------
        fit : Fit
        limits : (tolerance, max_passes)
            Of the fit.
        why_infinite : str
            What is true of targets with a coefficient without a finite value: "never fire ...".
        said, arrays : dict, optional
            See `result`.
        remedy : str, optional
            What would give these coefficients a value; see `warn_infinite`.
        n_lags : int, optional
            Of slopes at several lags: a coupling is their sum, and arrays of pairs have an axis of lags.
        """
        n = len(self.kept)
        infinite = on_cpu(fit.infinite[:-1] & ~fit.undefined).reshape(-1, n, n)
        warn_infinite(infinite.any(0), self.kept, why_infinite, remedy)
        warn_not_converged(self.kept, fit, *limits)
        shape = (n, n) if n_lags is None else (n_lags, n, n)
        slopes = fit.finite(fit.coefficients[:-1]).reshape(shape)
        pairs = {"coefficients": slopes}
        if fit.standard_errors is not None:
            pairs["standard_errors"] = fit.finite(fit.standard_errors).reshape(shape)
        return self.result(
            slopes.reshape(-1, n, n).sum(axis=0),
            said,
            certificate=Certificate(**fit.certificate()),
            pairs=pairs,
            neurons={
                "intercepts": fit.finite(fit.coefficients)[-1],
                "scaled_gradient": fit.of_fitted(fit.scaled_gradient),
            },
            arrays=arrays,
        )


def prepare(
    source: SpikeSource, bin_steps: int, binarise: bool = False, *, memory_mb: float, device: str
) -> Prepared:
    """Do what every method does first: bin the spikes, within a bound of memory.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Steps in a bin.
    binarise : bool, optional
        Whether to use ``count > 0`` in place of the count.
    memory_mb, device
        See `circuitbias.estimators.estimate`.
    """
    return Prepared(BinnedCounts(source, bin_steps, binarise, memory_mb), device)
