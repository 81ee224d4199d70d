"""A network of rates that is chaotic where its weights are strong."""

import numpy as np

from circuitbias.checks import require
from circuitbias.component import Examples, Generator, option
from circuitbias.dynamics.engines.rates import RateEngine


class Chaotic(Generator):
    """Rates tanh(h), chaotic if r times the spectral radius of W0 is above 1; a unit above theta fires."""

    dt_ms: float = option(10.0, "Time from one look at the signs to the next (ms).", above=0)
    step_ms: float = option(
        0.1, "Time step of the integration (ms); `generator.dt_ms` in whole steps.", above=0
    )
    decay_ms: float = option(10.0, "Decay time of h (ms).", above=0)
    b: float = option(0.0, "Constant input of every unit.")
    noise: float = option(
        0.0, "Standard deviation of the input's noise in a step of the integration.", least=0
    )

    examples = Examples({"noise": 1.0, "dt_ms": 0.1})

    @property
    def inner_steps(self) -> int:
        """Steps of the integration from one look to the next."""
        steps = round(self.dt_ms / self.step_ms)
        whole = steps >= 1 and abs(self.dt_ms / self.step_ms - steps) < 1e-6
        require(whole, "generator.dt_ms", self.dt_ms, f"a multiple of step_ms = {self.step_ms:g}")
        return steps

    def engine(self, network, *, r, theta, schedule=None):
        """Its kernel, of `circuitbias.dynamics.engines.rates`."""
        return RateEngine(network, self, r=r, theta=theta, schedule=schedule)

    def reference(self, network, *, r, theta, normals, h, drive=None):
        r"""Simulate step by step, as the equation says it.

        .. math::
            h_i(t+1) = h_i(t) + \frac{dt}{\tau} \Big(-h_i(t) + r \sum_j \tanh(h_j(t)) W_0[j, i] + b_i +
            \xi_i(t)\Big)

        Parameters
        ----------
        network : Network
        r, theta : float
        normals : ndarray, shape (n_steps, n)
            Standard normal numbers for every step of the integration.
        h : ndarray, shape (n,)
            Before the first step.
        drive : callable, optional
            What holds from one look to the next: the factor of b, what is added to the input, None, and
            whether all h are set to 0 before.

        Returns
        -------
        ndarray of bool, shape (n_steps // inner_steps, n)
            Whether h > theta at each look.

        References
        ----------
        Das & Fiete, Nat. Neurosci. 23:1286 (2020): the chaotic network; it starts there from h = 0.
        """
        weights, states = network.dense_weights(), []
        for step, z in enumerate(normals):
            look, within = divmod(step, self.inner_steps)
            level, extra, _, reset = drive(look) if drive else (1.0, 0.0, None, False)
            h = np.zeros_like(h) if reset and within == 0 else h
            total = r * np.tanh(h) @ weights + level * self.b * network.drive_scale + extra + self.noise * z
            h = h + self.step_ms / self.decay_ms * (total - h)
            states.append(h > theta)
        return np.array(states[self.inner_steps - 1 :: self.inner_steps])
