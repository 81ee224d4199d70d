"""The sweeps over data: what is estimated from which part, and how it is summed up."""

import importlib
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors import circulant_errors, total_error
from circuitbias.estimators import Couplings, estimate
from circuitbias.estimators.couplings import ConstantNeuronWarning, NotConvergedWarning
from circuitbias.experiments import bin_width, data_volume, partial_observation, patterns
from circuitbias.experiments.sweep import described, error_row, try_estimate
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.bumps import bump_diffusivity
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.views import ObservedNeurons, StepWindow

RESOURCES = {"memory_mb": 500, "device": "cpu"}
MEAN_FIELD = {"mean_field": {"method": "mean_field", "bin_steps": 100}}


@pytest.fixture(scope="module")
def small_ring():
    return ring_network(20, sigma1=1.4, sigma2=1.41)


@pytest.fixture(scope="module")
def recording(small_ring):
    segments = simulate(small_ring, ThresholdParameters(r=0.01, theta=1.3e-3), seed=1, n_spikes=40_000)
    return SpikeRecord(20, 0.1, list(segments))


def test_windows_begin_at_fifths_and_end_within_the_recording():
    found = data_volume.windows(1000, decades=1, n_windows=5)
    by_length = {length: [start for _, start, n in found if n == length] for _, _, length in found}
    assert by_length == {
        1000: [0],
        562: [0, 200, 400],
        316: [0, 200, 400, 600],
        178: [0, 200, 400, 600, 800],
        100: [0, 200, 400, 600, 800],
    }


def test_windows_of_a_short_recording_are_a_step_at_least():
    assert data_volume.windows(3, decades=1, n_windows=2) == [
        (1.0, 0, 3),
        *((10**-0.25, start, 2) for start in (0, 1)),
        *((fraction, start, 1) for fraction in (10**-0.5, 10**-0.75, 0.1) for start in (0, 1)),
    ]
    assert [length for *_, length in data_volume.windows(1000, decades=0.3, n_windows=1)] == [1000, 562]


def test_each_row_is_the_estimate_from_its_window(small_ring, recording):
    table, arrays = data_volume.run(
        small_ring, recording, estimators=MEAN_FIELD, decades=0.5, n_windows=2, resources=RESOURCES
    )
    assert arrays == {}
    assert table.fraction.round(4).tolist() == [1, 0.5623, 0.3162, 0.3162]
    row = table.iloc[-1]
    window = StepWindow(recording, int(row.window), int(row.n_steps))
    alone = circulant_errors(small_ring.weights, estimate("mean_field", window).values)
    assert (row.total, row.bias, row.variance) == (alone.total, alone.bias, alone.variance)
    assert json.loads(row.options) == {"bin_steps": 100, "binarise": False}  # the defaults, too
    assert table.n_spikes.iloc[0] == 40_000 and table.note.eq("").all()


def test_too_little_data_is_a_note_not_a_failure(small_ring, recording):
    table, _ = data_volume.run(
        small_ring, recording, estimators=MEAN_FIELD, decades=3, n_windows=1, resources=RESOURCES
    )
    assert table.total.isna().iloc[-1] and "bins are too few" in table.note.iloc[-1]
    assert table.total.notna().iloc[0]


def test_covering_subsets_by_simulation():
    """The published rule: with so many subsets a pair is seen with 99 per cent probability."""
    assert [partial_observation.covering_subsets(n, 100, 0.99) for n in (50, 90, 100)] == [17, 3, 1]
    random, n, observed = np.random.default_rng(0), 12, 6
    count = partial_observation.covering_subsets(observed, n, 0.9)
    seen = [
        any({0, 1} <= set(random.permutation(n)[:observed].tolist()) for _ in range(count))
        for _ in range(2000)
    ]
    assert 0.9 - 0.03 < np.mean(seen) < 0.97  # a subset more than needed at most


def run_partial(network, recording, **changes):
    options = {"n_observed": [10, 20], "coverage": 0.9, "fixed_half": True, "decades": 0.25} | changes
    return partial_observation.run(
        network, recording, estimators=MEAN_FIELD, n_spikes=None, seed=1, resources=RESOURCES, **options
    )[0]


