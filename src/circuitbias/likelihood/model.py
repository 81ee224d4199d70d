"""Which model a matched fit is of: its family, what of it is known, and what is fitted in which order."""

from dataclasses import dataclass

import numpy as np

from circuitbias.dynamics.parameters import RHO_PAPER, model_parameter, synaptic_tau_ms
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.fit import fit
from circuitbias.likelihood.learned import fit_learned
from circuitbias.likelihood.link import ExponentialLink, RectifiedLink, ThresholdLink
from circuitbias.likelihood.of_spikes import WARM_UP, SpikeLikelihood
from circuitbias.likelihood.shared import fit_shared

LINKS = {"lnp": RectifiedLink, "glm_relu": RectifiedLink, "glm_exp": ExponentialLink}
FAMILIES = "threshold", *LINKS, "learned"
"""Of generators, and the link that is learned."""

_WINDOWED = ("glm_relu", "glm_exp")
_WINDOW = 200  # steps, of these generators


@dataclass(frozen=True)
class MatchedModel:
    """The model of a recording.

    Attributes
    ----------
    family : str
    tau_ms, rho : float
        Known, or where their fit begins.
    wanted : tuple of bool
        Whether tau, and rho, of the threshold model are fitted.
    window : int or None
        Steps after which spikes leave the sums.
    """

    family: str
    tau_ms: float
    rho: float
    wanted: tuple[bool, bool]
    window: int | None

    @classmethod
    def of(cls, options, source) -> "MatchedModel":
        """By the options ``generator``, ``tau_ms`` and ``rho`` of an estimator, and what a recording says."""
        tau_ms, rho = options.tau_ms, options.rho
        wanted = tau_ms == "estimate", rho == "estimate"
        family = options.generator or model_parameter(source, "family", "threshold")
        if family not in FAMILIES:
            raise UnusableDataError(
                f"the recording is of the generator {family}: `matched` knows {', '.join(FAMILIES)}; "
                "`generator` takes one of these"
            )
        if family != "threshold" and (any(wanted) or rho is not None):
            raise ValueError(
                f"generator = {family}: rho is of the threshold model alone, tau_ms must be a number or null"
            )
        window = int(model_parameter(source, "window", _WINDOW)) if family in _WINDOWED else None
        tau_ms = synaptic_tau_ms(source) if tau_ms in (None, "estimate") else tau_ms
        rho = model_parameter(source, "rho", RHO_PAPER) if rho in (None, "estimate") else rho
        if not source.dt_ms < tau_ms < np.inf:
            raise ValueError(f"tau_ms={tau_ms:g} must be longer than a step, {source.dt_ms:g} ms, and finite")
        if not 0 < rho < 1:
            raise ValueError(f"rho={rho:g} must be a probability between 0 and 1")
        return cls(family, tau_ms, rho, wanted, window)

    @property
    def rectified(self) -> bool:
        """Whether its coefficients are in mean rates of their targets."""
        return LINKS.get(self.family) is RectifiedLink

    def fit(self, source, kept, rates, n_spikes, bin_steps, single, limits):
        """Fit couplings, and what the neurons share.

        Parameters
        ----------
        source : SpikeSource
        kept : ndarray of int, shape (n,)
        rates : ndarray, shape (n,)
            Mean spikes in a step.
        n_spikes : int
        bin_steps : int
        single : bool
            Whether to sum over the lattice in single precision.
        limits : (tolerance, max_passes)

        Returns
        -------
        SharedFit or LearnedFit
        start : ndarray, shape (n + 1, n)
            No couplings, and the rates.
        """
        tolerance, max_passes = limits
        scale = {"threshold": np.ones(len(kept)), "learned": np.full(len(kept), rates.mean())}.get(
            self.family, rates
        )

        def likelihood_of(tau_ms, link):
            steps = source.dt_ms / tau_ms
            decay = 1 - steps if self.window is None else np.exp(-steps)
            return SpikeLikelihood(
                source, kept, decay, link, bin_steps, single, scale=scale, window=self.window
            )

        def generator_of(tau_ms, rho):
            link = ThresholdLink(rho) if self.family == "threshold" else LINKS[self.family]()
            return likelihood_of(tau_ms, link)

        def start_of(link):
            start = np.zeros((len(kept) + 1, len(kept)))
            start[-1] = link.eta_of(rates / scale)
            return start

        def fit_at(likelihood, before, n_spikes=n_spikes, tolerance=tolerance):
            return fit(likelihood, start_of(likelihood.link), n_spikes, tolerance, max_passes, before)

        any_link = likelihood_of(self.tau_ms, ThresholdLink(self.rho))
        if any_link.used_steps() == 0:
            raise UnusableDataError(
                f"no trial is longer than {WARM_UP:g} time constants of {self.tau_ms:g} ms: "
                "the past is unknown"
            )
        if self.family == "learned":
            shared = fit_learned(likelihood_of, source.dt_ms, self.tau_ms, n_spikes, fit_at, tolerance)
        else:
            wanted = np.array(self.wanted)
            shared = fit_shared(generator_of, source.dt_ms, self.tau_ms, self.rho, wanted, fit_at)
        return shared, start_of(shared.likelihood.link)
