"""Coefficients that fall without end, against Fisher scoring as Matlab's glmfit does it, written out."""

import numpy as np
import pytest
from logistic_cases import N, correlated_counts

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import SeparableCountsWarning

OTHER = ~np.eye(N, dtype=bool)


def glmfit(covariates, response):
    """All coefficients after at most 101 weighted least squares, by QR; weights have a floor."""
    x = np.column_stack([np.ones(len(response)), covariates])
    mean, beta, eps = response + 0.25, np.zeros(x.shape[1]), np.finfo(float).eps
    drive = np.log(mean)
    for _ in range(101):
        working = drive + (response - mean) / mean
        root = np.sqrt(mean)
        root = np.maximum(root, root.max() * eps ** (2 / 3))
        before = beta
        q, r = np.linalg.qr(x * root[:, None])
        beta = np.linalg.solve(r, q.T @ (root * working))
        drive = x @ beta
        mean = np.maximum(np.exp(drive), np.finfo(float).tiny ** 0.25)
        if (abs(beta - before) <= 1e-6 * np.maximum(np.sqrt(eps), abs(before))).all():
            break
    return beta[1:]


@pytest.fixture(scope="module")
def counts():
    """Of six neurons, two of which never fire with the third, and one not with the fourth."""
    counts = correlated_counts(6000)
    counts[(counts[:, 0] > 0) | (counts[:, 1] > 0), 2] = 0
    counts[counts[:, 5] > 0, 3] = 0
    return counts


def test_they_end_where_glmfit_ends(record_of, counts):
    found = estimate("glm", record_of(counts), bin_steps=10, as_published=True).values
    expected = np.full((N, N), np.nan)
    for j in range(N):
        expected[np.arange(N) != j, j] = glmfit(np.delete(counts, j, axis=1).astype(float), counts[:, j])
    falling = OTHER & (expected < -20)
    assert falling.sum() == 6  # both ways
    np.testing.assert_allclose(found[falling], expected[falling], rtol=0.03)
    np.testing.assert_allclose(found[OTHER & ~falling], expected[OTHER & ~falling], atol=1e-4)


def test_nothing_else_changes(record_of, counts):
    record = record_of(counts)
    with pytest.warns(SeparableCountsWarning):
        plain = estimate("glm", record, bin_steps=10)
    placed = estimate("glm", record, bin_steps=10, as_published=True)
    finite = np.isfinite(plain.values)
    assert finite.sum() == OTHER.sum() - 6
    np.testing.assert_array_equal(placed.values[finite], plain.values[finite])
    np.testing.assert_array_equal(placed.arrays["intercepts"], plain.arrays["intercepts"])
    assert np.isfinite(placed.values[OTHER]).all()
    assert np.isnan(placed.arrays["standard_errors"][0][~finite]).all()
    few = estimate("glm", record, bin_steps=10, as_published=True, memory_mb=12)  # a target at a time
    np.testing.assert_allclose(few.values[OTHER], placed.values[OTHER], rtol=1e-6)


def test_what_rises_without_end_has_no_value(record_of):
    """A neuron that fires only where another one has its largest count."""
    counts = np.minimum(correlated_counts(6000), 2)
    counts[counts[:, 0] < 2, 4] = 0
    with pytest.warns(SeparableCountsWarning, match="0 -> 4"):
        found = estimate("glm", record_of(counts), bin_steps=10, as_published=True).values
    assert np.isnan(found[0, 4])
