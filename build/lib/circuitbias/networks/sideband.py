"""Rings with sidebands: the weights that a biased inference takes a ring for, as a network of their own."""

from importlib.resources import files
from typing import Literal

import numpy as np

from circuitbias.component import Examples, NetworkFamily, option
from circuitbias.networks.network import Network, from_family
from circuitbias.networks.ring import ring_weights


class Sideband(NetworkFamily):
    """A ring of 100 neurons with the sidebands that inference makes of it, as in Das & Fiete (2020)."""

    profile: Literal["mpf", "glm", "ising"] = option(
        "mpf", "Published profile of inferred couplings: by minimum probability flow, GLM or Ising inference."
    )
    fraction: float = option(
        1.0, "Part that the sideband ring has in the weights; the rest is the ring's.", least=0, most=1
    )
    pinned: bool = option(False, "Silence one neuron, which pins the bump of activity in place.")

    examples = Examples({}, {"profile": "glm", "fraction": 0.5, "pinned": True})

    @property
    def alike(self):
        """Unless one of them is silenced."""
        return not self.pinned

    def build(self):
        """Make the network."""
        ring = ring_weights()
        weights = (1 - self.fraction) * ring + self.fraction * circulant(published_profile(self.profile))
        drive = np.ones(len(ring))
        drive[0] = not self.pinned
        return from_family("sideband", self.options(), weights, drive_scale=drive, circulant=True)


def published_profile(name: str) -> np.ndarray:
    """Weights of a published sideband ring against the offset 0 ... 99.

    Parameters
    ----------
    name : {"mpf", "glm", "ising"}

    Returns
    -------
    ndarray, shape (100,)
        Symmetric: as large at the offset n - d as at d.
    """
    text = files(__package__).joinpath("sidebands.csv").read_text(encoding="utf-8")
    head, *lines = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    half = np.array([float(line[head.index(name)]) for line in lines])
    return np.concatenate([half, half[-2:0:-1]])


def circulant(profile) -> np.ndarray:
    """Matrix whose entry [i, j] is the profile at the offset (j - i) mod n."""
    neuron = np.arange(len(profile))
    return np.asarray(profile)[(neuron - neuron[:, None]) % len(profile)]


def sideband_network(couplings, ring: Network, fraction: float = 1.0) -> Network:
    """Make a ring of couplings that were inferred from a ring, by the published recipe.

    Take the mean coupling at each offset, set what excites to 0, scale it so that the strongest inhibition is
    that of the ring, make it symmetric, and give it the self-coupling of the ring; then mix it with the ring.

    Parameters
    ----------
    couplings : (n, n) array_like
        Inferred, [pre, post]; the diagonal does not count, and NaN is left out of means.
    ring : Network
        Circulant, inhibitory somewhere.
    fraction : float
        Part of the result that is made of the couplings, in [0, 1].

    Returns
    -------
    Network
        Circulant and symmetric, with the drive of the ring.

    Raises
    ------
    ValueError
        If shapes differ, the ring is not circulant, an offset has no coupling, no mean coupling inhibits, or
        the fraction is out of range.

    References
    ----------
    Das & Fiete (2020), doi:10.1038/s41593-020-0699-2: `W_up_sb` of the authors' code.
    """
    couplings, n = np.asarray(couplings, dtype=float), ring.n_neurons
    if couplings.shape != (n, n):
        raise ValueError(f"couplings: shape is {couplings.shape}; allowed is that of the ring, {(n, n)}")
    if not ring.circulant:
        raise ValueError(f"ring: {ring.name!r} is not circulant; its weights must depend on the offset alone")
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction = {fraction}: must be in [0, 1]")
    pre, offset = np.arange(n)[:, None], np.arange(n)
    aligned = couplings[pre, (pre + offset) % n]
    seen = np.isfinite(aligned)
    if not seen[:, 1:].any(axis=0).all():
        raise ValueError(f"couplings: offset {1 + int(np.argmin(seen[:, 1:].any(axis=0)))} has no coupling")
    mean = np.where(seen, aligned, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    mean[0] = 0
    mean = np.minimum(mean, 0)
    if not mean.any():
        raise ValueError("couplings: no mean coupling inhibits, so that there is nothing to scale")
    weights = ring.dense_weights()
    mean *= weights[0, 1:].min() / mean.min()
    mean = (mean + mean[-offset % n]) / 2
    mean[0] = weights[0, 0]
    made_of = {"fraction": fraction, "ring": ring.provenance, "profile": "given"}
    mixed = (1 - fraction) * weights + fraction * circulant(mean)
    return from_family("sideband", made_of, mixed, drive_scale=ring.drive_scale, circulant=True)
