"""Long lists of numbers in files, read piece by piece, as often as somebody goes over them."""

from collections.abc import Callable, Iterator

import numpy as np

from circuitbias.progress import Countdown
from circuitbias.reading import hold

AT_ONCE = 2**17
"""Numbers of a piece."""
_WORTH_PROGRESS = 2**22  # numbers


class Column:
    """A list of numbers that is in memory only piece by piece.

    Parameters
    ----------
    length : int
    dtype : dtype
    pieces : callable
        Returns an iterator over its pieces, arrays that together have this length; called anew each time.
    """

    ndim = 1

    def __init__(self, length: int, dtype, pieces: Callable[[], Iterator[np.ndarray]]):
        self.shape, self.size, self.dtype = (int(length),), int(length), np.dtype(dtype)
        self._pieces = pieces

    def __len__(self):
        return self.size

    def pieces(self) -> Iterator[np.ndarray]:
        """Go over it."""
        done = 0
        for piece in self._pieces():
            done += len(piece)
            if done > self.size:
                break
            yield piece
        if done != self.size:
            raise ValueError(f"there are {done} numbers where {self.size} were promised")

    def __array__(self, dtype=None, copy=None):
        hold(f"{self.size} numbers", self.size * self.dtype.itemsize)
        whole, done = np.empty(self.size, dtype=dtype or self.dtype), 0
        for piece in with_progress(self.pieces(), self.size):
            whole[done : done + len(piece)] = piece
            done += len(piece)
        return whole


def pieces_of(values) -> Iterator[np.ndarray]:
    """Go over a column or an array, piece by piece."""
    if isinstance(values, Column):
        return values.pieces()
    return (values[first : first + AT_ONCE] for first in range(0, len(values), AT_ONCE))


def of_dataset(dataset) -> Column:
    """A dataset of HDF5 as a column, as long as its file is open."""

    def pieces():
        step = max(AT_ONCE, dataset.chunks[0] if dataset.chunks else 0)
        return (dataset[first : first + step] for first in range(0, len(dataset), step))

    return Column(len(dataset), dataset.dtype, pieces)


def with_progress(pieces, total: int, what: str = "spikes read"):
    """Go over pieces and report how far they are, if they are many numbers."""
    countdown = Countdown(total, what) if total >= _WORTH_PROGRESS else None
    for piece in pieces:
        yield piece
        if countdown:
            countdown.add(len(piece))
