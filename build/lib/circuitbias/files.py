"""Writing files so that a reader never meets a half-written one, and reading them so that damage is named."""

import os
import platform
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from circuitbias.numpy_files import read_npz
from circuitbias.reading import HDF5_SIGNATURE, expanded, opened

WRITTEN: list[str] = []
"""Paths that this process has written, in order."""

_PROCESSES = Path("/proc")  # on Linux alone
_LONG_SILENT_S = 24 * 3600
_HEAD_BYTES = 2**16  # of a file, in which it says what it is


class DamagedFileError(ValueError):
    """A file is not whole, or of another kind; says which file, what is wrong and what to do.

    Attributes
    ----------
    remake : bool
        Whether a step has made it, and so can make it again: only then may it be deleted.
    """

    def __init__(self, message: str, *, remake: bool = False):
        super().__init__(message)
        self.remake = remake


class OrphanedStepError(RuntimeError):
    """What runs this step has been killed: nobody would know what it has made, or for which settings."""


def check_not_orphaned() -> None:
    """End a step of a workflow that was killed alone: the next run makes the same file again.

    By then it may be made from other settings; a late result of the old ones must not take its place.

    Raises
    ------
    OrphanedStepError
        If the process that the environment names as the one that runs this step (``CIRCUITBIAS_RUN_BY``) has
        ended. Never where none is named, where it is outside of a container (0), or where there is no /proc.
    """
    if (
        _RUN_BY
        and (_PROCESSES / "self" / "stat").exists()
        and not (_RUN_BY_STARTED and _started(_RUN_BY) == _RUN_BY_STARTED)
    ):
        raise OrphanedStepError(f"the workflow that runs this step (process {_RUN_BY}) has ended")


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
        Where the finished file shall be. A leading ``~`` is expanded.

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
    OrphanedStepError
        See `check_not_orphaned`.
    """
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_over in left_overs(path.parent, path.name):
        remove(left_over)
    # A plain unused name: tempfile.mkstemp would leave the result readable by its owner only.
    temporary = path.with_name(f".{path.stem}.{writers_mark()}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # the contents reach the disk before the name does
        check_not_orphaned()
        os.replace(temporary, path)
        WRITTEN.append(os.fspath(path))
    except BaseException as error:  # an interrupt must not leave litter either
        remove(temporary)
        system = isinstance(error, OSError) and error.errno
        if system and error.filename in (None, temporary, str(temporary)):
            raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error
        raise


def remove(path: Path) -> None:
    """Remove a file, if the system lets it."""
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
    ours = re.compile(rf"\.{stem}\.({_MARK})\.tmp{suffix}")
    found = ((path, ours.fullmatch(path.name)) for path in Path(folder).glob(".*.tmp*"))
    return sorted(path for path, name in found if name and has_no_writer(path, name[1]))


_MARK = r"\w*-\d+(?:s\d+)?-[0-9a-f]{8}"


def writers_mark() -> str:
    """Return a name that nothing else has, by which `writer_lives` knows this process again."""
    started = _started(os.getpid())
    return f"{_machine()}-{os.getpid()}{started and f's{started}'}-{uuid4().hex[:8]}"


def writer_lives(mark: str) -> bool | None:
    """Whether the process of a mark is alive; None if it ran on another machine, where nobody can ask it."""
    machine, process, _ = mark.rsplit("-", 2)
    if machine != _machine():
        return None
    process, _, started = process.partition("s")
    if started and started != _started(int(process)):  # another process has its number now
        return False
    try:
        os.kill(int(process), 0)  # asks, and sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", platform.node())


def _started(process: int) -> str:
    """When a process started, in the system's own count; empty if nobody says (only Linux does)."""
    with suppress(OSError):
        state, *fields = (_PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]  # it has ended, though nobody has asked how
    return ""


_RUN_BY = int(text) if (text := os.environ.get("CIRCUITBIAS_RUN_BY", "")).isdecimal() else 0
_RUN_BY_STARTED = _started(_RUN_BY)


def has_no_writer(path: Path, mark: str) -> bool:
    """Whether the writer of a file or folder, known by its mark, is dead or, elsewhere, long silent."""
    lives = writer_lives(mark)
    if lives is None:
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime > _LONG_SILENT_S
    return not lives


def read_arrays(
    path: str | os.PathLike, kind: str = "file of arrays", needed: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Read a whole .npz file, and so hold every array against its checksum. Nothing is ever unpickled.

    Parameters
    ----------
    path : path-like
    kind : str, optional
        What it should be, for the message.
    needed : iterable of str, optional
        Arrays without which it is of another kind.

    Raises
    ------
    OSError
        If it is missing, or the system cannot read it.
    DamagedFileError
    """
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise damaged(path, kind, error.__cause__ or error) from error
    if missing := [name for name in needed if name not in arrays]:
        raise DamagedFileError(
            f"{path}: not a whole {kind}, but a file of another kind: there is no {', '.join(missing)}; "
            f"it holds {', '.join(arrays) or 'nothing'}"
        )
    return arrays


def damaged(path: str | os.PathLike, kind: str, reason) -> DamagedFileError:
    """Return the error of a file that was read and is not what it should be.

    Parameters
    ----------
    path : path-like
    kind : str
        What it should be.
    reason : str or Exception
        What was found.
    """
    path = expanded(path)
    if not path.is_file():
        return DamagedFileError(f"{reason}" if str(path) in str(reason) else f"{path}: {reason}")
    made = is_made_by_a_step(path)
    if made is None:
        return DamagedFileError(f"{path}: not a whole {kind}, but a file of another kind ({reason})")
    remedy = "Delete it to have it made again" if made else "It is not a result of ours: get it anew"
    return DamagedFileError(
        f"{path}: not a whole {kind}: truncated, damaged or of another kind ({reason}). {remedy}", remake=made
    )


# What a step writes begins so, whatever happens to the rest of it. Files of others, a table of notes or a
# recording, do not: nobody is told to delete those.
_FIRST_ARRAYS = (b"positions.npy", b"values.npy", b"r.npy", b"fingerprint.npy")
_COLUMNS = {"estimator", "method", "options", "r", "seed", "quantity", "panel", "series", "n_spikes"}


def is_made_by_a_step(path: str | os.PathLike) -> bool | None:
    """Whether a step of ours has made a file, by how it begins, even if it is damaged.

    Returns
    -------
    bool or None
        True too of a file with nothing in it (only zeros), in which nothing can be lost. None if it is of
        another kind than its name says.
    """
    with opened(path) as file:
        head = file.read(_HEAD_BYTES)
    if not head.strip(b"\0"):
        return True
    match Path(path).suffix:
        case ".h5":
            # A recording of somebody else's has no provenance of ours.
            ours = b"circuitbias-spikes" in head and b'"versions": {"circuitbias": ' in head
            return ours if head.startswith(HDF5_SIGNATURE) else None
        case ".npz":
            return head[30:].startswith(_FIRST_ARRAYS) if head.startswith(b"PK\3\4") else None
        case ".json":
            return head.startswith(b'{\n "theta": ') or None
        case ".csv":
            names = head.split(b"\n")[0].decode("utf-8", "replace").strip().split(",")
            return len(_COLUMNS.intersection(names)) > 1 or None
    return False
