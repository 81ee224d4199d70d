"""The ring network of Das & Fiete (2020): local inhibition with a dip at zero distance."""

import numpy as np

from circuitbias.component import NetworkFamily, option
from circuitbias.networks.network import Network
from circuitbias.validation import checked


class Ring(NetworkFamily):
    """A ring of neurons with local inhibition, as in Das & Fiete (2020)."""

    n_neurons: int = option(100, "Number of neurons on the ring.", least=2, most=10_000)
    pinned: bool = option(False, "Silence one neuron, which pins the bump of activity in place.")
    sigma1: float = option(6.98, "Width (neurons) of the first Gaussian of the weights.", above=0)
    sigma2: float = option(7.0, "Width (neurons) of the second Gaussian.", above=0)
    a1: float = option(1.0, "Height of the first Gaussian.")
    a2: float = option(1.0005, "Height of the second Gaussian, which is subtracted.")

    @property
    def alike(self):
        """Unless one of them is silenced."""
        return not self.pinned

    def build(self):
        """Make the network."""
        return ring_network(**self.options())


def ring_weights(
    n_neurons: int = Ring.n_neurons,
    sigma1: float = Ring.sigma1,
    sigma2: float = Ring.sigma2,
    a1: float = Ring.a1,
    a2: float = Ring.a2,
) -> np.ndarray:
    """Weights of the ring.

    With d = min(|i - j|, n - |i - j|), the distance along the ring,

        W0[i, j] = a1 (exp(-d² / (2 sigma1²)) - a2 exp(-d² / (2 sigma2²))).

    The two Gaussians nearly cancel, and what is left is inhibitory everywhere and strongest at
    d = 9; the diagonal, a1 (1 - a2), is kept: a neuron inhibits itself.

    Parameters
    ----------
    n_neurons : int
        At least 2.
    sigma1, sigma2 : float
        Widths of the two Gaussians, in neurons. The paper's ring of 50 neurons has 3.49 and 3.5.
    a1, a2 : float
        Overall and relative amplitude.

    Returns
    -------
    array (n_neurons, n_neurons)
        Symmetric and circulant, [pre, post].

    Raises
    ------
    ConfigError
        If a parameter is not what a config allows.

    References
    ----------
    Das & Fiete (2020), doi:10.1038/s41593-020-0699-2; equals the matrix W100 of the authors' code.
    """
    shape = {"n_neurons": n_neurons, "sigma1": sigma1, "sigma2": sigma2, "a1": a1, "a2": a2}
    shape = checked(Ring.schema(), shape, "ring_weights")
    n_neurons, sigma1, sigma2, a1, a2 = (shape[k] for k in ("n_neurons", "sigma1", "sigma2", "a1", "a2"))
    neuron = np.arange(n_neurons)
    distance = np.minimum(neuron, n_neurons - neuron)
    excitation = np.exp(-(distance**2) / (2 * sigma1**2))
    inhibition = np.exp(-(distance**2) / (2 * sigma2**2))
    profile = a1 * (excitation - a2 * inhibition)
    return profile[(neuron - neuron[:, None]) % n_neurons]


def ring_network(
    n_neurons: int = Ring.n_neurons,
    sigma1: float = Ring.sigma1,
    sigma2: float = Ring.sigma2,
    a1: float = Ring.a1,
    a2: float = Ring.a2,
    pinned: bool = Ring.pinned,
) -> Network:
    """Make the ring a `Network`.

    Parameters
    ----------
    n_neurons, sigma1, sigma2, a1, a2
        As for `ring_weights`.
    pinned : bool
        Whether neuron 0 gets no drive. It then never fires and holds the activity bumps in place.

    Returns
    -------
    Network
        Named "ring" or "ring_pinned".
    """
    shape = {"n_neurons": n_neurons, "sigma1": sigma1, "sigma2": sigma2, "a1": a1, "a2": a2}
    options = checked(Ring.schema(), shape | {"pinned": pinned}, "ring_network")
    shape = {name: options[name] for name in shape}
    pinned = options["pinned"]
    weights = ring_weights(**shape)
    drive_scale = np.ones(len(weights))
    if pinned:
        drive_scale[0] = 0.0
    return Network(
        weights=weights,
        positions=np.arange(len(weights)),
        drive_scale=drive_scale,
        name="ring_pinned" if pinned else "ring",
        circulant=True,
        provenance={"family": "ring", **shape, "pinned": pinned},
    )
