"""A GLM with spike histories and a rectified rate."""

import math

import numpy as np

from circuitbias.component import Generator, option
from circuitbias.dynamics.engines.counts import CountEngine
from circuitbias.dynamics.models.histories import counts_of_histories, with_recorded_past


class GlmRelu(Generator):
    """Poisson counts at a rectified rate of spike histories, filtered by a finite exponential."""

    gain: float = option(100.0, "Expected spikes in a step for each unit of input above theta.", above=0)
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
            "link": "relu",
            "gain": self.gain,
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
            \lambda_i(t) = \mathrm{gain}\, [g_i(t) - \theta]_+

        References
        ----------
        Das & Fiete, Nat. Neurosci. 23:1286 (2020): the rectified GLM generator, gain 100.
        """

        def rate(inputs):
            return self.gain * np.maximum(inputs - theta, 0)

        return counts_of_histories(self, network, r, rate, uniforms)
