"""Correlograms against their definition: the sign of the lag, the normalisation, all the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    ConstantNeuronWarning,
    FlatBackgroundWarning,
    NoCouplingsWarning,
)
from circuitbias.spikes import correlograms
from circuitbias.spikes.correlograms import correlogram, count_pairs
from circuitbias.spikes.segments import Segment, SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


def by_definition(trials, longest_lag):
    """C_ij(l) = (mean over t of x_i(t) x_j(t + l) - m_i m_j) / (sd_i sd_j), from counts of each trial."""
    everything = np.vstack(trials)
    mean, sd = everything.mean(axis=0), everything.std(axis=0)
    sd[sd == 0] = np.nan
    curves = []
    for lag in range(longest_lag + 1):
        whole = [counts for counts in trials if len(counts) > lag]
        products = sum(counts[: len(counts) - lag].T.astype(float) @ counts[lag:] for counts in whole)
        n_products = sum(len(counts) - lag for counts in whole)
        curves.append((products / n_products - np.outer(mean, mean)) / np.outer(sd, sd))
    return np.array(curves)


def random_counts(n_bins, n_neurons=4, seed=0):
    return np.minimum(np.random.default_rng(seed).poisson(0.7, (n_bins, n_neurons)), 10)


def test_a_positive_lag_means_that_the_first_neuron_fires_first():
    record = SpikeRecord.from_events([5, 7], [0, 1], n_neurons=2, n_steps=10)
    curves = correlogram(record, bin_steps=1, longest_lag=4)
    assert curves[:, 0, 1].argmax() == 2
    # Ten bins, one spike each: means 1/10, variances 9/100; of eight products at lag 2 one is 1.
    assert curves[2, 0, 1] == pytest.approx((1 / 8 - 1 / 100) / (9 / 100))
    np.testing.assert_allclose(np.delete(curves[:, 0, 1], 2), -1 / 9)
    np.testing.assert_allclose(curves[:, 1, 0], -1 / 9)
    np.testing.assert_allclose(curves[:, 0, 0], [1, -1 / 9, -1 / 9, -1 / 9, -1 / 9])

    couplings = estimate("cross_correlation", record, bin_steps=1, window_ms=0.4, far_ms=0.3)
    assert couplings.values[0, 1] == pytest.approx(0.115 / 0.09)  # from 0 to 1, and not back
    assert couplings.values[1, 0] == pytest.approx(-1 / 9)
    assert couplings.arrays["peak_lag_ms"][0, 1] == pytest.approx(0.2)


def test_normalisation_of_counts_by_hand(record_of):
    """Counts 2 0 0 1 and 1 0 2 1: means 3/4 and 1, mean squares 5/4 and 3/2, variances 11/16 and 1/2."""
    curves = correlogram(record_of(np.array([[2, 1], [0, 0], [0, 2], [1, 1]])), bin_steps=10, longest_lag=2)
    sd = np.sqrt(11 / 16 * 1 / 2)
    assert curves[0, 0, 1] == pytest.approx((3 / 4 - 3 / 4) / sd)  # 2 x 1 + 1 x 1, over 4 bins
    assert curves[0, 1, 0] == curves[0, 0, 1]
    assert curves[2, 0, 1] == pytest.approx((4 / 2 - 3 / 4) / sd)  # 2 x 2 + 0 x 1, over 2 products
    assert curves[1, 1, 0] == pytest.approx((2 / 3 - 3 / 4) / sd)  # 1 x 0 + 0 x 0 + 2 x 1, over 3
    np.testing.assert_allclose(curves[0].diagonal(), 1)


@pytest.mark.parametrize("binarise", [False, True])
@pytest.mark.parametrize("lengths", [(200,), (90, 3, 150, 40)])
def test_equals_the_definition(record_of, binarise, lengths):
    trials = [random_counts(n_bins, seed=seed) for seed, n_bins in enumerate(lengths)]
    curves = correlogram(record_of(trials), bin_steps=10, longest_lag=7, binarise=binarise)
    used = [(counts > 0).astype(int) if binarise else counts for counts in trials]
    np.testing.assert_allclose(curves, by_definition(used, 7), rtol=1e-10, atol=1e-12)


@given(
    cuts=st.lists(st.integers(0, 120), max_size=12),
    bin_steps=st.integers(1, 7),
    longest_lag=st.integers(0, 9),
    binarise=st.booleans(),
    rate=st.sampled_from([0.02, 0.3]),
    seed=st.integers(0, 5),
)
@settings(max_examples=150)
def test_how_segments_are_cut_makes_no_difference(cuts, bin_steps, longest_lag, binarise, rate, seed):
    raster = np.random.default_rng(seed).random((120, 3)) < rate
    raster[[0, 50]] = [True, False, True], [False, True, True]  # no neuron is silent
    edges = np.unique([0, 120, *cuts])
    pieces = []
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        steps, neurons = np.nonzero(raster[start:end])
        pieces.append(Segment(0, start, end - start, steps + start, neurons))
    n_bins = 120 // bin_steps
    counts = raster[: n_bins * bin_steps].reshape(n_bins, bin_steps, 3).sum(axis=1)
    counts = (counts > 0).astype(int) if binarise else counts
    curves = correlogram(SpikeRecord(3, 0.1, pieces), bin_steps, longest_lag, binarise)
    expected = by_definition([counts], longest_lag)
    np.testing.assert_allclose(curves, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 7, 64])
@pytest.mark.parametrize("binarise", [False, True])
def test_how_many_events_are_counted_at_once_makes_no_difference(record_of, monkeypatch, at_once, binarise):
    record = record_of([random_counts(200), random_counts(90, seed=1)])
    expected = correlogram(record, 10, 6, binarise)
    monkeypatch.setattr(correlograms, "_events_at_once", lambda n_neurons: at_once)
    np.testing.assert_array_equal(correlogram(record, 10, 6, binarise), expected)


def test_binarised_bin_that_two_segments_share():
    """Spikes at steps 4 and 5 of a bin of ten, cut between them, are one event."""
    pieces = [
        Segment(0, 0, 5, np.array([4]), np.array([0])),
        Segment(0, 5, 20, np.array([5, 17]), np.array([0, 1])),
        Segment(0, 25, 15, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)),
    ]
    curves = correlogram(SpikeRecord(2, 0.1, pieces), bin_steps=10, longest_lag=1, binarise=True)
    np.testing.assert_allclose(curves, by_definition([np.array([[1, 0], [0, 1], [0, 0], [0, 0]])], 1))


def test_silence_does_not_forget_what_is_still_in_the_window():
    nothing = np.empty(0, dtype=np.int64)
    pieces = [
        Segment(0, 0, 10, np.array([8]), np.array([0])),
        Segment(0, 10, 1, nothing, nothing),
        Segment(0, 11, 1, nothing, nothing),
        Segment(0, 12, 8, np.array([12]), np.array([1])),
    ]
    curves = correlogram(SpikeRecord(2, 0.1, pieces), bin_steps=1, longest_lag=5)
    assert curves[:, 0, 1].argmax() == 4


@pytest.mark.parametrize("apart", [2**32 + 3, 2**31 - 1, 2**31 - 8])
def test_more_bins_than_four_bytes_can_number(apart):
    """Spikes that 32 bits would bring close together; the only pair within the lags comes later."""
    steps = [5, 5 + apart, 5 + apart + 20, 5 + apart + 22]
    record = SpikeRecord.from_events(steps, [0, 1, 0, 1], n_neurons=2, n_steps=apart + 100)
    pairs, spikes = count_pairs(record, bin_steps=1, longest_lag=6)
    assert spikes.tolist() == [2, 2]
    assert np.argwhere(pairs).tolist() == [[1, 0, 2]]


# --- couplings ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record(record_of):
    return record_of(random_counts(400, seed=9))


def off_diagonal(values):
    return values[~np.eye(len(values), dtype=bool)]


def test_measures_by_definition(record):
    curves = by_definition([random_counts(400, seed=9)], 8)  # bins of 1 ms
    causal, beyond = curves[1:4], curves[4:]
    peak_lag = np.abs(causal).argmax(axis=0)
    peak = np.take_along_axis(causal, peak_lag[None], axis=0)[0]
    background = np.concatenate([beyond, beyond.transpose(0, 2, 1)])
    z_score = (peak - background.mean(axis=0)) / background.std(axis=0, ddof=1)
    for measure, expected, lags in (("zero_lag", curves[0], 3), ("peak", peak, 3), ("z_score", z_score, 8)):
        couplings = estimate("cross_correlation", record, window_ms=8.0, far_ms=3.0, measure=measure)
        np.testing.assert_allclose(off_diagonal(couplings.values), off_diagonal(expected), rtol=1e-9)
        np.testing.assert_allclose(couplings.arrays["correlogram"], curves[: lags + 1], atol=1e-6)
        np.testing.assert_allclose(couplings.arrays["lags_ms"], np.arange(lags + 1))
        np.testing.assert_allclose(couplings.arrays["peak_lag_ms"], peak_lag + 1)
        assert couplings.diagnostics["lag_bins"] == lags


def test_peak_keeps_its_sign_and_may_be_a_trough(record_of):
    """Neuron 1 is silenced for the bin after each spike of neuron 0, neuron 2 excited two bins after it."""
    rng = np.random.default_rng(2)
    counts = (rng.random((3000, 3)) < [0.2, 0.6, 0.1]).astype(int)
    fired = np.flatnonzero(counts[:-2, 0])
    counts[fired + 1, 1] = 0
    counts[fired + 2, 2] = 1
    couplings = estimate("cross_correlation", record_of(counts), window_ms=8)
    lags = couplings.arrays["peak_lag_ms"]
    assert couplings.values[0, 1] < -0.3
    assert couplings.values[0, 2] > 0.3
    assert (lags[0, 1], lags[0, 2]) == (1, 2)
    assert np.abs(couplings.values[[1, 2], 0]).max() < 0.1


def test_far_ms_is_half_of_the_window_by_default(record):
    half, given = (
        estimate("cross_correlation", record, window_ms=8.0, measure="z_score", **options).values
        for options in ({}, {"far_ms": 4.0})
    )
    np.testing.assert_array_equal(half, given)


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("measure", ["zero_lag", "peak", "z_score"])
def test_neuron_of_constant_count(record_of, count, measure):
    counts = random_counts(300)
    counts[:, 2] = count
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[2\] have the same count in every bin"):
        couplings = estimate("cross_correlation", record_of(counts), measure=measure)
    expected = np.eye(4, dtype=bool)
    expected[2, :] = expected[:, 2] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)
    assert np.isnan(couplings.arrays["peak_lag_ms"])[expected].any()


def test_background_without_variation():
    """Two spikes, close together: no product in the background, nothing to measure a z-score by."""
    record = SpikeRecord.from_events([500, 512], [0, 1], n_neurons=2, n_steps=1000)
    with pytest.warns(FlatBackgroundWarning, match="2 pairs of neurons"), pytest.warns(NoCouplingsWarning):
        couplings = estimate("cross_correlation", record, measure="z_score")
    assert np.isnan(couplings.values).all()


def test_memory_is_bounded(record):
    with pytest.raises(ValueError, match=r"4 neurons at 2001 lags need 1 MB, but memory_mb=0\.5: shorten"):
        estimate("cross_correlation", record, window_ms=200.0, bin_steps=1, measure="z_score", memory_mb=0.5)
    with pytest.raises(
        ValueError, match=r"at 1001 lags need 1 MB, but memory_mb=0\.3: .* far_ms=100, or raise"
    ):
        estimate("cross_correlation", record, window_ms=200.0, bin_steps=1, memory_mb=0.3)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"measure": "mean"}, "measure = 'mean': must be one of `zero_lag`, `peak`, `z_score`"),
        ({"window_ms": 1.0}, "give 1 and 0 bins of 1 ms: at least one bin must lie within far_ms"),
        ({"window_ms": 8.0, "far_ms": 8.0}, "far_ms = 8.0: must be < window_ms = 8.0"),
        (
            {"window_ms": 500.0, "measure": "z_score"},
            "a lag of 500 bins of 10 steps is longer than every trial",
        ),
        ({"window_ms": 900.0}, "a lag of 450 bins of 10 steps is longer than every trial"),
    ],
)
def test_wrong_windows(record, options, message):
    with pytest.raises(ValueError, match=message):
        estimate("cross_correlation", record, **options)


def test_window_that_rounding_would_shorten(record):
    """0.7 ms are 7 steps of 0.1 ms, although 0.7 / 0.1 is less than 7 in floating point."""
    options = {"bin_steps": 1, "window_ms": 0.7, "far_ms": 0.3}
    couplings = estimate("cross_correlation", record, **options, measure="z_score")
    assert couplings.diagnostics["lag_bins"] == 7
    assert estimate("cross_correlation", record, **options).diagnostics["lag_bins"] == 3
    assert couplings.arrays["peak_lag_ms"][~np.eye(4, dtype=bool)].max() <= 0.3 + 1e-12
