"""Hessians from moments: exact for independent covariates, used where they lead, and as good in the end."""

import numpy as np
import pytest
import torch

from circuitbias.estimators import estimate
from circuitbias.fitting import descents
from circuitbias.fitting.preconditioners import (
    SpikeTriggeredMoments,
    shared_preconditioner,
    target_preconditioner,
)
from circuitbias.fitting.sample_hessians import match_moments

pytestmark = pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning")


@pytest.fixture
def independent_covariates():
    """All combinations of three binary covariates, each as often as their probabilities have it."""
    grid = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    often = torch.where(grid == 1, torch.tensor([1, 2, 3]), torch.tensor([4, 3, 2])).prod(1)
    rows = grid.repeat_interleave(often, dim=0)
    return torch.cat([rows, torch.ones_like(rows[:, :1])], 1)


def test_independent_covariates(independent_covariates):
    """Rates change only means and scales: the Hessians are exact, and so are steps and diagonals."""
    rows = independent_covariates
    coefficients = torch.tensor([[0.0, 1.0], [-0.5, 0.0], [0.3, -2.0], [-1.0, 0.2]], dtype=torch.float64)
    free = torch.tensor([[False, True], [True, False], [True, True], [True, True]])
    rates = (rows @ coefficients).exp()
    second_moment, cross_moment = rows.T @ rows / len(rows), rows.T @ rates / len(rows)
    tilted = SpikeTriggeredMoments.at([(rows, 1.0)], coefficients, second_moment, cross_moment, free)

    hessians = torch.einsum("tk,tj,tl->jkl", rows, rates, rows) / len(rows)
    both_free = free.T[:, :, None] & free.T[:, None, :]
    hessians = torch.where(both_free, hessians, torch.eye(4, dtype=torch.float64))
    solve, inverse_diagonal = target_preconditioner(hessians, free)
    gradient = torch.tensor([[0.3, -1.0], [2.0, 0.4], [0.1, 0.2], [-0.7, 1.0]], dtype=torch.float64) * free
    np.testing.assert_allclose(tilted.solve(gradient), solve(gradient), rtol=1e-10, atol=1e-12)
    slopes = free[:-1]
    np.testing.assert_allclose(tilted.inverse_diagonal()[slopes], inverse_diagonal[:-1][slopes], rtol=1e-10)


@pytest.fixture
def some_held():
    """Which of six coefficients are free for five targets: all, but one, two, four, but the constant."""
    free = torch.ones((6, 5), dtype=torch.bool)
    free[1, 1] = free[0, 2] = free[3, 2] = free[5, 4] = False
    free[:4, 3] = False
    return free


def restricted(matrix, free):
    """Inverse of the part that belongs to the free columns, with zeros elsewhere."""
    inverse = np.zeros(matrix.shape)
    inverse[np.ix_(free, free)] = np.linalg.inv(matrix[np.ix_(free, free)])
    return inverse


def test_shared_inverse_with_columns_held(some_held):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(50, 6)) @ generator.normal(size=(6, 6))
    second_moment, curvatures, ridge = rows.T @ rows / 50, np.array([0.5, 1.0, 2.0, 0.1, 3.0]), 0.3
    gradient = generator.normal(size=(6, 5)) * some_held.numpy()
    given = (torch.from_numpy(value) for value in (second_moment, curvatures))
    step = shared_preconditioner(*given, some_held, ridge)(torch.from_numpy(gradient))
    matrix = second_moment + ridge / curvatures.mean() * np.eye(6)
    for j in range(5):
        free = some_held[:, j].numpy()
        inverse = restricted(matrix, free) / curvatures[j]
        np.testing.assert_allclose(step[:, j], inverse @ gradient[:, j], rtol=1e-9, atol=1e-12)


