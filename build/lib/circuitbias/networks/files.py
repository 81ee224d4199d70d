"""Weights from a file of the user's own: .npy, .npz, .csv or .mat (any version)."""

import hashlib
import os
from io import BufferedReader
from pathlib import Path

import numpy as np
import scipy.sparse

from circuitbias.component import NetworkFamily, option
from circuitbias.mat_files import Other, read_mat
from circuitbias.networks.edges import list_of_edges
from circuitbias.networks.network import Network, checked_weights, is_circulant
from circuitbias.networks.text import read_matrix
from circuitbias.numpy_files import read_npy, unzipped
from circuitbias.reading import check_size, expanded, is_of_system, opened

_REMEDIES = {
    "struct": "take a field of it, W = {name}.FIELD",
    "table": "convert it, W = table2array({name})",
    "timetable": "convert it, W = {name}.Variables",
    "cell": "convert it, W = cell2mat({name})",
    "char": "convert it, W = str2num({name})",
    "string": "convert it, W = double({name})",
    "complex": "take a part of it, W = real({name})",
}
"""What to do in MATLAB with a variable that is no matrix of real numbers."""


class File(NetworkFamily):
    """Weights from a file."""

    path: str = option(
        says="File with the square matrix of weights (.npy, .npz, .csv, .mat, or .npz of "
        "scipy.sparse.save_npz, which stays sparse), [pre, post]; no braces or control characters in its "
        "path. A relative path starts from the working directory, where results go; ~ is your home.",
        pattern=r"^[^{}\x00-\x1f\x7f]+$",
    )
    variable: str | None = option(None, "Its name in a file that holds several; null takes the only one.")

    @property
    def size(self):
        """Number of neurons: of a file, only by reading it."""
        return read_weights(self.path, self.variable).shape[0]

    def files(self):
        """Files that it is read from."""
        return [self.path]

    def build(self):
        """Make the network."""
        return file_network(**self.options())


def read_weights(path: str | os.PathLike, variable: str | None = None) -> np.ndarray | scipy.sparse.csr_array:
    """Read a weight matrix; entry [i, j] is the weight from neuron i (pre) to neuron j (post).

    Parameters
    ----------
    path : path-like
        The suffix decides: .npy, .npz (also of `scipy.sparse.save_npz`), .csv (commas; `#` starts a
        comment) or .mat (v4 to v7.3, dense or sparse; W(i, j) as MATLAB shows it). Nothing is ever
        unpickled. A leading ``~`` is expanded; a relative path starts from the working directory.
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
    OSError
        If the system cannot read it.
    ValueError
        If it is no file of its kind, or is too large (`circuitbias.reading.LARGEST_BYTES`), if it is not
        clear which variable is meant, if that is a list of edges, or if the matrix is not square, real and
        finite with at least 2 neurons.
    """
    path = expanded(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"path: suffix of {path} is not known; allowed are {', '.join(_READERS)}")
    _check_there_is(path)
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ValueError(f"path: {path} is empty")
        try:
            arrays = _READERS[suffix](file, variable)
        except Exception as error:  # foreign files can fail in any way their libraries know
            if is_of_system(error):
                raise
            reason = str(error) or repr(error)
            raise ValueError(f"path: {path} cannot be read as {suffix} ({reason})") from error
    name = _chosen(arrays, variable, path)
    what, values = f"{path}: {name}" if name else str(path), arrays[name]
    if isinstance(values, Other):
        remedy = _REMEDIES.get(values.what, "make a matrix of it")
        raise ValueError(
            f"{what} is of class {values.what}; allowed is a matrix of real numbers. In MATLAB, "
            f"{remedy.format(name=name)}, and save that"
        )
    if edges := list_of_edges(values):
        raise ValueError(f"{what}: shape is {values.shape}: {edges}")
    return checked_weights(values, name=what)


def _check_there_is(path: Path) -> None:
    """Refuse a path at which there is nothing, in words that fit a key of a config."""
    try:
        there = path.exists()
    except (OSError, ValueError) as error:  # a name that no file can have, or a folder that is shut
        if isinstance(error, PermissionError):
            raise
        there = False
    if not there:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        link = f": it is a link to {os.readlink(path)}, which is not there" if os.path.islink(path) else ""
        raise FileNotFoundError(f"path: there is no file {path}{where}{link}")


def file_network(path: str | os.PathLike, variable: str | None = None) -> Network:
    """Make the weights in a file a `Network` with equal drive for all; see `read_weights`."""
    weights = read_weights(path, variable)
    with opened(path) as file:
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
    listing = ", ".join(
        f"{name or 'one unnamed array'} {f'({a.what})' if isinstance(a, Other) else a.shape}"
        for name, a in arrays.items()
    )
    if variable is not None:
        if variable not in arrays:
            raise ValueError(f"variable: {variable!r} is not in {path}; it holds {listing or '-'}")
        return variable
    # MATLAB knows neither scalars nor vectors: 1 x 1 and 1 x n are no candidates.
    matrices = [
        name
        for name, a in arrays.items()
        if not isinstance(a, Other) and a.ndim == 2 and min(a.shape) > 1 and a.dtype.kind in "biufc"
    ]
    candidates = matrices or list(arrays)
    if len(candidates) != 1:
        raise ValueError(f"variable: say which one is the matrix; {path} holds {listing or '-'}")
    return candidates[0]


# Readers return {name: array}; the name of a lone array is "". Given a name that is there, they
# read it alone, so that unreadable company does no harm.


def _wanted(names: list[str], variable: str | None) -> list[str]:
    return [variable] if variable in names else list(names)


def _read_npy(file: BufferedReader, variable: str | None) -> dict:
    return {"": read_npy(file, os.fstat(file.fileno()).st_size)}  # np.load would take other formats


def _read_npz(file: BufferedReader, variable: str | None) -> dict:
    sparse = False

    def choose(names):
        nonlocal sparse
        sparse = set(names) >= _OF_SPARSE
        return names if sparse else _wanted(names, variable)

    arrays = unzipped(file, choose)  # which calls `choose`
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


def _read_csv(file: BufferedReader, variable: str | None) -> dict:
    check_size("its text", os.fstat(file.fileno()).st_size)
    return {"": read_matrix(file.read())}


def _read_mat(file: BufferedReader, variable: str | None) -> dict:
    return read_mat(file, lambda names: _wanted(names, variable))


_READERS = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv, ".mat": _read_mat}
