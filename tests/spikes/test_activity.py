"""Rates, windows, pattern strength and snapshots."""

from itertools import pairwise

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
)
from circuitbias.spikes.coincidences import WindowCorrelations
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


def correlations_of(raster):
    """Pearson correlations of the columns of 0 and 1; NaN of silent neurons."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.corrcoef(raster.T)


def windows_of(segments, n_neurons, *sizes):
    windows = WindowCorrelations(n_neurons, *sizes)
    for segment in segments:
        windows.add(segment)
    return windows.found


@pytest.mark.filterwarnings("error")
def test_windows_begin_with_silence_and_end_with_a_step(record):
    # Of three spikes each, steps 0 to 399 and 400 to 700: a step is not cut in two. One spike is left over.
    raster = np.zeros((1000, 3))
    raster[[0, 10, 399, 500, 700, 700, 999], [0, 1, 0, 2, 0, 1, 0]] = 1
    found = windows_of(record.segments(0), 3, 3)
    expected = [correlations_of(raster[:400]), correlations_of(raster[400:701])]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.isnan(found[0][2]).all()  # it fires only later
    assert len(windows_of(record.segments(0), 3, 5)) == 1
    assert len(windows_of(record.segments(0), 3, 1)) == 6  # of seven spikes: two are of one step
    assert windows_of(record.segments(0), 3, 8) == []


@pytest.mark.parametrize("most", [1, 3, 99])
def test_windows_of_random_spikes(most):
    raster = np.random.default_rng(3).random((900, 4)) < np.array([0.2, 0.3, 0.1, 0.4])
    steps, neurons = np.nonzero(raster)
    cuts = [0, 13, 14, 400, 900]
    pieces = [
        Segment(0, a, b - a, steps[(steps >= a) & (steps < b)], neurons[(steps >= a) & (steps < b)])
        for a, b in pairwise(cuts)
    ]
    found, first, expected = windows_of(pieces, 4, 200, most), 0, []
    for end in np.arange(1, 901):
        if raster[first:end].sum() >= 200:
            expected.append(correlations_of(raster[first:end]))
            first = end
    assert len(expected) == 4 and len(found) == min(most, 4)
    np.testing.assert_allclose(found, expected[:most], atol=1e-12)


def test_two_spikes_of_a_neuron_in_a_step_are_two_events():
    counts = np.array([[2, 1], [0, 0], [1, 0], [0, 3]])
    events = np.repeat(np.arange(8), counts.ravel())
    (found,) = windows_of([Segment(0, 0, 4, events // 2, events % 2)], 2, 7)
    np.testing.assert_allclose(found, np.corrcoef(counts.T), atol=1e-12)


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
