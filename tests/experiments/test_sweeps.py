"""The sweeps over data: what is estimated from which part, and how it is summed up."""

import json

import numpy as np
import pandas as pd
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors import circulant_errors, total_error
from circuitbias.estimators import estimate
from circuitbias.experiments import bin_width, data_volume, partial_observation, patterns
from circuitbias.experiments.sweep import error_row
from circuitbias.networks.ring import ring_network
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


def law_table(slope_bias=0.05, n_pairs=9900):
    """Errors of 1/D noise without shrinkage at four volumes, two windows each."""
    rows = []
    for fraction in (1.0, 0.562, 0.316, 0.178):
        variance = np.sqrt(1e4 / (1e8 * fraction))
        for window in (0, 1):
            row = {"fraction": fraction, "window": window, "n_counts": 1e8 * fraction, "n_pairs": n_pairs}
            row["scale"] = 0.2
            errors = {"bias": slope_bias, "variance": variance, "total": np.hypot(slope_bias, variance)}
            rows.append(
                {"estimator": "e", "method": "glm", "options": "{}", "r": 0.01, "seed": 1} | row | errors
            )
    return pd.DataFrame(rows)


def test_the_fit_finds_the_law_that_made_the_errors():
    (row,) = data_volume.summarise(law_table(), error_level=0.055).itertuples()
    assert row.slope == pytest.approx(-1)
    assert row.log10_intercept == pytest.approx(4)
    assert row.slope_low <= row.slope <= row.slope_high
    assert row.n_volumes == 4
    # total² = 0.05² + 1e4 / D at 0.055: D = 1e4 / 5.25e-4, between two volumes
    assert row.log10_demand == pytest.approx(np.log10(1e4 / 5.25e-4), abs=0.01)
    assert row.demand_from == "data"


def test_shrinkage_does_not_change_the_law():
    table = law_table()
    shrinkage = table.fraction.map({1.0: 1.0, 0.562: 0.9, 0.316: 0.7, 0.178: 0.4})
    shrunk = table.assign(variance=table.variance * shrinkage, scale=table.scale * shrinkage)
    (row,) = data_volume.summarise(shrunk, error_level=0.055).itertuples()
    assert (row.slope, row.log10_intercept) == (pytest.approx(-1), pytest.approx(4))


def test_an_error_below_the_bias_is_never_reached():
    (row,) = data_volume.summarise(law_table(), error_level=0.04).itertuples()
    assert (row.demand_from, np.isnan(row.log10_demand)) == ("never", True)


def test_estimates_with_missing_pairs_are_left_out_of_the_fit():
    table = law_table()
    table.loc[table.fraction == 0.178, ["n_pairs", "variance"]] = [9000, 5.0]
    (row,) = data_volume.summarise(table, error_level=0.055).itertuples()
    assert (row.n_volumes, row.slope) == (3, pytest.approx(-1))


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


def test_a_network_without_a_pattern_is_refused(recording, small_ring):
    flat = ring_network(20, sigma1=1.4, sigma2=1.41, a1=0.0)
    with pytest.raises(ValueError, match=r"patterns: network .* circulant weights that favour a pattern"):
        patterns.run(flat, recording, bin_steps=100, n_spikes=None, resources=RESOURCES)
