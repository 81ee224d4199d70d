"""What is told of the activity, against counts that are made and correlated by numpy alone."""

import numpy as np
import pytest

from circuitbias.experiments import patterns
from circuitbias.networks.network import Network
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.bumps import bump_diffusivity, diffusivities_as_published
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.views import StepWindow, first_spikes

RESOURCES = {"memory_mb": 500, "device": "cpu"}
WIDTH = 50  # steps; a step is 0.1 ms


def counts_of(source, first, n_steps, binarise=False):
    """Counts of 100 neurons in the complete bins of some steps of a recording of one trial."""
    steps, neurons = (
        np.concatenate([getattr(piece, name) for piece in source.segments()]) for name in ("steps", "neurons")
    )
    n_bins = n_steps // WIDTH
    inside = (steps >= first) & (steps < first + n_bins * WIDTH)
    counts = np.zeros((n_bins, 100))
    np.add.at(counts, ((steps[inside] - first) // WIDTH, neurons[inside]), 1)
    return np.minimum(counts, 1) if binarise else counts


def correlation_of_co_tuned(counts):
    """Mean over all pairs that are 25, 50 or 75 neurons apart, but for neurons that are silent."""
    with np.errstate(invalid="ignore"):
        correlations = np.corrcoef(counts.T)
    i, j = np.indices(correlations.shape)
    return np.nanmean(correlations[np.isin((j - i) % 100, [25, 50, 75])])


@pytest.fixture(scope="module")
def told(ring, ring_record):
    table, arrays = patterns.run(ring, ring_record, bin_steps=WIDTH, n_spikes=200_000, resources=RESOURCES)
    assert arrays == {}
    (row,) = table.itertuples()
    return row


@pytest.fixture(scope="module")
def part(ring_record):
    return first_spikes(ring_record, 200_000)


def test_rates_and_duration_are_those_of_the_beginning_that_was_asked_for(told, part):
    (n_steps,) = part.trial_steps
    spikes = np.bincount(np.concatenate([piece.neurons for piece in part.segments()]), minlength=100)
    assert told.n_spikes == spikes.sum() and 200_000 <= told.n_spikes < 200_100
    assert told.duration_s == pytest.approx(n_steps * 1e-4)
    rates = spikes / (n_steps * 1e-4)
    assert (told.lowest_rate_hz, told.mean_rate_hz, told.highest_rate_hz) == pytest.approx(
        (rates.min(), rates.mean(), rates.max())
    )
    assert told.period == 25


def test_correlations_are_those_of_counts_or_of_binarised_ones(told, part):
    (n_steps,) = part.trial_steps
    whole = np.corrcoef(counts_of(part, 0, n_steps).T)
    off = ~np.eye(100, dtype=bool)
    assert told.mean_abs_correlation == pytest.approx(np.abs(whole[off]).mean())
    assert told.noise_correlation == pytest.approx(
        correlation_of_co_tuned(counts_of(part, 0, n_steps, binarise=True))
    )
    rows = np.where(off, whole, 0.0)
    shifted = [np.corrcoef(row, np.roll(row, 25 * k))[0, 1] for row in rows for k in (1, 2, 3)]
    assert told.pattern_strength == pytest.approx(np.mean(shifted))


def test_standard_errors_are_those_of_the_mean_of_five_parts(told, part):
    (n_steps,) = part.trial_steps
    length = n_steps // 5
    starts = [k * n_steps // 5 for k in range(5)]
    parts = [correlation_of_co_tuned(counts_of(part, start, length, binarise=True)) for start in starts]
    assert told.noise_correlation_se == pytest.approx(np.std(parts, ddof=1) / np.sqrt(5))

    def diffusivity(source):
        return bump_diffusivity(BinnedCounts(source, WIDTH), 5.0, 25.0)

    assert told.diffusivity == pytest.approx(diffusivity(part))
    parts = [diffusivity(StepWindow(part, start, length)) for start in starts]
    assert told.diffusivity_se == pytest.approx(np.std(parts, ddof=1) / np.sqrt(5))


def test_diffusivity_as_published_is_of_windows_of_ten_seconds(told, part):
    found = diffusivities_as_published(part, 25.0, 10.0)
    assert told.n_windows == len(found) == int((part.trial_steps[0] - 1000) // 100_000) > 1
    assert told.diffusivity_as_published == pytest.approx(found.mean())
    assert told.diffusivity_as_published_sd == pytest.approx(found.std(ddof=1))


def test_neurons_without_drive_and_silent_ones(ring, ring_record):
    """One that is held silent has no lowest rate; without its correlations there is no pattern strength."""
    steps, neurons = (
        np.concatenate([getattr(piece, name) for piece in ring_record.pieces])
        for name in ("steps", "neurons")
    )
    heard = neurons != 7
    record = SpikeRecord.from_events(steps[heard], neurons[heard], 100, int(ring_record.trial_steps[0]))
    for drive, lowest in ((np.ones(100), 0.0), (np.where(np.arange(100) == 7, 0.0, 1.0), 10.0)):
        network = Network(ring.weights, np.arange(100), drive, "held", True, {})
        table, _ = patterns.run(network, record, bin_steps=100, n_spikes=None, resources=RESOURCES)
        (row,) = table.itertuples()
        assert row.lowest_rate_hz >= lowest and (row.lowest_rate_hz == 0) == (lowest == 0)
        assert np.isnan(row.pattern_strength)
        assert 0.3 < row.noise_correlation < 0.7 and row.mean_abs_correlation > 0


def test_a_network_that_is_no_ring_is_refused(ring, ring_record):
    other = Network(ring.weights, np.arange(100), np.ones(100), "a list of weights", False, {})
    with pytest.raises(ValueError, match="'a list of weights' must have circulant weights"):
        patterns.run(other, ring_record, bin_steps=100, n_spikes=None, resources=RESOURCES)
