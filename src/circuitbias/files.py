"""Writing files so that a reader never meets a half-written one, and reading them so that damage is named."""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from circuitbias.reading import read_npz

_LONG_SILENT_S = 24 * 3600


class DamagedFileError(ValueError):
    """A file is not whole, or of another kind; says which file, what is wrong and what to do."""


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`.

    The temporary name lies in the same folder (so that the rename is atomic) and keeps the suffix
    (some writers choose the format by it). Missing parent folders are made. If the body fails, the
    temporary file is removed and whatever was at `path` stays as it was. Of a process that was killed
    the temporary file stays, until the next writer of the same `path` removes it (see `left_overs`).

    Parameters
    ----------
    path : path-like
        Where the finished file shall be.

    Yields
    ------
    Path
        Where to write; the body must have closed the file when it ends.

    Raises
    ------
    FileNotFoundError
        If the body ends without having written the file.
    OSError
        If the system does not let it be written; names `path`, not the temporary one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_over in left_overs(path.parent, path.name):
        _remove(left_over)
    # A plain unused name: tempfile.mkstemp would leave the result readable by its owner only.
    mark = f"{_machine()}-{os.getpid()}-{uuid4().hex[:8]}"
    temporary = path.with_name(f".{path.stem}.{mark}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # the contents reach the disk before the name does
        os.replace(temporary, path)
    except BaseException as error:  # an interrupt must not leave litter either
        _remove(temporary)
        system = isinstance(error, OSError) and error.errno
        if system and error.filename in (None, temporary, str(temporary)):
            raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):  # a disk that cannot be written to: there is a better error to come
        path.unlink()


def left_overs(folder: str | os.PathLike, name: str | None = None) -> list[Path]:
    """Temporary files of `atomic_path` whose writer has died.

    Parameters
    ----------
    folder : path-like
    name : str, optional
        Of the file that was to be written; default: of any.

    Returns
    -------
    list of Path
        Sorted. Whether a writer on another machine lives nobody can ask: it is taken for dead after a day
        in which it has written nothing.
    """
    stem, suffix = (".*", ".*") if name is None else map(re.escape, (Path(name).stem, Path(name).suffix))
    ours = re.compile(rf"\.{stem}\.(?P<machine>\w*)-(?P<process>\d+)-[0-9a-f]{{8}}\.tmp{suffix}")
    found = ((path, ours.fullmatch(path.name)) for path in Path(folder).glob(".*.tmp*"))
    return sorted(path for path, mark in found if mark and _writer_is_dead(path, **mark.groupdict()))


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", platform.node())


def _writer_is_dead(temporary: Path, machine: str, process: str) -> bool:
    try:
        if machine != _machine():
            return time.time() - temporary.stat().st_mtime > _LONG_SILENT_S
        os.kill(int(process), 0)  # asks, and sends nothing
    except (ProcessLookupError, FileNotFoundError):
        return True
    except PermissionError:  # somebody else's
        pass
    return False


def read_arrays(path: str | os.PathLike, kind: str = "file of arrays") -> dict[str, np.ndarray]:
    """Read a whole .npz file, and so hold every array against its checksum. Nothing is ever unpickled.

    Parameters
    ----------
    path : path-like
    kind : str, optional
        What it should be, for the message.

    Raises
    ------
    OSError
        If it is missing or unreadable.
    DamagedFileError
    """
    try:
        return read_npz(path)
    except ValueError as error:
        raise damaged(path, kind, error.__cause__ or error) from error


def damaged(path: str | os.PathLike, kind: str, reason) -> DamagedFileError:
    """The error of a file that is not whole."""
    return DamagedFileError(
        f"{os.fspath(path)}: not a whole {kind}: truncated, damaged or of another kind ({reason}). "
        "Delete it to have it made again"
    )
