"""Jitter of spikes: what is expected by enumeration and of surrogates, and what stands out."""

from itertools import pairwise, product

import numpy as np
import pytest
from correlogram_cases import off_diagonal, random_record

from circuitbias.estimators import estimate
from circuitbias.estimators.jitter import jittered_pairs, stands_out
from circuitbias.spikes.segments import Segment, SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


def test_expected_pairs_by_enumeration():
    """Two neurons, two spikes each, windows of 3 bins: all 81 ways to move them, at every lag."""
    window, spikes = 3, [(4, 0), (5, 1), (7, 0), (10, 1)]
    left_out = [(12, 0), (13, 1)]  # in an incomplete window
    record = SpikeRecord.from_events(*zip(*spikes, *left_out, strict=True), n_neurons=2, n_steps=14)
    for lag in range(-11, 12):
        lags = np.array([[0, lag], [-lag, 0]])
        ways = []
        for moves in product(range(window), repeat=4):
            moved = [(t // window * window + move, i) for (t, i), move in zip(spikes, moves, strict=True)]
            first, second = ([t for t, i in moved if i == which] for which in (0, 1))
            ways.append(sum(t - s == lag for s in first for t in second))
        observed, expected = jittered_pairs(record, 1, window, lags)
        assert expected[0, 1] == pytest.approx(np.mean(ways))
        assert expected[1, 0] == expected[0, 1]
        assert observed[0, 1] == observed[1, 0] == {1: 1, 6: 1, -2: 1, 3: 1}.get(lag, 0)


def test_expected_pairs_equal_the_mean_of_surrogates():
    record = random_record(n_neurons=3, n_steps=3000, trials=2)
    rng, bin_steps, window = np.random.default_rng(1), 2, 5
    lags = np.array([[0, 4, 0], [-4, 0, -13], [0, 13, 0]])

    def count(trains):
        pairs = np.zeros((3, 3))
        for bins, neurons in trains:
            for i, j in off_diagonal(3):
                apart = bins[neurons == j][:, None] - bins[neurons == i]
                pairs[i, j] += (apart == lags[i, j]).sum()
        return pairs

    trains = []
    for piece in record.pieces:
        whole = piece.steps < piece.n_steps // 10 * 10
        trains.append((piece.steps[whole] // bin_steps, piece.neurons[whole]))
    observed, expected = jittered_pairs(record, bin_steps, window, lags)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_array_equal(observed[off], count(trains)[off])
    surrogates = [
        count([(bins // window * window + rng.integers(0, window, len(bins)), i) for bins, i in trains])
        for _ in range(400)
    ]
    error = np.std(surrogates, axis=0) / 20
    assert (np.abs(np.mean(surrogates, axis=0) - expected)[off] < 4 * error[off]).all()


def test_jitter_does_not_depend_on_how_a_recording_is_cut():
    record = random_record(n_neurons=3, n_steps=3000)
    (piece,) = record.pieces
    edges = [0, *range(37, 2900, 41), 2900, 2901, 3000]
    cut = SpikeRecord(
        3,
        0.1,
        [
            Segment(0, a, b - a, *(part[(piece.steps >= a) & (piece.steps < b)] for part in piece[3:]))
            for a, b in pairwise(edges)
        ],
    )
    lags = np.array([[0, 22, -3], [-22, 0, 0], [3, 0, 0]])  # from up to 6 windows away
    for whole, parts in zip(*(jittered_pairs(r, 3, 4, lags) for r in (record, cut)), strict=True):
        np.testing.assert_array_equal(whole, parts)


def test_jitter_tells_precise_from_slow_synchrony():
    """Both pairs fire together more often than by chance, but one only because their rates rise together."""
    rng = np.random.default_rng(0)
    n_steps = 60_000
    up = np.repeat(rng.random(n_steps // 300) < 0.3, 300)
    spikes = rng.random((n_steps, 4)) < np.where(up, 0.1, 0.01)[:, None]
    follows = rng.random(n_steps) < 0.2
    spikes[5:, 1] |= spikes[:-5, 0] & follows[5:]
    record = SpikeRecord.from_events(*np.nonzero(spikes), n_neurons=4, n_steps=n_steps)
    options = {"bin_steps": 1, "window_ms": 5.0, "connected_ms": 5.0}
    plain = estimate("correlogram_graph", record, **options)
    tested = estimate("correlogram_graph", record, **options, jitter_ms=4.0, least_z=4.0)
    assert plain.arrays["connected"][2, 3]
    assert plain.arrays["peak_lag_ms"][0, 1] == pytest.approx(0.5)
    assert tested.diagnostics["n_connected"] == 1
    assert tested.values[0, 1] == plain.values[0, 1] > 0.1
    assert tested.values[2, 3] == 0
    lags = np.rint(plain.arrays["peak_lag_ms"] / 0.1)
    np.testing.assert_array_equal(
        stands_out(record, 1, 40, np.nan_to_num(lags), 4.0) & plain.arrays["connected"],
        tested.arrays["connected"],
    )


def test_what_is_neither_seen_nor_expected_does_not_stand_out():
    """Two neurons that never fire near each other: C is lowest, and the same, at all lags."""
    record = SpikeRecord.from_events([100, 2100], [0, 1], n_neurons=2, n_steps=4000)
    lags = np.zeros((2, 2), dtype=int)
    observed, expected = jittered_pairs(record, 1, 30, lags)
    assert observed[0, 1] == expected[0, 1] == 0
    assert not stands_out(record, 1, 30, lags, 3.0)[0, 1]
    plain, tested = (
        estimate("correlogram_graph", record, bin_steps=1, jitter_ms=jitter_ms) for jitter_ms in (None, 3.0)
    )
    assert plain.diagnostics["n_connected"] == 1
    assert tested.diagnostics["n_connected"] == 0
    assert tested.values[0, 1] == 0


@pytest.mark.parametrize("together, z", [(10, 3.0), (0, -2.0)])
def test_how_far_from_expectation_a_pair_stands_out(together, z):
    """16 windows of 4 bins with a spike of each neuron, some at the same step: 4 +- 2 would be by chance."""
    starts = np.arange(0, 64, 4)
    second = starts + np.where(np.arange(16) < together, 0, 3)
    steps, neurons = np.concatenate([starts, second]), np.repeat([0, 1], 16)
    record = SpikeRecord.from_events(steps, neurons, n_neurons=2, n_steps=64)
    lags = np.zeros((2, 2), dtype=int)
    observed, expected = jittered_pairs(record, 1, 4, lags)
    assert (observed[0, 1], expected[0, 1]) == (together, 4)
    for least_z, stands in ((abs(z) - 0.01, True), (abs(z), False), (abs(z) + 0.01, False)):
        assert stands_out(record, 1, 4, lags, least_z)[0, 1] == stands
