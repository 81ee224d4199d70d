"""Files of MATLAB version 7.3, which are HDF5 with the axes reversed (column-major)."""

import math
from collections.abc import Callable
from functools import partial

import h5py
import numpy as np

from circuitbias.mat_files.contents import DEEPEST, Cells, Other, Struct, field_or_other, rows_of_text
from circuitbias.mat_files.sparse import from_columns
from circuitbias.reading import check_hdf5_storage, check_size, hdf5_item, hdf5_opened


def read_version73(path: str, choose: Callable, cells: bool) -> dict[str, np.ndarray | Other | Cells]:
    """Read the variables that are chosen."""
    with hdf5_opened(path) as file:
        items = {name: hdf5_item(file, name) for name in choose(list(file))}
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
                check_size(f"{name} of shape {shape}", 8 * math.prod(shape))
                arrays[name] = from_columns(data, ir, jc, shape)
            elif "MATLAB_empty" in item.attrs and parts[name]:  # then the numbers stored are the shape
                shape = item[()].astype(int)
                if shape.prod() != 0:
                    raise ValueError(f"{name} claims to be empty with shape {shape}")
                arrays[name] = np.empty(shape)
            elif parts[name]:
                arrays[name] = item[()].T
            elif cells and _is_cell73(item) and not name.startswith("#"):
                arrays[name] = field_or_other(partial(_cells73, file, item))
            elif cells and _is_text73(item):
                arrays[name] = field_or_other(partial(_text73, item))
            elif cells and isinstance(item, h5py.Group) and item.attrs.get("MATLAB_class") == b"struct":
                arrays[name] = _struct73(file, item, 1)
            elif not name.startswith("#"):  # those are MATLAB's own
                arrays[name] = Other(_what73(item), getattr(item, "shape", ())[::-1])
        return arrays


def _cells73(file: h5py.File, item: h5py.Dataset) -> Cells:
    """Follow the references of a cell array to datasets of the same file."""
    check_hdf5_storage(item)
    check_size("a cell array", 16 * item.nbytes)
    arrays, n_bytes = [], 0
    for k, reference in enumerate(item[()].ravel()):
        cell = file[reference] if reference else None
        if not isinstance(cell, h5py.Dataset) or cell.is_virtual or cell.external:
            raise ValueError(f"cell {k + 1} holds no real numbers or text that lie in the file itself")
        if _is_text73(cell):
            arrays.append(_text73(cell))
            continue
        if not _parts(cell):
            raise ValueError(f"cell {k + 1} holds no real numbers")
        check_hdf5_storage(cell)
        n_bytes += cell.nbytes
        check_size("its cells", n_bytes)
        arrays.append(np.empty((0, 0)) if "MATLAB_empty" in cell.attrs else cell[()].T)
    return Cells(item.shape[::-1], arrays)


def _struct73(file: h5py.File, group: h5py.Group, depth: int) -> Struct:
    return Struct((), {key: field_or_other(partial(_field73, file, group, key, depth)) for key in group})


def _is_text73(item) -> bool:
    return isinstance(item, h5py.Dataset) and item.attrs.get("MATLAB_class") == b"char"


def _text73(item: h5py.Dataset) -> np.ndarray:
    """Read a matrix of characters: a text for each row."""
    check_size("a text", 4 * item.size)
    check_hdf5_storage(item)
    if "MATLAB_empty" in item.attrs or item.dtype.kind != "u":
        return np.array([], dtype=str)
    return rows_of_text("".join(map(chr, item[()].ravel().tolist())), item.shape[::-1])


def _field73(file: h5py.File, group: h5py.Group, name: str, depth: int) -> np.ndarray | Cells | Struct:
    """Read a field of a struct: an array, or a cell array; of a struct array, too, it holds references."""
    item = hdf5_item(group, name)
    if isinstance(item, h5py.Group) and item.attrs.get("MATLAB_class") == b"struct" and depth < DEEPEST:
        return _struct73(file, item, depth + 1)
    if _is_text73(item):
        return _text73(item)
    if _is_cell73(item):
        return _cells73(file, item)
    if not _parts(item) or "MATLAB_sparse" in item.attrs:
        raise ValueError(f"{name} holds no real numbers")
    check_size(name, item.nbytes)
    check_hdf5_storage(item)
    return np.empty((0, 0)) if "MATLAB_empty" in item.attrs else item[()].T


def _is_cell73(item) -> bool:
    return isinstance(item, h5py.Dataset) and h5py.check_ref_dtype(item.dtype) is h5py.Reference


def _what73(item: h5py.Dataset | h5py.Group) -> str:
    """Class in MATLAB of what is no matrix of real numbers."""
    what = item.attrs.get("MATLAB_class", b"")
    if isinstance(item, h5py.Dataset) and item.dtype.names:
        return "complex"
    return what.decode("latin1") if isinstance(what, bytes) and what else "unknown"


def _parts(item: h5py.Dataset | h5py.Group) -> dict[str, h5py.Dataset]:
    """Datasets of numbers that a variable of a v7.3 file is read from; none if it is no matrix."""
    if "MATLAB_sparse" in item.attrs:
        parts = {key: hdf5_item(item, key) for key in ("data", "ir", "jc") if key in item}
        if not all(part.dtype.kind in "biuf" for part in parts.values()):
            raise ValueError("a sparse matrix is not of real numbers")
        return parts
    # Texts are stored as numbers too, and so is, where there is MATLAB_object_decode, the place of an object.
    is_matrix = isinstance(item, h5py.Dataset) and item.attrs.get("MATLAB_class") != b"char"
    is_matrix = is_matrix and "MATLAB_object_decode" not in item.attrs
    return {"": item} if is_matrix and item.dtype.kind in "biuf" else {}
