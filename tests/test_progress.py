"""The time left goes by what was measured: nothing is told of it before there is something to go by."""

import io

import pytest

from circuitbias.progress import Countdown, Descent, finish_line, report_line


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr("time.monotonic", lambda: Clock.now)
    monkeypatch.setattr("circuitbias.progress._Reporter.last", 0.0)
    monkeypatch.setattr("circuitbias.progress._Reporter.label", "")  # steps run before leave theirs
    return Clock


def test_compiling_says_nothing_about_the_speed(clock, capsys):
    """A kernel that takes 12 s to compile, and then does a thousandth of the work a second."""
    countdown = Countdown(1e8, "spikes")
    clock.now += 12.1
    countdown.add(1e5)
    assert capsys.readouterr().err == "1e+05 of 1e+08 spikes (0%), 12 s gone\n"
    clock.now += 10
    countdown.add(1e6)
    assert "(1%), 22 s gone, about 989 s left" in capsys.readouterr().err


def test_the_end_has_nothing_left(clock, capsys):
    countdown = Countdown(10, "estimates")
    for amount in (4, 6):
        clock.now += 1
        countdown.add(amount)
    assert capsys.readouterr().err == "10 of 10 estimates (100%), 2 s gone\n"


def test_one_piece_of_work_alone(clock, capsys):
    clock.now += 1
    Countdown(1, "steps").add(1)
    assert capsys.readouterr().err == "1 of 1 steps (100%), 0 s gone\n"


@pytest.mark.parametrize(("gradient", "told"), [(0.999, None), (0.6, None), (0.1, "about 30 s left")])
def test_a_gradient_that_hardly_shrinks_is_no_measure(clock, capsys, gradient, told):
    """From 1 to 1e-4 there are four decades: 10 s for the first of them leave 30."""
    descent = Descent(1e-4)
    descent(1, 1.0, 3)
    clock.now += 10
    descent(2, gradient, 3)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(told or "3 fits left")


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self):
        return True

    def shown(self) -> list[str]:
        """Lines as they stand in the end."""
        lines = []
        for line in self.getvalue().split("\n"):
            lines.append(line.split("\r\x1b[2K")[-1])
        return lines


def test_at_a_terminal_a_line_is_written_over(clock, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    countdown = Countdown(10, "spikes")
    for _ in range(5):
        clock.now += 1
        countdown.add(1)
    (line,) = screen.shown()
    assert line.startswith("5 of 10 spikes (50%), 5 s gone, about 5 s left [============            ]")
    report_line("drawing", always=True)  # takes its place, and stays
    finish_line()
    assert screen.shown() == ["drawing", ""]


def test_a_line_is_cut_to_the_terminal(clock, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "30")
    clock.now += 10
    report_line("x" * 100)
    assert screen.shown() == ["x" * 29]
    finish_line()
    assert screen.shown() == [""]
