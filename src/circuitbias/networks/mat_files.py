"""Check a .mat file of version 4 or 5 before scipy reads it.

`scipy.io` trusts what it reads: sizes below zero take it back to where it was, for ever, cells within
cells take it deeper until the stack ends, and compressed variables can be unpacked to any size. So the
variables are gone over first, by their headers alone.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from scipy.io.matlab import matfile_version

from circuitbias.reading import check_size

_COMPRESSED, _MATRIX = 15, 14  # types of elements, version 5
_SPARSE_5, _NUMBERS_5 = 5, range(5, 16)  # classes of arrays: 5 sparse, 6 double ... 15 uint64
_FULL_4, _SPARSE_4 = 0, 2  # classes of arrays, version 4
_BYTES_4 = (8, 4, 4, 2, 2, 1)  # of a number, by its type
_PIECE = 2**20


def are_numbers(path: Path) -> list[bool]:
    """Go over the variables of a .mat file, in order: is each a full or sparse matrix of numbers?

    Raises
    ------
    ValueError
        If the file is damaged, or a variable would take more memory than is allowed.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        major, _ = matfile_version(file)
        return list(_version4(file, size) if major == 0 else _version5(file, size))


def _version4(file: BinaryIO, size: int) -> Iterator[bool]:
    file.seek(0)
    order = "<" if 0 <= struct.unpack("<i", file.read(4))[0] <= 5000 else ">"
    place = 0
    while place < size:
        file.seek(place)
        kind, rows, columns, imaginary, name = struct.unpack(f"{order}5i", _exactly(file, 20))
        number, array = kind // 10 % 10, kind % 10
        if min(kind, rows, columns, name) < 0 or number >= len(_BYTES_4):
            raise ValueError(f"the header at byte {place} has numbers out of range")
        parts = 2 if imaginary == 1 and array != _SPARSE_4 else 1
        place += 20 + name + rows * columns * _BYTES_4[number] * parts
        if place > size:
            raise ValueError(f"a {rows} x {columns} matrix claims to end at byte {place} of {size}")
        yield array in (_FULL_4, _SPARSE_4)


def _version5(file: BinaryIO, size: int) -> Iterator[bool]:
    file.seek(126)
    order = "<" if file.read(2) == b"IM" else ">"
    place = 128
    while place < size:
        file.seek(place)
        kind, n_bytes = struct.unpack(f"{order}2I", _exactly(file, 8))
        place += 8 + n_bytes
        if place > size:
            raise ValueError(f"a variable claims to end at byte {place} of {size}")
        beginning = _unpacked_beginning(file, n_bytes) if kind == _COMPRESSED else file.read(min(n_bytes, 24))
        if kind == _COMPRESSED:
            if len(beginning) < 24:
                raise ValueError("a compressed variable ends within its header")
            kind, beginning = struct.unpack(f"{order}I", beginning[:4])[0], beginning[8:]
        if kind != _MATRIX or len(beginning) < 16:
            raise ValueError(f"an element of type {kind} is no variable")
        yield struct.unpack(f"{order}I", beginning[8:12])[0] & 0xFF in _NUMBERS_5


def _unpacked_beginning(file: BinaryIO, n_bytes: int) -> bytes:
    """Unpack a variable, piece by piece, keeping its first bytes alone; refuse it if it is too large."""
    unpacker, beginning, unpacked = zlib.decompressobj(), b"", 0
    while n_bytes and not unpacker.eof:
        packed = file.read(min(n_bytes, _PIECE))
        n_bytes -= len(packed)
        while packed and not unpacker.eof:
            piece = unpacker.decompress(packed, _PIECE)
            packed = unpacker.unconsumed_tail
            beginning = beginning or piece[:24]
            unpacked += len(piece)
            check_size("a compressed variable", unpacked)
    return beginning


def _exactly(file: BinaryIO, n_bytes: int) -> bytes:
    content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise ValueError("the file ends within a header")
    return content
