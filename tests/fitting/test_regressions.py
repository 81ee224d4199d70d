"""Where memory does not allow a Hessian for every neuron, the fits are the same."""

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import NotConvergedWarning, SeparableCountsWarning
from circuitbias.fitting import regressions

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


@pytest.fixture
def without_own_hessians(monkeypatch, tune):
    """All fits as if memory did not allow a Hessian for every target; seven targets at a time."""
    monkeypatch.setattr(regressions, "hessians_fit", lambda *size: False)
    tune(least_targets=30)
    return {"memory_mb": 5}


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("glm", {}),
        ("glm", {"ridge": 0.01}),
        ("glm_history", {"bin_steps": 50, "filter_ms": 10.0}),
    ],
)
def test_the_same_fits(ring_record, monkeypatch, without_own_hessians, method, options):
    shared = estimate(method, ring_record, **without_own_hessians, **options)
    assert shared.diagnostics["largest_scaled_gradient"] <= 1e-8

    monkeypatch.undo()
    own = estimate(method, ring_record, **options)
    assert own.diagnostics["passes"] < shared.diagnostics["passes"]
    np.testing.assert_allclose(shared.values, own.values, atol=1e-5)
    errors = [fit.arrays["standard_errors"] for fit in (shared, own)]
    np.testing.assert_allclose(*errors, rtol=0.3)
    for name in ("coefficients", "intercepts"):
        np.testing.assert_allclose(shared.arrays[name], own.arrays[name], atol=1e-5)


def test_the_same_fits_of_mostly_empty_bins(record_of, monkeypatch, without_own_hessians):
    """Bursts that all share; moments tell standard errors a little less well."""
    rng = np.random.default_rng(7)
    counts = rng.poisson(0.03 * rng.choice([0.5, 8], size=(20_000, 1), p=[0.95, 0.05]), (20_000, 15))
    shared = estimate("glm", record_of(counts), bin_steps=10, **without_own_hessians)
    monkeypatch.undo()
    own = estimate("glm", record_of(counts), bin_steps=10)
    for fit in (shared, own):
        assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8
    np.testing.assert_allclose(shared.values, own.values, atol=1e-6)
    errors = [fit.arrays["standard_errors"] for fit in (shared, own)]
    np.testing.assert_allclose(*errors, rtol=0.2)


def test_constant_rates_leave_passes_to_what_leads_better(ring_record, without_own_hessians, tune):
    """They do not lead on strongly correlated counts, however long they are tried."""
    tune(least_targets=30, group_tolerance=1e-8)
    found = estimate("glm", ring_record, max_passes=120, **without_own_hessians)
    assert found.diagnostics["n_not_converged"] == 0


def test_a_pair_without_a_finite_value(record_of, without_own_hessians):
    counts = np.random.default_rng(0).poisson(0.5, (2000, 9))
    counts[counts[:, 3] > 0, 4] = 0  # never together
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[3, 4\]"):
        couplings = estimate("glm", record_of(counts), bin_steps=10, **without_own_hessians)
    expected = np.eye(9, dtype=bool)
    expected[3, 4] = expected[4, 3] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)


def test_fits_that_end_too_early(ring_record, without_own_hessians):
    with pytest.warns(NotConvergedWarning, match=r"max_passes=3, .*their couplings are NaN"):
        couplings = estimate("glm", ring_record, max_passes=3, **without_own_hessians)
    assert np.isnan(couplings.values).any()
    assert couplings.diagnostics["n_not_converged"] == np.isnan(couplings.arrays["intercepts"]).sum()
