"""A network: the true weights W0 and what belongs to them."""

import json
import os
from dataclasses import dataclass, fields, replace

import numpy as np
import scipy  # parts of it are loaded when they are first used

from circuitbias.checks import flag
from circuitbias.files import DamagedFileError, atomic_path, damaged, read_arrays
from circuitbias.networks.edges import is_sparse

LARGEST_DENSE_MB = 3200
"""A matrix of all pairs of 20 000 neurons."""

_COMPRESSED = ("data", "indices", "indptr")


@dataclass(frozen=True, eq=False)
class Network:
    """Weights of a recurrent network, with positions, relative drive and provenance.

    Parameters
    ----------
    weights : array (n, n), dense or sparse
        W0; `weights[i, j]` is the weight from neuron i (pre) to neuron j (post), unscaled by r. A sparse
        one (any of `scipy.sparse`) is kept as a `scipy.sparse.csr_array`: memory then grows with synapses.
    positions : array (n,)
        Where each neuron lies; for a ring its index.
    drive_scale : array (n,)
        Drive of each neuron relative to the common drive b: 1, or 0 for a pinned neuron.
    name : str
        Short name, for file names and legends.
    circulant : bool
        Whether W0 depends on the offset (j - i) mod n alone, the diagonal aside. There is one mean profile
        then; whether rows differ by noise alone, `equivalent_positions` says.
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
            values = np.asarray(getattr(self, key))
            if values.dtype.kind not in "iuf":  # numbers in texts, truth values and complex ones would pass
                raise ValueError(f"{key}: dtype is {values.dtype}; allowed are real numbers")
            values = np.array(values, dtype=np.float64)
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
        set_(self, "circulant", flag("circulant", self.circulant))
        if self.circulant and not is_circulant(self.weights):
            raise ValueError("circulant: True, but weights do not depend on the offset j - i alone")
        try:
            json.dumps(self.provenance, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"provenance: cannot be written as JSON ({error})") from error

    def __repr__(self):
        entries = scipy.sparse.coo_array(self.weights)
        values = entries.data[(entries.row != entries.col) & (entries.data != 0)]
        span = f", weights from {values.min():.3g} to {values.max():.3g}" if values.size else ""
        alike = "all driven alike" if np.ptp(self.drive_scale) == 0 else "driven unequally"
        return (
            f"Network {self.name!r}: {self.n_neurons} neurons, {values.size} connections{span}\n"
            f"  {'circulant, ' if self.circulant else ''}{alike}; made by {self.provenance!s:.200}"
        )

    @property
    def n_neurons(self) -> int:
        """Number of neurons n."""
        return self.weights.shape[0]

    @property
    def equivalent_positions(self) -> bool:
        """Whether no neuron can be told from another by its place: not by weights, self-coupling or drive.

        Only then are the rows of an estimate samples of one profile, and their spread is its variance. A
        silenced neuron holds the activity in place, and rows differ by where they lie.
        """
        own = self.weights.diagonal()
        return (
            self.circulant and np.ptp(self.drive_scale) == 0 and bool(np.ptp(own) <= 1e-9 * np.abs(own).max())
        )

    @property
    def wiring_known(self) -> bool:
        """Whether a weight of 0 says that there is no synapse, and any other that there is one.

        So it is if any weight is 0, the diagonal aside. A ring connects all with all, ever more weakly, and
        so does a sheet without a reach: their smallest weights may be rounded to 0.
        """
        made_of = self.provenance
        if made_of.get("family") in ("ring", "sheet") and made_of.get("reach") is None:
            return False
        n = self.n_neurons
        entries = scipy.sparse.coo_array(self.weights)
        nonzero = (entries.data != 0) & (entries.row != entries.col)
        return int(nonzero.sum()) < n * (n - 1)

    def dense_weights(self) -> np.ndarray:
        """Return W0 as an ordinary matrix, for what compares all pairs of neurons.

        Raises
        ------
        ValueError
            If that would take more than `LARGEST_DENSE_MB`.
        """
        if not is_sparse(self.weights):
            return self.weights
        size_mb = 8e-6 * self.n_neurons**2
        if size_mb > LARGEST_DENSE_MB:
            raise ValueError(
                f"weights: a matrix of all pairs of {self.n_neurons} neurons takes {size_mb:.0f} MB; "
                f"allowed are {LARGEST_DENSE_MB} MB, {int((LARGEST_DENSE_MB / 8e-6) ** 0.5)} neurons. Larger "
                "networks can be simulated, but not be compared with an estimate pair by pair"
            )
        return self.weights.toarray()

    def weight_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that W0 is made of, one or, if it is sparse, three, by the names in a file."""
        if not is_sparse(self.weights):
            return {"weights": self.weights}
        return {f"weights_{name}": getattr(self.weights, name) for name in _COMPRESSED}

    def save(self, path: str | os.PathLike) -> None:
        """Write the network to `path` in .npz format, aside and then renamed.

        Raises
        ------
        ValueError
            If its arrays have been changed into what makes no network, and could not be read again.
        """
        replace(self)  # looks at all parts again
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "weights"}
        parts |= self.weight_arrays() | {"provenance": json.dumps(self.provenance)}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **parts)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Network":
        """Read a network that `save` wrote; nothing is ever unpickled.

        Raises
        ------
        OSError
            If it is missing, or the system cannot read it.
        DamagedFileError
            If the file is something else, or damaged.
        """
        try:
            others = [field.name for field in fields(cls) if field.name != "weights"]
            parts = read_arrays(path, "network file", others)
            if "weights" not in parts:
                data, indices, starts = (parts.pop(f"weights_{name}") for name in _COMPRESSED)
                shape = (len(starts) - 1,) * 2
                parts["weights"] = scipy.sparse.csr_array((data, indices, starts), shape=shape)
            parts = {field.name: parts[field.name] for field in fields(cls)}
            for key in ("name", "circulant", "provenance"):
                parts[key] = parts[key].item()
            parts["provenance"] = json.loads(parts["provenance"])
            return cls(**parts)
        except (OSError, MemoryError, DamagedFileError):
            raise
        except Exception as error:  # the arrays of another kind of file: json and numpy fail in many ways
            raise damaged(path, "network file", error) from error


