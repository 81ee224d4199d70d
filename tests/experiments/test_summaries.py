"""What is summed up over windows and subsets, worked by hand, and what is said of errors that are missing."""

import math

import numpy as np
import pandas as pd
import pytest

from circuitbias.experiments import data_volume, partial_observation
from circuitbias.experiments.sweep import mean_without_noise, most_common

N_PAIRS = 9900


def window(fraction=1.0, r=0.01, estimator="glm", window=0, **changes):
    """A row of an estimate with noise of 1e4 / D on an error of 0.05 that stays, on one scale."""
    variance = math.sqrt(1e4 / (1e8 * fraction))
    row = {"estimator": estimator, "method": "glm", "options": "{}", "r": r, "seed": 1}
    row |= {"fraction": fraction, "window": window, "n_counts": 1e8 * fraction, "scale": 0.2}
    row |= {"bias": 0.05, "variance": variance, "total": math.hypot(0.05, variance)}
    return row | {"n_pairs": N_PAIRS, "n_all_pairs": N_PAIRS, "note": ""} | changes


FRACTIONS = (1.0, 10**-0.25, 10**-0.5, 10**-0.75)


def windows(**changes):
    return [window(fraction, window=k, **changes) for fraction in FRACTIONS for k in (0, 1)]


def summed(rows, error_level=0.055):
    return data_volume.summarise(pd.DataFrame(rows), error_level=error_level)


def test_a_neuron_silent_at_one_strength_takes_nothing_from_it_or_from_the_others():
    """99 of 100 neurons can be seen at r = 0.02: its errors are those of 9702 pairs, and it stays."""
    summary = summed(windows() + windows(r=0.02, n_pairs=9702)).set_index("r")
    assert summary.index.tolist() == [0.01, 0.02]
    assert summary.slope.tolist() == pytest.approx([-1, -1])
    assert summary.log10_intercept.tolist() == pytest.approx([4, 4])
    assert summary.n_pairs.tolist() == [9900, 9702] and (summary.n_all_pairs == 9900).all()
    assert (summary.n_left_out == 0).all() and (summary.n_windows == 8).all()


def test_an_estimator_with_an_undefined_pair_stays_beside_one_without():
    rows = windows() + windows(estimator="mpf", n_pairs=9898)
    rows += windows(estimator="mpf", options='{"all_flip": true}', n_pairs=9700)  # other options, same name
    summary = summed(rows)
    assert summary.n_pairs.tolist() == [9900, 9898, 9700]
    assert (summary.n_left_out == 0).all() and (summary.n_volumes == 4).all()


def test_the_fit_finds_the_law_that_made_the_errors():
    (row,) = summed(windows()).itertuples()
    assert (row.slope, row.log10_intercept, row.n_volumes) == (pytest.approx(-1), pytest.approx(4), 4)
    assert row.slope_low <= row.slope <= row.slope_high
    # total² = 0.05² + 1e4 / D at 0.055: D = 1e4 / 5.25e-4, between two volumes
    assert row.log10_demand == pytest.approx(np.log10(1e4 / 5.25e-4), abs=0.01)
    assert (row.demand_from, row.demand_note) == ("data", "") and math.isnan(row.log10_bound)


def test_shrinkage_does_not_change_the_law():
    shrinkage = dict(zip(FRACTIONS, (1.0, 0.9, 0.7, 0.4), strict=True))
    rows = [w | {key: w[key] * shrinkage[w["fraction"]] for key in ("variance", "scale")} for w in windows()]
    (row,) = summed(rows).itertuples()
    assert (row.slope, row.log10_intercept) == (pytest.approx(-1), pytest.approx(4))


def test_an_error_below_the_bias_is_never_reached():
    (row,) = summed(windows(), error_level=0.04).itertuples()
    assert (row.demand_from, np.isnan(row.log10_demand)) == ("never", True)


def test_windows_over_fewer_pairs_are_left_out_and_counted():
    rows = windows()
    rows[3] |= {"n_pairs": 9898, "variance": 5.0, "total": 5.0}  # the second of the second fraction
    rows[4] |= {"n_pairs": 0, "total": np.nan, "variance": np.nan, "note": "too few bins"}
    (row,) = summed(rows).itertuples()
    assert (row.n_volumes, row.n_windows, row.n_left_out) == (4, 8, 2)
    assert (row.slope, row.log10_intercept, row.note) == (pytest.approx(-1), pytest.approx(4), "")


