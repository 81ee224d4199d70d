"""Responses that some combination of covariates tells for certain, beside linear programs."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import NotConvergedWarning, SeparableCountsWarning
from circuitbias.networks import Network
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.views import ObservedNeurons


def undetermined(falls, stays):
    """Coefficients without a finite value: those that some direction moves along which no likelihood is lost.

    Along such a direction b, ``falls @ b`` is nowhere negative and ``stays @ b`` is zero. The one for which
    most of the former are positive leaves the others to tell of the coefficients.
    """
    falls = np.unique(falls, axis=0)
    m, n = falls.shape
    # Largest sum of z in [0, 1], with z <= falls @ b.
    above = np.hstack([-falls, np.eye(m)])
    equal = np.hstack([stays, np.zeros((len(stays), m))])
    bounds = [(None, None)] * n + [(0, 1)] * m
    cost = np.append(np.zeros(n), -np.ones(m))
    best = linprog(cost, above, np.zeros(m), equal, np.zeros(len(stays)), bounds)
    assert best.status == 0
    rest = np.vstack([falls[best.x[n:] < 0.5], stays, np.zeros((n, n))])
    scales = np.abs(rest).max(axis=0)
    _, sizes, directions = np.linalg.svd(rest / np.where(scales > 0, scales, 1))
    return (np.abs(directions[sizes < 1e-7]) > 1e-6).any(axis=0)


@pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.NotConvergedWarning")
@pytest.mark.filterwarnings("ignore::circuitbias.estimators.couplings.SeparableCountsWarning")
@pytest.mark.parametrize("method", ["logistic", "glm"])
def test_what_has_no_finite_value_is_what_a_linear_program_says(record_of, method):
    """Small recordings, where two or three neurons often decide together; all else is statsmodels' fit."""
    lost = whole = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        counts = np.minimum(rng.poisson(rng.uniform(0.03, 1.2, 5), (150, 5)), 9)
        drive = counts[:, :4] @ rng.normal(size=4) + 0.3 * rng.normal(size=150)
        counts[:, 4] = drive > np.sort(drive)[[-4, 3, 75][seed % 3]]
        found = estimate(method, record_of(counts), bin_steps=10)
        errors = found.arrays["standard_errors"].reshape(5, 5)
        for j in range(5):
            x = np.column_stack([np.delete(counts, j, axis=1), np.ones(150)]).astype(float)
            if method == "logistic":
                none = undetermined(np.where(counts[:, j] > 0, 1, -1)[:, None] * x, x[:0])
                model = sm.Logit(counts[:, j] > 0, x)
            else:
                none = undetermined(-x[counts[:, j] == 0], x[counts[:, j] > 0])
                model = sm.GLM(counts[:, j], x, family=sm.families.Poisson())
            assert np.isnan(np.delete(found.values[:, j], j)).tolist() == none[:-1].tolist()
            lost, whole = lost + none[:-1].sum(), whole + none.all()
            if not none.any():
                fit = model.fit(**({"disp": 0} if method == "logistic" else {"tol": 1e-13}))
                np.testing.assert_allclose(np.delete(found.values[:, j], j), fit.params[:-1], atol=1e-5)
                # Hessians are those where gradients have come down to a hundredth: `Tuning.rough_enough`.
                np.testing.assert_allclose(np.delete(errors[:, j], j), fit.bse[:-1], rtol=0.01)
    assert whole > 0 or method == "glm"
    assert lost > 4 * whole


def test_neurons_of_few_spikes_do_not_hold_up_the_filter_of_all():
    """Some fire in nearly every bin, one has three spikes; given the filter, all is statsmodels' fit."""
    n, rng = 40, np.random.default_rng(7)
    weights = 8e-5 * rng.normal(size=(n, n))
    weights[:, 0] -= 0.0002
    np.fill_diagonal(weights, 0)
    network = Network(weights, np.arange(n), np.ones(n), "own", False, {})
    parameters = ThresholdParameters(r=0.01, theta=0.00103)
    record = SpikeRecord(n, 0.1, list(simulate(network, parameters, seed=1, n_spikes=1_500_000)))
    some = ObservedNeurons(record, np.array([0, 26, 31, 3, 5, 14]))
    with pytest.warns(SeparableCountsWarning) as warned:
        found = estimate("glm_spatiotemporal", some, n_basis=4)
    assert not [one for one in warned if issubclass(one.category, NotConvergedWarning)]
    assert found.diagnostics["passes"] < 120
    raster, counts = (BinnedCounts(some, steps).all().astype(float) for steps in (1, 10))
    x = np.ones((len(counts), 7))
    for i in range(6):
        filtered = np.convolve(raster[:, i], found.arrays["temporal_filter"])
        x[:, i] = np.append(0, filtered)[: 10 * len(counts) : 10]
    for j in range(6):
        fit = sm.GLM(counts[:, j], x, family=sm.families.Poisson()).fit(tol=1e-12)
        ours = np.append(found.arrays["coefficients"][:, j], found.arrays["intercepts"][j])
        known = np.isfinite(ours)
        assert known.sum() > 3
        np.testing.assert_allclose(ours[known], fit.params[known], atol=1e-5)
