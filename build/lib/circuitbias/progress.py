"""Progress of long work, on standard error: lines in a log, no more often than a person would read them.

Where a person looks, at a terminal, it is one line that is written over, with a bar if the end is known.
"""

import math
import shutil
import sys
import time

_INTERVAL_S, _AT_A_TERMINAL_S = 5.0, 0.2
_BAR = 24  # characters


class _Reporter:
    """What is known of the lines so far: when the last one was, and whose they are."""

    label = ""
    last = 0.0
    unfinished = False  # the line at a terminal, which the next one is written over


def set_label(label: str) -> None:
    """Put a name before every line to come, to tell jobs that run side by side apart."""
    _Reporter.label = f"{label}: "


def report_line(text: str, *, always: bool = False, share: float | None = None) -> None:
    """Print a line of progress, unless one has been printed within the last five seconds (terminal: 0.2).

    Parameters
    ----------
    text : str
    always : bool, optional
        Print it however short ago the last one was, and keep it: at a terminal others are written over.
    share : float, optional
        How much of the work is done, 0 ... 1; at a terminal a bar shows it.
    """
    now, seen = time.monotonic(), sys.stderr.isatty()
    if not always and now - _Reporter.last < (_AT_A_TERMINAL_S if seen else _INTERVAL_S):
        return
    _Reporter.last = now
    if not seen:
        print(_Reporter.label + text, file=sys.stderr, flush=True)
        return
    bar = "" if share is None else f" [{'=' * round(_BAR * min(share, 1.0)):<{_BAR}}]"
    room = max(20, shutil.get_terminal_size().columns - 1)
    line = f"{_Reporter.label}{text}{bar}"
    finish_line()
    print(line if always else line[:room], end="\n" if always else "", file=sys.stderr, flush=True)
    _Reporter.unfinished = not always


def finish_line() -> None:
    """Take away a line of progress at a terminal that is not finished, before something else is printed."""
    if _Reporter.unfinished:
        _Reporter.unfinished = False
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


class Countdown:
    """Progress towards a known amount, with the time left.

    Parameters
    ----------
    total : float
        Amount at which the work is done.
    unit : str
        What is counted, for the text.
    resumed : float, optional
        Amount that has been done before: it is counted too, but says nothing about the speed.
    """

    def __init__(self, total: float, unit: str, resumed: float = 0.0):
        self._total, self._unit, self._resumed = total, unit, resumed
        self._done = 0.0
        self._first = None  # amount and time of the first measurement
        self._start = _Reporter.last = time.monotonic()  # so that the first line has something to go by

    def add(self, amount: float) -> None:
        """Count more work as done, and say so now and then, with the time left.

        The first amount says nothing about the speed: what is compiled or loaded is done with it.
        """
        done = self._done = self._done + amount
        now = time.monotonic()
        if 0 < done <= self._resumed:
            self._start = now
            return
        text = f"{done:.3g} of {self._total:.3g} {self._unit} ({min(done / self._total, 1):.0%}), "
        text += f"{now - self._start:.0f} s gone"
        first, then = self._first = self._first or (done, now)
        if first < done < self._total:
            text += f", about {(now - then) * (self._total - done) / (done - first):.0f} s left"
        share = done / self._total if self._total else None
        report_line(text, always=done >= self._total > done - amount, share=share)


class Descent:
    """Report a fit's progress, and estimate the time left from how fast its gradient shrinks.

    The time left is that in which the largest gradient reaches the tolerance if it goes on shrinking by the
    same factor a second as it has since the first pass; a fit that speeds up is done before. It is not told
    before the gradient has halved.

    Parameters
    ----------
    tolerance : float
        Largest scaled gradient at which the fit is done.
    """

    def __init__(self, tolerance: float):
        self._tolerance = tolerance
        self._first = None

    def __call__(self, passes: int, worst: float, left: int) -> None:
        """Report a pass over the data: its number, the largest scaled gradient, and how many fits go on."""
        now = time.monotonic()
        if self._first is None:
            self._first = worst, now
        text = f"pass {passes}, largest scaled gradient {worst:.1e}, {left} fits left"
        first, started = self._first
        if self._tolerance < worst < first / 2 < math.inf:
            more = (now - started) * math.log(worst / self._tolerance) / math.log(first / worst)
            text += f", about {more:.0f} s left"
        report_line(text)
