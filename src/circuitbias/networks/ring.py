"""The ring network of Das & Fiete (2020): local inhibition with a dip at zero distance."""

import numpy as np

from circuitbias.config_schema import checked_section
from circuitbias.networks.network import Network


def ring_weights(
    n_neurons: int = 100,
    sigma1: float = 6.98,
    sigma2: float = 7.0,
    a1: float = 1.0,
    a2: float = 1.0005,
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
    shape = checked_section("network", {"family": "ring"} | shape, "ring_weights")
    n_neurons, sigma1, sigma2, a1, a2 = (shape[k] for k in ("n_neurons", "sigma1", "sigma2", "a1", "a2"))
    neuron = np.arange(n_neurons)
    distance = np.minimum(neuron, n_neurons - neuron)
    excitation = np.exp(-(distance**2) / (2 * sigma1**2))
    inhibition = np.exp(-(distance**2) / (2 * sigma2**2))
    profile = a1 * (excitation - a2 * inhibition)
    return profile[(neuron - neuron[:, None]) % n_neurons]


def ring_network(
    n_neurons: int = 100,
    sigma1: float = 6.98,
    sigma2: float = 7.0,
    a1: float = 1.0,
    a2: float = 1.0005,
    pinned: bool = False,
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
    options = checked_section("network", {"family": "ring", "pinned": pinned} | shape, "ring_network")
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
