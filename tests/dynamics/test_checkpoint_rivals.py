"""Two simulations of one output, and checkpoints that others have left: none is mixed with another."""

import itertools
import os
import shutil
import signal
from contextlib import suppress

import pytest
from checkpoint_cases import MADE_FROM, NETWORK, PARAMETERS, RUN, parts_in, run, same

from circuitbias.dynamics.checkpoint import Checkpoint
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import Simulation


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "parts"


@pytest.fixture
def whole():
    return list(simulate(NETWORK, PARAMETERS, **RUN))


class Writer:
    """A process that simulates until it has written some parts, or has ended, and then waits to be killed."""

    def __init__(self, folder, spikes_a_part, most_parts=99):
        reading, writing = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            checkpoint = Checkpoint(folder, MADE_FROM, spikes_a_part)
            for _ in checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN)):
                if checkpoint.n_parts >= most_parts:
                    break
            os.write(writing, b"x")
            signal.pause()
        os.close(writing)
        assert os.read(reading, 1) == b"x"
        os.close(reading)

    def kill(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


@pytest.fixture
def writer(folder):
    """Start a writer; all are killed in the end."""
    started = []

    def start(*arguments, where=folder):
        started.append(Writer(where, *arguments))
        return started[-1]

    yield start
    for one in started:
        with suppress(ProcessLookupError, ChildProcessError):
            one.kill()


def test_two_runs_of_one_output_killed_and_resumed(folder, whole, writer, capfd):
    """Parts are cut by time: those of two runs do not continue each other."""
    first = writer(700, 2)
    names = parts_in(folder)
    second = writer(450)
    assert "another process is at work on the same file" in capfd.readouterr().err
    assert parts_in(folder) == names  # the second left no part, and took none
    first.kill()
    second.kill()
    resumed = writer(450, 5)  # by the parts of the first, and with its own after them
    assert len(parts_in(folder)) == 5
    resumed.kill()
    assert same(run(folder), whole)
    assert not folder.exists() and list(folder.parent.iterdir()) == []


def test_a_part_that_continues_another_one_is_not_used(folder, tmp_path, whole, writer, capfd):
    other = tmp_path / "other"
    writer(700).kill()
    writer(450, where=other).kill()
    for name in parts_in(folder)[1::2]:  # as two writers of one folder would have left them
        shutil.copy(other / name, folder / name)
    capfd.readouterr()
    checkpoint = Checkpoint(folder, MADE_FROM)
    assert "part_0001.npz: continues another part than the one before it" in capfd.readouterr().err
    assert parts_in(folder) == ["part_0000.npz"] and checkpoint.n_spikes < 1000
    assert same(run(folder), whole)
    shutil.rmtree(other)


def test_two_runs_that_begin_at_the_same_time(folder, whole, capsys):
    """Neither finds parts; the first to write one owns the folder, whoever ends first."""
    runs = [Checkpoint(folder, MADE_FROM, 700) for _ in range(2)]
    going = [checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN)) for checkpoint in runs]
    seen = [[], []]
    for segments in itertools.zip_longest(*going):
        for which in range(2):
            seen[which] += [segments[which]] if segments[which] else []
    assert same(seen[0], whole) and same(seen[1], whole)
    assert capsys.readouterr().err.count("no checkpoint from here on") == 1
    runs[1].remove()
    assert parts_in(folder)  # not its own
    runs[0].remove()
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("owner", ["elsewhere-17s1-0123abcd", "elsewhere-17-0123abcd"])
def test_a_job_that_comes_again_on_another_machine_has_its_parts(folder, whole, owner):
    run(folder, 3000)
    (mark,) = folder.glob("*.owner")
    mark.rename(folder / f"{owner}.owner")
    assert Checkpoint(folder, MADE_FROM).n_spikes > 2000
    assert same(run(folder), whole)


def test_another_process_with_the_number_of_a_dead_one(folder):
    """Containers count from one: the number of a killed job may be that of anybody after a restart."""
    run(folder, 3000)
    (mark,) = folder.glob("*.owner")
    machine = mark.name.split("-")[0]
    mark.rename(folder / f"{machine}-{os.getppid()}s1-0123abcd.owner")  # it lives, but began at another time
    assert Checkpoint(folder, MADE_FROM).n_spikes > 2000


def test_a_run_that_loses_its_parts_goes_on_without(folder, whole, capsys):
    """Taken for dead on another machine, it lives after all."""
    checkpoint = Checkpoint(folder, MADE_FROM, 700)
    segments = []
    thief = None
    for segment in checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN)):
        segments.append(segment)
        if checkpoint.n_parts == 2 and thief is None:
            thief = Checkpoint(folder, MADE_FROM)
            names = parts_in(folder)
    assert same(segments, whole) and parts_in(folder) == names
    assert "no checkpoint from here on: another process has taken over" in capsys.readouterr().err
    checkpoint.remove()
    assert parts_in(folder) == names
    assert same(list(thief.run(Simulation(NETWORK, PARAMETERS, **RUN))), whole)


@pytest.mark.parametrize("left", [0, 1])
def test_parts_that_vanish_while_they_are_replayed(folder, whole, left):
    run(folder, 3000)
    checkpoint = Checkpoint(folder, MADE_FROM)
    for name in parts_in(folder)[left:]:
        (folder / name).unlink()
    assert same(list(checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN))), whole)


def test_parts_without_an_owner_are_nobodys(folder, whole):
    run(folder, 3000)
    (mark,) = folder.glob("*.owner")
    mark.unlink()
    assert Checkpoint(folder, MADE_FROM).n_spikes == 0
    assert same(run(folder), whole)
