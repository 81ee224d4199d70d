"""Binary neurons in thermal equilibrium: the model that inverse Ising methods fit."""

import numpy as np

from circuitbias.component import Generator, option
from circuitbias.dynamics.engines.counts import without_diagonal
from circuitbias.dynamics.engines.metropolis import MetropolisEngine


class Ising(Generator):
    """The Ising model, sampled by Metropolis sweeps: a step is a sweep, and a neuron at 1 fires in it."""

    dt_ms: float = option(10.0, "Time that a sweep stands for (ms).", above=0)

    def engine(self, network, *, r, theta):
        """Its kernel, of `circuitbias.dynamics.engines.metropolis`."""
        field = np.full(network.n_neurons, -float(theta))
        return MetropolisEngine(without_diagonal(network.weights), r=r, field=field, dt_ms=self.dt_ms)

    def reference(self, network, *, r, theta, words, x):
        r"""Simulate visit by visit, as the equations say it.

        Samples of :math:`P(x) \sim \exp(\sum_{j \ne k} r W_0[j, k] x_j x_k - \theta \sum_j x_j)` if W0 is
        symmetric: every pair counts twice. A visit flips :math:`x_j` with probability
        :math:`\min(1, \exp(-2 x_j (2 r \sum_k x_k W_0[k, j] - \theta)))`.

        Parameters
        ----------
        network : Network
        r, theta : float
        words : ndarray of uint32, shape (n_sweeps, 2, n)
            Of each sweep: what its order is made of, and uniform numbers for the flips.
        x : ndarray, shape (n,)
            -1 or 1, before the first sweep.

        Returns
        -------
        ndarray of bool, shape (n_sweeps, n)
            Which neurons are at 1 after each sweep.

        References
        ----------
        Das & Fiete, Nat. Neurosci. 23:1286 (2020): the Ising generator, strengths r = 10 ... 100 on the ring.
        """
        weights, x = network.dense_weights().copy(), np.array(x, dtype=float)
        np.fill_diagonal(weights, 0)
        states = np.zeros((len(words), len(x)), dtype=bool)
        for sweep, (of_order, of_flips) in enumerate(words):
            order = list(range(len(x)))
            for k in reversed(range(1, len(x))):
                other = int(of_order[k]) * (k + 1) >> 32
                order[k], order[other] = order[other], order[k]
            for j in order:
                chance = np.exp(-2 * x[j] * (2 * r * (x @ weights[:, j]) - theta))
                if (of_flips[j] + 0.5) / 2**32 < chance:
                    x[j] = -x[j]
            states[sweep] = x > 0
        return states
