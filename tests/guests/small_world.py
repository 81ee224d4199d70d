"""A network of a user's own."""

import numpy as np

from circuitbias import Network, NetworkFamily, option


class SmallWorld(NetworkFamily):
    """A ring of inhibitory neighbours, some of whose connections end anywhere."""

    n_neurons: int = option(20, "Number of neurons.", least=4)
    shortcuts: float = option(0.2, "Fraction of the connections that end anywhere.", least=0, most=1)

    def build(self):
        """Make the network."""
        n, rng = self.n_neurons, np.random.default_rng(1)
        weights = np.zeros((n, n))
        for pre in range(n):
            anywhere = (pre + rng.integers(2, n)) % n
            weights[pre, anywhere if rng.random() < self.shortcuts else (pre + 1) % n] = -1
        made_of = {"family": "small_world", **self.options()}
        kind = {"name": "small_world", "circulant": False, "provenance": made_of}
        return Network(weights, positions=np.arange(n), drive_scale=np.ones(n), **kind)
