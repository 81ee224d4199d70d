"""Folders of libraries, where a home is missing or may not be written to: containers, shared installs."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NO_PLACE_FOR_KERNELS = (
    "there is no folder for compiled kernels: set NUMBA_CACHE_DIR to one that you may write to"
)


def settle_kernels() -> None:
    """Give numba a folder for compiled kernels where it would find none, or make one named ``~``.

    By itself it takes ``NUMBA_CACHE_DIR``, else the folder of the package, else the user's cache. Where none
    of these can be written to, ``NUMBA_CACHE_DIR`` becomes a folder of this user among the temporary ones.
    """
    options = [
        os.environ.get("NUMBA_CACHE_DIR"),
        Path(__file__).parent / "__pycache__",
        _home_folder("CACHE"),
    ]
    if not any(map(_can_be_written, options)) and (folder := _temporary_folder("numba")):
        os.environ["NUMBA_CACHE_DIR"] = folder
        if "numba" in sys.modules:  # it has read the variable already
            sys.modules["numba"].config.CACHE_DIR = folder


@contextmanager
def drawing_into_files() -> Iterator[None]:
    """Let matplotlib, imported inside, draw into files only, whatever display the environment names.

    A notebook hands the name of its own backend to every command, which other environments do not have.
    """
    before = os.environ.get("MPLBACKEND")
    os.environ["MPLBACKEND"] = "agg"
    given = os.environ.get("MPLCONFIGDIR")
    usable = [given] if given else [_home_folder("CONFIG"), _home_folder("CACHE")]
    if not all(map(_can_be_written, usable)) and (folder := _temporary_folder("matplotlib")):
        os.environ["MPLCONFIGDIR"] = folder
    try:
        yield
    finally:
        os.environ.pop("MPLBACKEND")
        if before is not None:
            os.environ["MPLBACKEND"] = before


def _home_folder(kind: str) -> str:
    """Where programs keep their files of a kind, CACHE or CONFIG."""
    names = {"CACHE": ".cache", "CONFIG": ".config"}
    if sys.platform == "darwin":
        names["CACHE"] = "Library/Caches"
    return os.environ.get(f"XDG_{kind}_HOME") or os.path.expanduser(f"~/{names[kind]}")


def _can_be_written(folder: str | Path | None) -> bool:
    """Whether a folder, or the first above it that is there, may be written to; an unknown home may not."""
    if not folder or not os.path.isabs(folder):
        return False
    folder = Path(folder)
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _temporary_folder(name: str) -> str | None:
    """A folder of this user alone, the same the next time; None if there can be none.

    Kernels are code: a folder that somebody else has laid in its place is not taken.
    """
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"circuitbias-{os.geteuid()}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            folder = Path(tempfile.mkdtemp(prefix="circuitbias-"))
        (folder / name).mkdir(exist_ok=True)
        return os.fspath(folder / name)
    return None
