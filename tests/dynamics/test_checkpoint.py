"""A simulation that is cut short goes on as if nobody had disturbed it."""

import itertools
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from circuitbias.cli import main
from circuitbias.dynamics import checkpoint as module
from circuitbias.dynamics.checkpoint import Checkpoint, fingerprint
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import Simulation
from circuitbias.networks.ring import ring_network
from circuitbias.progress import Countdown

NETWORK = ring_network(20, 1.39, 1.4)
PARAMETERS = ThresholdParameters(0.025, 0.00115)  # about 0.01 spikes per neuron and step
RUN = {"seed": 3, "n_spikes": 4000, "trials": 3, "chunk_steps": 50}
MADE_FROM = "0" * 64


class Cut(Exception):
    """Stands for whatever ends a run; tests/faults kills real processes."""


def run(folder, stop_after=None, spikes_a_part=700, made_from=MADE_FROM, **options):
    """Run with checkpoints; return the segments, those of before the cut if it is cut."""
    checkpoint = Checkpoint(folder, made_from, spikes_a_part)
    segments = []
    for segment in checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN | options)):
        segments.append(segment)
        if stop_after is not None and sum(s.steps.size for s in segments) >= stop_after:
            return segments
    checkpoint.remove()
    return segments


def parts_in(folder):
    return sorted(path.name for path in folder.glob("part_*.npz"))


def same(first, second):
    """Whether two lists of segments are the same, to the bit and in types."""
    return len(first) == len(second) and all(
        one[:3] == other[:3]
        and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one[3:], other[3:], strict=True))
        for one, other in zip(first, second, strict=True)
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "parts"


@pytest.mark.parametrize("stop_after", [100, 1500, 3900])
@pytest.mark.parametrize("trials", [1, 3, 40])
def test_a_cut_run_goes_on_with_the_same_segments(folder, stop_after, trials):
    whole = list(simulate(NETWORK, PARAMETERS, **RUN | {"trials": trials}))
    run(folder, stop_after, trials=trials)
    assert folder.exists() == (stop_after > 1000)
    # The number of threads is free to change; other segments must not come of it.
    assert same(run(folder, trials=trials, threads=2), whole)
    assert not folder.exists()


def test_it_may_be_cut_again_and_again(folder):
    parts = 0
    for stop_after in (900, 1000, 1700, 2500, 2500, 3500):
        run(folder, stop_after)
        assert len(parts_in(folder)) >= parts
        parts = len(parts_in(folder))
    assert parts >= 4
    assert same(run(folder), list(simulate(NETWORK, PARAMETERS, **RUN)))


def test_what_was_recorded_is_not_simulated_again(folder, monkeypatch):
    run(folder, 3000)
    kept = Checkpoint(folder, MADE_FROM).n_spikes
    assert 2000 < kept <= 3000
    advanced = []
    advance_round = Simulation.advance_round

    def counting(simulation):
        segments = advance_round(simulation)
        advanced.extend(segment.steps.size for segment in segments)
        return segments

    monkeypatch.setattr(Simulation, "advance_round", counting)
    assert sum(segment.steps.size for segment in run(folder)) == kept + sum(advanced)


@pytest.mark.parametrize("first_damaged", [0, 2])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "foreign"])
def test_a_damaged_part_is_dropped_with_all_after_it(folder, capsys, first_damaged, damage):
    run(folder, 3500)
    before = parts_in(folder)
    part = folder / f"part_{first_damaged:04d}.npz"
    content = bytearray(part.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    part.write_bytes({"truncated": content[:-100], "foreign": b"something else"}.get(damage, content))
    checkpoint = Checkpoint(folder, MADE_FROM)
    assert f"part_{first_damaged:04d}.npz: damaged (" in capsys.readouterr().err
    assert parts_in(folder) == before[:first_damaged]
    assert (checkpoint.n_spikes > 0) == (first_damaged > 0)
    assert same(run(folder), list(simulate(NETWORK, PARAMETERS, **RUN)))


def test_every_bit_of_a_part_is_guarded(folder):
    """Flip bits one at a time: the part is refused, or what is read is what was written."""
    run(folder, 1000)
    path = folder / "part_0000.npz"
    whole, good = path.read_bytes(), Checkpoint(folder, MADE_FROM).read_part(0, "")
    refused = 0
    for position in range(0, len(whole), 13):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        checkpoint = Checkpoint(folder, MADE_FROM)
        if checkpoint.n_parts == 0:
            refused += 1
            continue
        read = checkpoint.read_part(0, "")
        for name in good:
            assert np.array_equal(read[name], good[name]), f"byte {position} changed {name}"
    assert refused > 80


def test_parts_of_other_settings_are_not_used(folder, capsys):
    run(folder, 3000)
    assert Checkpoint(folder, "1" * 64).n_spikes == 0
    assert "part_0000.npz: made from other settings" in capsys.readouterr().err
    assert not parts_in(folder)


def test_the_fingerprint_sees_everything_that_the_spikes_depend_on(monkeypatch):
    description = {"parameters": {"seed": 1, "model": PARAMETERS.to_dict()}}
    weights = NETWORK.weights.copy()
    weights[0, 1] = np.nextafter(weights[0, 1], 1)
    drive = np.ones(20)
    drive[3] = 0
    others = [
        fingerprint(NETWORK, description),
        fingerprint(NETWORK, {"parameters": {"seed": 2, "model": PARAMETERS.to_dict()}}),
        fingerprint(replace(NETWORK, weights=weights, circulant=False), description),
        fingerprint(replace(NETWORK, drive_scale=drive), description),
    ]
    monkeypatch.setattr(module, "code_hash", lambda name: "other code")
    others.append(fingerprint(NETWORK, description))
    assert len(set(others)) == 5
    assert fingerprint(NETWORK, description) == others[-1]


def test_a_part_that_cannot_be_written_does_not_stop_the_run(folder, capsys):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where the folder should be")
    assert same(run(folder), list(simulate(NETWORK, PARAMETERS, **RUN)))
    assert capsys.readouterr().err.count("no checkpoint from here on") == 1


@pytest.mark.parametrize("written", [0, 2])
def test_a_full_disk_leaves_the_parts_before_it_and_no_empty_folder(folder, written, monkeypatch):
    savez = np.savez

    def until_full(file, **parts):
        if len(parts_in(folder)) >= written:
            raise OSError(28, "No space left on device")
        savez(file, **parts)

    monkeypatch.setattr(np, "savez", until_full)
    run(folder, stop_after=3500)
    assert len(parts_in(folder)) == written and folder.exists() == (written > 0)


def test_slow_spikes_make_parts_too(folder):
    checkpoint = Checkpoint(folder, MADE_FROM, seconds_a_part=0.0)
    segments = checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN))
    while not folder.exists():
        next(segments)
    assert 0 < Checkpoint(folder, MADE_FROM).n_spikes < 1000