def test_partial_observation(small_ring, recording):
    table = run_partial(small_ring, recording)
    subsets = table[table.experiment == "subsets"]
    of_ten = subsets[(subsets.n_observed == 10) & (subsets.subset >= 0)]
    assert len(of_ten) == partial_observation.covering_subsets(10, 20, 0.9)
    assert (of_ten.n_pairs == 90).all()
    merged = subsets[subsets.subset == partial_observation.MERGED].set_index("n_observed")
    assert 300 < merged.n_pairs[10] <= 380
    whole = total_error(small_ring.weights, estimate("mean_field", recording).values)
    assert merged.total[20] == pytest.approx(whole)
    half = table[table.experiment == "fixed_half"]
    assert half.fraction.round(2).tolist() == [1, 0.56]
    summary = partial_observation.summarise(table.assign(r=0.01, seed=1)).set_index("n_observed")
    assert summary.total[10] == pytest.approx(of_ten.total.mean())
    assert summary.merged_total[10] == pytest.approx(merged.total[10])
    assert summary.n_subsets.to_dict() == {10: len(of_ten), 20: 1}


def test_a_subset_is_put_back_where_its_neurons_are(small_ring, recording):
    neurons = np.array([3, 7, 8, 15])
    couplings, _ = partial_observation._observe(
        small_ring, recording, neurons, MEAN_FIELD["mean_field"], RESOURCES
    )
    alone = estimate("mean_field", ObservedNeurons(recording, neurons)).values
    assert couplings.values[7, 15] == alone[1, 3]
    assert np.isfinite(couplings.values).sum() == 12


