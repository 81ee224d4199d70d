"""Linear-nonlinear-Poisson neurons with the synapses of the threshold model."""

import numpy as np
from scipy.stats import poisson

from circuitbias.component import Generator, option
from circuitbias.dynamics.engines.counts import CountEngine


class Lnp(Generator):
    """Poisson counts at a rectified rate; synapses as in the threshold model, and no other noise."""

    gain: float = option(32.0, "Expected spikes in a step for each unit of input above theta.", above=0)
    b: float = option(0.001, "Constant drive of every neuron.", least=0)
    tau_ms: float = option(10.0, "Decay time of the synaptic variable (ms).", above=0)
    dt_ms: float = option(0.1, "Time step (ms), shorter than `generator.tau_ms`.", above=0)
    repeats = True

    def engine(self, network, *, r, theta, schedule=None):
        """Its kernel, of `circuitbias.dynamics.engines.poisson`."""
        decay = 1 - self.dt_ms / self.tau_ms
        known = {"b": self.b, "link": "relu", "gain": self.gain, "dt_ms": self.dt_ms, "decay": decay}
        return CountEngine(network, r=r, theta=theta, **known, schedule=schedule)

    def reference(self, network, *, r, theta, uniforms, activation):
        r"""Simulate step by step, as the equations say it.

        .. math::
            \lambda_i(t) &= \mathrm{gain}\, [r \sum_j s_j(t) W_0[j, i] + b_i - \theta]_+ \\
            X_i(t) &\sim \mathrm{Poisson}(\lambda_i(t)) \\
            s_i(t+1) &= s_i(t) (1 - dt/\tau) + X_i(t)

        Parameters
        ----------
        network : Network
        r, theta : float
        uniforms : ndarray, shape (n_steps, n)
            A number U on (0, 1) for each count, the smallest k with P(count > k) <= U.
        activation : ndarray, shape (n,)
            s before the first step.

        Returns
        -------
        ndarray of int, shape (n_steps, n)
            Counts.

        References
        ----------
        Das & Fiete, Nat. Neurosci. 23:1286 (2020): the LNP generator, gain 32.
        """
        weights, s = network.dense_weights(), np.array(activation, dtype=float)
        counts = np.zeros(uniforms.shape, dtype=int)
        for step, u in enumerate(uniforms):
            above = r * (s @ weights) + self.b * network.drive_scale - theta
            counts[step] = poisson.isf(u, self.gain * np.maximum(above, 0))
            s = s * (1 - self.dt_ms / self.tau_ms) + counts[step]
        return counts