def from_family(family: str, options: dict, weights, drive_scale=None, circulant: bool = False) -> Network:
    """Make the network of a family, named after it, with its options for provenance.

    Parameters
    ----------
    family : str
    options : dict
        That it is made of; must survive JSON.
    weights : array (n, n), dense or sparse
    drive_scale : array (n,), optional
    circulant : bool
    """
    n = weights.shape[0]
    return Network(
        weights=weights,
        positions=np.arange(n),
        drive_scale=np.ones(n) if drive_scale is None else drive_scale,
        name=family,
        circulant=circulant,
        provenance={"family": family} | options,
    )


def checked_weights(values, name: str = "weights"):
    """Return `values` as a new float64 matrix, once it is sure to be a weight matrix.

    Parameters
    ----------
    values : array-like (n, n), or sparse
        Real numbers, [pre, post].
    name : str
        What the error messages call it.

    Returns
    -------
    array (n, n), or scipy.sparse.csr_array (n, n)
        As it was given. Of a sparse one, the entries of a row are in the order of the neurons, each once.

    Raises
    ------
    ValueError
        Unless it is square with n >= 2, real and finite.
    """
    sparse = is_sparse(values)
    values = values if sparse else np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: dtype is {values.dtype}; allowed are real numbers")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] < 2:
        raise ValueError(f"{name}: shape is {values.shape}; allowed is a square matrix of at least 2 neurons")
    if sparse:
        values = scipy.sparse.csr_array(values, dtype=np.float64, copy=True)
        # Compiled code trusts the indices; check_format looks at nothing if the last start is 0.
        if (np.diff(values.indptr) < 0).any():
            raise ValueError(f"{name}: the starts of the rows of a sparse matrix decrease")
        values.check_format()
        values.sum_duplicates()
        bad = np.argwhere(~np.isfinite(values.data))[:, 0]
        bad = [(int(np.searchsorted(values.indptr, k, "right")) - 1, int(values.indices[k])) for k in bad]
    else:
        with np.errstate(all="ignore"):  # what float64 cannot hold becomes infinite, and is named below
            values = np.array(values, dtype=np.float64, order="C")
        bad = np.argwhere(~np.isfinite(values)).tolist()
    if bad:
        i, j = bad[0]
        raise ValueError(
            f"{name}: {len(bad)} entries are not finite, the first is [{i}, {j}] = {values[i, j]}"
        )
    return values


def is_circulant(weights, tolerance: float = 1e-9) -> bool:
    """Whether W0[i, j] depends on (j - i) mod n alone, the diagonal aside.

    Parameters
    ----------
    weights : array (n, n), dense or sparse
    tolerance : float
        Allowed spread within one offset, relative to the largest off-diagonal weight.
    """
    n = weights.shape[0]
    if is_sparse(weights):
        entries = weights.tocoo()
        offset = (entries.col - entries.row) % n
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(low, offset, entries.data)
        np.maximum.at(high, offset, entries.data)
        incomplete = np.bincount(offset, minlength=n) < n  # the others of this offset are 0
        low[incomplete], high[incomplete] = low[incomplete].clip(max=0), high[incomplete].clip(min=0)
        low, high = low[1:], high[1:]
    else:
        pre, offset = np.arange(n)[:, None], np.arange(1, n)
        aligned = weights[pre, (pre + offset) % n]  # column d - 1 holds all weights at offset d
        low, high = aligned.min(axis=0), aligned.max(axis=0)
    return bool((high - low <= tolerance * max(np.abs(low).max(), np.abs(high).max())).all())
