"""Matrices from .mat files of MATLAB, version 4 to 7.3.

`scipy.io.loadmat` is not meant for files of unknown origin: a few wrong bytes make it crash, run for ever,
or fill the memory. A weight matrix needs little of the format, and that little is read here with care.
"""

import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from itertools import islice
from typing import BinaryIO, NamedTuple

import h5py
import numpy as np

from circuitbias.reading import LARGEST_BYTES, check_hdf5_storage, check_size, hdf5_item, hdf5_opened, is_hdf5

_TYPES_4 = ("f8", "f4", "i4", "i2", "u2", "u1")
_FULL_4, _TEXT_4, _SPARSE_4 = range(3)  # classes of arrays, version 4
_TYPES_5 = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15  # kinds of elements beside those of numbers, version 5
_SPARSE_5, _NUMBERS_5, _OPAQUE_5 = 5, range(5, 16), 17  # classes: 5 sparse, 6 double ... 15 uint64
_CELL_5 = 1
_OTHERS_5 = {1: "cell", 2: "struct", 3: "object", 4: "char", 16: "function_handle"}
_COMPLEX_5 = 0x800
_HEADER_5 = 4096  # bytes; enough for the flags, the shape and the name of a variable


class Other(NamedTuple):
    """A variable that is no matrix of real numbers, or was not chosen: its class in MATLAB, and its shape."""

    what: str
    shape: tuple[int, ...]


class Cells(NamedTuple):
    """A cell array whose cells all hold matrices of real numbers: its shape, and the cells, columns first."""

    shape: tuple[int, ...]
    arrays: list[np.ndarray]


class Struct(NamedTuple):
    """A struct: its shape, and its fields; of several elements each field is a cell for every one."""

    shape: tuple[int, ...]
    fields: dict[str, "np.ndarray | Cells | Other"]


class _Variable(NamedTuple):
    name: str
    shape: tuple[int, ...]
    what: str  # its class in MATLAB
    read: Callable[[], np.ndarray] | None  # None if it is no matrix of real numbers
    read_cells: Callable[[], Cells | Struct] | None = None


def read_mat(
    file: BufferedReader, choose: Callable[[list], list], cells: bool = False
) -> dict[str, np.ndarray | Other | Cells | Struct]:
    """Read the matrices of a .mat file, full or sparse; W(i, j) as MATLAB shows it.

    Parameters
    ----------
    file : io.BufferedReader
    choose : callable
        Given the names in the file, returns those to read.
    cells : bool, optional
        Whether to read cell arrays of such matrices, and structs of both, too.

    Returns
    -------
    dict of str to array, Other, Cells or Struct

    Raises
    ------
    Exception
        Of any kind, if the file is damaged, a cell that was chosen holds anything else, or its matrices
        would take more memory than is allowed.
    """
    if is_hdf5(file):
        return _read_version73(file.name, choose, cells)
    file.seek(0)
    is_4 = 0 in file.read(4)  # part of a number; later versions begin with a text
    variables = list((_version4 if is_4 else _version5)(file, os.fstat(file.fileno()).st_size))
    names = [variable.name for variable in variables]
    if len(set(names)) < len(names):
        raise ValueError(f"it holds a variable twice: {', '.join(names)}")
    chosen = set(choose(names))
    wanted = [variable for variable in variables if variable.read and variable.name in chosen]
    check_size("what it holds", 8 * sum(math.prod(variable.shape) for variable in wanted))
    arrays = {variable.name: Other(variable.what, variable.shape) for variable in variables}
    arrays |= {variable.name: variable.read() for variable in wanted}
    held = [variable for variable in variables if cells and variable.read_cells and variable.name in chosen]
    return arrays | {variable.name: variable.read_cells() for variable in held}