def test_short_runs_leave_no_parts(folder, monkeypatch):
    monkeypatch.setattr(Checkpoint, "write_part", None)  # would be an error
    run(folder, spikes_a_part=module.SPIKES_A_PART)


def test_the_step_resumes_to_the_same_file_and_says_so(tmp_path, monkeypatch, capsys):
    NETWORK.save(tmp_path / "network.npz")
    parameters = '{"r": 0.025, "theta": 0.00115}'
    arguments = ["simulate", "--network", str(tmp_path / "network.npz"), "--parameters", parameters]
    arguments += ["--seed", "1", "--n-spikes", "60000", "--trials", "2", "--output"]
    assert main([*arguments, str(tmp_path / "whole.h5")]) == 0

    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (10_000, 1000.0))
    cut = tmp_path / "cut.h5"
    written = Checkpoint.write_part

    def cut_short(self, *arguments):
        written(self, *arguments)
        raise Cut

    monkeypatch.setattr(Checkpoint, "write_part", cut_short)
    with pytest.raises(Cut):
        main([*arguments, str(cut)])
    monkeypatch.setattr(Checkpoint, "write_part", written)
    assert not cut.exists() and (tmp_path / ".cut.h5.parts" / "part_0000.npz").exists()
    capsys.readouterr()
    assert main([*arguments, str(cut)]) == 0
    lines = capsys.readouterr().err
    assert "simulate cut: goes on from 1 parts with" in lines
    assert cut.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"network.npz", "cut.h5", "whole.h5"}


def test_time_left_goes_by_what_is_new(monkeypatch, capsys):
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    countdown = Countdown(100, "spikes", resumed=60)
    for _ in range(6):  # read back, one a second
        now += 1
        countdown.add(10)
    assert capsys.readouterr().err == ""
    now += 100
    countdown.add(10)  # compiles
    assert "70 of 100 spikes (70%), 100 s gone\n" in capsys.readouterr().err
    now += 10
    countdown.add(20)
    assert "90 of 100 spikes (90%), 110 s gone, about 5 s left" in capsys.readouterr().err
    countdown.add(10)
    assert "100 of 100 spikes (100%), 110 s gone\n" in capsys.readouterr().err


# --- writers that meet ------------------------------------------------------------------------------


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


def test_a_clock_behind_the_input_leaves_the_checkpoint(tmp_path, monkeypatch, capsys):
    """Snakemake removes a result that looks older than its input; the spikes are not lost with it."""
    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (10_000, 1000.0))
    network, output = tmp_path / "network.npz", tmp_path / "spikes.h5"
    NETWORK.save(network)
    parameters = '{"r": 0.025, "theta": 0.00115}'
    arguments = ["simulate", "--network", str(network), "--parameters", parameters, "--seed", "1"]
    arguments += ["--n-spikes", "60000", "--trials", "2", "--output", str(output)]
    later = time.time() + 3600
    os.utime(network, (later, later))
    assert main(arguments) == 0
    assert "behind its input: the checkpoint stays" in capsys.readouterr().err
    whole = output.read_bytes()
    output.unlink()
    os.utime(network)  # the clock is right again
    assert main(arguments) == 0
    assert "goes on from" in capsys.readouterr().err
    assert output.read_bytes() == whole
    assert {path.name for path in tmp_path.iterdir()} == {"network.npz", "spikes.h5"}
