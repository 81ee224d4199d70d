"""A power law, and the volume that an error takes."""

import math

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
    demand, origin = spikes_for_error(volumes(1e5, 1e6), 0.12, 100)
    assert origin == "beyond"
    assert predict_errors(0.1, 0.1, 100, 1e7, 10**demand).total == pytest.approx(0.12)


def test_demand_between_volumes_and_below():
    table = volumes(1e5, 1e6, 1e7)
    level = math.sqrt(table.total[1] * table.total[2])
    assert spikes_for_error(table, level, 100) == (pytest.approx(6.5), "data")
    demand, origin = spikes_for_error(table, 0.9, 100)
    assert math.isnan(demand) and origin == "below"
    assert spikes_for_error(table, 0.09, 100)[1] == "never"


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
