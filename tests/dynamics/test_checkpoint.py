"""A simulation that is cut short goes on as if nobody had disturbed it."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from checkpoint_cases import MADE_FROM, NETWORK, PARAMETERS, RUN, Cut, parts_in, run, same

from circuitbias.cli import main
from circuitbias.dynamics import checkpoint as module
from circuitbias.dynamics.checkpoint import Checkpoint, fingerprint
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import Simulation
from circuitbias.progress import Countdown


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
