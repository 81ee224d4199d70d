"""Reading files of unknown origin: nothing is unpickled, and no size is believed before it is checked.

A few bytes can claim to be an array of any size, by a header that lies or by compression. So what a file
claims is compared with what it holds, or with a limit, before memory is taken.

All files are opened by `opened`, without locks: they are renamed when whole, and never changed after that. An
error of the system (no permission, a network that is away, no memory) is told from damage: it leaves as the
``OSError`` or ``MemoryError`` that it is, whatever the library that met it makes of it.
"""

import bz2
import errno
import gzip
import lzma
import math
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BufferedReader, FileIO
from pathlib import Path

import h5py

from circuitbias.memory import MemoryLimitError

LARGEST_BYTES = 2**31
"""Most memory that the arrays of one file may take: 16 384 neurons' weights in float64."""

READ: list[str] = []
"""Files that this process has opened here, as they were named: see `circuitbias.made_from`."""

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

_NOT_WORTH_REFUSING = 10e6  # bytes: the program itself takes hundreds of millions
_PACKERS = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\0": lzma}
PACKED = (".gz", ".bz2", ".xz")
_DEFLATE_RATIO = 1032  # more than this no deflated block can be unpacked to


def expanded(path: str | os.PathLike) -> Path:
    """Return a path whose leading ``~`` or ``~user`` has become the home folder.

    Raises
    ------
    ValueError
        If it begins with ``~`` and there is no home folder: a folder named ``~`` is never meant.
    """
    path = os.fspath(path)
    full = os.path.expanduser(path)
    if path.split(os.sep)[0] == "~" and not os.path.isabs(full):
        raise ValueError(f"{path}: there is no home folder that ~ could stand for; write the path in full")
    return Path(full)


class _ReadingFailed(OSError):
    """Ends a library's work: of other errors of the system it might make damage, or try again for ever."""


class _Source(FileIO):
    """A file that remembers the error of the system that it met."""

    error: OSError | None = None

    def readinto(self, buffer) -> int:
        """Read into a buffer, or keep the error."""
        return self._try(super().readinto, buffer)

    def readall(self) -> bytes:
        """Read the rest, or keep the error."""
        return self._try(super().readall)

    def _try(self, action, *arguments):
        try:
            result = action(*arguments)
            if result is None:  # Python's way to say so
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return result
        except OSError as error:
            self.error = OSError(error.errno, os.strerror(error.errno), self.name)
            raise _ReadingFailed(*error.args) from error


@contextmanager
def opened(path: str | os.PathLike) -> Iterator[BufferedReader]:
    """Open a regular file for reading, as bytes and without a lock.

    Parameters
    ----------
    path : path-like
        A leading ``~`` is expanded.

    Yields
    ------
    io.BufferedReader
        Libraries can be given it in place of a path.

    Raises
    ------
    FileNotFoundError
        If it is missing, or a link to what is missing.
    OSError
        If the system does not let it be opened or read; also if the body failed, or succeeded, after that.
        The error names the file.
    ValueError
        If it is a folder, a pipe or a device.
    """
    source = _Source(os.fspath(_regular(path)))
    READ.append(source.name)
    try:
        with BufferedReader(source) as file:
            yield file
    except Exception as error:
        if source.error is None:
            raise
        raise source.error from error
    if source.error is not None:
        raise source.error


@contextmanager
def hdf5_opened(path: str | os.PathLike) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, without the lock that HDF5 would take by itself.

    Raises what `opened` does; other errors of h5py are those of the file.
    """
    path = _regular(path)
    READ.append(os.fspath(path))
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except Exception as error:
        # HDF5 says it in its text, whatever h5py makes of that.
        if number := re.search(r"\berrno = (\d+)\b", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path)) from error
        raise


def is_of_system(error: Exception) -> bool:
    """Whether an error of a reader is one of the system, with the name of a file, rather than of the file."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.filename is not None)


