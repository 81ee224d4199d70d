"""Events by block: every bin once, each with the spikes in it and those that still act on it."""

import numpy as np
import pytest

from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import Segment, SpikeRecord

BIN, N = 5, 4


def rasters():
    rng = np.random.default_rng(0)
    return [rng.random((n_steps, N)) < 0.2 for n_steps in (203, 4, 118)]


def record(trials, segment_steps):
    pieces = []
    for trial, raster in enumerate(trials):
        for start in range(0, len(raster), segment_steps):
            steps, neurons = np.nonzero(raster[start : start + segment_steps])
            length = min(segment_steps, len(raster) - start)
            pieces.append(Segment(trial, start, length, steps + start, neurons))
    return SpikeRecord(N, 0.1, pieces)


@pytest.mark.parametrize("block_bins", [1, 7, 1000])
@pytest.mark.parametrize("segment_steps", [1, 33, 1000])
@pytest.mark.parametrize("look_back", [0, 12])
def test_blocks_hold_each_bin_with_its_past(block_bins, segment_steps, look_back):
    """Of two neurons, in the order they are asked for; the others leave nothing behind."""
    trials, kept = rasters(), np.array([2, 0])
    events = Events(record(trials, segment_steps), BIN, kept, block_bins, look_back=look_back)
    expected_bins = dict.fromkeys(range(3), 0)
    for block in events.blocks():
        raster = trials[block.trial][:, kept]
        assert block.first_bin == expected_bins[block.trial]
        assert 1 <= block.n_bins <= block_bins
        expected_bins[block.trial] += block.n_bins
        start, end = block.first_bin * BIN, (block.first_bin + block.n_bins) * BIN
        steps, columns = np.nonzero(raster[max(start - look_back, 0) : end])
        seen = sorted(zip(block.steps.tolist(), block.columns.tolist(), strict=True))
        assert seen == sorted(zip(steps + max(start - look_back, 0) - start, columns, strict=True))
        counts = raster[start:end].reshape(block.n_bins, BIN, 2).sum(axis=1)
        np.testing.assert_array_equal(events.counts(block), counts)
    assert expected_bins == {0: 40, 1: 0, 2: 23}
