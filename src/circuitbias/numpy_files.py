"""Arrays in .npy and .npz files of unknown origin: nothing is unpickled, and no header is believed unseen."""

import math
import os
import struct
import zlib
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from io import BufferedReader
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import numpy as np

from circuitbias.columns import AT_ONCE, Column
from circuitbias.memory import MemoryLimitError
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
    shape, _, dtype = _header(file, n_bytes, name)
    check_size(f"an array of shape {shape}", math.prod(shape) * dtype.itemsize)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _header(file, n_bytes: int, name: str) -> tuple[tuple, bool, np.dtype]:
    """Shape, order and type of an array, of which the file holds as much as they say."""
    version = np.lib.format.read_magic(file)
    if version not in _NPY_HEADERS:
        raise ValueError(f".npy format version {version} is not one of {', '.join(map(str, _NPY_HEADERS))}")
    try:
        shape, fortran, dtype = _NPY_HEADERS[version](file)
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
    return shape, fortran, dtype


def npy_column(file, n_bytes: int, name: str, again: Callable) -> Column | None:
    """A list of numbers in .npy format as a column; None if it is short, or no such list.

    Parameters
    ----------
    file, n_bytes, name
        As for `read_npy`.
    again : callable
        Returns a context manager that opens the file anew.
    """
    shape, _, dtype = _header(file, n_bytes, name)
    if dtype.kind not in "iuf" or math.prod(shape) < AT_ONCE or math.prod(shape) != max(shape):
        return None

    def pieces():
        with again() as stream:
            _header(stream, n_bytes, name)
            while content := stream.read(AT_ONCE * dtype.itemsize):
                if len(content) % dtype.itemsize:
                    raise ValueError(f"{name} is cut short")
                yield np.frombuffer(content, dtype=dtype)

    return Column(math.prod(shape), dtype, pieces)


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


def unzipped(
    file: BufferedReader, choose: Callable[[list], Iterable] = iter, columns: bool = False
) -> dict[str, np.ndarray | Column]:
    """Read arrays from an open .npz file; see `read_npz`.

    Parameters
    ----------
    file : io.BufferedReader
    choose : callable, optional
        Given the names in the file, returns those to read. Default: all.
    columns : bool, optional
        Whether long lists of numbers shall be columns, which are read when somebody goes over them.
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
            found = {
                name: _member_column(archive, file.name, name, info) if columns else None
                for name, info in chosen.items()
            }
            whole = {name: chosen[name] for name, column in found.items() if column is None}
            check_size("what is compressed in it", sum(info.file_size for info in whole.values()))
            return found | {name: _member(archive, name, info) for name, info in whole.items()}
    except Exception as error:  # a foreign file can fail in any way zip, zlib or numpy know
        if is_of_system(error) or isinstance(error, MemoryLimitError):
            raise
        raise ValueError(f"no whole .npz file: {str(error) or repr(error)}") from error


def _count_of_members(file: BufferedReader) -> int | None:
    """How many members an archive says it has at its very end; None if a comment stands there."""
    file.seek(-_END_OF_ZIP.size, os.SEEK_END)
    mark, count = _END_OF_ZIP.unpack(file.read(_END_OF_ZIP.size))
    return count if mark == b"PK\5\6" else None


def _member_column(archive: ZipFile, path: str, name: str, info) -> Column | None:
    @contextmanager
    def again():
        try:
            with opened(path) as file, ZipFile(file) as anew, anew.open(info) as member:
                yield member
        except (BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"no whole .npz file: {error}") from error

    _check_packing(name, info)
    with archive.open(info) as member:
        return npy_column(member, info.file_size, name, again)


def _member(archive: ZipFile, name: str, info) -> np.ndarray:
    _check_packing(name, info)
    with archive.open(info) as member:
        array = read_npy(member, info.file_size, name)
        member.read()  # past its end: only there the checksum is looked at
        return array


def _check_packing(name: str, info) -> None:
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # some take memory at will
        raise ValueError(f"{name}: is compressed in a way that numpy does not use")
