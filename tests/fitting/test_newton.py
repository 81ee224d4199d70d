"""Data on which Hessians of a sample do not bring a fit to its end: saturated, rare and bursting neurons."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog, minimize
from sklearn.linear_model import PoissonRegressor

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import NotConvergedWarning, SeparableCountsWarning
from circuitbias.fitting.lbfgs import Solution
from circuitbias.fitting.newton import newton
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.rows import DenseRows

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


def sklearn_fit(covariates, response, ridge=0.0):
    model = PoissonRegressor(alpha=ridge, solver="newton-cholesky", tol=1e-9, max_iter=1000)
    model.fit(covariates, response)
    return model.coef_, model.intercept_


@pytest.mark.parametrize("ridge", [1e-3, 1e-2, 1.0])
def test_saturated_and_rare_neurons_with_a_ridge(record_of, ridge):
    """Counts of 100 in all but a few bins, of three spikes in all, and some between; one solution exists."""
    rng = np.random.default_rng(0)
    counts = np.zeros((2000, 8), dtype=int)
    for neuron, often in ((0, 1), (1, 60), (2, 400)):
        counts[:, neuron] = 100
        counts[rng.choice(2000, often, replace=False), neuron] -= 1 + rng.integers(0, 60, often)
    for neuron in (3, 4):
        counts[rng.choice(2000, 3, replace=False), neuron] = 1
    counts[:, 5:] = np.minimum(rng.poisson(np.exp(2 * rng.normal(size=(2000, 1)) + [0, 0.5, -1])), 100)
    found = estimate("glm", record_of(counts, bin_steps=100), ridge=ridge)
    assert found.diagnostics["n_not_converged"] == 0
    assert found.diagnostics["passes"] < 120
    for j in range(8):
        slopes, intercept = sklearn_fit(np.delete(counts, j, axis=1), counts[:, j], ridge)
        np.testing.assert_allclose(np.delete(found.values[:, j], j), slopes, atol=1e-4)
        assert found.arrays["intercepts"][j] == pytest.approx(intercept, abs=1e-3)


def bursting_counts(n_bins, n, seed=0):
    """Low and unequal rates, with bursts that everybody shares, and some neurons that follow others."""
    rng = np.random.default_rng(seed)
    gain = np.convolve(rng.gamma(2.0, 6.0, n_bins) * (rng.random(n_bins) < 0.005), np.exp(-np.arange(20) / 6))
    rates = (0.004 + rng.gamma(1.5, 0.006, n)) * (1 + gain[:n_bins, None])
    counts = (rng.random((n_bins, n)) < np.minimum(rates, 0.5)).astype(int)
    for pre, post in rng.integers(0, n, (2 * n, 2)):
        counts[1:, post] |= counts[:-1, pre] * (rng.random(n_bins - 1) < 0.2)
    return counts


def test_low_rates_with_bursts(record_of):
    counts = bursting_counts(40_000, 12)
    found = estimate("glm", record_of(counts), bin_steps=10, lags=[1, 2])
    assert found.diagnostics["largest_scaled_gradient"] <= 1e-8
    assert found.diagnostics["passes"] < 40
    past = np.hstack([counts[1:-1], counts[:-2]])
    for j in (0, 7):
        fit = sm.GLM(counts[2:, j], sm.add_constant(past), family=sm.families.Poisson()).fit(tol=1e-13)
        ours = found.arrays["coefficients"][:, :, j].ravel()
        np.testing.assert_allclose(ours, fit.params[1:], atol=1e-5)
        # Hessians are those of all rows, at the optimum.
        np.testing.assert_allclose(found.arrays["standard_errors"][:, :, j].ravel(), fit.bse[1:], rtol=1e-3)


def test_a_step_that_overshoots_is_shortened(array):
    """From a start far below the optimum, Newton's step overflows; there is one solution all the same."""
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.poisson(2.0, 500), rng.poisson(0.5, 500) * 20, np.ones(500)]).astype(float)
    y = rng.poisson(np.exp(x @ [0.5, -0.03, 0.2]))
    rows = DenseRows(lambda: (array(x[first : first + 100]) for first in range(0, 500, 100)), *x.shape)
    cross = array(x.T @ y / len(x))[:, None]
    objective = Objective(rows, cross, array(np.ones((3, 1), dtype=bool)))
    start = array([[-2.0], [-1.0], [-5.0]])
    scale = array(np.maximum(x.std(axis=0), 1) * y.mean())[:, None]
    solution = newton(objective, Solution.at(start), cross, scale, 1e-10, 200, 4)
    slopes, intercept = sklearn_fit(x[:, :2], y)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.coefficients[:, 0], [*slopes, intercept], atol=1e-6)
    assert objective.passes <= 200
    few = Objective(rows, cross, objective.free)
    assert not newton(few, Solution.at(start), cross, scale, 1e-10, 12, 4).converged.any()
    assert few.passes <= 12


def test_a_neuron_that_is_silent_in_fewer_bins_than_there_are_covariates(record_of):
    """Some combination of covariates tells these bins for certain; others are fitted as by scipy."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(rng.uniform(2, 60, 30) * rng.gamma(20, 0.05, (1500, 1)))
    counts[:, 9:29] = 100 - rng.poisson(rng.gamma(1, 2, (1500, 1)) * rng.uniform(0.5, 1.5, 20))
    x = counts - counts.mean(axis=0)
    score = x[:, 1:29] @ rng.normal(size=28)
    counts[:, 0] = score > np.sort(score)[5]
    follows = 0.02 * x[:, 1:6].sum(axis=1) + 0.3 * (counts[:, 0] - 1)
    counts[:, 29] = rng.random(1500) < 1 / (1 + np.exp(-follows))
    signs = np.where(counts[:, 0] > 0, 1, -1)[:, None]
    others = signs * np.column_stack([x[:, 1:29] / x[:, 1:29].std(axis=0), counts[:, 29], np.ones(1500)])
    apart = linprog(-others.sum(axis=0), -others, np.zeros(1500), bounds=(-1, 1))
    assert apart.status == 0
    assert -apart.fun > 1  # there is a direction along which the likelihood never falls

    with pytest.warns(SeparableCountsWarning) as warned:
        found = estimate("logistic", record_of(counts, bin_steps=200), bin_steps=200)
    assert not [one for one in warned if issubclass(one.category, NotConvergedWarning)]
    assert found.diagnostics["largest_scaled_gradient"] <= 1e-8
    assert np.isnan(found.values[:, 0]).sum() > 1
    known = ~np.isnan(found.values[:, 29])
    covariates = np.column_stack([counts[:, known] / 10 - 5, np.ones(1500)])

    def loss(coefficients):
        field = covariates @ coefficients
        residuals = 1 / (1 + np.exp(-field)) - counts[:, 29]
        return np.logaddexp(0, field).sum() - counts[:, 29] @ field, covariates.T @ residuals

    fit = minimize(loss, np.zeros(known.sum() + 1), jac=True, method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(found.values[known, 29], fit.x[:-1] / 10, atol=1e-5)
