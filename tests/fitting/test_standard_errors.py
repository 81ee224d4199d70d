"""Standard errors by what they promise: intervals of 95 % hold true weights 93 to 97 times in a hundred."""

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.spikes.segments import SpikeRecord

N, RUNS, STEPS = 6, 40, 4000
OFF_DIAGONAL = ~np.eye(N, dtype=bool)


def coverage(weights, fits):
    """Share of couplings whose true weight lies within 1.96 standard errors."""
    inside = [np.abs(fit.values - weights) < 1.96 * np.squeeze(fit.arrays["standard_errors"]) for fit in fits]
    known = [np.isfinite(fit.values) & OFF_DIAGONAL for fit in fits]
    assert np.mean(known) > 0.8  # of 36, six are on the diagonal
    return np.mean(np.concatenate([found[those] for found, those in zip(inside, known, strict=True)]))


def networks(rate, weights, decay, seed):
    """Spikes of the model itself, at most one a step, of independent networks: (RUNS, STEPS, N) of bool.

    The covariates are filtered pasts that decay by a factor each step; by 0, those of the step before alone.
    """
    rng = np.random.default_rng(seed)
    spikes = np.zeros((RUNS, STEPS, N), dtype=bool)
    past = np.zeros((RUNS, N))
    for step in range(STEPS):
        spikes[:, step] = rng.random((RUNS, N)) < rate * np.exp(past @ weights)
        past = past * decay + spikes[:, step] * (decay or 1)
    return spikes


def records(spikes):
    return [SpikeRecord.from_events(*np.nonzero(run), N, STEPS, 1.0) for run in spikes]


@pytest.mark.parametrize("most_density", [0, 1], ids=["dense", "as events"])
def test_coverage_of_the_lagged_glm(tune, most_density):
    tune(most_density=most_density)
    weights = np.random.default_rng(0).uniform(-0.5, 0.8, (N, N))
    fits = [
        estimate("glm", record, bin_steps=1, lags=[1]) for record in records(networks(0.04, weights, 0, 1))
    ]
    assert 0.93 < coverage(weights, fits) < 0.97


def test_coverage_of_the_glm_on_histories():
    weights = np.random.default_rng(2).uniform(-0.4, 0.3, (N, N))
    spikes = networks(0.04, weights, np.exp(-1 / 5), 3)
    fits = [estimate("glm_history", record, bin_steps=1, filter_ms=5.0) for record in records(spikes)]
    assert 0.93 < coverage(weights, fits) < 0.97


def test_coverage_of_logistic_regression():
    """Of a model in which one neuron follows the others of the same bin."""
    rng = np.random.default_rng(4)
    weights = np.array([0.8, -0.6, 0.0, 0.5, -0.3])
    inside = []
    for _ in range(120):
        others = rng.random((1500, 5)) < 0.3
        fires = rng.random(1500) < 1 / (1 + np.exp(1.2 - others @ weights))
        spikes = np.column_stack([others, fires])
        fit = estimate("logistic", SpikeRecord.from_events(*np.nonzero(spikes), N, 1500, 1.0), bin_steps=1)
        inside.append(np.abs(fit.values[:5, 5] - weights) < 1.96 * fit.arrays["standard_errors"][:5, 5])
    assert 0.93 < np.mean(inside) < 0.97
