"""A GLM with spike histories and an exponential rate: the model that the GLM of spike histories fits."""

import math

import numpy as np

from circuitbias.component import Generator, option
from circuitbias.dynamics.engines.counts import CountEngine
from circuitbias.dynamics.models.histories import counts_of_histories, with_recorded_past


class GlmExp(Generator):
    """Poisson counts at an exponential rate of spike histories, filtered by a finite exponential."""

    scale: float = option(
        1e-4, "Input by which a rate rises e-fold; a divisor F of the paper is exp(theta / scale).", above=0
    )
    b: float = option(0.001, "Constant drive of every neuron.", least=0)
    tau_ms: float = option(10.0, "Decay time of the filter of past spikes (ms).", above=0)
    window: int = option(200, "Steps of the past that the filter sees.", least=1, most=100_000)
    dt_ms: float = option(0.1, "Time step (ms).", above=0)
    as_published: bool = with_recorded_past()
    repeats = True

    def engine(self, network, *, r, theta, schedule=None):
        """Its kernel, of `circuitbias.dynamics.engines.poisson`."""
        known = {
            "b": self.b,
            "link": "exp",
            "gain": 1 / self.scale,
            "dt_ms": self.dt_ms,
            "window": self.window,
            "record_past": self.as_published,
        }
        return CountEngine(
            network, r=r, theta=theta, decay=math.exp(-self.dt_ms / self.tau_ms), **known, schedule=schedule
        )

    def reference(self, network, *, r, theta, uniforms):
        r"""Simulate step by step; see `circuitbias.dynamics.models.histories.counts_of_histories`.

        .. math::
            \lambda_i(t) = \exp((g_i(t) - \theta) / \mathrm{scale}) = \exp(10^4 g_i(t)) / F

        References
        ----------
        Das & Fiete, Nat. Neurosci. 23:1286 (2020): the exponential GLM generator; F there is exp(theta /
        scale).
        """
        return counts_of_histories(self, network, r, lambda g: np.exp((g - theta) / self.scale), uniforms)