def test_a_strength_without_any_estimate_has_a_row_with_the_reason():
    nothing = dict.fromkeys(("total", "bias", "variance", "scale", "n_counts"), np.nan)
    silent = [window(f, r=0.02, n_pairs=0, note="bins are too few", **nothing) for f in FRACTIONS]
    silent[0]["note"] = "another reason"
    summary = summed(windows() + silent).set_index("r")
    assert summary.loc[0.02, "note"] == "bins are too few"
    assert summary.loc[0.02, ["total", "bias", "variance", "log10_demand", "slope"]].isna().all()
    assert summary.loc[0.02, ["demand_from", "n_left_out"]].tolist() == ["unknown", 4]
    assert summary.loc[0.01, "demand_from"] == "data"
    alone = summed(silent)
    assert (len(alone), alone.demand_from[0], alone.n_volumes[0]) == (1, "unknown", 0)


def test_the_errors_are_those_of_the_largest_volume():
    rows = windows()[::-1]  # in any order
    (row,) = summed(rows).itertuples()
    assert (row.bias, row.variance) == (0.05, 0.01)
    assert row.total == pytest.approx(math.hypot(0.05, 0.01))
    assert row.error_level == 0.055


def test_a_network_without_a_ring_gets_a_bound_with_its_reason():
    """Its error falls with every volume: 0.1 at 1e6, by 10**-0.5 a decade to 0.01 at 1e8."""
    rows = [w | {"bias": np.nan, "variance": np.nan, "total": w["variance"]} for w in windows()]
    (row,) = summed(rows, error_level=0.005).itertuples()
    assert (row.demand_from, row.log10_bound) == ("above", pytest.approx(8.0))
    assert math.isnan(row.log10_demand) and "are not told apart" in row.demand_note
    (row,) = summed(rows, error_level=0.011).itertuples()
    assert (row.demand_from, row.log10_demand) == ("data", pytest.approx(math.log10(1e4 / 0.011**2)))
    (row,) = summed(rows, error_level=0.5).itertuples()
    assert (row.demand_from, row.log10_bound) == ("below", pytest.approx(7.25))


def test_noise_is_on_the_scale_of_the_whole_recording_of_the_same_estimator_and_strength():
    """The scale of the whole is the mean over seeds: 0.2; half of a scale doubles the noise."""
    rows = [window(scale=0.1), window(scale=0.3, seed=2), window(0.1, scale=0.1), window(0.1, scale=-0.1)]
    rows += [window(r=0.02, scale=0.7), window(0.1, r=0.02, scale=0.7)]
    table = data_volume.with_noise(pd.DataFrame(rows))
    expected = table.variance * [2, 2 / 3, 2, 2, 1, 1]
    np.testing.assert_allclose(table.noise, expected)


def test_the_demand_of_data_is_extrapolated_for_the_neurons_that_are_seen():
    """Bias 0 and 1/D noise in N neurons leave 1/N of its power in the mean: N follows from the pairs."""
    totals = {}
    for n in (10, 50):
        noise = 0.3  # xi²: k = 1 / 1.3, so that the total error is sqrt(1 - k)
        k = 1 / (1 + noise)
        row = window(total=math.sqrt(1 - k), bias=math.sqrt((1 - k) ** 2 + k**2 * noise / n))
        row |= {"variance": k * math.sqrt(noise), "n_pairs": n * (n - 1)}
        (totals[n],) = summed([row], error_level=0.2).itertuples()
    for demand in totals.values():  # total² = 1 - 1 / (1 + xi²): at 0.2, xi² = 1 / 24
        assert demand.demand_from == "beyond"
        assert demand.log10_demand == pytest.approx(8 + math.log10(0.3 * 24), abs=1e-6)


def subset(total, n_observed=10, subset=0, **changes):
    row = {"estimator": "glm", "method": "glm", "options": "{}", "r": 0.01, "seed": 1}
    row |= {"experiment": "subsets", "n_observed": n_observed, "subset": subset, "fraction": 1.0}
    row |= {"total": total, "bias": total / 2, "variance": total / 4, "n_pairs": 90, "n_all_pairs": 90}
    return row | {"note": ""} | changes


