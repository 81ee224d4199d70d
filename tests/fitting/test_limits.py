"""Coefficients that go to infinity: where they are held, which these are, and what the others are worth."""

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import SeparableCountsWarning
from circuitbias.fitting.limits import limits_at, unidentified


def test_at_their_bounds_they_add_nothing(array):
    bounds = array([[0.0, 1.0, 1.0], [3.0, 2.0, 1.0]])
    falling, rising = ([array(np.zeros((3, 2), dtype=bool)) for _ in bounds] for _ in range(2))
    falling[0][0, 0] = falling[1][1, 1] = rising[1][1, 0] = rising[0][0, 1] = True
    values = limits_at(falling, rising, bounds, array(np.full(3, 40.0)))
    assert values.tolist() == [[-40, 40], [40, -40], [-80, 80]]
    # At its bounds, 0 and 2, the first target has the rate of its intercept; off them, none.
    assert array([0.0, 2.0, 1.0]) @ values[:, 0] == 0
    assert array([1.0, 2.0, 1.0]) @ values[:, 0] == array([0.0, 1.0, 1.0]) @ values[:, 0] == -40


def test_directions_that_no_response_tells_of(array):
    """Two columns tell the same but for one row of 10 000, in which hardly a response is expected."""
    x = np.zeros((10_000, 4))
    x[:, 3] = 1
    x[::3, 0] = x[::3, 1] = x[::7, 2] = 1
    x[0, 0] = 0
    for rate_there, expected in ((1e-6, [True, True, False, False]), (0.5, [False] * 4)):
        rates = np.full(len(x), 0.1)
        rates[0] = rate_there
        hessian = array(x.T * rates @ x / len(x))[None]
        free = array(np.ones((4, 1), dtype=bool))
        assert unidentified(hessian, len(x), free, 1e-3)[:, 0].tolist() == expected


def test_the_limit_is_not_biased_and_leaving_out_is(record_of):
    """Networks with known weights: half of the inputs silence the last neuron, and never coincide."""
    rng = np.random.default_rng(0)
    weights = np.array([-6.0, -6.0, -6.0, 0.5, -0.5, 0.3])
    intercept, found, left_out = np.log(0.06), [], []
    while len(found) < 60:
        inputs = rng.random((3000, 6)) < np.minimum(0.05 * np.exp(0.5 * rng.normal(size=(3000, 1))), 1)
        rates = np.exp(intercept + inputs @ weights)
        counts = np.column_stack([inputs, np.minimum(rng.poisson(rates), 10)]).astype(int)
        together = counts[:, :6].T @ counts[:, 6] > 0
        if together[:3].any() or not together[3:].all():
            continue
        with pytest.warns(SeparableCountsWarning, match=r"(0|1|2) -> 6"):
            fit = estimate("glm", record_of(counts), bin_steps=10)
        assert np.isnan(fit.values[:3, 6]).all()
        found.append([*fit.values[3:6, 6], fit.arrays["intercepts"][6]])
        model = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-8)
        model.fit(counts[:, 3:6], counts[:, 6])
        left_out.append([*model.coef_, model.intercept_])
    truth = [*weights[3:], intercept]
    errors, others = np.array(found) - truth, np.array(left_out) - truth
    sampling = errors.std(axis=0) / np.sqrt(len(errors))
    assert (np.abs(errors.mean(axis=0)) < 3 * sampling).all()
    assert others[:, -1].mean() < -0.1 < -6 * sampling[-1]


@pytest.mark.parametrize("method", ["glm", "logistic", "glm_history", "glm_spatiotemporal", "mpf"])
def test_one_rare_neuron_costs_its_own_pairs_alone(record_of, method):
    """It has a single spike: the warning names it, and with a ridge all couplings are finite."""
    rng = np.random.default_rng(2)
    counts = rng.poisson(0.3, (4000, 6))
    counts[:, 4] = 0
    counts[2001, 4] = 1
    record = record_of(counts)
    options = {"bin_steps": 10} | (
        {"n_basis": 3, "history_ms": 3.0} if method == "glm_spatiotemporal" else {}
    )
    with pytest.warns(SeparableCountsWarning, match=r"(with neuron 4|-> 4)"):
        found = estimate(method, record, **options)
    others = np.delete(np.delete(found.values, 4, 0), 4, 1)
    assert np.isfinite(others[~np.eye(5, dtype=bool)]).all()
    if method.startswith("glm"):
        ridged = estimate(method, record, ridge=1e-4, **options)
        assert np.isfinite(ridged.values[~np.eye(6, dtype=bool)]).all()
