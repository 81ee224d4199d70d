"""The lagged Poisson GLM at the rates of ordinary recordings, where most bins are empty, beside other fits.

A hundred neurons at about 2.5 Hz with bursts that everybody shares, bins of 5 ms, covariates at lags 1 to 4,
ten minutes (``BENCH_MINUTES=60`` for an hour). Ours starts from the spikes; the others get the design matrix,
and fit one neuron at a time. Where a pair never coincides there is no maximum, and ours has the limit: the
others then get that, as the bins and covariates that are left.
"""

import os
import warnings

import numpy as np
import pytest
from beside import agreement, need, note
from sklearn.linear_model import PoissonRegressor

from circuitbias.estimators import estimate
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeRecord

N, BIN, LAGS = 100, 5, (1, 2, 3, 4)
MINUTES = int(os.environ.get("BENCH_MINUTES", 10))
NEURONS = [0]  # that the others fit, counted from the most active one


def bursting_record(n_steps, seed=3):
    """Steps of 1 ms; some neurons follow others after 2 to 6 ms."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.5, 1.2, N) * 1e-3
    begun = rng.gamma(2.0, 4.0, n_steps) * (rng.random(n_steps) < 1 / 2000)
    gain = 1 + np.convolve(begun, np.exp(-np.arange(120) / 40))[:n_steps]
    fired = [np.flatnonzero(rng.random(n_steps) < np.minimum(r * gain / gain.mean(), 0.5)) for r in rate]
    for i, j in rng.integers(0, N, (200, 2)):
        followed = fired[i][rng.random(len(fired[i])) < 0.1]
        fired[j] = np.concatenate([fired[j], followed + rng.integers(2, 7, len(followed))])
    fired = [np.unique(steps[steps < n_steps]) for steps in fired]
    neurons = np.repeat(np.arange(N), [len(steps) for steps in fired])
    return SpikeRecord.from_events(np.concatenate(fired), neurons, N, n_steps, 1.0)


@pytest.fixture(scope="module")
def source():
    return bursting_record(MINUTES * 60_000)


@pytest.fixture(scope="module")
def design(source):
    """Covariates at all lags, and responses."""
    counts = BinnedCounts(source, BIN).all()
    longest = max(LAGS)
    return np.hstack([counts[longest - lag : len(counts) - lag] for lag in LAGS]), counts[longest:]


def fitted(source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pairs that never coincide
        return estimate("glm", source, bin_steps=BIN, lags=list(LAGS))


@pytest.fixture(scope="module")
def ours(source):
    """Which neurons the others fit, and their coefficients; of a short recording some are infinite: NaN."""
    fit = fitted(source)
    coefficients = np.vstack([fit.arrays["coefficients"].reshape(-1, N), fit.arrays["intercepts"]])
    infinite = np.isnan(coefficients).sum(axis=0)
    spikes = np.bincount(np.concatenate([piece.neurons for piece in source.pieces]), minlength=N)
    neurons = np.lexsort((-spikes, infinite))[NEURONS]
    return neurons, coefficients[:, neurons]


def say(benchmark, program, source, design, done, **more):
    case = f"2.5 Hz, {len(LAGS)} lags"
    sizes = {"n_neurons": N, "n_spikes": source.n_spikes, "n_bins": len(design[0])}
    note(benchmark, "GLM, low rates", program, case=case, done=done, whole=N, unit="neurons", **sizes, **more)


def test_ours(benchmark, source, design):
    benchmark.group = "GLM, low rates"
    fit = benchmark.pedantic(lambda: fitted(source), rounds=3, warmup_rounds=1)
    gradient = fit.diagnostics["largest_scaled_gradient"]
    say(benchmark, "circuitbias", source, design, N, largest_scaled_gradient=gradient)
    assert gradient <= 1e-8
    assert np.isfinite(fit.arrays["scaled_gradient"]).all()


def scikit_learn(x, y):
    # Newton-Cholesky is its fastest solver for many more rows than columns.
    fit = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=3e-9, max_iter=1000).fit(x, y)
    return fit.coef_, fit.intercept_


def glum(x, y):
    glum = need("glum")
    model = glum.GeneralizedLinearRegressor(family="poisson", alpha=0, solver="irls-ls", gradient_tol=3e-9)
    fit = model.fit(x, y)
    return fit.coef_, fit.intercept_


ONE_BY_ONE = {
    "scikit-learn, Newton-Cholesky": scikit_learn,
    "glum, reweighted least squares": glum,
}


@pytest.mark.parametrize("program", ONE_BY_ONE)
def test_one_by_one(benchmark, source, design, ours, program):
    benchmark.group = "GLM, low rates"
    covariates, responses = design[0].astype(float), design[1]
    neurons, expected = ours
    tasks = []
    for j, coefficients in zip(neurons, expected.T, strict=True):
        finite = np.isfinite(coefficients[:-1])
        left = ~covariates[:, ~finite].any(axis=1)  # what never coincides says nothing of other bins
        tasks.append((covariates[left][:, finite], responses[left, j]))

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of their own criteria, of which the difference says more
            return [ONE_BY_ONE[program](*task) for task in tasks]

    found = np.concatenate([np.append(*fit) for fit in benchmark.pedantic(fit, rounds=1)])
    known = expected.T[np.isfinite(expected.T)]
    say(benchmark, program, source, design, len(neurons), largest_difference=agreement(found, known))
