"""Random symmetric networks: all pairs are connected, both ways with the same weight."""

import numpy as np

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import from_family
from circuitbias.options import STRONGEST


class RandomSymmetric(NetworkFamily):
    """A random symmetric network of inhibition between all neurons, as in Das & Fiete (2020).

    Weights are uniform between ``lowest`` and ``highest``, also of a neuron on itself.
    """

    n_neurons: int = option(100, "Number of neurons.", least=2, most=10_000)
    lowest: float = option(-STRONGEST, "Lower bound of a weight.")
    highest: float = option(0.0, "Upper bound of a weight.")
    seed: int = option(1, "Of the random weights.", least=0)

    examples = Examples({}, {"n_neurons": 2}, {"highest": STRONGEST, "seed": 3})

    def build(self):
        """Make the network."""
        rng = np.random.default_rng(self.seed)
        upper = np.triu(rng.uniform(self.lowest, self.highest, (self.n_neurons,) * 2))
        return from_family("random_symmetric", self.options(), upper + np.triu(upper, 1).T)
