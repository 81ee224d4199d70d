"""Neurons on a sheet: weights and the chance of a connection depend on the distance."""

import numpy as np

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import from_family


class Sheet(NetworkFamily):
    """A sheet of neurons with local inhibition: what the ring is in one dimension.

    Neuron ``row * n_columns + column`` lies at (row, column). With the distance d between two neurons, in
    units of that of neighbours, the weight is a1 (exp(-d² / (2 sigma1²)) - a2 exp(-d² / (2 sigma2²))); with a
    ``reach``, a pair is connected with the probability exp(-d² / (2 reach²)) alone, each way by itself. On a
    periodic sheet opposite edges meet.
    """

    n_rows: int = option(10, "Rows of neurons.", least=1, most=300)
    n_columns: int = option(10, "Neurons in a row.", least=2, most=300)
    periodic: bool = option(True, "Whether opposite edges meet.")
    sigma1: float = option(1.496, "Width (neurons) of the first Gaussian of the weights.", above=0)
    sigma2: float = option(1.5, "Width (neurons) of the second Gaussian.", above=0)
    a1: float = option(1.0, "Height of the first Gaussian.")
    a2: float = option(1.0005, "Height of the second Gaussian, which is subtracted.")
    reach: float | None = option(
        None, "Width (neurons) of the chance of a connection; null connects all pairs.", above=0
    )
    seed: int = option(1, "Of the random wiring, if there is a reach.", least=0)

    examples = Examples({}, {"n_rows": 1, "n_columns": 2}, {"n_rows": 4, "reach": 2.0, "periodic": False})

    @property
    def size(self):
        """Number of neurons."""
        return self.n_rows * self.n_columns

    def build(self):
        """Make the network."""
        square = self._square_distances()
        near, far = (np.exp(-square / (2 * width**2)) for width in (self.sigma1, self.sigma2))
        weights = self.a1 * (near - self.a2 * far)
        if self.reach is not None:
            chance = np.random.default_rng(self.seed).random(square.shape)
            weights[chance >= np.exp(-square / (2 * self.reach**2))] = 0
        ring = self.n_rows == 1 and self.periodic and self.reach is None
        return from_family("sheet", self.options(), weights, circulant=ring)

    def _square_distances(self):
        """Squares of the distances of all pairs, shape (n, n)."""
        place = np.divmod(np.arange(self.size), self.n_columns)
        square = np.zeros((self.size,) * 2)
        for along, length in zip(place, (self.n_rows, self.n_columns), strict=True):
            apart = np.abs(along[:, None] - along)
            square += (np.minimum(apart, length - apart) if self.periodic else apart) ** 2
        return square
