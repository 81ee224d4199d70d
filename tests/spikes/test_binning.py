from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes


def record_of(trials, n_neurons, ends):
    """A record of several trials from their rasters (n_steps, n_neurons), cut at `ends`."""
    pieces = []
    for trial, raster in enumerate(trials):
        cuts = sorted({0, len(raster), *(end for end in ends if end < len(raster))})
        for first, end in pairwise(cuts):
            steps, neurons = np.nonzero(raster[first:end])
            pieces.append(Segment(trial, first, end - first, steps + first, neurons))
    return SpikeRecord(n_neurons, 0.1, pieces)


def brute_force(trials, bin_steps):
    """Counts by a histogram of each trial: (n_bins, n_neurons)."""
    counts = []
    for raster in trials:
        n_bins, n_neurons = len(raster) // bin_steps, raster.shape[1]
        edges = np.arange(n_bins + 1) * bin_steps - 0.5, np.arange(n_neurons + 1) - 0.5
        if n_bins:
            counts.append(np.histogram2d(*np.nonzero(raster), bins=edges)[0])
    return np.concatenate(counts)


def random_trials(lengths, n_neurons, seed=0, density=0.1):
    rng = np.random.default_rng(seed)
    return [rng.random((length, n_neurons)) < density for length in lengths]


# --- conventions, by hand -----------------------------------------------------------------------


def test_where_bins_begin_and_end():
    record = SpikeRecord.from_events([99, 100], [0, 0], n_neurons=2, n_steps=200)
    assert BinnedCounts(record, 100).all().tolist() == [[1, 0], [1, 0]]
    record = SpikeRecord.from_events([0, 99], [0, 1], n_neurons=2, n_steps=200)
    assert BinnedCounts(record, 100).all().tolist() == [[1, 1], [0, 0]]


def test_an_incomplete_last_bin_is_dropped():
    for n_steps, expected in {299: [[1], [0]], 300: [[1], [0], [1]], 301: [[1], [0], [1]]}.items():
        record = SpikeRecord.from_events([5, 298], [0, 0], n_neurons=1, n_steps=n_steps)
        binned = BinnedCounts(record, 100)
        assert binned.all().tolist() == expected
        assert binned.n_bins == len(expected)


def test_bins_begin_with_each_trial():
    # trial 0 has 150 steps: its last 50 steps make no bin, and trial 1 begins with a fresh one
    first, second = np.zeros((150, 1), bool), np.zeros((250, 1), bool)
    first[[0, 120, 149]] = second[[0, 99, 100, 249]] = True
    binned = BinnedCounts(record_of([first, second], 1, ends=[]), 100)
    assert [(b.trial, b.first_bin, b.counts.tolist()) for b in binned.blocks()] == [
        (0, 0, [[1]]),
        (1, 0, [[2], [1]]),
    ]
    assert binned.all().tolist() == [[1], [2], [1]]


def test_trials_shorter_than_a_bin_are_passed_over():
    trials = random_trials([50, 230, 99], 3)
    binned = BinnedCounts(record_of(trials, 3, ends=[40]), 100)
    assert np.array_equal(binned.all(), brute_force(trials, 100))
    assert [block.trial for block in binned.blocks()] == [1]


def test_binarised_counts_say_whether_there_was_a_spike():
    trials = random_trials([1000], 4, density=0.02)
    record = record_of(trials, 4, ends=[])
    counts = BinnedCounts(record, 100).all()
    assert counts.max() > 1
    binary = BinnedCounts(record, 100, binarise=True).all()
    assert binary.dtype == np.uint8 and np.array_equal(binary, counts > 0)


@pytest.mark.parametrize(("bin_steps", "kind"), [(1, "u1"), (255, "u1"), (256, "u2"), (70_000, "u4")])
def test_counts_cannot_overflow(bin_steps, kind):
    steps = np.arange(bin_steps)  # a spike in every step
    record = SpikeRecord.from_events(steps, 0 * steps, n_neurons=1, n_steps=bin_steps)
    counts = BinnedCounts(record, bin_steps).all()
    assert counts.dtype == kind and counts.tolist() == [[bin_steps]]


# --- against a histogram ------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 120), min_size=1, max_size=3).filter(lambda lengths: max(lengths) > 40),
    ends=st.lists(st.integers(1, 119), max_size=8),
    bin_steps=st.integers(1, 40),
    block_bins=st.integers(1, 30),
    n_neurons=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_counts_equal_a_histogram(lengths, ends, bin_steps, block_bins, n_neurons, seed):
    trials = random_trials(lengths, n_neurons, seed)
    binned = BinnedCounts(record_of(trials, n_neurons, ends), bin_steps)
    binned.block_bins = block_bins
    expected = brute_force(trials, bin_steps)
    assert binned.n_bins == len(expected)
    for _ in range(2):
        blocks = list(binned.blocks())
        assert np.array_equal(np.concatenate([block.counts for block in blocks]), expected)
        assert max(len(block.counts) for block in blocks) <= block_bins
        for trial, length in enumerate(lengths):  # blocks follow on without a gap
            of_trial = [block for block in blocks if block.trial == trial]
            sizes = [len(block.counts) for block in of_trial]
            assert sum(sizes) == length // bin_steps
            assert [block.first_bin for block in of_trial] == np.cumsum([0, *sizes])[:-1].tolist()


@pytest.mark.parametrize("kept", [True, False])
def test_files_give_the_same_counts_in_every_pass(tmp_path, kept):
    trials = random_trials([4000, 2500], 6)
    record = record_of(trials, 6, ends=[1000, 1700])
    path = tmp_path / "spikes.h5"
    write_spikes(path, record.segments(), 6, 0.1, {})
    # 6500 bins of one step and 6 neurons take 39 kB: more or less than a quarter of the bound
    binned = BinnedCounts(SpikeFile(path), 1, memory_mb=0.2 if kept else 0.05)
    expected = np.concatenate(trials)
    next(binned.blocks())  # a pass that is given up half-way does no harm
    for _ in range(3):
        assert np.array_equal(binned.all(), expected)
    assert len(list(binned.blocks())) > 2
    path.unlink()
    if kept:
        assert np.array_equal(binned.all(), expected)
    else:  # it was read again indeed
        with pytest.raises(ValueError, match=str(path)):
            binned.all()


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_neurons", [3, 100, 170])
def test_too_little_memory_says_how_much_is_needed(n_neurons):
    record = SpikeRecord.from_events([], [], n_neurons=n_neurons, n_steps=1000)
    with pytest.raises(ValueError, match=f"memory_mb=0.01 is too small for {n_neurons} neurons") as error:
        BinnedCounts(record, 10, memory_mb=0.01)
    enough = float(str(error.value).split("at least ")[1].split()[0])
    assert BinnedCounts(record, 10, memory_mb=enough).all().shape == (100, n_neurons)


@pytest.mark.parametrize("bin_steps", [0, -5])
def test_bins_have_at_least_a_step(bin_steps):
    record = SpikeRecord.from_events([1], [0], n_neurons=1, n_steps=10)
    with pytest.raises(ValueError, match=f"bin_steps = {bin_steps}: must be a whole number >= 1"):
        BinnedCounts(record, bin_steps)


def test_a_bin_longer_than_every_trial():
    record = record_of(random_trials([20, 30], 2), 2, ends=[])
    with pytest.raises(ValueError, match=r"bin_steps=31 .*longest: 30 steps"):
        BinnedCounts(record, 31)
    with pytest.raises(ValueError, match=r"bin_steps=1 .*longest: 0 steps"):
        BinnedCounts(SpikeRecord(2, 0.1), 1)
