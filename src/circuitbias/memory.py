"""The bound of memory: how it is shared out, and what exceeds it is refused before it begins."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from circuitbias.checks import number

DEFAULT_MB = 1500.0
"""Bound of the memory of a job where none is given, in 1e6 bytes."""

_NOT_WORTH_REFUSING = 10e6  # bytes: the program itself takes hundreds of millions
_LEAST_BLOCK = 64  # rows


FEWER = "take fewer units (--units, --where, --least-rate-hz) or less time (--window-s)"
"""What to do if a recording is too large."""


class MemoryLimitError(ValueError):
    """The work needs more memory than it was allowed; says how much.

    Parameters
    ----------
    says : str
    what : str, optional
        The work.
    least_mb : float, optional
        The least bound that would do.
    """

    def __init__(self, says: str, what: str = "", least_mb: float | None = None):
        super().__init__(says)
        self.what, self.least_mb = what, least_mb


@dataclass(frozen=True)
class Budget:
    """Memory that a job may take: half for matrices, a quarter for what is kept, the rest for blocks.

    Attributes
    ----------
    memory_mb : float
        The bound, in 1e6 bytes.
    """

    memory_mb: float = DEFAULT_MB

    def __post_init__(self):
        number("memory_mb", self.memory_mb, above=0)

    @property
    def matrices(self) -> float:
        """Bytes that matrices may take: half of the bound."""
        return self.memory_mb * 1e6 / 2

    @property
    def kept(self) -> float:
        """Bytes that counts, events or a sample may take that are kept: a quarter."""
        return self.memory_mb * 1e6 / 4

    def allows(self, needed: float) -> bool:
        """Whether matrices of so many bytes keep to their share."""
        return needed <= max(self.matrices, _NOT_WORTH_REFUSING)

    def require(self, needed: float, what: str) -> None:
        """Refuse work whose matrices the bound does not allow.

        Parameters
        ----------
        needed : float
            Largest size of the matrices, in bytes.
        what : str
            The work, for the message.

        Raises
        ------
        MemoryLimitError
            Naming the work, the bound and the least bound that would do.
        """
        if not self.allows(needed):
            least = math.ceil(2 * needed / 1e6)
            raise MemoryLimitError(
                f"memory_mb={self.memory_mb:g} is too small for {what}: its matrices alone take about "
                f"{needed / 1e6:.3g} MB. Raise it to {least}, or use fewer neurons",
                what,
                least,
            )

    def require_all(self, needed: float, what: str) -> None:
        """Refuse spikes of a recording that the whole bound does not hold; see `require`."""
        if needed > max(self.memory_mb * 1e6, _NOT_WORTH_REFUSING):
            raise MemoryLimitError(
                f"memory_mb={self.memory_mb:g} is too small for {what}, which take about "
                f"{needed / 1e6:.3g} MB. Raise it (--memory-mb) to more than {math.ceil(needed / 1e6)}, or "
                f"{FEWER}",
            )

    def block_rows(self, n_neurons: int) -> int:
        """Rows of a block of counts: a pass holds eight float64 arrays of its size.

        Raises
        ------
        MemoryLimitError
            If blocks would be too small to be of use.
        """
        a_row = 8 * 8 * n_neurons
        if (rows := int(self.matrices / a_row)) < _LEAST_BLOCK:
            least, what = math.ceil(_LEAST_BLOCK * 2 * a_row / 1e6), f"{n_neurons} neurons"
            raise MemoryLimitError(
                f"memory_mb={self.memory_mb:g} is too small for {what}: at least {least} are needed",
                what,
                least,
            )
        return rows


@contextmanager
def beside(n_bytes: float, memory_mb: float) -> Iterator[float]:
    """Share a bound with spikes of a recording that stay in memory.

    Parameters
    ----------
    n_bytes : float
        What they take.
    memory_mb : float
        The bound of both.

    Yields
    ------
    float
        What is left of it, in 1e6 bytes.

    Raises
    ------
    MemoryLimitError
        If that is too little for the work in the body: names the least bound of both, and what else would do.
    """
    held = n_bytes / 1e6
    try:
        yield max(memory_mb - held, memory_mb / 4)
    except MemoryLimitError as error:
        if error.least_mb is None:
            raise
        least = math.ceil(error.least_mb + held)
        beside_it = f" beside the spikes, which take {held:.3g} MB" if held >= 1 else ""
        raise MemoryLimitError(
            f"memory_mb={memory_mb:g} is too small for {error.what}{beside_it}. Raise it (--memory-mb) to "
            f"{least}, or {FEWER}",
            error.what,
            least,
        ) from error


def regression_bytes(n_targets: int, n_columns: int, n_rows: float) -> float:
    """Largest size of the matrices of regressions that are preconditioned by the Hessian of each target.

    The factors are measured: peak of the resident memory of fits of 100 to 250 neurons, rounded up.

    Parameters
    ----------
    n_targets, n_columns : int
        Of the regressions; the last column is the constant one.
    n_rows : float
        Bins of the recording: the sample has a hundred a column, but no more than these.
    """
    return 30 * n_targets * n_columns**2 + 12 * n_columns * min(100 * n_columns, n_rows)
