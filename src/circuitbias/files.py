"""Writing files so that a reader never meets a half-written one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`.

    The temporary name lies in the same folder (so that the rename is atomic) and keeps the suffix
    (some writers choose the format by it). Missing parent folders are made. If the body fails, the
    temporary file is removed and whatever was at `path` stays as it was.

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
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A plain unused name: tempfile.mkstemp would leave the result readable by its owner only.
    temporary = path.with_name(f".{path.stem}.{uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # the contents reach the disk before the name does
        os.replace(temporary, path)
    except BaseException:  # an interrupt must not leave litter either
        temporary.unlink(missing_ok=True)
        raise
