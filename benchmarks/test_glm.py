"""The Poisson GLM of all neurons on the counts of the others in the same bin, beside other libraries' fits.

All start from 10 ms counts of one recording and go to the same optimum, which is checked. Ours starts from
the spike file, and its time includes reading and binning; the others are given the counts.
"""

import warnings

import numpy as np
import pytest
from beside import agreement, largest_scaled_gradient, need, note
from sklearn.linear_model import PoissonRegressor

from circuitbias.estimators import estimate

STRENGTHS = [0.0125, 0.025]
SAMPLE = [0, 37, 74]  # neurons that libraries fit which take one at a time; all would take too long


# Each looks for its library first, and gives the fit that is timed: a skip within a timed fit leaves no time.
def scikit_learn():
    # Newton-Cholesky is its fastest solver for many more rows than columns.
    def fit(x, y):
        fit = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=3e-9, max_iter=1000).fit(x, y)
        return fit.coef_, fit.intercept_

    return fit


def statsmodels():
    sm = need("statsmodels.api")

    def fit(x, y):
        model = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson())
        fit = model.fit(tol=1e-12)  # reweighted least squares
        return fit.params[1:], fit.params[0]

    return fit


def glum():
    glum = need("glum")

    def fit(x, y):
        model = glum.GeneralizedLinearRegressor(
            family="poisson", alpha=0, solver="irls-ls", gradient_tol=3e-9
        )
        fit = model.fit(x, y)
        return fit.coef_, fit.intercept_

    return fit


def nemos():
    need("jax").config.update("jax_enable_x64", True)
    nmo, options = need("nemos"), {"tol": 1e-8, "maxiter": 1000}

    def fit(x, y):
        fit = nmo.glm.GLM(solver_name="BFGS", solver_kwargs=options).fit(x, y)
        return np.asarray(fit.coef_), np.asarray(fit.intercept_).item()

    return fit


def nemos_population():
    """All neurons in one fit, a mask keeping each one's own count out."""
    need("jax").config.update("jax_enable_x64", True)
    nmo, options = need("nemos"), {"tol": 1e-8, "maxiter": 2000}

    def fit(counts):
        mask = 1 - np.eye(counts.shape[1])
        model = nmo.glm.PopulationGLM(feature_mask=mask, solver_name="LBFGS", solver_kwargs=options)
        model = model.fit(counts, counts)
        return np.vstack([np.asarray(model.coef_), np.asarray(model.intercept_)])

    return fit


def one_by_one(fit, counts):
    """Coefficients of the sample of neurons, in the shape of all."""
    coefficients = np.zeros((counts.shape[1] + 1, len(SAMPLE)))
    for column, neuron in enumerate(SAMPLE):
        others = np.arange(counts.shape[1]) != neuron
        slopes, intercept = fit(counts[:, others], counts[:, neuron])
        coefficients[:-1][others, column], coefficients[-1, column] = slopes, intercept
    return coefficients


QUICK = ("scikit-learn", "glum")  # timed more than once
ONE_BY_ONE = {
    "scikit-learn, Newton-Cholesky": scikit_learn,
    "statsmodels, reweighted least squares": statsmodels,
    "glum, reweighted least squares": glum,
    "nemos, BFGS neuron by neuron": nemos,
}


@pytest.fixture(scope="module")
def ours(recording):
    """Coefficients of ours with the intercept last, zeros on the diagonal."""

    def get(r):
        fit = estimate("glm", recording(r))
        return np.vstack([np.nan_to_num(fit.values), fit.arrays["intercepts"]])

    return get


def say(benchmark, program, source, r, counts, targets, coefficients, **more):
    note(
        benchmark,
        "GLM",
        program,
        case=f"r = {r}",
        done=len(targets),
        whole=source.n_neurons,
        unit="neurons",
        n_spikes=source.n_spikes,
        n_bins=len(counts),
        largest_scaled_gradient=largest_scaled_gradient(counts, targets, coefficients),
        **more,
    )


@pytest.mark.parametrize("r", STRENGTHS)
def test_ours(benchmark, recording, counts, r):
    benchmark.group = f"GLM, r = {r}"
    source = recording(r)
    fit = benchmark.pedantic(lambda: estimate("glm", source), rounds=3, warmup_rounds=1)
    coefficients = np.vstack([np.nan_to_num(fit.values), fit.arrays["intercepts"]])
    say(benchmark, "circuitbias", source, r, counts(r), np.arange(source.n_neurons), coefficients)
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8
    assert benchmark.extra_info["largest_scaled_gradient"] <= 2e-8  # the helper measures the same


@pytest.mark.parametrize("r", STRENGTHS)
@pytest.mark.parametrize("program", ONE_BY_ONE)
def test_one_by_one(benchmark, recording, counts, ours, program, r):
    benchmark.group = f"GLM, r = {r}"
    fit, matrix = ONE_BY_ONE[program](), counts(r)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of their own criteria, of which the gradient says more
        rounds = 3 if program.startswith(QUICK) else 1
        coefficients = benchmark.pedantic(lambda: one_by_one(fit, matrix), rounds=rounds)
    difference = agreement(coefficients, ours(r)[:, SAMPLE])
    say(benchmark, program, recording(r), r, matrix, SAMPLE, coefficients, largest_difference=difference)


@pytest.mark.parametrize("r", STRENGTHS[:1])  # minutes
def test_nemos_population(benchmark, recording, counts, ours, r):
    benchmark.group = f"GLM, r = {r}"
    fit, matrix = nemos_population(), counts(r)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coefficients = benchmark.pedantic(lambda: fit(matrix), rounds=1)
    difference = agreement(coefficients, ours(r))
    say(
        benchmark,
        "nemos, L-BFGS on all neurons",
        recording(r),
        r,
        matrix,
        np.arange(matrix.shape[1]),
        coefficients,
        largest_difference=difference,
    )
