"""Gaussian random networks, whose activity is chaotic in a rate model if they are strong."""

import numpy as np

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import from_family


class Chaotic(NetworkFamily):
    """A random network of Gaussian weights, dense or sparse, whose rates become chaotic if it is strong.

    Weights are normal with the variance 1 / n_neurons, and each is kept with the probability ``connected``
    without being scaled again, as in Das & Fiete (2020). The spectral radius is close to sqrt(connected),
    and a rate network with a tanh is chaotic at r > 1 / sqrt(connected) (Sompolinsky, Crisanti & Sommers,
    Phys. Rev. Lett. 61:259, 1988).
    """

    n_neurons: int = option(100, "Number of neurons.", least=2, most=10_000)
    connected: float = option(
        1.0, "Probability that a weight is kept; the paper's sparse network has 0.1.", least=0, most=1
    )
    seed: int = option(1, "Of the random weights.", least=0)

    examples = Examples({}, {"connected": 0.1}, {"n_neurons": 2})

    def build(self):
        """Make the network."""
        rng, shape = np.random.default_rng(self.seed), (self.n_neurons,) * 2
        weights = rng.standard_normal(shape) / np.sqrt(self.n_neurons)
        return from_family(
            "chaotic", self.options(), np.where(rng.random(shape) < self.connected, weights, 0)
        )
