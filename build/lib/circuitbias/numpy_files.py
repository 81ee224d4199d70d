"""Arrays in .npy and .npz files of unknown origin: nothing is unpickled, and no header is believed unseen."""

import math
import os
import struct
from collections.abc import Callable, Iterable
from io import BufferedReader
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from circuitbias.reading import check_size, is_of_system, opened

_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

_END_OF_ZIP = struct.Struct("<4s6xH10x")


def read_npy(file, n_bytes: int, name: str = "the array") -> np.ndarray:
    """Read an array in .npy format from a binary file that can seek and holds `n_bytes` bytes.

    Messages begin with its `name`.

    Raises
    ------
    ValueError
        If it is no such array, holds Python objects, or claims more or less than the file holds.
    """
    version = np.lib.format.read_magic(file)
    if version not in _NPY_HEADERS:
        raise ValueError(f".npy format version {version} is not one of {', '.join(map(str, _NPY_HEADERS))}")
    try:
        shape, _, dtype = _NPY_HEADERS[version](file)
    except MemoryError as error:  # of Python's parser: it nests too deep
        raise ValueError("its header cannot be read") from error
    claimed, held = math.prod(shape) * dtype.itemsize, n_bytes - file.tell()
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects, which are never unpickled (allow_pickle=False). Save numbers: "
            "numpy.asarray(values, dtype=float)"
        )
    if claimed != held or min(shape, default=0) < 0:
        raise ValueError(f"{name} claims shape {shape} of {dtype}, {claimed} bytes; there are {held}")
    check_size(f"an array of shape {shape}", claimed)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file, and so hold every one against its checksum.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    ValueError
        If it is no regular file or no whole .npz file, if an array holds Python objects, or if the arrays
        take more than `LARGEST_BYTES`.
    """
    with opened(path) as file:
        return unzipped(file)


def unzipped(file: BufferedReader, choose: Callable[[list], Iterable] = iter) -> dict[str, np.ndarray]:
    """Read arrays from an open .npz file; see `read_npz`.

    Parameters
    ----------
    file : io.BufferedReader
    choose : callable, optional
        Given the names in the file, returns those to read. Default: all.
    """
    try:
        with ZipFile(file) as archive:
            if (n_members := _count_of_members(file)) not in (None, len(archive.infolist())):
                raise ValueError(f"it lists {len(archive.infolist())} of its {n_members} arrays")
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            names = list(choose(list(members)))
            if missing := [name for name in names if name not in members]:
                raise ValueError(f"there is no {', '.join(missing)}")
            chosen = {name: members[name] for name in names}
            check_size("what is compressed in it", sum(info.file_size for info in chosen.values()))
            return {name: _member(archive, name, info) for name, info in chosen.items()}
    except Exception as error:  # a foreign file can fail in any way zip, zlib or numpy know
        if is_of_system(error):
            raise
        raise ValueError(f"no whole .npz file: {str(error) or repr(error)}") from error


def _count_of_members(file: BufferedReader) -> int | None:
    """How many members an archive says it has at its very end; None if a comment stands there."""
    file.seek(-_END_OF_ZIP.size, os.SEEK_END)
    mark, count = _END_OF_ZIP.unpack(file.read(_END_OF_ZIP.size))
    return count if mark == b"PK\5\6" else None


def _member(archive: ZipFile, name: str, info) -> np.ndarray:
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # some take memory at will
        raise ValueError(f"{name}: is compressed in a way that numpy does not use")
    with archive.open(info) as member:
        array = read_npy(member, info.file_size, name)
        member.read()  # past its end: only there the checksum is looked at
        return array
