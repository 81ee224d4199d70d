"""A power law, and the volume that an error takes."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from circuitbias.errors import circulant_errors, fit_profile_scale, fit_scale, predict_errors
from circuitbias.errors.volume_law import fit_power_law, spikes_for_error


def test_limits_are_those_of_statsmodels():
    x = np.array([1e5, 3e5, 1e6, 3e6, 1e7])
    y = 50 / x * np.exp(np.random.default_rng(2).normal(0, 0.1, 5))
    fit = fit_power_law(x, y)
    theirs = sm.OLS(np.log10(y), sm.add_constant(np.log10(x))).fit()
    limits = theirs.conf_int()
    np.testing.assert_allclose((fit.log10_intercept, fit.slope), theirs.params)
    np.testing.assert_allclose((fit.intercept_low, fit.intercept_high), limits[0])
    np.testing.assert_allclose((fit.slope_low, fit.slope_high), limits[1])


def test_two_volumes_make_no_fit():
    fit = fit_power_law(np.array([1e5, 1e6]), np.array([1.0, 0.1]))
    assert math.isnan(fit.slope) and fit.n_volumes == 2


def volumes(*counts):
    """Errors of one method at some volumes, as the model has them."""
    errors = [predict_errors(0.1, 0.1, 100, 1e7, n) for n in counts]
    return pd.DataFrame([e._asdict() | {"n_counts": n} for e, n in zip(errors, counts, strict=True)])


def test_demand_beyond_the_data_is_the_models():
    demand = spikes_for_error(volumes(1e5, 1e6), 0.12, 100)
    assert (demand.origin, demand.note) == ("beyond", "")
    assert math.isnan(demand.log10_bound)
    assert predict_errors(0.1, 0.1, 100, 1e7, 10**demand.log10_volume).total == pytest.approx(0.12)


def test_demand_between_volumes_and_below():
    table = volumes(1e5, 1e6, 1e7)
    level = math.sqrt(table.total[1] * table.total[2])
    found = spikes_for_error(table, level, 100)
    assert (found.log10_volume, found.origin, found.note) == (pytest.approx(6.5), "data", "")
    below = spikes_for_error(table, 0.9, 100)
    assert math.isnan(below.log10_volume) and (below.origin, below.log10_bound) == ("below", 5.0)
    assert f"the smallest volume, {table.total[0]:.3g}, is no larger" in below.note
    never = spikes_for_error(table, 0.09, 100)
    # predict_errors(0.1, 0.1, ...): beta² = 1/k - 1 - 0.01/k², k = 1 - 0.01 - 0.99 0.01
    k = 1 - 0.01 - 0.0099
    beta2 = 1 / k - 1 - 0.01 / k**2
    assert never.origin == "never"
    assert f"any amount of data is {math.sqrt(beta2 / (1 + beta2)):.3g} ±" in never.note


def test_the_last_crossing_of_a_noisy_curve_counts():
    """Between 1e6 and 1e7, where log10 of the error falls from 1 to -1 times 0.1 about the level."""
    table = pd.DataFrame(
        {"n_counts": [1e4, 1e5, 1e6, 1e7], "total": 0.3 * 10 ** np.array([0.1, -0.1, 0.1, -0.1])}
    )
    table = table.assign(bias=np.nan, variance=np.nan)
    assert spikes_for_error(table, 0.3, 100)[:2] == (pytest.approx(6.5), "data")


def test_an_error_that_still_falls_is_no_floor():
    """Of a network whose bias is not known: a bound and its reason, however flat the curve is."""
    for totals in ([0.9, 0.7, 0.5], [0.5, 0.5, 0.5]):
        table = pd.DataFrame(
            {"n_counts": [1e5, 1e6, 1e7], "total": totals, "bias": np.nan, "variance": np.nan}
        )
        demand = spikes_for_error(table, 0.2, 100)
        assert (demand.origin, demand.log10_bound) == ("above", 7.0)
        assert math.isnan(demand.log10_volume)
        assert demand.note.startswith("the error of the largest volume, 0.5, is larger, and ")
        assert "are not told apart" in demand.note
        assert spikes_for_error(table.assign(bias=0.3), 0.2, 100).origin == "above"  # nor is half of it known


def test_errors_that_no_sampling_noise_makes_give_a_bound():
    """A bias smaller than the squared total error is none that a least-squares scale leaves."""
    table = pd.DataFrame({"n_counts": [1e5, 1e6], "total": [0.9, 0.8], "bias": 0.01, "variance": 0.8})
    demand = spikes_for_error(table, 0.2, 100)
    assert (demand.origin, demand.log10_bound) == ("above", 6.0)
    assert "does not obey the model of sampling noise: bias must be at least" in demand.note


def test_never_takes_a_floor_that_is_plainly_higher():
    """Little data: what would stay of the error is known to six per cent only."""
    table = volumes(1e6)
    low, high = (spikes_for_error(table, level, 100) for level in (0.05, 0.0965))
    assert low.origin == "never"
    assert (high.origin, high.log10_bound) == ("above", 6.0)
    floor, error = map(float, re.search(r"any amount of data is (\S+) ± (\S+)", high.note).groups())
    assert floor > 0.0965 > floor - 2 * error
    doubtful = spikes_for_error(table, 0.1, 100)
    assert doubtful.origin == "beyond" and floor < 0.1 < floor + 2 * error
    assert doubtful.note.endswith("it may never be reached")


def test_the_error_of_the_floor_is_the_scatter_of_simulated_estimates():
    """Symmetric noise on circulant weights with a circulant bias of norm 0.3, fitted anew each time."""
    n, random = 40, np.random.default_rng(3)
    offsets = np.minimum(np.arange(n), n - np.arange(n))
    truth, wrong = (
        np.array([np.roll(p, i) for i in range(n)]) for p in (np.exp(-offsets / 4.0), np.cos(offsets))
    )
    off = ~np.eye(n, dtype=bool)
    truth /= np.linalg.norm(truth[off])
    wrong -= truth * (wrong[off] @ truth[off])
    wrong *= 0.3 / np.linalg.norm(wrong[off])
    floors, said = [], []
    for _ in range(200):
        noise = np.triu(random.normal(size=(n, n)), 1) * 0.4 / math.sqrt(n * (n - 1))
        errors = circulant_errors(truth, truth + wrong + noise + noise.T)
        note = spikes_for_error(pd.DataFrame([vars(errors) | {"n_counts": 1e6}]), 1e-6, n).note
        floor, error = map(float, re.search(r"any amount of data is (\S+) ± (\S+)", note).groups())
        floors.append(floor)
        said.append(error)
    assert np.mean(floors) == pytest.approx(0.3 / math.hypot(1, 0.3), rel=0.02)
    assert np.std(floors) == pytest.approx(np.mean(said), rel=0.3)


def test_the_corrected_bias_is_what_stays_whatever_the_network():
    """1 / (1 - total²) = a + c / D: 1 / 0.75 at 1e6 and 1 / 0.91 without end leave 1 / 0.84 at D."""
    row = {"n_counts": 1e6, "total": 0.5, "bias": np.nan, "variance": np.nan}
    table = pd.DataFrame([row | {"bias2_corrected": 0.09, "bias2_corrected_se": 0.001}])
    demand = spikes_for_error(table, 0.4, 0)
    assert demand.origin == "beyond" and demand.note == "" and math.isnan(demand.log10_bound)
    c = (1 / 0.75 - 1 / 0.91) * 1e6
    assert 10**demand.log10_volume == pytest.approx(c / (1 / 0.84 - 1 / 0.91))
    never = spikes_for_error(table, 0.29, 0)  # 0.0841 is more than two errors below
    assert (never.origin, never.note) == (
        "never",
        "the error left with any amount of data is 0.3 ± 0.0017",
    )
    for level, origin in ((0.297, "above"), (0.303, "beyond")):  # squares 0.0882 and 0.0918
        near = spikes_for_error(table, level, 0)
        assert near.origin == origin and "is 0.3 ± 0.0017" in near.note
    assert spikes_for_error(table, 0.3034, 0).note == ""  # 0.0921
    assert spikes_for_error(table, 0.2965, 0).origin == "never"  # 0.0879


def test_a_corrected_bias_that_comes_out_negative_leaves_nothing():
    row = {"n_counts": 1e6, "total": 0.5, "bias2_corrected": -0.01, "bias2_corrected_se": 0.001}
    demand = spikes_for_error(pd.DataFrame([row]), 0.1, 0)
    assert 10**demand.log10_volume == pytest.approx(1e6 * (1 / 0.75 - 1) / (1 / 0.99 - 1))
    unknown = spikes_for_error(pd.DataFrame([row | {"bias2_corrected": np.nan}]), 0.1, 0)
    assert (unknown.origin, unknown.log10_bound) == ("above", 6.0)
    assert spikes_for_error(pd.DataFrame([row | {"bias2_corrected_se": np.nan}]), 0.1, 0).origin == "above"
    nothing = spikes_for_error(pd.DataFrame([row | {"total": 1.0}]), 0.1, 0)
    assert nothing.origin == "above" and "nothing is known of the weights yet" in nothing.note


def test_means_over_windows_that_obey_the_model_only_nearly_end_near_the_largest_volume():
    """Bias and variance make a total of 0.2, a little less than the mean, and the level lies between."""
    variance = math.sqrt(0.03 / 0.99)
    table = pd.DataFrame({"n_counts": [1e6], "total": [0.201], "bias": [0.1], "variance": [variance]})
    demand = spikes_for_error(table, 0.2005, 100)
    assert demand.origin == "beyond" and 6.0 < demand.log10_volume < 6.01


def test_volumes_without_an_error_are_none():
    table = volumes(1e5, 1e6)
    gone = pd.DataFrame([{"n_counts": 1e7, "total": np.nan, "bias": np.nan, "variance": np.nan}])
    with_gap = pd.concat([table, gone])
    assert spikes_for_error(with_gap, 0.12, 100) == pytest.approx(
        spikes_for_error(table, 0.12, 100), nan_ok=True
    )
    unknown = spikes_for_error(gone, 0.5, 100)
    assert (unknown.origin, unknown.note) == ("unknown", "no volume has an error")
    assert math.isnan(unknown.log10_volume) and math.isnan(unknown.log10_bound)


def test_the_older_scale_minimises_absolute_deviations_of_the_profile():
    n, random = 15, np.random.default_rng(4)
    weights = np.array([np.roll(random.normal(size=n), i) for i in range(n)])
    weights = np.array([np.roll(weights[0], i) for i in range(n)])
    couplings = 3 * weights + random.normal(size=(n, n))
    couplings[2, 5] = np.nan
    aligned = [np.array([np.roll(m[i], -i) for i in range(n)])[:, 1:] for m in (weights, couplings)]
    truth, profile = (np.nanmean(m, axis=0) for m in aligned)
    grid = np.linspace(0, 1, 20_001)
    best = grid[np.abs(grid[:, None] * profile - truth).sum(axis=1).argmin()]
    scale = fit_profile_scale(weights, couplings)
    assert scale == pytest.approx(best, abs=1e-4)
    assert scale > fit_scale(weights, couplings)  # noise shrinks the other one
    assert circulant_errors(weights, couplings, scale).total > circulant_errors(weights, couplings).total
    assert math.isnan(fit_profile_scale(weights, np.zeros((n, n))))
