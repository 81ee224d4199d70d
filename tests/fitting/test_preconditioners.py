"""Hessians from moments: exact for independent covariates, used where they lead, and as good in the end."""

from itertools import product

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.fitting import descents
from circuitbias.fitting.hessians import match_moments
from circuitbias.fitting.preconditioners import SpikeTriggeredMoments, own_inverses
from circuitbias.fitting.rows import DenseRows

pytestmark = pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning")


def dense(rows):
    return DenseRows(lambda: [rows], *rows.shape)


@pytest.fixture
def independent_covariates(array):
    """All combinations of three binary covariates, each as often as their probabilities have it."""
    grid = np.array(list(product((0.0, 1.0), repeat=3)))
    rows = np.repeat(grid, np.where(grid == 1, [1, 2, 3], [4, 3, 2]).prod(axis=1), axis=0)
    return array(np.column_stack([rows, np.ones(len(rows))]))


def test_independent_covariates(independent_covariates, array):
    """Rates change only means and scales: the Hessians are exact, and so are steps and diagonals."""
    rows = independent_covariates
    coefficients = array([[0.0, 1.0], [-0.5, 0.0], [0.3, -2.0], [-1.0, 0.2]])
    free = array([[False, True], [True, False], [True, True], [True, True]])
    rates = array(np.exp(rows @ coefficients))
    second_moment, cross_moment = rows.T @ rows / len(rows), rows.T @ rates / len(rows)
    tilted = SpikeTriggeredMoments.at(dense(rows), coefficients, second_moment, cross_moment, free)

    hessians = np.einsum("tk,tj,tl->jkl", rows, rates, rows) / len(rows)
    both_free = free.T[:, :, None] & free.T[:, None, :]
    hessians = array(np.where(both_free, hessians, np.eye(4)))
    solve, inverse_diagonal = own_inverses(hessians, free)
    gradient = array([[0.3, -1.0], [2.0, 0.4], [0.1, 0.2], [-0.7, 1.0]]) * free
    np.testing.assert_allclose(tilted.solve(gradient), solve(gradient), rtol=1e-10, atol=1e-12)
    slopes = free[:-1]
    np.testing.assert_allclose(tilted.inverse_diagonal()[slopes], inverse_diagonal[:-1][slopes], rtol=1e-10)


@pytest.fixture
def some_held():
    """Which of six coefficients are free for four targets: all of one, all but one of the others."""
    free = np.ones((6, 4), dtype=bool)
    free[1, 1] = free[0, 2] = free[3, 3] = False
    return free


def restricted(matrix, free):
    """Inverse of the part that belongs to the free columns, with zeros elsewhere."""
    inverse = np.zeros(matrix.shape)
    inverse[np.ix_(free, free)] = np.linalg.inv(matrix[np.ix_(free, free)])
    return inverse


def test_shared_inverse_with_columns_held(some_held, array):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(50, 6)) @ generator.normal(size=(6, 6))
    rows[:, -1] = 1
    second_moment, curvatures, ridge = rows.T @ rows / 50, np.array([0.5, 1.0, 2.0, 0.1]), 0.3
    gradient = generator.normal(size=(6, 4)) * some_held
    given = (array(value) for value in (second_moment, curvatures, some_held))
    step = SpikeTriggeredMoments.with_constant_means(*given, ridge).solve(array(gradient))
    matrix = second_moment + ridge / curvatures.mean() * np.diag([1, 1, 1, 1, 1, 0])
    for j in range(4):
        free = some_held[:, j]
        inverse = restricted(matrix, free) / curvatures[j]
        np.testing.assert_allclose(step[:, j], inverse @ gradient[:, j], rtol=1e-9, atol=1e-12)


def test_moments_of_correlated_covariates_with_columns_held(some_held, array):
    """Steps and diagonals are those of the Hessian that the moments make up."""
    free = some_held
    generator = np.random.default_rng(1)
    covariance = np.cov(generator.normal(size=(5, 40)).T @ generator.normal(size=(5, 5)), rowvar=False)
    means, scales = generator.normal(size=(5, 4)), generator.uniform(0.5, 2, size=(5, 4))
    responses, gradient = np.array([0.1, 0.5, 1.0, 2.0]), generator.normal(size=(6, 4)) * free
    given = (array(value) for value in (covariance, means, scales, responses, free))
    moments = SpikeTriggeredMoments(*given)
    step, diagonal = moments.solve(array(gradient)), moments.inverse_diagonal()
    for j in range(4):
        second = np.outer(*[np.append(means[:, j], 1)] * 2)
        second[:-1, :-1] += covariance * np.outer(scales[:, j], scales[:, j])
        inverse = restricted(responses[j] * second, free[:, j])
        np.testing.assert_allclose(step[:, j], inverse @ gradient[:, j], rtol=1e-8, atol=1e-10)
        slopes = free[:-1, j]
        np.testing.assert_allclose(diagonal[slopes, j], np.diag(inverse)[:-1][slopes], rtol=1e-8)