@pytest.mark.parametrize(
    "entry",
    [
        {"method": "mean_field", "binarise": True, "bin_steps": 50},
        {"method": "cross_correlation"},
        {"method": "correlogram_graph"},
        {"method": "glm_history"},
    ],
    ids=lambda entry: entry["method"],
)
def test_the_volume_of_a_subset_is_that_of_its_own_neurons(small_ring, recording, entry):
    """Spikes of these neurons alone, in complete bins; if binarised, bins with one."""
    neurons = np.array([3, 7, 8, 15])
    couplings, _ = partial_observation._observe(small_ring, recording, neurons, entry, RESOURCES)
    width = couplings.diagnostics["options"]["bin_steps"]
    (n_steps,) = recording.trial_steps
    steps, who = (np.concatenate([getattr(p, key) for p in recording.pieces]) for key in ("steps", "neurons"))
    bins = np.stack([steps // width, who], axis=1)[
        np.isin(who, neurons) & (steps // width < n_steps // width)
    ]
    expected = len(np.unique(bins, axis=0)) if entry.get("binarise") else len(bins)
    assert error_row(small_ring, couplings, 40_000, "")["n_counts"] == expected


def test_fewer_pairs_than_an_error_takes_have_none_and_say_why(small_ring, recording):
    """A scale fitted to the single number that two neurons have would leave no error at all."""
    table = run_partial(small_ring, recording, n_observed=[2, 4, 5], coverage=0.1, fixed_half=False)
    rows = table[table.subset >= 0].groupby("n_observed").first()
    assert rows.n_pairs.to_dict() == {2: 2, 4: 12, 5: 20} == rows.n_all_pairs.to_dict()
    assert rows.note[2] == "2 pairs are too few for an error: 20 or more are needed"
    assert rows.loc[[2, 4], ["total", "bias", "variance", "scale", "total_l1"]].isna().all(axis=None)
    assert rows.total[5] > 0 and rows.note[5] == ""
    assert rows.n_counts[2] > 0
    merged = table[table.subset == partial_observation.MERGED].set_index("n_observed")
    assert (merged.n_all_pairs == 380).all() and merged.n_counts.isna().all()
    assert merged.note[2] == "" if merged.n_pairs[2] >= 20 else "too few" in merged.note[2]


def test_tenths_of_a_network_that_have_an_error():
    assert partial_observation.tenths(100) == list(range(10, 101, 10))
    assert partial_observation.tenths(50) == list(range(5, 51, 5))
    assert partial_observation.tenths(49) == [5, 10, 15, 20, 24, 29, 34, 39, 44, 49]
    assert partial_observation.tenths(12) == [5, 6, 7, 8, 10, 11, 12]
    assert partial_observation.tenths(4) == [4]


def test_pairs_that_no_subset_has_seen_are_left_out_of_the_merged_estimate(small_ring, recording):
    table = run_partial(small_ring, recording, n_observed=[7], coverage=0.1, fixed_half=False)
    merged = table[table.subset == partial_observation.MERGED].iloc[0]
    assert (table.subset >= 0).sum() == 1
    assert merged.n_pairs == 42 < merged.n_all_pairs
    assert merged.total == pytest.approx(table[table.subset == 0].total.item())


def test_sizes_by_default_are_those_that_have_an_error(small_ring, recording):
    table = run_partial(small_ring, recording, n_observed=None, coverage=0.01, fixed_half=False)
    assert sorted(table.n_observed.unique()) == [6, 8, 10, 12, 14, 16, 18, 20]


def test_more_neurons_than_there_are_cannot_be_observed(small_ring, recording):
    with pytest.raises(ValueError, match=r"n_observed = 21: must be at most the number of neurons .* 20"):
        run_partial(small_ring, recording, n_observed=[10, 21])


def test_a_half_is_observed_in_beginnings_of_the_recording(small_ring, recording):
    table = run_partial(small_ring, recording, n_observed=[20], decades=0.5)
    half = table[table.experiment == "fixed_half"]
    assert half.fraction.tolist() == pytest.approx([1, 10**-0.25, 10**-0.5])
    assert (half.subset == 0).all()
    assert (table[table.experiment == "subsets"].fraction == 1.0).all()
    assert (half.n_observed == 10).all() and (half.n_all_pairs == 90).all() and (half.n_pairs == 90).all()
    neurons = np.sort(np.random.default_rng(1).permutation(20)[:10])
    part = StepWindow(recording, 0, round(10**-0.25 * recording.trial_steps.sum()))
    seen = estimate("mean_field", ObservedNeurons(part, neurons)).values
    expected = total_error(small_ring.weights[np.ix_(neurons, neurons)], seen)
    assert half.total.iloc[1] == pytest.approx(expected)
    assert half.n_spikes.iloc[1] == pytest.approx(40_000 * 10**-0.25, rel=0.02)


def test_what_no_scale_fits_has_a_reason_and_every_row_all_columns(small_ring, recording):
    uncoupled = Network(np.zeros((20, 20)), np.arange(20), np.ones(20), "null", False, {})
    values = np.random.default_rng(0).normal(size=(20, 20))
    null = error_row(uncoupled, Couplings(values), 5, "")
    assert math.isnan(null["total"]) and "all weights are zero" in null["note"]
    refused = error_row(small_ring, None, 5, "too few bins")
    assert refused.keys() == null.keys()
    assert (refused["note"], refused["n_pairs"], refused["n_all_pairs"]) == ("too few bins", 0, 380)
    assert math.isnan(refused["n_counts"]) and math.isnan(refused["total"])
    both = error_row(uncoupled, Couplings(values), 5, "ConstantNeuronWarning")
    assert both["note"].startswith("ConstantNeuronWarning; all weights are zero")
    whole = error_row(small_ring, Couplings(values), 5, "", n_observed=7)
    assert (whole["n_all_pairs"], whole["n_pairs"], whole["n_counts"]) == (42, 380, 5)


def test_a_network_of_two_neurons_has_no_error():
    pair = Network(np.array([[0, -1.0], [-1.0, 0]]), np.arange(2), np.ones(2), "pair", False, {})
    random = np.random.default_rng(0)
    record = SpikeRecord.from_events(np.arange(0, 90_000, 9), random.integers(0, 2, 10_000), 2, 90_000)
    table, _ = data_volume.run(
        pair, record, estimators=MEAN_FIELD, decades=0, n_windows=1, resources=RESOURCES
    )
    assert table.total.isna().all() and table.note.str.startswith("2 pairs are too few").all()


@pytest.mark.filterwarnings("default::RuntimeWarning")
def test_other_warnings_are_none_of_the_estimates_own(small_ring, recording, monkeypatch):
    def warning(*_, **__):
        warnings.warn("of some library", RuntimeWarning, stacklevel=2)
        warnings.warn("b", NotConvergedWarning, stacklevel=2)
        warnings.warn("a", ConstantNeuronWarning, stacklevel=2)
        warnings.warn("a once more", ConstantNeuronWarning, stacklevel=2)
        return Couplings(np.zeros((20, 20)))

    module = importlib.import_module("circuitbias.estimators.attempt")  # not its function
    monkeypatch.setattr(module, "estimate", warning)
    _, note = try_estimate(MEAN_FIELD["mean_field"], recording, small_ring, RESOURCES)
    assert note == "ConstantNeuronWarning, NotConvergedWarning"


def test_options_are_told_in_one_order_whatever_order_they_came_in():
    """So that the same options are the same text: all of them, with their defaults."""
    first, second = (
        described("mine", {"method": "glm", **options})
        for options in ({"ridge": 0.5, "bin_steps": 50}, {"bin_steps": 50, "ridge": 0.5})
    )
    assert first == second and (first["estimator"], first["method"]) == ("mine", "glm")
    options = json.loads(first["options"])
    assert list(options) == sorted(options)
    assert options["bin_steps"] == 50 and options["lags"] == [0]


def test_what_an_estimate_warned_of_is_noted_in_order(small_ring, recording):
    silent = SpikeRecord.from_events(*events_of(recording, leave_out=[4]), 20, int(recording.trial_steps[0]))
    couplings, note = try_estimate(MEAN_FIELD["mean_field"], silent, small_ring, RESOURCES)
    assert note == "ConstantNeuronWarning"
    row = error_row(small_ring, couplings, 5, note)
    assert (row["n_pairs"], row["n_all_pairs"], row["note"]) == (19 * 18, 380, "ConstantNeuronWarning")
    assert row["total"] > 0


def events_of(record, leave_out):
    steps, neurons = (
        np.concatenate([getattr(p, key) for p in record.pieces]) for key in ("steps", "neurons")
    )
    kept = ~np.isin(neurons, leave_out)
    return steps[kept], neurons[kept]


def test_subsets_depend_on_the_seed_alone(small_ring, recording):
    first, second = (run_partial(small_ring, recording) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_every_width_is_an_estimate_of_its_own(small_ring, recording):
    table, _ = bin_width.run(
        small_ring,
        recording,
        estimators=MEAN_FIELD,
        bin_steps=[50, 100],
        n_spikes=20_000,
        resources=RESOURCES,
    )
    assert table.bin_steps.tolist() == [50, 100]
    assert table.bin_ms.tolist() == [5.0, 10.0]
    assert [json.loads(options)["bin_steps"] for options in table.options] == [50, 100]
    assert (table.n_spikes >= 20_000).all() and (table.n_spikes < 20_020).all()
    window = StepWindow(recording, 0, int(recording.trial_steps.sum()))
    assert table.total.nunique() == 2 and window.n_neurons == 20


def test_patterns_of_the_ring_at_strong_weights(ring, ring_record):
    table, _ = patterns.run(ring, ring_record, bin_steps=100, n_spikes=None, resources=RESOURCES)
    (row,) = table.itertuples()
    assert row.period == 25
    assert row.pattern_strength > 0.9
    assert 0.3 < row.noise_correlation < 0.7
    assert 0 < row.noise_correlation_se < 0.1
    assert row.mean_rate_hz == pytest.approx(62.5, rel=0.05)
    assert row.lowest_rate_hz < row.mean_rate_hz < row.highest_rate_hz


def test_standard_errors_of_patterns_are_the_scatter_of_five_parts(ring, ring_record):
    table, _ = patterns.run(ring, ring_record, bin_steps=100, n_spikes=None, resources=RESOURCES)
    (row,) = table.itertuples()
    n_steps = int(ring_record.trial_steps.sum())
    co_tuned, drift = [], []
    for k in range(5):
        part = StepWindow(ring_record, k * n_steps // 5, n_steps // 5)
        correlations = np.corrcoef((BinnedCounts(part, 100).all() > 0).T)
        co_tuned.append(
            np.mean([correlations[i, (i + offset) % 100] for i in range(100) for offset in (25, 50, 75)])
        )
        drift.append(bump_diffusivity(BinnedCounts(part, 100), 10.0, 25.0))
    assert row.noise_correlation_se == pytest.approx(np.std(co_tuned, ddof=1) / np.sqrt(5))
    assert row.diffusivity_se == pytest.approx(np.std(drift, ddof=1) / np.sqrt(5))
    correlations = np.corrcoef(BinnedCounts(ring_record, 100).all().T)[~np.eye(100, dtype=bool)]
    assert row.mean_abs_correlation == pytest.approx(np.abs(correlations).mean())
    assert row.duration_s == pytest.approx(n_steps * 1e-4)
    assert row.n_spikes == ring_record.n_spikes


def test_a_network_without_a_pattern_is_refused(recording, small_ring):
    weights = np.array(small_ring.weights)
    weights[0, 1] *= 2
    flawed = Network(weights, np.arange(20), np.ones(20), "flawed", False, {})
    with pytest.raises(ValueError, match=r"patterns: network 'flawed' must have circulant weights"):
        patterns.run(flawed, recording, bin_steps=100, n_spikes=None, resources=RESOURCES)
    flat = ring_network(20, sigma1=1.4, sigma2=1.41, a1=0.0)
    with pytest.raises(ValueError, match=r"patterns: network .* circulant weights that favour a pattern"):
        patterns.run(flat, recording, bin_steps=100, n_spikes=None, resources=RESOURCES)