def test_moments_of_correlated_covariates_with_columns_held(some_held):
    """Steps and diagonals are those of the Hessian that the moments make up."""
    free = some_held[:, :4]
    generator = np.random.default_rng(1)
    covariance = np.cov(generator.normal(size=(5, 40)).T @ generator.normal(size=(5, 5)), rowvar=False)
    means, scales = generator.normal(size=(5, 4)), generator.uniform(0.5, 2, size=(5, 4))
    responses, gradient = np.array([0.1, 0.5, 1.0, 2.0]), generator.normal(size=(6, 4)) * free.numpy()
    given = (torch.from_numpy(value) for value in (covariance, means, scales, responses))
    moments = SpikeTriggeredMoments(*given, free)
    step, diagonal = moments.solve(torch.from_numpy(gradient)), moments.inverse_diagonal()
    for j in range(4):
        second = np.outer(*[np.append(means[:, j], 1)] * 2)
        second[:-1, :-1] += covariance * np.outer(scales[:, j], scales[:, j])
        inverse = restricted(responses[j] * second, free[:, j].numpy())
        np.testing.assert_allclose(step[:, j], inverse @ gradient[:, j], rtol=1e-8, atol=1e-10)
        slopes = free[:-1, j].numpy()
        np.testing.assert_allclose(diagonal[slopes, j], np.diag(inverse)[:-1][slopes], rtol=1e-8)


def test_what_does_not_vary_over_the_spikes_of_a_sample_may_vary_elsewhere():
    """Its scale is a tenth of that over all rows, not zero."""
    rows = torch.tensor([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]).double()
    coefficients = torch.tensor([[-80.0], [0.0], [0.0]]).double()  # no spikes where the first one is 1
    second_moment = rows.T @ rows / 4
    cross_moment = torch.tensor([[1e-3], [0.5], [1.0]]).double()
    free = torch.ones((3, 1), dtype=torch.bool)
    moments = SpikeTriggeredMoments.at([(rows, 1.0)], coefficients, second_moment, cross_moment, free)
    np.testing.assert_allclose(moments.scales[:, 0], [0.1, 1.0], rtol=1e-9)


def test_matrices_without_factors_are_mended():
    """One by its diagonal, one that is not finite by the unit matrix; the others are left alone."""
    good = torch.tensor([[2.0, 1.0], [1.0, 2.0]]).double()
    singular = torch.tensor([[1.0, 1.0], [1.0, 1.0 - 1e-9]]).double()
    hessians = torch.stack([good, singular, good * torch.nan])
    solve, inverse_diagonal = target_preconditioner(hessians, torch.ones((2, 3), dtype=torch.bool))
    gradient = torch.tensor([[1.0, 1.0, 3.0], [2.0, 1.0, 4.0]]).double()
    step = solve(gradient)
    np.testing.assert_allclose(step[:, 0], [0, 1], atol=1e-12)
    assert (step[:, 1] > 0).any()
    assert step.isfinite().all()
    np.testing.assert_array_equal(step[:, 2], [3, 4])
    np.testing.assert_allclose(inverse_diagonal[:, 0], 2 / 3)


def test_a_target_that_rests(independent_covariates):
    """All its coefficients are held: no step, and nothing of the others changes."""
    rows = independent_covariates
    coefficients = torch.zeros((4, 2), dtype=torch.float64)
    free = torch.ones((4, 2), dtype=torch.bool)
    free[:, 1] = False
    rates = (rows @ coefficients).exp()
    moments = rows.T @ rows / len(rows), rows.T @ rates / len(rows)
    gradient = torch.ones((4, 2), dtype=torch.float64)
    steps = SpikeTriggeredMoments.at([(rows, 1.0)], coefficients, *moments, free).solve(gradient)
    assert (steps[:, 1] == 0).all()
    alone = moments[0], moments[1][:, :1]
    of_one = SpikeTriggeredMoments.at([(rows, 1.0)], coefficients[:, :1], *alone, free[:, :1]).solve(
        gradient[:, :1]
    )
    np.testing.assert_allclose(steps[:, :1], of_one, rtol=1e-12)


@pytest.fixture
def made(monkeypatch, tune):
    """Own Hessians of targets that a fit was led by, the sample for them being small."""
    noted = []

    def note(hessians, free):
        noted.append(hessians)
        return target_preconditioner(hessians, free)

    monkeypatch.setattr(descents, "target_preconditioner", note)
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


def test_moved_rows_have_the_moments():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn((500, 5), generator=generator, dtype=torch.float64)
    rows = torch.cat(
        [rows @ torch.randn((5, 5), generator=generator, dtype=torch.float64), rows[:, :1] * 0 + 1], 1
    )
    second_moment = rows.T @ rows / 500
    sample = rows[:60]
    moved = sample @ match_moments(sample.T @ sample / len(sample), second_moment)
    np.testing.assert_allclose(moved.T @ moved / 60, second_moment, atol=1e-12)