def test_means_and_scatter_over_subsets_beside_the_merged_estimate():
    merged = {"subset": partial_observation.MERGED, "n_pairs": 350, "n_all_pairs": 380}
    rows = [subset(0.1), subset(0.2, subset=1, n_pairs=72), subset(0.6, subset=2), subset(0.25, **merged)]
    rows += [subset(np.nan, subset=3, n_pairs=0, note="silent"), subset(9.0, experiment="fixed_half")]
    (row,) = partial_observation.summarise(pd.DataFrame(rows)).itertuples()
    assert (row.n_subsets, row.n_left_out, row.n_fewer, row.note) == (3, 1, 1, "silent")
    assert (row.total, row.bias, row.variance) == pytest.approx((0.3, 0.15, 0.075))
    assert row.total_sd == pytest.approx(math.sqrt((0.04 + 0.01 + 0.09) / 2))
    assert (row.n_pairs, row.n_all_pairs) == (84, 90)
    assert (row.merged_total, row.merged_bias, row.merged_variance) == (0.25, 0.125, 0.0625)
    assert (row.merged_n_pairs, row.merged_n_all_pairs) == (350, 380)


def test_each_number_of_neurons_has_a_row_also_without_an_error():
    rows = [subset(0.1, n_observed=10), subset(np.nan, n_observed=2, n_pairs=2, note="2 pairs are too few")]
    summary = partial_observation.summarise(pd.DataFrame(rows)).set_index("n_observed")
    assert summary.n_subsets.to_dict() == {10: 1, 2: 0}
    assert summary.note.to_dict() == {10: "", 2: "2 pairs are too few"}
    assert math.isnan(summary.total[2]) and math.isnan(summary.total_sd[10])


def test_errors_without_noise_are_means_of_what_is_unbiased():
    """The bias by its square: of 0.04, -0.02 and 0.01 the mean is 0.01; below 0 there is none."""
    squares = {"bias2_corrected": [0.04, -0.02, 0.01], "bias2_corrected_se": [0.01, 0.02, 0.03]}
    rows = pd.DataFrame(
        squares | {"bias_corrected_se": [0.1, 0.2, 0.6], "variance_corrected": [0.1, 0.2, 0.6]}
    )
    found = mean_without_noise(rows.assign(bias_corrected=[0.2, 0.0, 0.1]))
    assert found.tolist() == pytest.approx([0.1, 0.3, 0.3])
    assert found.index.tolist() == ["bias_corrected", "bias_corrected_se", "variance_corrected"]
    assert mean_without_noise(rows[1:2]).bias_corrected == 0.0
    assert mean_without_noise(pd.DataFrame({"total": [1.0]})).isna().all()
    table = [subset(0.1, **row) for row in rows.to_dict("records")]
    (row,) = partial_observation.summarise(pd.DataFrame(table)).itertuples()
    assert (row.bias_corrected, row.variance_corrected) == pytest.approx((0.1, 0.3))
    volumes = [window(**rows.iloc[0]), window(seed=2, **rows.iloc[1]), window(0.1, **rows.iloc[2])]
    (row,) = summed(volumes, error_level=0.2).itertuples()  # those of the largest volume
    assert (row.bias_corrected, row.variance_corrected) == pytest.approx((0.1, 0.15))
    assert row.demand_from == "below" and row.bias == 0.05


def test_the_bias_without_noise_is_what_the_demand_of_data_is_extrapolated_to():
    more = {"bias2_corrected": 0.0016, "bias2_corrected_se": 1e-5, "bias": np.nan, "variance": np.nan}
    (row,) = summed([window(**more)], error_level=0.045).itertuples()
    c = 1 / (1 - 0.0026) - 1 / (1 - 0.0016)  # total² = 0.05² + 1e4 / 1e8 at 1e8
    expected = 1e8 * c / (1 / (1 - 0.045**2) - 1 / (1 - 0.0016))
    assert (row.demand_from, 10**row.log10_demand) == ("beyond", pytest.approx(expected))
    (row,) = summed([window(**more)], error_level=0.03).itertuples()
    assert row.demand_from == "never" and "is 0.04 ±" in row.demand_note


def test_the_most_common_note():
    assert most_common(pd.Series(["", "b", "a", "b", np.nan])) == "b"
    assert most_common(pd.Series(["", np.nan])) == most_common(pd.Series([], dtype=object)) == ""