def _regular(path: str | os.PathLike) -> Path:
    """Return the path of a regular file, expanded; see `opened` for what is raised of others."""
    path = expanded(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        if not path.is_symlink():
            raise
        what = f"A link to {os.readlink(path)}, which is not there"
        raise FileNotFoundError(error.errno, what, os.fspath(path)) from error
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise ValueError(f"{path}: is no regular file, but {what}")
    return path


_ALLOWED: ContextVar[list[float]] = ContextVar("allowed")


@contextmanager
def at_most(memory_mb: float) -> Iterator[None]:
    """Refuse, in the body, to read what would take more memory than this, in 1e6 bytes."""
    token = _ALLOWED.set([memory_mb * 1e6, 0.0])
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def hold(what: str, n_bytes: int) -> None:
    """Check a size, and count it to all that is read after it: it stays in memory."""
    check_size(what, n_bytes)
    if allowed := _ALLOWED.get(None):
        allowed[1] += n_bytes


def check_size(what: str, n_bytes: int) -> None:
    """Refuse arrays that are too large.

    Raises
    ------
    ValueError
        If `n_bytes` is more than `LARGEST_BYTES`; names `what`, the size and the limit.
    MemoryLimitError
        If it is more than `at_most` allows.
    """
    if n_bytes > LARGEST_BYTES:
        raise ValueError(f"{what} would take {n_bytes} bytes in memory; allowed are {LARGEST_BYTES}")
    bound, held = _ALLOWED.get(None) or (LARGEST_BYTES, 0)
    if n_bytes + held > max(bound, _NOT_WORTH_REFUSING):
        raise MemoryLimitError(
            f"{what} would take {(n_bytes + held) / 1e6:.4g} MB of memory to read, and memory_mb is "
            f"{bound / 1e6:g}. Raise it (--memory-mb) to {_with_room(n_bytes + held)} or more, or save a "
            "part of the units or of the time as a file of its own"
        )


def _with_room(n_bytes: float) -> int:
    """Megabytes that such a size and a piece of a file fit in, in tens."""
    return 10 * math.ceil(n_bytes / 1e7) + 10


def up_to_limit(what: str, read: Callable[[int], bytes]) -> bytes:
    """Read everything, but refuse more than `LARGEST_BYTES`; see `check_size`.

    Parameters
    ----------
    what : str
        For the message.
    read : callable
        Given a number of bytes, returns about so many, or all if there are fewer.
    """
    content = read(LARGEST_BYTES + 1)
    check_size(what, len(content))
    return content


def unpacked(file: BufferedReader) -> bytes:
    """Read all of a file, unpacked if it is compressed by gzip, bzip2 or xz, which its first bytes say.

    Raises
    ------
    ValueError
        If it unpacks to more than `LARGEST_BYTES`, or is damaged or cut short.
    """
    start = file.peek(6)[:6]
    library = next((one for mark, one in _PACKERS.items() if start.startswith(mark)), None)
    if library is None:
        return file.read()
    try:
        with library.open(file) as inner:
            return up_to_limit("what is compressed in it", inner.read)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if is_of_system(error):
            raise
        raise ValueError(f"what is compressed in it is damaged or cut short ({error})") from error


def is_hdf5(file: BufferedReader) -> bool:
    """Whether an open file is HDF5: its signature stands at 0, 512, 1024, 2048 ... bytes."""
    size, place = os.fstat(file.fileno()).st_size, 0
    while place < size:
        file.seek(place)
        if file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE:
            return True
        place = 2 * place or 512
    return False


def hdf5_item(group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group:
    """Return a member of an HDF5 group that lies in the file itself.

    Raises
    ------
    KeyError
        If there is none of this name.
    ValueError
        If it is a link, or a dataset that takes its values from other files.
    """
    link = group.get(name, getlink=True)
    if link is None:
        raise KeyError(f"there is no {name}")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link; it must be in the file itself")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
        raise ValueError(f"{name} takes its values from other files; they must be in the file itself")
    return item


def check_hdf5_storage(dataset: h5py.Dataset) -> None:
    """Refuse a dataset that cannot hold what it claims: parts that were never written read as zeros.

    Raises
    ------
    ValueError
        Names the dataset, its shape and the bytes that are stored of it.
    """
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _DEFLATE_RATIO * stored:
        raise ValueError(
            f"{dataset.name} claims shape {dataset.shape}, {dataset.nbytes} bytes; {stored} are stored of it"
        )
