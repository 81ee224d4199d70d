"""Logistic regression of standardised responses, without an intercept, against scipy on the loss itself.

Couplings are the mean of both directions.
"""

import warnings

import numpy as np
import pytest
from logistic_cases import N, correlated_counts
from scipy.optimize import minimize

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import NotConvergedWarning

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


def by_scipy(counts, target, l1):
    """Weights of the others, each the difference of two that are not negative: so |w| is smooth."""
    z = (counts - counts.mean(axis=0)) / counts.std(axis=0)
    signed = z[:, [target]] * np.delete(z, target, axis=1)

    def loss(halves):
        up, down = np.split(halves, 2)
        margins = signed @ (up - down)
        slope = -signed.T @ (1 / (1 + np.exp(margins)))
        return np.logaddexp(0, -margins).sum() + l1 * halves.sum(), np.concatenate([slope + l1, l1 - slope])

    begin, bounds = np.full(2 * (N - 1), 0.1), [(0, None)] * 2 * (N - 1)
    fine = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 10_000, "maxfun": 100_000}
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=fine).x
    return np.subtract(*np.split(found, 2))


def both_ways(counts, target, l1):
    """Mean of the weights to and from a neuron."""
    others = [i for i in range(N) if i != target]
    back = [by_scipy(counts, i, l1)[target - (target > i)] for i in others]
    return (by_scipy(counts, target, l1) + back) / 2


@pytest.mark.parametrize("l1", [0.0, 30.0])
@pytest.mark.parametrize("binarise", [False, True])
def test_equals_the_minimum_of_the_loss(record_of, l1, binarise):
    counts = correlated_counts(3000)
    options = {"bin_steps": 10, "binarise": binarise, "l1": l1}
    fit = estimate("logistic", record_of(counts), as_published=True, **options)
    plain = estimate("logistic", record_of(counts), **options)
    used = (counts > 0 if binarise else counts).astype(float)
    for j in range(N):
        np.testing.assert_allclose(np.delete(fit.values[:, j], j), both_ways(used, j, l1), atol=5e-5)
    assert (fit.arrays["intercepts"] == 0).all()
    assert "standard_errors" not in fit.arrays
    in_its_units = plain.values * used.std(axis=0)[:, None]
    other = ~np.eye(N, dtype=bool)
    assert abs(fit.values - in_its_units)[other].max() > 1e-3  # it is another regression


def test_where_all_fire_in_half_of_the_bins_it_is_plain_logistic_regression(record_of):
    """Then responses are +1 and -1, and no intercept is missing."""
    rng = np.random.default_rng(1)
    half = (rng.normal(size=(2000, N)) + rng.normal(size=(2000, 1)) > 0).astype(int)
    counts = np.vstack([half, 1 - half])  # as often on as off, in every pattern
    options = {"bin_steps": 10, "binarise": True}
    plain = estimate("logistic", record_of(counts), **options).values
    standardised = estimate("logistic", record_of(counts), as_published=True, **options).values
    np.testing.assert_allclose(standardised, (plain + plain.T) / 4, atol=1e-6)


def test_the_sample_of_a_long_recording_does_not_show(record_of):
    counts = correlated_counts(30_000)
    fit = estimate("logistic", record_of(counts), bin_steps=10, as_published=True, tolerance=1e-9)
    np.testing.assert_allclose(
        np.delete(fit.values[:, 2], 2), both_ways(counts.astype(float), 2, 0.0), atol=5e-5
    )
    assert fit.diagnostics["passes"] < 40


def test_the_oracle_chooses_among_standardised_fits(record_of):
    counts = correlated_counts(2000)
    weights = np.random.default_rng(0).normal(size=(N, N))
    options = {"bin_steps": 10, "as_published": True}
    chosen = estimate("logistic", record_of(counts), weights=weights, l1="oracle", l1_grid=[0, 50], **options)
    alone = estimate("logistic", record_of(counts), l1=chosen.diagnostics["l1"], **options)
    np.testing.assert_allclose(chosen.values, alone.values, atol=1e-6)


def test_a_pair_has_no_coupling_unless_both_fits_converged(record_of):
    spikes, options = record_of(correlated_counts(3000)), {"bin_steps": 10, "as_published": True}
    known = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        for tolerance in np.geomspace(1e-5, 9e-3, 20):
            fit = estimate("logistic", spikes, tolerance=tolerance, max_passes=1, **options)
            known.append(np.isfinite(fit.values))
    assert all((pairs == pairs.T).all() for pairs in known)
    assert any(0 < pairs.sum() < N * (N - 1) for pairs in known)


def test_a_standardised_response_is_not_cross_validated(record_of):
    with pytest.raises(ValueError, match="as_published: l1='cross_validation' is not allowed"):
        estimate("logistic", record_of(correlated_counts(500)), as_published=True, l1="cross_validation")
