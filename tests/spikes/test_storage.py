import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.spikes import storage, writing
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import LONGEST_SEGMENT, SpikeFile, SpikeFileError
from circuitbias.spikes.writing import write_spikes


def segment(trial, first_step, n_steps, steps=(), neurons=()):
    return Segment(trial, first_step, n_steps, np.array(steps, np.int64), np.array(neurons, np.int64))


def random_segments(n_neurons=10, n_steps=3000, pieces=3, trial=0, seed=0, spikes=800):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(n_neurons * n_steps, spikes, replace=False))
    steps, neurons = np.divmod(places, n_neurons)
    ends = np.linspace(0, n_steps, pieces + 1).astype(int)
    for first, end in pairwise(ends):
        inside = (steps >= first) & (steps < end)
        yield segment(trial, int(first), int(end - first), steps[inside], neurons[inside])


def content(source):
    """Everything that matters of a source: length and events of each trial."""
    spikes = {}
    for s in source.segments():
        spikes.setdefault(s.trial, []).extend(zip(s.steps.tolist(), s.neurons.tolist(), strict=True))
    return source.trial_steps.tolist(), spikes


def round_trip(path, segments, n_neurons=10):
    """Write and read; the file, having checked that it says what the segments said."""
    segments = list(segments)
    write_spikes(path, segments, n_neurons, 0.1, {"seed": 3})
    file = SpikeFile(path)
    assert content(file) == content(SpikeRecord(n_neurons, 0.1, segments))
    assert file.n_spikes == sum(s.steps.size for s in segments)
    for s in file.segments():  # each is whole in itself
        assert s.n_steps <= LONGEST_SEGMENT
        assert np.all((s.steps >= s.first_step) & (s.steps < s.first_step + s.n_steps))
    return file


@pytest.fixture
def good(tmp_path):
    """A small good file of two trials."""
    path = tmp_path / "spikes.h5"
    write_spikes(path, [*random_segments(), *random_segments(trial=1, seed=1)], 10, 0.1, {"seed": 3})
    return path


# --- round trip ---------------------------------------------------------------------------------


def test_round_trip(tmp_path):
    file = round_trip(tmp_path / "spikes.h5", random_segments())
    assert (file.n_neurons, file.dt_ms, file.metadata) == (10, 0.1, {"seed": 3})
    assert [s[:3] for s in file.segments()] == [(0, 0, 1000), (0, 1000, 1000), (0, 2000, 1000)]
    assert content(file) == content(file)  # it can be read again


def test_trials_may_alternate(tmp_path):
    trials = [list(random_segments(trial=trial, seed=trial, spikes=200 * trial)) for trial in range(4)]
    alternating = [pieces[k] for k in range(3) for pieces in trials]
    file = round_trip(tmp_path / "spikes.h5", alternating)
    assert [s.trial for s in file.segments()] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert [s.steps.tolist() for s in file.segments(2)] == [s.steps.tolist() for s in trials[2]]


def test_spikes_are_read_in_several_goes(tmp_path, monkeypatch):
    for module in (storage, writing):
        monkeypatch.setattr(module, "AT_ONCE", 100)
    round_trip(tmp_path / "spikes.h5", random_segments(pieces=40))


