"""The GLM of all neurons beside scikit-learn's, neuron by neuron, on the same counts."""

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from circuitbias.estimators import estimate
from circuitbias.spikes.binning import BinnedCounts

STRENGTHS = [0.0125, 0.025]
SAMPLE = [0, 37, 74]  # neurons that scikit-learn fits; all would take too long


@pytest.mark.benchmark(group="GLM, all 100 neurons from the spike file")
@pytest.mark.parametrize("r", STRENGTHS)
def test_ours(benchmark, recording, r):
    source = recording(r)
    fit = benchmark.pedantic(lambda: estimate("glm", source), rounds=3, warmup_rounds=1)
    benchmark.extra_info |= {"n_spikes": source.n_spikes} | fit.diagnostics
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8


@pytest.mark.benchmark(group="GLM, 3 of 100 neurons by scikit-learn")
@pytest.mark.parametrize("r", STRENGTHS)
def test_scikit_learn(benchmark, recording, r):
    source = recording(r)
    counts = BinnedCounts(source, 100).all().astype(float)

    def fit(neuron):
        # Newton-Cholesky is its fastest solver for many more rows than columns.
        model = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        return model.fit(np.delete(counts, neuron, axis=1), counts[:, neuron]).coef_

    coefficients = benchmark.pedantic(lambda: [fit(neuron) for neuron in SAMPLE], rounds=1)
    benchmark.extra_info |= {"n_spikes": source.n_spikes, "neurons": len(SAMPLE)}
    ours = estimate("glm", source).values
    for neuron, theirs in zip(SAMPLE, coefficients, strict=True):
        np.testing.assert_allclose(np.delete(ours[:, neuron], neuron), theirs, atol=1e-4)
