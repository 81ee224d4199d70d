"""Rates, windows, pattern strength and snapshots."""

import numpy as np
import pytest

from circuitbias import published
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.ring import ring_weights
from circuitbias.spikes.activity import (
    bump_period,
    firing_rates_hz,
    pattern_strength,
    snapshot,
    windows_of_spikes,
)
from circuitbias.spikes.correlograms import correlogram
from circuitbias.spikes.segments import Segment, SpikeRecord


@pytest.fixture
def record():
    """Two trials, 1000 and 500 steps of 0.1 ms; the first one in three segments."""
    return SpikeRecord(
        3,
        0.1,
        [
            Segment(0, 0, 400, np.array([0, 10, 399]), np.array([0, 1, 0])),
            Segment(0, 400, 100, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)),
            Segment(0, 500, 500, np.array([500, 700, 700, 999]), np.array([2, 0, 1, 0])),
            Segment(1, 0, 500, np.array([250]), np.array([1])),
        ],
    )


def events(piece):
    return list(zip(piece.steps.tolist(), piece.neurons.tolist(), strict=True))


def test_firing_rates(record):
    np.testing.assert_allclose(firing_rates_hz(record), np.array([4, 3, 1]) / 0.15)  # spikes in 0.15 s


def test_windows_of_spikes(record):
    first, second = windows_of_spikes(record, 3)
    assert events(first.pieces[0]) == [(0, 0), (10, 1), (399, 0)]
    assert first.trial_steps.tolist() == [400]
    # The next one begins with the silence, ends with a step, and counts steps from its own start.
    assert second.trial_steps.tolist() == [301]
    assert [event for piece in second.pieces for event in events(piece)] == [(100, 2), (300, 0), (300, 1)]
    # A step is not cut in two: the second of two spikes in a step goes with the first.
    assert [window.n_spikes for window in windows_of_spikes(record, 1)] == [1, 1, 1, 1, 2, 1]
    assert [window.n_spikes for window in windows_of_spikes(record, 5)] == [6]
    assert list(windows_of_spikes(record, 8)) == []  # of the first trial alone


@pytest.mark.parametrize(
    "n_steps, expected",
    [
        (300, [(0, 0), (0, 1), (299, 0)]),
        (601, [(0, 0), (101, 2), (301, 0), (301, 1), (600, 0)]),
        (5000, [(0, 0), (10, 1), (399, 0), (500, 2), (700, 0), (700, 1), (999, 0)]),
    ],
)
def test_snapshot(record, n_steps, expected):
    piece = snapshot(record, n_steps)
    assert events(piece) == expected
    assert piece[:3] == (0, 0, min(n_steps, 1000))


def test_bump_period():
    assert bump_period(ring_weights()) == 25
    assert bump_period(ring_weights(50, sigma1=3.49, sigma2=3.5)) == pytest.approx(12.5)
    offsets = np.arange(12)
    waves = np.cos(2 * np.pi * 3 * (offsets - offsets[:, None]) / 12)
    assert bump_period(waves) == 4
    assert np.isnan(bump_period(-np.ones((12, 12))))  # all alike: nothing is favoured
    assert np.isnan(bump_period(np.eye(12) * -1))


def ring_of(profile):
    """Matrix whose entries depend on the distance along a ring."""
    offsets = np.arange(len(profile))
    return np.asarray(profile, dtype=float)[(offsets - offsets[:, None]) % len(profile)]


def test_pattern_strength_by_hand():
    # Four neurons, period two: one shift, by two. Row (0, 1, 0, 1) is its own image, (0, 1, 0, -1) opposite.
    assert pattern_strength(ring_of([0, 1, 0, 1]), 2) == pytest.approx(1)
    assert pattern_strength(ring_of([0, 1, 0, -1]), 2) == pytest.approx(-1)
    # (0, 1, 2, 1) less its mean is (-1, 0, 1, 0): shifted by two, its negative.
    assert pattern_strength(ring_of([0, 1, 2, 1]), 2) == pytest.approx(-1)
    # The diagonal is set to 0 first.
    assert pattern_strength(ring_of([9, 1, 0, 1]), 2) == pytest.approx(1)


def test_pattern_strength_of_a_perfect_period_and_of_none():
    phase = 2 * np.pi * np.arange(100) / 25
    assert pattern_strength(ring_of(np.cos(phase) - 1), 25) == pytest.approx(1)
    noise = np.random.default_rng(0).normal(size=(100, 100))
    assert pattern_strength(noise + noise.T, 25) == pytest.approx(0, abs=0.03)


def test_pattern_strength_counts_all_shifts():
    """Waves of 50 neurons: shifts by 25 and 75 give -1, the one by 50 gives 1."""
    phase = 2 * np.pi * np.arange(100) / 50
    assert pattern_strength(ring_of(np.cos(phase) - 1), 25) == pytest.approx(-1 / 3)
    assert pattern_strength(ring_of(np.cos(phase) - 1), 50) == pytest.approx(1)


def test_pattern_strength_is_the_published_one(ring):
    parameters = ThresholdParameters(r=0.025, theta=7.35e-4)
    record = SpikeRecord(100, 0.1, list(simulate(ring, parameters, seed=1, n_spikes=1_000_000)))
    correlations = correlogram(record, bin_steps=1, longest_lag=0)[0]
    paper = published.pattern_strength().query("r == 0.025 and n_spikes == 1_000_000").pattern_strength
    assert paper.item() == pytest.approx(0.950, abs=1e-3)
    assert pattern_strength(correlations, bump_period(ring.weights)) == pytest.approx(paper.item(), abs=0.01)