def test_what_does_not_vary_over_the_spikes_of_a_sample_may_vary_elsewhere(array):
    """Its scale is a tenth of that over all rows, not zero."""
    rows = array([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    coefficients = array([[-80.0], [0.0], [0.0]])  # no spikes where the first one is 1
    second_moment = rows.T @ rows / 4
    cross_moment, free = array([[1e-3], [0.5], [1.0]]), array(np.ones((3, 1), dtype=bool))
    moments = SpikeTriggeredMoments.at(dense(rows), coefficients, second_moment, cross_moment, free)
    np.testing.assert_allclose(moments.scales[:, 0], [0.1, 1.0], rtol=1e-9)


def test_matrices_without_factors_are_mended(array):
    """One by its diagonal, one that is not finite by the unit matrix; the others are left alone."""
    good = np.array([[2.0, 1.0], [1.0, 2.0]])
    singular = np.array([[1.0, 1.0], [1.0, 1.0 - 1e-9]])
    hessians = array(np.stack([good, singular, good * np.nan]))
    solve, inverse_diagonal = own_inverses(hessians, array(np.ones((2, 3), dtype=bool)))
    step = solve(array([[1.0, 1.0, 3.0], [2.0, 1.0, 4.0]]))
    np.testing.assert_allclose(step[:, 0], [0, 1], atol=1e-12)
    assert (step[:, 1] > 0).any()
    assert np.isfinite(step).all()
    np.testing.assert_array_equal(step[:, 2], [3, 4])
    np.testing.assert_allclose(inverse_diagonal[:, 0], 2 / 3)


def test_a_target_that_rests(independent_covariates, array):
    """All its coefficients are held: no step, and nothing of the others changes."""
    rows = independent_covariates
    coefficients, gradient = array(np.zeros((4, 2))), array(np.ones((4, 2)))
    free = array([[True, False]] * 4)
    moments = rows.T @ rows / len(rows), rows.T @ (rows[:, -1:] * gradient[:1]) / len(rows)
    steps = SpikeTriggeredMoments.at(dense(rows), coefficients, *moments, free).solve(gradient)
    assert (steps[:, 1] == 0).all()
    alone = moments[0], moments[1][:, :1]
    of_one = SpikeTriggeredMoments.at(dense(rows), coefficients[:, :1], *alone, free[:, :1]).solve(
        gradient[:, :1]
    )
    np.testing.assert_allclose(steps[:, :1], of_one, rtol=1e-12)


@pytest.fixture
def made(monkeypatch, tune):
    """Own Hessians of targets that a fit was led by, the sample for them being small."""
    noted = []

    def note(hessians, free):
        noted.append(hessians)
        return own_inverses(hessians, free)

    monkeypatch.setattr(descents, "own_inverses", note)
    tune(sample_rows_per_column=20)
    return noted


@pytest.fixture
def weakly_coupled(record_of):
    """Counts of 20 000 bins in which neurons of a ring excite or inhibit the next ones a little."""
    generator = np.random.default_rng(0)
    common = generator.poisson(0.05, (20_000, 12))
    return record_of(generator.poisson(0.5, (20_000, 12)) + common + np.roll(common, 1, axis=1))


def test_weak_correlations(weakly_coupled, made, tune):
    by_moments = estimate("glm", weakly_coupled, bin_steps=10)
    assert not made
    tune(led_passes=0)
    by_sample = estimate("glm", weakly_coupled, bin_steps=10)
    assert len(made) == 1
    assert by_moments.diagnostics["largest_scaled_gradient"] <= 1e-8
    np.testing.assert_allclose(by_moments.values, by_sample.values, atol=1e-7)
    # A sample of some hundred rows knows these less well.
    errors = [fit.arrays["standard_errors"] for fit in (by_moments, by_sample)]
    np.testing.assert_allclose(*errors, rtol=0.15)


def test_strong_correlations(ring_record, made):
    """Moments do not lead there: every target gets its own Hessian."""
    assert estimate("glm", ring_record).diagnostics["largest_scaled_gradient"] <= 1e-8
    assert len(made) == 1


def test_moved_rows_have_the_moments(array):
    rng = np.random.default_rng(0)
    rows = array(np.column_stack([rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)), np.ones(500)]))
    second_moment = rows.T @ rows / 500
    sample = rows[:60]
    moved = sample @ match_moments(sample.T @ sample / len(sample), second_moment)
    np.testing.assert_allclose(moved.T @ moved / 60, second_moment, atol=1e-12)


def test_rows_are_moved_the_same_way_in_any_order_of_the_columns(array):
    """By triangular factors they are not, and further: fits with such Hessians took five times as long."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)), np.ones(500)])
    order = np.array([3, 0, 4, 2, 1, 5])

    def moved(rows):
        sample = array(rows[:60])
        return np.asarray(sample @ match_moments(sample.T @ sample / 60, array(rows.T @ rows / 500)))

    np.testing.assert_allclose(moved(rows)[:, order], moved(rows[:, order]), atol=1e-9)
