"""Small worlds: a ring of neighbours, some of whose connections end anywhere."""

import numpy as np
from scipy.sparse import csr_array

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import from_family
from circuitbias.options import STRONGEST


class SmallWorld(NetworkFamily):
    """A small world: neighbours on a ring are connected, and some connections end anywhere.

    Each neuron has ``n_neighbours`` targets: the nearest on both sides of the ring (of an odd number one more
    ahead). Every connection is moved with the probability ``shortcuts`` to a target drawn from those that the
    neuron does not have yet (Watts & Strogatz, Nature 393:440, 1998, with directed connections). All weights
    are equal.
    """

    n_neurons: int = option(100, "Number of neurons.", least=2, most=100_000)
    n_neighbours: int = option(10, "Targets of every neuron, fewer than there are neurons.", least=1)
    shortcuts: float = option(0.1, "Probability that a connection ends anywhere.", least=0, most=1)
    weight: float = option(-STRONGEST, "Weight of every connection.")
    seed: int = option(1, "Of the shortcuts.", least=0)

    examples = Examples({}, {"n_neurons": 2, "n_neighbours": 1}, {"shortcuts": 1.0, "weight": 0.001})

    def build(self):
        """Make the network."""
        n, k, rng = self.n_neurons, self.n_neighbours, np.random.default_rng(self.seed)
        steps = np.arange(1, k + 1)
        offsets = np.where(steps % 2, (steps + 1) // 2, -(steps // 2))
        targets = np.empty((n, k), dtype=np.int64)
        for neuron in range(n):
            own = (neuron + offsets) % n
            moved = rng.random(k) < self.shortcuts
            free = np.setdiff1d(np.arange(n), [*own, neuron])
            moved &= np.cumsum(moved) <= len(free)  # with hardly any others, there are no more places
            own[moved] = rng.choice(free, moved.sum(), replace=False)
            targets[neuron] = np.sort(own)
        shape = (np.full(n * k, self.weight), targets.ravel(), np.arange(0, n * k + 1, k))
        weights = csr_array(shape, shape=(n, n))
        return from_family("small_world", self.options(), weights, circulant=self.shortcuts == 0)
