"""Adaptive leaky integrate-and-fire neurons: a model of another family than those of the paper."""

import numpy as np

from circuitbias.component import Generator, option
from circuitbias.dynamics.engines.integrate_fire import IntegrateFireEngine

_GOLDEN = (5**0.5 - 1) / 2  # its multiples are spread evenly over (0, 1)


class AdaptiveLif(Generator):
    """Adaptive leaky integrate-and-fire neurons with delayed synapses and background spikes."""

    b: float = option(0.001, "Constant drive of every neuron.", least=0)
    kick: float = option(0.1, "Size of a background spike, in units of b.", least=0)
    kicks_hz: float = option(
        1000.0, "Rate of background spikes that excite a neuron, and of those that inhibit it (Hz).", least=0
    )
    membrane_ms: float = option(10.0, "Decay time of the potential (ms).", above=0)
    tau_ms: float = option(10.0, "Decay time of synaptic input (ms).", above=0)
    delay_ms: float = option(1.0, "Shortest synaptic delay (ms); at least one step.", above=0)
    delay_spread_ms: float = option(2.0, "Difference of the longest one, by neuron (ms).", least=0)
    rest_ms: float = option(2.0, "Time at 0 after a spike (ms).", least=0)
    jump: float = option(0.2, "What a spike adds to a neuron's adaptation, in units of b.", least=0)
    adaptation_ms: float = option(100.0, "Decay time of the adaptation (ms).", above=0)
    dt_ms: float = option(0.1, "Time step (ms), shorter than all decay times.", above=0)

    def delays(self, n_neurons: int) -> np.ndarray:
        """Steps that spikes of each neuron take, spread evenly and without order over the neurons."""
        spread = (np.arange(n_neurons) * _GOLDEN) % 1 * self.delay_spread_ms
        return np.maximum(np.rint((self.delay_ms + spread) / self.dt_ms), 1).astype(np.int64)

    def engine(self, network, *, r, theta, schedule=None):
        """Its kernel, of `circuitbias.dynamics.engines.integrate_fire`."""
        return IntegrateFireEngine(network, self, r=r, theta=theta, schedule=schedule)

    def reference(self, network, *, r, theta, uniforms, potential, drive=None):
        r"""Simulate step by step, as the equations say it.

        .. math::
            h_i(t) &= r \sum_j W_0[j, i] \sum_{t_j + d_j \le t} (1 - dt/\tau)^{t - t_j - d_j} \\
            a_i(t) &= \sum_{t_i < t} \mathrm{jump}\, b\, (1 - dt/\tau_a)^{t - t_i} \\
            v_i(t) &= (1 - dt/\tau_m)\, v_i(t-1) + dt/\tau_m\, (b_i + h_i(t) - a_i(t)) + k_i(t)

        :math:`t_j` are the spikes of neuron j and :math:`k` the background. A neuron fires if v > theta; v
        is then 0 for the rest.

        Parameters
        ----------
        network : Network
        r, theta : float
        uniforms : ndarray, shape (n_steps, n)
            Numbers on (0, 1) that decide on background spikes: one that excites if U is below the probability
            of one in a step, one that inhibits if it is above 1 less that.
        potential : ndarray, shape (n,)
            v before the first step.
        drive : callable, optional
            What holds at a step: the factor of b, what is added to the input, what the whole input is held at
            (None: it is free; else neither synapses nor adaptation nor background are felt), and whether all
            spikes before it are forgotten.

        Returns
        -------
        ndarray of bool, shape (n_steps, n)
        """
        weights, v = r * network.dense_weights(), np.array(potential, dtype=float)
        n_steps, n = uniforms.shape
        spikes, delays = np.zeros((n_steps, n), dtype=bool), self.delays(n)
        leak = 1 - self.dt_ms / self.membrane_ms
        synapse, fading = 1 - self.dt_ms / self.tau_ms, 1 - self.dt_ms / self.adaptation_ms
        resting = np.full(n, -1)  # last step of rest
        chance, since = self.kicks_hz * self.dt_ms / 1000, 0
        for t, u in enumerate(uniforms):
            level, extra, held, reset = drive(t) if drive else (1.0, 0.0, None, False)
            since = t if reset else since
            age = t - np.arange(t)[:, None]
            felt = (age >= delays) & (age <= t - since)
            arrived = np.where(felt, synapse ** np.maximum(age - delays, 0.0), 0.0)
            h = (arrived * spikes[:t]).sum(axis=0) @ weights
            a = self.jump * self.b * (fading**age * spikes[:t]).sum(axis=0)
            if held is None:
                v = leak * v + (1 - leak) * (level * self.b * network.drive_scale + extra + h - a)
                v += self.kick * self.b * ((u < chance).astype(float) - (u > 1 - chance))
            else:
                v = leak * v + (1 - leak) * held
            spikes[t] = (v > theta) & (t > resting)
            resting[spikes[t]] = t + round(self.rest_ms / self.dt_ms)
            v[(t <= resting) | spikes[t]] = 0.0
        return spikes
