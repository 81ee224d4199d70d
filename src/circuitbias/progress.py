"""Progress of long work: lines on standard error, not more often than a person would read them."""

import sys
import time

_INTERVAL_S = 2.0
_last = 0.0


def report_line(text: str, *, always: bool = False) -> None:
    """Print a line of progress, unless one has been printed within the last two seconds.

    Parameters
    ----------
    text : str
    always : bool, optional
        Print it however short ago the last one was.
    """
    global _last
    now = time.monotonic()
    if always or now - _last >= _INTERVAL_S:
        _last = now
        print(text, file=sys.stderr, flush=True)


class Countdown:
    """Progress towards a known amount, with the time left.

    Parameters
    ----------
    total : float
        Amount at which the work is done.
    unit : str
        What is counted, for the text.
    """

    def __init__(self, total: float, unit: str):
        self._total, self._unit = total, unit
        self._done = 0.0
        self._start = time.monotonic()
        global _last
        _last = self._start  # the first line has something to go by

    def add(self, amount: float) -> None:
        """Count more work as done, and say so now and then."""
        self._done += amount
        elapsed = time.monotonic() - self._start
        left = elapsed * (self._total - self._done) / self._done if self._done else float("inf")
        report_line(
            f"{self._done:.3g} of {self._total:.3g} {self._unit} ({min(self._done / self._total, 1):.0%}), "
            f"{elapsed:.0f} s gone, about {max(left, 0):.0f} s left",
            always=self._done >= self._total > self._done - amount,
        )
