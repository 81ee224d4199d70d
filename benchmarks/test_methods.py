"""Every method that fits, on one recording; those that others fit too beside them, to the same optimum."""

import warnings

import numpy as np
import pytest
from beside import agreement, largest_scaled_gradient, note, scaled_gradient
from scipy.optimize import minimize
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeRecord

R = 0.0125
FITS = {
    "lagged GLM": ("glm", {"lags": [1]}),
    "history GLM": ("glm_history", {}),
    "spatio-temporal GLM": ("glm_spatiotemporal", {}),
    "logistic regression": ("logistic", {}),
    "logistic regression, penalty by cross-validation": ("logistic", {"l1": "cross_validation"}),
    "minimum probability flow": ("mpf", {}),
    "minimum probability flow with all flips": ("mpf", {"all_flip": True}),
}
SAMPLE = [0, 37, 74]  # neurons that libraries fit which take one at a time; all would take too long


def say(benchmark, task, program, source, done=None, **more):
    n = source.n_neurons
    done = n if done is None else done
    note(benchmark, task, program, done=done, whole=n, unit="neurons", n_spikes=source.n_spikes, **more)


@pytest.fixture(scope="module")
def short(ring, parameters):
    """A recording on which a method is compiled before it is timed."""
    return SpikeRecord(ring.n_neurons, 0.1, simulate(ring, parameters(R), seed=1, n_spikes=200_000))


@pytest.mark.parametrize("task", FITS)
def test_fit(benchmark, recording, short, task):
    benchmark.group = task
    source = recording(R)
    method, options = FITS[task]
    estimate(method, short, **options)
    fit = benchmark.pedantic(lambda: estimate(method, source, **options), rounds=1)
    found = {key: fit.diagnostics[key] for key in ("n_bins", "passes", "largest_scaled_gradient")}
    say(benchmark, task, "circuitbias", source, **found)
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8


def test_logistic_by_scikit_learn(benchmark, recording, counts):
    benchmark.group = task = "logistic regression"
    source, matrix = recording(R), counts(R)

    def fit(neuron):
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=3e-9, max_iter=1000)
        fitted = model.fit(np.delete(matrix, neuron, axis=1), matrix[:, neuron] > 0)
        return np.append(np.insert(fitted.coef_[0], neuron, 0), fitted.intercept_)

    coefficients = np.stack(benchmark.pedantic(lambda: [fit(j) for j in SAMPLE], rounds=1), axis=1)
    say(
        benchmark,
        task,
        "scikit-learn, Newton-Cholesky",
        source,
        len(SAMPLE),
        n_bins=len(matrix),
        largest_scaled_gradient=largest_scaled_gradient(matrix, SAMPLE, coefficients, "logistic"),
        largest_difference=agreement(
            coefficients[:-1], np.nan_to_num(estimate("logistic", source).values)[:, SAMPLE]
        ),
    )


@pytest.fixture(scope="module")
def histories(recording):
    """Exponentially filtered pasts at the starts of bins of 1 ms, and the counts in these."""
    source, bin_steps, filter_steps = recording(R), 10, 100
    n_bins = int(source.trial_steps[0]) // bin_steps
    left = np.zeros((n_bins, source.n_neurons))  # of the spikes of a bin, at its end
    for segment in source.segments():
        inside = segment.steps < n_bins * bin_steps
        steps, neurons = segment.steps[inside], segment.neurons[inside]
        row = steps // bin_steps
        np.add.at(left, (row, neurons), np.exp(-((row + 1) * bin_steps - steps) / filter_steps))
    filtered = lfilter([0, 1], [1, -np.exp(-bin_steps / filter_steps)], left, axis=0)
    del left
    return source, filtered, BinnedCounts(source, bin_steps).all()


def test_histories_by_scikit_learn(benchmark, histories):
    benchmark.group = task = "history GLM"
    source, design, responses = histories

    def fit(neuron):
        model = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=3e-11, max_iter=1000)
        fitted = model.fit(design, responses[:, neuron])
        return np.append(fitted.coef_, fitted.intercept_)

    coefficients = np.stack(benchmark.pedantic(lambda: [fit(j) for j in SAMPLE], rounds=1), axis=1)
    say(
        benchmark,
        task,
        "scikit-learn, Newton-Cholesky",
        source,
        len(SAMPLE),
        n_bins=len(design),
        largest_scaled_gradient=scaled_gradient(design, responses[:, SAMPLE], coefficients),
        largest_difference=agreement(
            coefficients[:-1], estimate("glm_history", source).arrays["coefficients"][:, SAMPLE]
        ),
    )


def test_flow_by_scipy(benchmark, recording, counts):
    """No library fits it to a hundred neurons: the objective in numpy, minimised by scipy."""
    benchmark.group = task = "minimum probability flow"
    source = recording(R)
    states = (counts(R) > 0).astype(float)
    signs = 2 * states - 1
    n_bins, n = states.shape
    upper = np.triu_indices(n, 1)
    mean = states.mean(axis=0)
    sd = np.sqrt(mean * (1 - mean))
    scale = np.append((2 * np.outer(sd, sd))[upper], sd)

    def couplings(parameters):
        j = np.zeros((n, n))
        j[upper] = parameters[:-n]
        return j + j.T

    def flow(scaled):
        """Value and gradient by parameters times their natural size: easier to minimise."""
        parameters = scaled / scale
        flows = np.exp(-signs * (states @ couplings(parameters) + parameters[-n:]) / 2)
        by_field = -signs * flows / (2 * n_bins)
        by_pair = states.T @ by_field
        gradient = np.append((by_pair + by_pair.T)[upper], by_field.sum(axis=0))
        return flows.sum() / n_bins, gradient / scale

    start = np.append(np.zeros(len(upper[0])), np.log(mean / (1 - mean))) * scale
    options = {"maxiter": 5000, "maxfun": 5000, "ftol": 0, "gtol": 1e-6, "maxcor": 30}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = benchmark.pedantic(
            lambda: minimize(flow, start, jac=True, method="L-BFGS-B", options=options), rounds=1
        )
    parameters = found.x / scale
    say(
        benchmark,
        task,
        "scipy, L-BFGS on the same objective in numpy",
        source,
        n_bins=n_bins,
        passes=found.nfev,
        largest_scaled_gradient=float(np.abs(found.jac).max()),
        largest_difference=agreement(couplings(parameters), np.nan_to_num(estimate("mpf", source).values)),
    )