def _version4(file: BinaryIO, size: int) -> Iterator[_Variable]:
    file.seek(0)
    order = "<" if 0 <= struct.unpack("<i", file.read(4))[0] <= 5000 else ">"
    place = 0
    while place < size:
        file.seek(place)
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", file.read(20))
        machine, (number, array) = kind // 100, divmod(kind % 100, 10)
        if min(rows, columns, length) < 0 or machine not in (0, 10) or number > 5 or array > _SPARSE_4:
            raise ValueError(f"the header at byte {place} has numbers out of range")
        name = file.read(length).strip(b"\0").decode("latin1")
        shape, dtype = (rows, columns), np.dtype(order + _TYPES_4[number])
        read = partial(_numbers4, file, place + 20 + length, shape, dtype)
        parts = 2 if imaginary == 1 and array != _SPARSE_4 else 1
        place += 20 + length + parts * rows * columns * dtype.itemsize
        if place > size:
            raise ValueError(f"{name} of shape {shape} claims to end at byte {place} of {size}")
        if array == _SPARSE_4:
            entries = read()
            shape, parts = tuple(_whole(entries[-1, :2]).tolist()), columns - 2
            read = partial(_sparse4, entries, shape)
        what = "char" if array == _TEXT_4 else "complex" if parts != 1 else "double"
        yield _Variable(name, shape, what, read if what == "double" else None)


def _numbers4(file: BinaryIO, place: int, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    file.seek(place)
    content = file.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape, order="F")


