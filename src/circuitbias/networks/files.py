"""Weights from a file of the user's own: .npy, .npz, .csv or .mat (any version)."""

import hashlib
import math
import os
import warnings
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import scipy.sparse

from circuitbias.networks.mat_files import are_numbers
from circuitbias.networks.network import Network, checked_weights, is_circulant
from circuitbias.reading import check_hdf5_storage, check_size, hdf5_item, read_npy, read_npz


def read_weights(path: str | os.PathLike, variable: str | None = None) -> np.ndarray:
    """Read a weight matrix; entry [i, j] is the weight from neuron i (pre) to neuron j (post).

    Parameters
    ----------
    path : path-like
        The suffix decides: .npy, .npz, .csv (commas; `#` starts a comment) or .mat (v4 to v7.3,
        dense or sparse; W(i, j) as MATLAB shows it). Nothing is ever unpickled.
    variable : str, optional
        Name of the matrix in an .npz or .mat file. Needed only if the file holds several.

    Returns
    -------
    array (n, n), float64

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
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"path: {path} is empty")
    try:
        arrays = _READERS[suffix](path, variable)
    except Exception as error:  # foreign files can fail in any way their libraries know
        raise ValueError(f"path: {path} cannot be read as {suffix} ({error})") from error
    name = _chosen(arrays, variable, path)
    return checked_weights(arrays[name], name=f"{path}: {name}" if name else str(path))


def file_network(path: str | os.PathLike, variable: str | None = None) -> Network:
    """Make the weights in a file a `Network` with equal drive for all; see `read_weights`."""
    weights = read_weights(path, variable)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Network(
        weights=weights,
        positions=np.arange(len(weights)),
        drive_scale=np.ones(len(weights)),
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
    return read_npz(path, lambda names: _wanted(names, variable))


def _read_csv(path: Path, variable: str | None) -> dict:
    check_size("its text", path.stat().st_size)
    with warnings.catch_warnings(), open(path, encoding="utf-8-sig") as file:
        warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # we say it ourselves
        return {"": np.loadtxt(file, delimiter=",", ndmin=2)}


def _read_mat(path: Path, variable: str | None) -> dict:
    if h5py.is_hdf5(path):
        return _read_mat73(path, variable)
    are_matrices = are_numbers(path)  # comes first: scipy is not safe with files that fail here
    listed = scipy.io.whosmat(path)
    arrays, wanted, n_bytes = {}, [], 0
    for (name, shape, _), is_matrix in zip(listed, are_matrices, strict=True):
        if name in arrays:
            raise ValueError(f"it holds {name} twice")
        if not name.startswith("__"):
            arrays[name] = _stand_in(shape, object)
            if is_matrix and name in _wanted([name for name, *_ in listed], variable):
                wanted.append(name)
                n_bytes += 8 * math.prod(shape)
    check_size("what it holds", n_bytes)
    content = scipy.io.loadmat(path, variable_names=wanted)
    return arrays | {name: _dense(content[name]) for name in wanted}


def _read_mat73(path: Path, variable: str | None) -> dict:
    """Read a MATLAB v7.3 file, which is HDF5 with the axes reversed (column-major)."""
    with h5py.File(path, "r") as file:
        items = {name: hdf5_item(file, name) for name in _wanted(list(file), variable)}
        parts = {name: _parts(item) for name, item in items.items()}
        every_part = [part for several in parts.values() for part in several.values()]
        check_size("what it holds", sum(part.nbytes for part in every_part))
        for part in every_part:
            check_hdf5_storage(part)
        arrays = {}
        for name, item in items.items():
            if "MATLAB_sparse" in item.attrs:  # compressed columns; the attribute is the row count
                # an all-zero matrix has jc only
                data, ir = (parts[name][k][()] if k in item else np.zeros(0, int) for k in ("data", "ir"))
                jc = parts[name]["jc"][()]
                shape = (int(item.attrs["MATLAB_sparse"]), len(jc) - 1)
                arrays[name] = _dense(scipy.sparse.csc_array((data, ir, jc), shape=shape))
            elif "MATLAB_empty" in item.attrs and parts[name]:  # then the numbers stored are the shape
                arrays[name] = _stand_in(item[()].astype(int), float)
            elif parts[name]:
                arrays[name] = item[()].T
            elif isinstance(item, h5py.Dataset) and item.attrs.get("MATLAB_class") != b"char":
                arrays[name] = _stand_in(item.shape[::-1], item.dtype)
        return arrays


def _parts(item: h5py.Dataset | h5py.Group) -> dict[str, h5py.Dataset]:
    """Datasets of numbers that a variable of a v7.3 file is read from; none if it is no matrix."""
    if "MATLAB_sparse" in item.attrs:
        return {key: hdf5_item(item, key) for key in ("data", "ir", "jc") if key in item}
    is_matrix = isinstance(item, h5py.Dataset) and item.attrs.get("MATLAB_class") != b"char"
    return {"": item} if is_matrix and item.dtype.kind in "biufc" else {}


def _dense(matrix) -> np.ndarray:
    """Make a sparse matrix dense, once its indices are known to lie within: scipy would not look."""
    if not scipy.sparse.issparse(matrix):
        return np.asarray(matrix)
    check_size("a sparse matrix", math.prod(matrix.shape) * matrix.dtype.itemsize)
    if matrix.format == "csc":
        matrix.check_format(full_check=True)
    return matrix.toarray()


def _stand_in(shape, dtype) -> np.ndarray:
    """Take the place, in listings, of an array that is not read; one entry's memory, whatever its shape."""
    return np.broadcast_to(np.empty((), dtype), shape)


_READERS = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv, ".mat": _read_mat}
