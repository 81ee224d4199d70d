"""Random sparse networks: every pair is connected by chance, with weights of any size between two bounds."""

import numpy as np
from scipy.sparse import csr_array

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import from_family
from circuitbias.options import STRONGEST


class RandomSparse(NetworkFamily):
    """A random sparse network, inhibitory as in Das & Fiete (2020), or of both signs.

    Every ordered pair, neurons with themselves among them, is connected with the probability ``connected``;
    the weights are uniform between ``lowest`` and ``highest``. With ``highest: 0.002289`` they are of both
    signs, and neurons excite some and inhibit others.
    """

    n_neurons: int = option(100, "Number of neurons.", least=2, most=100_000)
    connected: float = option(0.1, "Probability that a neuron has a synapse on another one.", least=0, most=1)
    lowest: float = option(-STRONGEST, "Lower bound of a weight.")
    highest: float = option(0.0, "Upper bound of a weight.")
    seed: int = option(1, "Of the random wiring.", least=0)

    examples = Examples({}, {"n_neurons": 2, "connected": 1.0}, {"highest": STRONGEST, "seed": 3})

    def build(self):
        """Make the network."""
        rng = np.random.default_rng(self.seed)
        targets = [np.flatnonzero(rng.random(self.n_neurons) < self.connected) for _ in range(self.n_neurons)]
        starts = np.cumsum([0, *map(len, targets)])
        values = rng.uniform(self.lowest, self.highest, starts[-1])
        weights = csr_array((values, np.concatenate(targets), starts), shape=(self.n_neurons,) * 2)
        return from_family("random_sparse", self.options(), weights)
