"""Every method that fits, on one recording; logistic regression beside scikit-learn, neuron by neuron."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from circuitbias.estimators import estimate
from circuitbias.spikes.binning import BinnedCounts

FITS = {
    "glm": {},
    "glm_lagged": {"lags": [1]},
    "glm_history": {},
    "glm_spatiotemporal": {},
    "logistic": {},
    "logistic_cross_validation": {"l1": "cross_validation"},
    "mpf": {"all_flip": True},
}
METHODS = {"glm_lagged": "glm", "logistic_cross_validation": "logistic"}
SAMPLE = [0, 37, 74]  # neurons that scikit-learn fits; all would take too long


@pytest.mark.benchmark(group="fits of all 100 neurons from the spike file, r = 0.0125")
@pytest.mark.parametrize("name", FITS)
def test_fit(benchmark, recording, name):
    source = recording(0.0125)
    fit = benchmark.pedantic(lambda: estimate(METHODS.get(name, name), source, **FITS[name]), rounds=1)
    benchmark.extra_info |= {"n_spikes": source.n_spikes} | fit.diagnostics
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8


@pytest.mark.benchmark(group="logistic regression, 3 of 100 neurons by scikit-learn")
def test_scikit_learn(benchmark, recording):
    source = recording(0.0125)
    counts = BinnedCounts(source, 100).all().astype(float)

    def fit(neuron):
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        return model.fit(np.delete(counts, neuron, axis=1), counts[:, neuron] > 0).coef_[0]

    coefficients = benchmark.pedantic(lambda: [fit(neuron) for neuron in SAMPLE], rounds=1)
    benchmark.extra_info |= {"n_spikes": source.n_spikes, "neurons": len(SAMPLE)}
    ours = estimate("logistic", source).values
    for neuron, theirs in zip(SAMPLE, coefficients, strict=True):
        np.testing.assert_allclose(np.delete(ours[:, neuron], neuron), theirs, atol=1e-4)
