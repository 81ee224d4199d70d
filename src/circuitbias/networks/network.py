"""A network: the true weights W0 and what belongs to them."""

import json
import os
from dataclasses import asdict, dataclass, fields

import numpy as np

from circuitbias.files import atomic_path
from circuitbias.reading import read_npz


@dataclass(frozen=True, eq=False)
class Network:
    """Weights of a recurrent network, with positions, relative drive and provenance.

    Parameters
    ----------
    weights : array (n, n)
        W0; `weights[i, j]` is the weight from neuron i (pre) to neuron j (post), unscaled by r.
    positions : array (n,)
        Where each neuron lies; for a ring its index.
    drive_scale : array (n,)
        Drive of each neuron relative to the common drive b: 1, or 0 for a pinned neuron.
    name : str
        Short name, for file names and legends.
    circulant : bool
        Whether W0 depends on the offset (j - i) mod n alone, the diagonal aside. Then all rows are
        samples of one profile, which decides how errors are split into bias and variance.
    provenance : dict
        What made it; must survive JSON.

    Raises
    ------
    ValueError
        If a part has a wrong shape or type or is not finite, or if `circulant` is claimed wrongly.
    """

    weights: np.ndarray
    positions: np.ndarray
    drive_scale: np.ndarray
    name: str
    circulant: bool
    provenance: dict

    def __post_init__(self):
        set_ = object.__setattr__  # the one moment at which a frozen instance may be tidied
        set_(self, "weights", checked_weights(self.weights))
        for key in ("positions", "drive_scale"):
            values = np.array(getattr(self, key), dtype=np.float64)
            if values.shape != (self.n_neurons,):
                raise ValueError(
                    f"{key}: shape is {values.shape}; allowed is ({self.n_neurons},), "
                    "one number per neuron of weights"
                )
            if not np.isfinite(values).all():
                raise ValueError(f"{key}: {values[~np.isfinite(values)][0]} is not a finite number")
            set_(self, key, values)
        if not (isinstance(self.name, str) and self.name):
            raise ValueError(f"name: {self.name!r} is not allowed; give a non-empty string")
        set_(self, "circulant", bool(self.circulant))
        if self.circulant and not is_circulant(self.weights):
            raise ValueError("circulant: True, but weights do not depend on the offset j - i alone")
        try:
            json.dumps(self.provenance, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"provenance: cannot be written as JSON ({error})") from error

    @property
    def n_neurons(self) -> int:
        """Number of neurons n."""
        return len(self.weights)

    def save(self, path: str | os.PathLike) -> None:
        """Write the network to `path` in .npz format, aside and then renamed."""
        parts = asdict(self) | {"provenance": json.dumps(self.provenance)}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **parts)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Network":
        """Read a network that `save` wrote; nothing is ever unpickled.

        Raises
        ------
        FileNotFoundError
            If there is no such file; another OSError if it cannot be opened.
        ValueError
            If the file is something else, damaged, or too large.
        """
        try:
            parts = read_npz(path, lambda names: [field.name for field in fields(cls)])
            for key in ("name", "circulant", "provenance"):
                parts[key] = parts[key].item()
            parts["provenance"] = json.loads(parts["provenance"])
            return cls(**parts)
        except OSError:
            raise  # missing or unreadable: the system's own message is the clear one
        except Exception as error:  # json and numpy fail in many ways, too
            raise ValueError(f"{path}: is no complete network file ({error})") from error


def checked_weights(values, name: str = "weights") -> np.ndarray:
    """Return `values` as a new float64 matrix, once it is sure to be a weight matrix.

    Parameters
    ----------
    values : array-like (n, n)
        Real numbers, [pre, post].
    name : str
        What the error messages call it.

    Raises
    ------
    ValueError
        Unless it is square with n >= 2, real and finite.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: dtype is {values.dtype}; allowed are real numbers")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 2:
        raise ValueError(f"{name}: shape is {values.shape}; allowed is a square matrix of at least 2 neurons")
    with np.errstate(all="ignore"):  # what float64 cannot hold becomes infinite, and is named below
        values = np.array(values, dtype=np.float64, order="C")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        i, j = bad[0]
        raise ValueError(
            f"{name}: {len(bad)} entries are not finite, the first is [{i}, {j}] = {values[i, j]}"
        )
    return values


def is_circulant(weights: np.ndarray, tolerance: float = 1e-9) -> bool:
    """Whether W0[i, j] depends on (j - i) mod n alone, the diagonal aside.

    Parameters
    ----------
    weights : array (n, n)
    tolerance : float
        Allowed spread within one offset, relative to the largest off-diagonal weight.
    """
    n = len(weights)
    pre, offset = np.arange(n)[:, None], np.arange(1, n)
    aligned = weights[pre, (pre + offset) % n]  # column d - 1 holds all weights at offset d
    return bool((np.ptp(aligned, axis=0) <= tolerance * np.abs(aligned).max()).all())
