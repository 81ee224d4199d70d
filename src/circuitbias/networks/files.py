"""Weights from a file of the user's own: .npy, .npz, .csv or .mat (any version)."""

import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
import scipy.sparse

from circuitbias.networks.mat_files import read_mat
from circuitbias.networks.network import Network, checked_weights, is_circulant
from circuitbias.reading import check_size, read_npy, read_npz


def read_weights(path: str | os.PathLike, variable: str | None = None) -> np.ndarray | scipy.sparse.csr_array:
    """Read a weight matrix; entry [i, j] is the weight from neuron i (pre) to neuron j (post).

    Parameters
    ----------
    path : path-like
        The suffix decides: .npy, .npz (also of `scipy.sparse.save_npz`), .csv (commas; `#` starts a
        comment) or .mat (v4 to v7.3, dense or sparse; W(i, j) as MATLAB shows it). Nothing is ever unpickled.
    variable : str, optional
        Name of the matrix in an .npz or .mat file. Needed only if the file holds several.

    Returns
    -------
    array (n, n), float64
        Of `scipy.sparse.save_npz`: a sparse one, whose memory grows with its entries.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read or is too large (`circuitbias.reading.LARGEST_BYTES`), if it is not
        clear which variable is meant, or if the matrix is not square, real and finite with at least
        2 neurons.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"path: suffix of {path} is not known; allowed are {', '.join(_READERS)}")
    if not os.path.isfile(path):  # a name can be too long for Path.is_file
        raise FileNotFoundError(f"path: there is no file {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"path: {path} is empty")
    try:
        arrays = _READERS[suffix](path, variable)
    except Exception as error:  # foreign files can fail in any way their libraries know
        raise ValueError(f"path: {path} cannot be read as {suffix} ({str(error) or repr(error)})") from error
    name = _chosen(arrays, variable, path)
    return checked_weights(arrays[name], name=f"{path}: {name}" if name else str(path))


def file_network(path: str | os.PathLike, variable: str | None = None) -> Network:
    """Make the weights in a file a `Network` with equal drive for all; see `read_weights`."""
    weights = read_weights(path, variable)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Network(
        weights=weights,
        positions=np.arange(weights.shape[0]),
        drive_scale=np.ones(weights.shape[0]),
        name=Path(path).stem,
        circulant=is_circulant(weights),
        provenance={
            "family": "file",
            "path": os.fspath(path),
            "variable": variable,
            "sha256": digest,
        },
    )


def _chosen(arrays: dict[str, np.ndarray], variable: str | None, path: Path) -> str:
    """Return the key of the weight matrix: the one asked for, or the only one it can be."""
    listing = ", ".join(f"{name or 'one unnamed array'} {a.shape}" for name, a in arrays.items())
    if variable is not None:
        if variable not in arrays:
            raise ValueError(f"variable: {variable!r} is not in {path}; it holds {listing or '-'}")
        return variable
    # MATLAB knows neither scalars nor vectors: 1 x 1 and 1 x n are no candidates.
    matrices = [
        name for name, a in arrays.items() if a.ndim == 2 and min(a.shape) > 1 and a.dtype.kind in "biufc"
    ]
    candidates = matrices or list(arrays)
    if len(candidates) != 1:
        raise ValueError(f"variable: say which one is the matrix; {path} holds {listing or '-'}")
    return candidates[0]


# Readers return {name: array}; the name of a lone array is "". Given a name that is there, they
# read it alone, so that unreadable company does no harm.


def _wanted(names: list[str], variable: str | None) -> list[str]:
    return [variable] if variable in names else list(names)


def _read_npy(path: Path, variable: str | None) -> dict:
    with open(path, "rb") as file:  # np.load would take other formats for .npy by their content
        return {"": read_npy(file, path.stat().st_size)}


def _read_npz(path: Path, variable: str | None) -> dict:
    sparse = False

    def choose(names):
        nonlocal sparse
        sparse = set(names) >= _OF_SPARSE
        return names if sparse else _wanted(names, variable)

    arrays = read_npz(path, choose)  # which calls `choose`
    return {"": _sparse_matrix(arrays)} if sparse else arrays


_OF_SPARSE = {"format", "shape", "data"}
"""Names that `scipy.sparse.save_npz` writes, whatever the format."""


def _sparse_matrix(arrays):
    """The matrix of `scipy.sparse.save_npz`, whose own reader believes the file, and so can crash."""
    kind = arrays["format"].item().decode()
    if kind not in ("csr", "csc"):
        raise ValueError(f"its sparse format is {kind!r}; allowed are csr and csc")
    compressed = scipy.sparse.csr_array(
        (arrays["data"], arrays["indices"], arrays["indptr"]), shape=tuple(map(int, arrays["shape"]))
    )
    # Of a square matrix, columns are the rows of the transpose; `checked_weights` looks before it transposes.
    return compressed if kind == "csr" else checked_weights(compressed).T


def _read_csv(path: Path, variable: str | None) -> dict:
    check_size("its text", path.stat().st_size)
    with warnings.catch_warnings(), open(path, encoding="utf-8-sig") as file:
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # we say it ourselves
        return {"": np.loadtxt(file, delimiter=",", ndmin=2)}


def _read_mat(path: Path, variable: str | None) -> dict:
    return read_mat(path, lambda names: _wanted(names, variable))


_READERS = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv, ".mat": _read_mat}
