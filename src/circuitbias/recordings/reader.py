"""What every reader of recordings is: a component with few options, and a function from a path to `Found`."""

from pathlib import Path

from circuitbias.component import Component
from circuitbias.recordings.found import Found


class Reader(Component):
    """A format of recordings.

    Attributes
    ----------
    suffixes : tuple of str
        Of files that it reads, in small letters; ``""`` stands for a folder.
    """

    suffixes = ()

    def read(self, path: Path) -> Found:
        """Read a file or a folder.

        Raises
        ------
        OSError
            If the system cannot read it; names the file.
        Exception
            Of any kind, if it is not what it should be; a ``ValueError`` in words that can be shown.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method read")
