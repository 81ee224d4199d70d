"""Bumps whose position is known: their phase, their diffusion, what co-tuned neurons share."""

import numpy as np
import pytest

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.bumps import (
    bump_diffusivity,
    bump_phases,
    co_tuned_as_published,
    co_tuned_correlation,
    diffusivities_as_published,
)
from circuitbias.spikes.views import StepWindow

N, PERIOD, BIN_MS = 40, 10.0, 10.0


@pytest.fixture
def moving(record_of):
    """Make counts of a bump pattern at given positions (neurons), two spikes at each peak."""

    def moving(positions):
        offsets = np.arange(N) - np.asarray(positions)[:, None]
        counts = np.rint(1 + np.cos(2 * np.pi * offsets / PERIOD)).astype(int)
        return BinnedCounts(record_of(counts, bin_steps=2), 2)

    return moving


def test_the_phase_is_the_position(moving):
    positions = np.linspace(0, 25, 200)  # over two periods: unwrapped
    (phases,) = bump_phases(moving(positions), PERIOD)
    np.testing.assert_allclose(phases - phases[0], positions, atol=0.6)  # counts are whole numbers


def test_diffusivity_of_a_random_walk(moving):
    """Steps of variance 2 D dt; the sampling error of 20 000 steps is about ten per cent."""
    expected = 4.0  # neurons²/s
    steps = np.random.default_rng(3).normal(0, np.sqrt(2 * expected * BIN_MS / 1000), 20_000)
    assert bump_diffusivity(moving(np.cumsum(steps)), BIN_MS, PERIOD) == pytest.approx(expected, rel=0.25)


def test_bumps_at_rest_do_not_diffuse(moving):
    assert bump_diffusivity(moving(np.full(1000, 3.0)), BIN_MS, PERIOD) == pytest.approx(0, abs=1e-9)


def test_a_short_recording_has_no_diffusivity(moving):
    assert np.isnan(bump_diffusivity(moving(np.zeros(150)), BIN_MS, PERIOD))


@pytest.mark.parametrize(("bin_ms", "known"), [(125.0, True), (130.0, False)])
def test_bins_too_wide_for_eight_lags_in_a_second_give_no_diffusivity(moving, bin_ms, known):
    assert np.isfinite(bump_diffusivity(moving(np.zeros(150)), bin_ms, PERIOD)) == known


def test_a_bump_that_runs(moving):
    """Displacements grow with time, so their squares with its square: over T in seconds, (v T)^2.

    Least squares over lags spread evenly from 0.1 to 1 s give that the slope 2 (0.55 s) v^2, which is 2 D.
    """
    speed = 3.0  # neurons/s
    positions = speed * np.arange(3000) * BIN_MS / 1000
    assert bump_diffusivity(moving(positions), BIN_MS, PERIOD) == pytest.approx(0.55 * speed**2, rel=0.02)


def test_a_bump_that_runs_over_twenty_milliseconds(record_of):
    """Of every ten seconds after ten time constants: two windows of the 20.2 s, and none of 10 s.

    A line through the squares of v T up to T = 20 ms rises by 20 ms v^2, which is 2 D.
    """
    speed, n = 1000.0, 20  # neurons/s, neurons
    positions = speed * np.arange(202_000) * 1e-4
    offsets = np.arange(n) - positions[:, None]
    record = record_of((np.cos(2 * np.pi * offsets / PERIOD) > 0.01).astype(int), bin_steps=1)
    found = diffusivities_as_published(record, PERIOD, 10.0)
    assert found == pytest.approx([0.02 * speed**2 / 2] * 2, rel=0.03)
    assert diffusivities_as_published(StepWindow(record, 0, 100_000), PERIOD, 10.0).size == 0


def test_the_ring_closed_over_a_silent_neuron():
    """Neuron 0 of 100 is silent. Offsets of 25, 50 and 74 among the other 99: across the gap one place more.

    The correlation is 1 - |d - 25 k| / 10 for a true distance d near 25 k; by hand, 25 of 99 pairs at the
    offset 25 are across the gap (d = 26), 50 of 99 at 50 (d = 51), and 74 of 99 at 74 (d = 75), the other
    25 being at d = 74.
    """
    d = (np.arange(100)[None, :] - np.arange(100)[:, None]) % 100
    correlations = 1 - np.abs(d - 25 * np.rint(d / 25)) / 10
    np.fill_diagonal(correlations, np.nan)
    correlations[0], correlations[:, 0] = np.nan, np.nan
    expected = np.mean([1 - 25 / 99 / 10, 1 - 50 / 99 / 10, 1 - 25 / 99 / 10])
    assert co_tuned_as_published(correlations, 25) == pytest.approx(expected)
    assert co_tuned_correlation(correlations, 25) == pytest.approx(1)
    whole = np.where(np.isnan(correlations), 1.0, correlations)
    np.fill_diagonal(whole, np.nan)
    assert co_tuned_as_published(whole, 25) == co_tuned_correlation(whole, 25)


def test_co_tuned_neurons_lie_whole_periods_apart():
    offset = (np.arange(N) - np.arange(N)[:, None]) % N
    correlations = np.where(offset % 10 == 0, 0.3, -0.1)
    np.fill_diagonal(correlations, np.nan)
    correlations[4, :] = correlations[:, 4] = np.nan  # a silent neuron is left out
    assert co_tuned_correlation(correlations, PERIOD) == pytest.approx(0.3)


@pytest.mark.filterwarnings("error")
def test_without_any_correlation_there_is_no_mean():
    """Of silent or saturated networks it is not known: numpy's warning of an empty slice helps nobody."""
    assert np.isnan(co_tuned_correlation(np.full((N, N), np.nan), PERIOD))
    one = np.full((N, N), np.nan)
    one[3, 13] = 0.25
    assert co_tuned_correlation(one, PERIOD) == 0.25
