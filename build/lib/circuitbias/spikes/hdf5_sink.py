"""Where HDF5 writes to: a file whose errors wait until HDF5 has ended what it began."""

from io import FileIO
from pathlib import Path


class Sink(FileIO):
    """A file that HDF5 writes to and that never fails it: HDF5 crashes if what it has begun cannot be ended.

    After an error, such as a full disk, nothing more is written; `check` raises it, and so does the end of a
    with block.
    """

    def __init__(self, path: Path):
        super().__init__(path, "w+")
        self._error = None

    def write(self, content) -> int:
        """Write all of it, or keep the error."""
        left = memoryview(content).cast("B")
        while left and self._error is None:
            left = left[self._try(super().write, left) :]
        return len(content)

    def truncate(self, size=None) -> int:
        """Change the size, or keep the error."""
        return self._try(super().truncate, size)

    def _try(self, action, argument) -> int:
        try:
            return action(argument) if self._error is None else 0
        except OSError as error:
            self._error = error
            return 0

    def check(self) -> None:
        """Raise the error if there was one."""
        if self._error:
            raise self._error

    def __exit__(self, kind, error, traceback):
        super().__exit__(kind, error, traceback)
        if kind is None:
            self.check()
