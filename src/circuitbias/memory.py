"""The bound of memory: work that cannot keep it is refused before it begins."""

import math

DEFAULT_MB = 1500.0
"""Bound of the memory of a job where none is given, in 1e6 bytes."""

_NOT_WORTH_REFUSING = 10e6  # bytes: the program itself takes hundreds of millions


class MemoryLimitError(ValueError):
    """The work needs more memory than it was allowed; says how much."""


def for_matrices(memory_mb: float) -> float:
    """Bytes that matrices may take: half of the bound."""
    return memory_mb * 1e6 / 2


def for_data(memory_mb: float) -> float:
    """Bytes that counts, events or a sample may take that are kept: a quarter; the rest is for blocks."""
    return memory_mb * 1e6 / 4


def allows(memory_mb: float, needed: float) -> bool:
    """Whether matrices of so many bytes keep to their share of the bound."""
    return needed <= max(for_matrices(memory_mb), _NOT_WORTH_REFUSING)


def require_memory(memory_mb: float, needed: float, what: str) -> None:
    """Refuse work whose matrices the bound does not allow.

    Parameters
    ----------
    memory_mb : float
        The bound, in 1e6 bytes.
    needed : float
        Largest size of the matrices, in bytes.
    what : str
        The work, for the message.

    Raises
    ------
    MemoryLimitError
        Naming the work, the bound and the least bound that would do.
    """
    if not allows(memory_mb, needed):
        raise MemoryLimitError(
            f"memory_mb={memory_mb:g} is too small for {what}: its matrices alone take about "
            f"{needed / 1e6:.3g} MB. Raise it to {math.ceil(2 * needed / 1e6)}, or use fewer neurons"
        )


def regression_bytes(n_targets: int, n_columns: int, n_rows: float) -> float:
    """Largest size of the matrices of regressions that are led by the Hessian of each target.

    The factors are measured: peak of the resident memory of fits of 100 to 250 neurons, rounded up.

    Parameters
    ----------
    n_targets, n_columns : int
        Of the regressions; the last column is the constant one.
    n_rows : float
        Bins of the recording: the sample has a hundred a column, but no more than these.
    """
    return 30 * n_targets * n_columns**2 + 12 * n_columns * min(100 * n_columns, n_rows)
