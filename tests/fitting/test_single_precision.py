"""First passes in single precision: faster, and in the end as exact."""

import numpy as np
import pytest

from circuitbias.device import namespace
from circuitbias.estimators import estimate
from circuitbias.fitting.hessians import finished, match_moments, weighted_squares
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.probability_flow import Flow
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import products_of_columns

pytestmark = pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning")


@pytest.fixture
def evaluations(tune, note_precision):
    """All regressions, however small, begin in single precision; for each pass whether it was."""
    tune(single_from=0)
    return note_precision(Objective)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("glm", {}),
        ("glm", {"ridge": 0.01, "lags": [0, 1]}),
        ("glm_history", {"bin_steps": 50, "filter_ms": 10.0}),
        ("logistic", {}),
    ],
)
def test_the_same_fits(ring_record, tune, evaluations, method, options):
    begun_in_single = estimate(method, ring_record, **options)
    assert any(evaluations)
    assert not evaluations[-1]
    assert begun_in_single.diagnostics["largest_scaled_gradient"] <= 1e-8

    tune(single_from=np.inf)
    evaluations.clear()
    in_double = estimate(method, ring_record, **options)
    assert evaluations
    assert not any(evaluations)
    np.testing.assert_allclose(begun_in_single.values, in_double.values, atol=1e-5)


@pytest.mark.parametrize("all_flip", [False, True])
def test_the_same_flow(ring_record, tune, note_precision, all_flip):
    made = note_precision(Flow)
    in_double = estimate("mpf", ring_record, all_flip=all_flip)
    assert not any(made)
    made.clear()
    tune(single_from=0)
    begun_in_single = estimate("mpf", ring_record, all_flip=all_flip)
    assert made[0]
    assert not made[-1]
    assert begun_in_single.diagnostics["largest_scaled_gradient"] <= 1e-8
    np.testing.assert_allclose(begun_in_single.values, in_double.values, atol=1e-5)


def test_the_certificate_is_in_double_precision(ring_record, evaluations):
    fit = estimate("glm", ring_record)
    counts = BinnedCounts(ring_record, 100).all().astype(float)
    residuals = np.exp(counts @ np.nan_to_num(fit.values) + fit.arrays["intercepts"]) - counts
    gradient = counts.T @ residuals / len(counts) / counts.std(axis=0)[:, None] / counts.mean(axis=0)
    np.fill_diagonal(gradient, 0)
    gradient = np.vstack([gradient, residuals.mean(axis=0) / counts.mean(axis=0)])
    np.testing.assert_allclose(np.abs(gradient).max(axis=0), fit.arrays["scaled_gradient"], atol=1e-13)


class Quadratic:
    """``|x - minimum|^2 / 2`` of every target, whose gradient in single precision has an error."""

    def __init__(self, minimum, error):
        self.minimum, self.error, self.passes = minimum, error, 0

    def evaluate(self, coefficients, *, targets=slice(None), single=False):
        self.passes += 1
        difference = coefficients - self.minimum[:, targets]
        gradient = difference + self.error * namespace(coefficients).sin(1e9 * coefficients) * single
        return (difference**2).sum(0) / 2, gradient


@pytest.mark.parametrize("error", [0.0, 1e-7, 1e-3, 1.0])
def test_however_coarse_single_precision_is(error, array):
    minimum = array(np.linspace(-3, 5, 12).reshape(3, 4))
    objective = Quadratic(minimum, error)
    scale = 0 * minimum + 1
    solution = lbfgs(
        objective,
        0 * minimum,
        lambda gradient: 0.9 * gradient,
        scale,
        1e-10,
        100,
        begin_in_single=True,
    )
    assert solution.converged.all()
    np.testing.assert_allclose(solution.coefficients, minimum, atol=1e-10)
    np.testing.assert_allclose(
        solution.scaled_gradient, np.max(np.asarray(abs(solution.coefficients - minimum)), axis=0), atol=1e-16
    )


def test_constant_weights_give_the_moments_of_all_rows(array):
    """Of which the sample has others: its rows are moved."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(5000, 4)) @ rng.normal(size=(4, 4)) + 1
    rows = array(np.column_stack([mixed, np.ones(5000)]))
    second_moment, sample = rows.T @ rows / len(rows), rows[:50]
    assert abs(sample.T @ sample / 50 - second_moment).max() > 0.05
    weights = array([0.5, 1.0, 2.0])
    move = match_moments(sample.T @ sample / len(sample), second_moment)
    ones = array(np.ones((5, 3)))
    hessians = weighted_squares([sample], lambda rows: weights * ones[:1] + 0 * rows[:, :1], ones, move)
    np.testing.assert_allclose(hessians, weights[:, None, None] * second_moment, rtol=1e-5, atol=1e-5)


def test_a_column_that_is_constant_in_the_sample(array):
    """Cannot be moved; the others are."""
    rows = array(np.random.default_rng(0).normal(size=(5000, 3)))
    rows[:, 2] = 1
    rows[:50, 1] = 0
    second_moment = rows.T @ rows / len(rows)
    free, least = array(np.ones((3, 1), dtype=bool)), array(np.full((3, 1), 0.25))
    move = match_moments(rows[:50].T @ rows[:50] / 50, second_moment)
    squares = weighted_squares([rows[:50]], lambda rows: rows[:, -1:] * 0 + 1, least, move)
    hessians = finished(squares, free, least, 0.0)
    assert np.isfinite(hessians).all()
    np.testing.assert_allclose(
        hessians[0][[0, 0, 2], [0, 2, 2]], second_moment[[0, 0, 2], [0, 2, 2]], rtol=1e-5
    )
    assert hessians[0, 1, 1] == 0.25


@pytest.mark.parametrize("largest", [3, 100, 5000])
def test_products_of_whole_numbers_are_exact(largest, array):
    counts = np.random.default_rng(0).integers(0, largest, (2000, 7), endpoint=True)
    products = np.asarray(products_of_columns(array(counts.astype(np.float32))))
    assert products.dtype == np.float64
    np.testing.assert_array_equal(products, counts.T @ counts)
