"""Files of MATLAB version 5 to 7.2: tagged elements, mostly compressed, which may lie in one another."""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import BinaryIO

import numpy as np

from circuitbias.mat_files.contents import (
    DEEPEST,
    Cells,
    Struct,
    Variable,
    field_or_other,
    rows_of_text,
)
from circuitbias.mat_files.sparse import from_columns
from circuitbias.reading import up_to_limit

_TYPES_5 = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15  # kinds of elements beside those of numbers, version 5
_SPARSE_5, _NUMBERS_5, _OPAQUE_5 = 5, range(5, 16), 17  # classes: 5 sparse, 6 double ... 15 uint64
_CELL_5, _STRUCT_5, _TEXT_5 = 1, 2, 4
_ENCODINGS_5 = {2: "latin1", 16: "utf-8", 4: "utf-16", 17: "utf-16", 18: "utf-32"}
_OTHERS_5 = {1: "cell", 2: "struct", 3: "object", 4: "char", 16: "function_handle"}
_COMPLEX_5 = 0x800
_HEADER_5 = 4096  # bytes; enough for the flags, the shape and the name of a variable


def variables_of_version5(file: BinaryIO, size: int) -> Iterator[Variable]:
    """Read the headers of a file of `size` bytes."""
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
        read_cells = None
        if what == "char":
            read_cells = partial(_text5, content, order, shape)
        elif what in ("cell", "struct"):
            read_cells = partial(_inner5, content, order, shape, what == "struct")
        yield Variable(name.decode("latin1"), shape, what, read, read_cells)


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
    whole = up_to_limit("a variable", content)
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
        return from_columns(values, rows, starts, shape)
    return parts[0].reshape(shape, order="F")


def _text5(content: Callable, order: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read a matrix of characters: a text for each row."""
    ((kind, part),) = list(islice(_elements5(up_to_limit("a text", content), order), 3, 4)) or [(2, b"")]
    if kind not in _ENCODINGS_5:
        raise ValueError(f"a text of unknown kind {kind}")
    encoding = _ENCODINGS_5[kind]
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if order == "<" else "-be"
    return rows_of_text(part.decode(encoding), shape)


def _inner5(
    content: Callable, order: str, shape: tuple[int, ...], of_struct: bool, depth: int = 1
) -> Cells | Struct:
    """Read a cell array, or a struct with its fields, of which each is a cell for every element."""
    what = "struct" if of_struct else "cell array"
    whole = up_to_limit(f"a {what}", content)
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
            field: field_or_other(lambda k=k: _field5(parts[k :: len(fields)], order, depth))
            for k, field in enumerate(fields)
        },
    )


def _cell5(number: int, kind: int, part: bytes, order: str) -> np.ndarray:
    """Read a cell that holds an array of real numbers, or a text."""
    if kind != _MATRIX:
        raise ValueError(f"cell {number} is an element of kind {kind}")
    if not part:  # an empty cell, as some write it
        return np.empty((0, 0))
    array, shape = _head5(part, order)
    if array & 0xFF == _TEXT_5:
        return _text5(lambda _: part, order, shape)
    if array & 0xFF not in _NUMBERS_5 or array & _COMPLEX_5:
        what = _OTHERS_5.get(array & 0xFF, "unknown")
        raise ValueError(f"cell {number} is of class {what}; allowed are real numbers and texts")
    values = list(islice(_elements5(part, order), 3, 4))
    kind, numbers = values[0] if values else (9, b"")
    if kind not in _TYPES_5:
        raise ValueError(f"numbers of unknown kind {kind}")
    found = np.frombuffer(numbers, order + _TYPES_5[kind]).astype(_TYPES_5[kind])
    return found.reshape(shape, order="F")


def _head5(part: bytes, order: str) -> tuple[int, tuple[int, ...]]:
    (_, flags), (_, shape) = islice(_elements5(part, order), 2)
    return struct.unpack(f"{order}2I", flags)[0], tuple(np.frombuffer(shape, f"{order}i4").tolist())


def _field5(values: list[tuple[int, bytes]], order: str, depth: int) -> np.ndarray | Cells | Struct:
    """Read a field of a struct of one element: an array or a cell array; or of several: a cell for each."""
    if len(values) != 1:
        arrays = [_cell5(k, *one, order) for k, one in enumerate(values, 1)]
        return Cells((len(arrays), 1), arrays)
    (kind, part) = values[0]
    if kind == _MATRIX and part:
        array, shape = _head5(part, order)
        inner = array & 0xFF
        if inner == _CELL_5 or (inner == _STRUCT_5 and depth < DEEPEST):
            return _inner5(lambda _: part, order, shape, inner == _STRUCT_5, depth + 1)
    return _cell5(1, kind, part, order)