@pytest.mark.parametrize("length", [LONGEST_SEGMENT - 1, LONGEST_SEGMENT, LONGEST_SEGMENT + 1, 300_000])
def test_long_silences_and_long_segments(tmp_path, length):
    ends = [0, length - 1]  # a gap as long as the segment
    one = [segment(0, 0, length, ends, [1, 2])]
    file = round_trip(tmp_path / "one.h5", one)
    assert len(list(file.segments())) == -(-length // LONGEST_SEGMENT)
    silent_start = [segment(0, 0, length), segment(0, length, length, [2 * length - 1], [3])]
    file = round_trip(tmp_path / "silent.h5", silent_start)
    assert file.trial_steps.tolist() == [2 * length]


def test_spikes_around_the_cut_of_a_long_segment(tmp_path):
    steps = [LONGEST_SEGMENT - 1, LONGEST_SEGMENT - 1, LONGEST_SEGMENT, LONGEST_SEGMENT + 1]
    file = round_trip(tmp_path / "cut.h5", [segment(0, 0, 2 * LONGEST_SEGMENT, steps, [0, 1, 0, 0])])
    assert [s.steps.size for s in file.segments()] == [2, 2]


def test_without_spikes(tmp_path):
    file = round_trip(tmp_path / "silent.h5", [segment(0, 0, 5000)])
    assert (file.n_spikes, file.trial_steps.tolist()) == (0, [5000])
    file = round_trip(tmp_path / "nothing.h5", [])
    assert (file.n_spikes, file.trial_steps.tolist(), list(file.segments())) == (0, [], [])


@pytest.mark.parametrize(("n_neurons", "kind"), [(2, "u1"), (256, "u1"), (257, "u2"), (70_000, "u4")])
def test_neurons_take_as_many_bytes_as_their_number_needs(tmp_path, n_neurons, kind):
    file = round_trip(
        tmp_path / "many.h5", [segment(0, 0, 10, [3, 3, 4], [0, n_neurons - 1, n_neurons - 1])], n_neurons
    )
    (read,) = file.segments()
    assert read.neurons.dtype == kind
    assert read.neurons.tolist() == [0, n_neurons - 1, n_neurons - 1]


def test_progress_counts_the_spikes(tmp_path):
    seen = []
    write_spikes(tmp_path / "spikes.h5", random_segments(), 10, 0.1, {}, progress=seen.append)
    assert sum(seen) == 800 and len(seen) == 3


@pytest.mark.parametrize(("r", "theta"), [(0.0025, 0.001304), (0.025, 0.000735)])
def test_simulated_spikes_take_little_room(tmp_path, ring, r, theta):
    path = tmp_path / "spikes.h5"
    segments = simulate(ring, ThresholdParameters(r, theta), seed=1, n_spikes=1_000_000)
    write_spikes(path, segments, 100, 0.1, {})
    assert SpikeFile(path).n_spikes >= 1_000_000
    assert path.stat().st_size / 1e6 <= 1.5  # bytes per spike


# --- files that are not what they should be -----------------------------------------------------


def read_all(path):
    return content(SpikeFile(path))


def assert_refused(path, *words):
    with pytest.raises(SpikeFileError) as error:
        read_all(path)
    for word in (str(path), *words):
        assert word in str(error.value)


@pytest.mark.parametrize("share", [0, 1e-4, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file(good, share):
    whole = good.read_bytes()
    good.write_bytes(whole[: int(share * len(whole))])
    assert_refused(good, "not a whole spike file")


def test_everything_in_a_file_has_a_checksum(good):
    with h5py.File(good) as file:
        assert all(file[name].fletcher32 for name in ("gap", "neuron", "segments"))
    assert b"GCOL" not in good.read_bytes()  # the heap of strings of variable length, which has none


def test_a_flipped_byte_is_seen_or_harmless(good):
    # Each byte in turn; unused ones between the parts of the file make no difference. In a process of
    # its own: it must not hang or crash either.
    program = f"""
import pathlib
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_storage import read_all, SpikeFileError
path = pathlib.Path({str(good)!r})
whole, expected, seen = path.read_bytes(), read_all(path), 0
places = range(0, len(whole), 29)
for place in places:
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :])
    try:
        assert read_all(path) == expected, place
    except SpikeFileError as error:
        assert str(path) in str(error)
        seen += 1
print(seen / len(places))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.5


def test_a_damaged_block(good):
    # the file opens, its spikes cannot be read
    with h5py.File(good) as file:
        block = file["gap"].id.get_chunk_info(0)
    damaged = bytearray(good.read_bytes())
    damaged[block.byte_offset + block.size // 2] ^= 0xFF
    good.write_bytes(damaged)
    assert SpikeFile(good).n_spikes == 1600
    assert_refused(good, "damaged")


def test_files_of_another_kind(tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("step neuron\n0 1\n")
    assert_refused(text, "of another kind")
    foreign = tmp_path / "foreign.h5"
    for attributes in ({}, {"format": "something else"}, {"format": [1, 2, 3]}):
        with h5py.File(foreign, "w") as file:
            file["data"] = np.arange(3)
            file.attrs.update(attributes)
        assert_refused(foreign, "not a spike file of circuitbias")
    assert_refused(tmp_path / "missing.h5", "there is no such spike file")
    assert_refused(tmp_path, "is no regular file, but a folder")


def test_another_version(good):
    with h5py.File(good, "r+") as file:
        file.attrs["version"] = 2
    assert_refused(good, "of version 2", "reads version 1")


@pytest.mark.parametrize("part", ["neuron", "gap", "segments"])
def test_a_missing_part(good, part):
    with h5py.File(good, "r+") as file:
        del file[part]
    assert_refused(good, "not a whole spike file")


def test_an_index_that_does_not_fit(good):
    with h5py.File(good, "r+") as file:
        file["neuron"].resize(1599, axis=0)
    assert_refused(good, "its index and its spikes differ")


# --- interrupted writing ------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_interrupted_writing_leaves_nothing(tmp_path, failure):
    def interrupted():
        yield from random_segments()
        raise failure

    path = tmp_path / "spikes.h5"
    with pytest.raises(failure):
        write_spikes(path, interrupted(), 10, 0.1, {})
    assert list(tmp_path.iterdir()) == []

    write_spikes(path, random_segments(), 10, 0.1, {"good": True})
    expected = path.read_bytes()
    with pytest.raises(failure):
        write_spikes(path, interrupted(), 10, 0.1, {})
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == expected


def test_metadata_that_json_cannot_hold_leaves_nothing(tmp_path):
    for value in (np.zeros(2), float("nan")):
        with pytest.raises(ValueError, match="metadata: cannot be written as JSON"):
            write_spikes(tmp_path / "spikes.h5", random_segments(), 10, 0.1, {"array": value})
    assert list(tmp_path.iterdir()) == []


# --- sound checksums, impossible contents -------------------------------------------------------


def crowded(path, n_spikes):
    """Ten neurons, ten steps, and spikes that no network can have fired if there are more than a hundred."""
    steps, neurons = np.divmod(np.arange(n_spikes), 10)
    write_spikes(path, [segment(0, 0, 11, steps, neurons)], 10, 0.1, {})
    with h5py.File(path, "r+") as file:
        gaps = file["gap"][()]
        gaps[100:] = 0  # all within the ten steps
        file["gap"][...] = gaps
        rows = file["segments"][()]
        rows[0, 2] = 10
        file["segments"][...] = rows
    return path


def test_no_more_spikes_than_neurons_and_steps(tmp_path):
    assert SpikeFile(crowded(tmp_path / "full.h5", 100)).n_spikes == 100
    assert_refused(crowded(tmp_path / "crowded.h5", 101), "the lengths of its segments are out of range")


def test_the_last_step_of_a_segment_is_its_last(tmp_path):
    """A spike after the end would be counted in a bin that is not there."""
    path = tmp_path / "spikes.h5"
    write_spikes(path, [segment(0, 0, 10, [2, 9], [0, 1]), segment(0, 10, 10, [19], [2])], 3, 0.1, {})
    assert content(SpikeFile(path))[1][0] == [(2, 0), (9, 1), (19, 2)]
    for spike, gap in ((1, 8), (2, 10)):
        with h5py.File(path, "r+") as file:
            gaps = file["gap"][()]
            file["gap"][spike] = gap
        assert_refused(path, "after the end of its segment")
        with h5py.File(path, "r+") as file:
            file["gap"][...] = gaps


@pytest.mark.parametrize(
    ("n_steps", "sound"), [(LONGEST_SEGMENT, True), (LONGEST_SEGMENT + 1, False), (0, True)]
)
def test_the_length_of_a_segment(tmp_path, n_steps, sound):
    path = tmp_path / "spikes.h5"
    write_spikes(path, [segment(0, 0, 1)], 3, 0.1, {})
    with h5py.File(path, "r+") as file:
        file["segments"][0] = [0, 0, n_steps, 0, 0]
    if sound:
        assert SpikeFile(path).trial_steps.tolist() == [n_steps]
    else:
        assert_refused(path, "the lengths of its segments")