def _sparse4(entries: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sum the rows of `entries`: i, j (both from 1) and value; the last row is the shape."""
    rows, columns = _whole(entries[:-1, :2]).T - 1
    return _dense(entries[:-1, 2], rows, columns, shape)


def _version5(file: BinaryIO, size: int) -> Iterator[_Variable]:
    file.seek(126)
    order = {b"IM": "<", b"MI": ">"}.get(file.read(2))
    if order is None:
        raise ValueError("no mark of MATLAB's")
    place = 128
    while place < size:
        file.seek(place)
        kind, n_bytes = struct.unpack(f"{order}2I", file.read(8))
        content = partial(_content5, file, place + 8, n_bytes, kind)
        place += 8 + n_bytes
        if place > size or kind not in (_MATRIX, _COMPRESSED):
            raise ValueError(
                f"an element of kind {kind} claims to end at byte {place} of {size}: cut short or damaged"
            )
        (_, flags), (_, shape), (_, name) = parts = list(islice(_elements5(content(_HEADER_5), order), 3))
        flags, _ = struct.unpack(f"{order}2I", flags)
        array = flags & 0xFF
        if array == _OPAQUE_5:  # has no shape; the name comes earlier, and then a mark and what it is
            *_, (_, what) = islice(_elements5(content(_HEADER_5), order), 4)
            shape, name, what = (), parts[1][1], what.decode("latin1")
        else:
            shape = tuple(np.frombuffer(shape, f"{order}i4").tolist())
            what = _OTHERS_5.get(array, "double" if array in _NUMBERS_5 else "unknown")
        if not name:  # MATLAB's own
            continue
        if what == "double" and flags & _COMPLEX_5:
            what = "complex"
        read = partial(_matrix5, content, order, array, shape) if what == "double" else None
        is_inner = what in ("cell", "struct")
        read_cells = partial(_inner5, content, order, shape, what == "struct") if is_inner else None
        yield _Variable(name.decode("latin1"), shape, what, read, read_cells)


def _content5(file: BinaryIO, place: int, n_bytes: int, kind: int, most: int) -> bytes:
    """Read the beginning of a variable, at least `most` bytes if it has so many."""
    file.seek(place)
    content = file.read(min(n_bytes, most))
    return zlib.decompressobj().decompress(content, most + 8)[8:] if kind == _COMPRESSED else content


def _elements5(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Go over the parts of a variable: their kind and their bytes."""
    place = 0
    while place < len(content):
        kind, n_bytes = struct.unpack(f"{order}2I", content[place : place + 8])
        place += 8
        if kind >> 16:  # up to four bytes lie within the tag
            kind, n_bytes, place = kind & 0xFFFF, kind >> 16, place - 4
        part = content[place : place + n_bytes]
        if len(part) < n_bytes:
            raise ValueError(f"a part claims {n_bytes} bytes, of which {len(part)} are there")
        yield kind, part
        place += n_bytes
        place += -place % 8


def _matrix5(content: Callable, order: str, array: int, shape: tuple[int, ...]) -> np.ndarray:
    whole = content(LARGEST_BYTES + 1)
    check_size("a variable", len(whole))
    parts = []
    for kind, part in islice(_elements5(whole, order), 3, 6 if array == _SPARSE_5 else 4):
        if kind not in _TYPES_5:
            raise ValueError(f"numbers of unknown kind {kind}")
        if len(parts) == 2 and parts[1][-1:].tolist() == [len(part)]:
            kind = 2  # truth values of a sparse matrix: a byte each, whatever they are called
        parts.append(np.frombuffer(part, order + _TYPES_5[kind]).astype(_TYPES_5[kind]))
    if array == _SPARSE_5:
        rows, starts, values = parts
        if len(starts) != shape[1] + 1:
            raise ValueError(f"a sparse matrix of shape {shape} has {len(starts) - 1} columns")
        return _from_columns(values, rows, starts, shape)
    return parts[0].reshape(shape, order="F")


def _inner5(content: Callable, order: str, shape: tuple[int, ...], of_struct: bool) -> Cells | Struct:
    """Read a cell array, or a struct with its fields, of which each is a cell for every element."""
    what = "struct" if of_struct else "cell array"
    whole = content(LARGEST_BYTES + 1)
    check_size(f"a {what}", len(whole))
    n_cells, parts = math.prod(shape), islice(_elements5(whole, order), 3, None)
    if min(shape, default=0) < 0 or 8 * n_cells > len(whole):
        raise ValueError(f"a {what} of shape {shape} cannot lie in {len(whole)} bytes")
    if not of_struct:
        arrays = [_cell5(k, *one, order) for k, one in enumerate(parts, 1)]
        if len(arrays) != n_cells:
            raise ValueError(f"a {what} of shape {shape} holds {len(arrays)} cells")
        return Cells(shape, arrays)
    (_, length), (_, names), *parts = parts
    (length,) = struct.unpack(f"{order}i", length)
    if length < 1 or len(names) % length:
        raise ValueError(f"the names of the fields of a {what} take {len(names)} bytes, {length} each")
    cut = [names[k : k + length] for k in range(0, len(names), length)]
    fields = [name.split(b"\0")[0].decode("latin1") for name in cut]
    if len(parts) != n_cells * len(fields):
        raise ValueError(f"a {what} of shape {shape} with {len(fields)} fields holds {len(parts)} values")
    return Struct(
        shape,
        {
            field: _field(lambda k=k: _field5(parts[k :: len(fields)], order))
            for k, field in enumerate(fields)
        },
    )


def _cell5(number: int, kind: int, part: bytes, order: str) -> np.ndarray:
    """Read a cell that holds an array of real numbers."""
    if kind != _MATRIX:
        raise ValueError(f"cell {number} is an element of kind {kind}")
    if not part:  # an empty cell, as some write it
        return np.empty((0, 0))
    array, shape = _head5(part, order)
    if array & 0xFF not in _NUMBERS_5 or array & _COMPLEX_5:
        what = _OTHERS_5.get(array & 0xFF, "unknown")
        raise ValueError(f"cell {number} is of class {what}; allowed are real numbers")
    values = list(islice(_elements5(part, order), 3, 4))
    kind, numbers = values[0] if values else (9, b"")
    if kind not in _TYPES_5:
        raise ValueError(f"numbers of unknown kind {kind}")
    found = np.frombuffer(numbers, order + _TYPES_5[kind]).astype(_TYPES_5[kind])
    return found.reshape(shape, order="F")


def _head5(part: bytes, order: str) -> tuple[int, tuple[int, ...]]:
    (_, flags), (_, shape) = islice(_elements5(part, order), 2)
    return struct.unpack(f"{order}2I", flags)[0], tuple(np.frombuffer(shape, f"{order}i4").tolist())


def _field5(values: list[tuple[int, bytes]], order: str) -> np.ndarray | Cells:
    """Read a field of a struct of one element: an array or a cell array; or of several: a cell for each."""
    if len(values) != 1:
        arrays = [_cell5(k, *one, order) for k, one in enumerate(values, 1)]
        return Cells((len(arrays), 1), arrays)
    (kind, part) = values[0]
    if kind == _MATRIX and part and (head := _head5(part, order))[0] & 0xFF == _CELL_5:
        return _inner5(lambda _: part, order, head[1], of_struct=False)
    return _cell5(1, kind, part, order)


def _field(read: Callable) -> np.ndarray | Cells | Other:
    """What a field of a struct holds, if it is of use here; texts and structs within structs are not."""
    try:
        return read()
    except ValueError as error:
        return Other(str(error), ())


def _cells73(file: h5py.File, item: h5py.Dataset) -> Cells:
    """Follow the references of a cell array to datasets of the same file."""
    check_hdf5_storage(item)
    check_size("a cell array", 16 * item.nbytes)
    arrays, n_bytes = [], 0
    for k, reference in enumerate(item[()].ravel()):
        cell = file[reference] if reference else None
        if not isinstance(cell, h5py.Dataset) or cell.is_virtual or cell.external or not _parts(cell):
            raise ValueError(f"cell {k + 1} holds no real numbers that lie in the file itself")
        check_hdf5_storage(cell)
        n_bytes += cell.nbytes
        check_size("its cells", n_bytes)
        arrays.append(np.empty((0, 0)) if "MATLAB_empty" in cell.attrs else cell[()].T)
    return Cells(item.shape[::-1], arrays)


def _field73(file: h5py.File, group: h5py.Group, name: str) -> np.ndarray | Cells:
    """Read a field of a struct: an array, or a cell array; of a struct array, too, it holds references."""
    item = hdf5_item(group, name)
    if _is_cell73(item):
        return _cells73(file, item)
    if not _parts(item) or "MATLAB_sparse" in item.attrs:
        raise ValueError(f"{name} holds no real numbers")
    check_size(name, item.nbytes)
    check_hdf5_storage(item)
    return np.empty((0, 0)) if "MATLAB_empty" in item.attrs else item[()].T


def _is_cell73(item) -> bool:
    return isinstance(item, h5py.Dataset) and h5py.check_ref_dtype(item.dtype) is h5py.Reference


def _read_version73(path: str, choose: Callable, cells: bool) -> dict[str, np.ndarray | Other | Cells]:
    """Read a file of version 7.3, which is HDF5 with the axes reversed (column-major)."""
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
                arrays[name] = _from_columns(data, ir, jc, shape)
            elif "MATLAB_empty" in item.attrs and parts[name]:  # then the numbers stored are the shape
                shape = item[()].astype(int)
                if shape.prod() != 0:
                    raise ValueError(f"{name} claims to be empty with shape {shape}")
                arrays[name] = np.empty(shape)
            elif parts[name]:
                arrays[name] = item[()].T
            elif cells and _is_cell73(item) and not name.startswith("#"):
                arrays[name] = _cells73(file, item)
            elif cells and isinstance(item, h5py.Group) and item.attrs.get("MATLAB_class") == b"struct":
                arrays[name] = Struct((), {key: _field(partial(_field73, file, item, key)) for key in item})
            elif not name.startswith("#"):  # those are MATLAB's own
                arrays[name] = Other(_what73(item), getattr(item, "shape", ())[::-1])
        return arrays


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


def _from_columns(values, rows, starts, shape: tuple[int, int]) -> np.ndarray:
    """Make compressed columns dense; there may be room for more entries than there are."""
    starts, stored = _whole(starts), min(len(rows), len(values))
    counts, n_entries = np.diff(starts), int(starts[-1])
    if starts[0] != 0 or counts.min(initial=0) < 0 or n_entries > stored:
        raise ValueError("the columns of a sparse matrix overlap or lie outside")
    return _dense(values[:n_entries], rows[:n_entries], np.repeat(np.arange(len(counts)), counts), shape)


def _dense(values, rows, columns, shape: tuple[int, int]) -> np.ndarray:
    """Make a sparse matrix dense. (The sparse matrices of scipy do not look where they write.)"""
    rows, columns = _whole(rows), _whole(columns)
    if min(rows.min(initial=0), columns.min(initial=0)) < 0:
        raise ValueError("a sparse matrix has indices below zero")
    dense = np.zeros(shape)
    np.add.at(dense, (rows, columns), values)
    return dense


def _whole(numbers: np.ndarray) -> np.ndarray:
    """Return the numbers of an index as integers, if that is what they are."""
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers):
        raise ValueError("an index or a size of a sparse matrix is no whole number in range")
    return whole
