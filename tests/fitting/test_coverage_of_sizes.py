"""Standard errors of larger networks: intervals of 95 % hold true weights 93 to 97 times in a hundred.

``pytest -m slow -s tests/fitting/test_coverage_of_sizes.py`` prints the shares in docs/errors.md. Truths are
those of the models that make the data: a spike's chance in a step is a rate times exp(weights of filtered
pasts), or bins are drawn from an Ising model by Gibbs sampling.
"""

import math
from functools import cache

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.spikes.segments import SpikeRecord

KINDS = ("model", "sandwich", "jackknife")
BOUNDS = 0.93, 0.97


@cache
def driven(n, n_steps, decay, runs, box=0):
    """Networks whose covariates decay by a factor each step, or are counts of the last `box` steps."""
    rng = np.random.default_rng(n)
    weights = rng.uniform(-0.5, 0.5, (n, n)) * (1 - decay) ** 0.5 * min(1, 10 / math.sqrt(n))
    records = []
    for _ in range(runs):
        spikes, past = np.zeros((n_steps, n), dtype=bool), np.zeros(n)
        chance = rng.random((n_steps, n))
        for step in range(n_steps):
            if box:
                past = spikes[max(step - box, 0) : step].sum(0)
            spikes[step] = chance[step] < 0.04 * np.exp(past @ weights)
            past = past * decay + spikes[step] * (decay or 1)
        records.append(record_of(spikes))
    return weights, records


@cache
def drawn_together(n, n_bins, runs, sweeps=60):
    """Bins of an Ising model: the chance of each neuron depends on the others of the same bin."""
    rng = np.random.default_rng(n)
    couplings = np.triu(rng.normal(0, 0.9 / math.sqrt(n), (n, n)), 1)
    couplings += couplings.T
    fields, records = rng.uniform(-1.5, -0.7, n), []
    for _ in range(runs):
        states = (rng.random((n_bins, n)) < 0.3).astype(float)
        for _ in range(sweeps):
            for i in range(n):
                states[:, i] = rng.random(n_bins) < 1 / (1 + np.exp(-fields[i] - states @ couplings[i]))
        records.append(record_of(states > 0))
    return couplings, records


def record_of(bins):
    return SpikeRecord.from_events(*np.nonzero(bins), bins.shape[1], len(bins), 1.0)


CASES = {
    "glm, 30 neurons": ("glm", {"lags": [1]}, lambda: driven(30, 12_000, 0, 3)),
    "glm, 100 neurons": ("glm", {"lags": [1]}, lambda: driven(100, 25_000, 0, 1)),
    "glm, 300 neurons": ("glm", {"lags": [1]}, lambda: driven(300, 40_000, 0, 1)),
    "glm_history, 30 neurons": (
        "glm_history",
        {"filter_ms": 5.0},
        lambda: driven(30, 12_000, math.exp(-1 / 5), 3),
    ),
    "glm_spatiotemporal, 30 neurons": (
        "glm_spatiotemporal",
        {"history_ms": 3.0, "n_basis": 1},
        lambda: driven(30, 12_000, 0, 3, box=3),
    ),
    "logistic, 30 neurons": ("logistic", {}, lambda: drawn_together(30, 10_000, 3)),
    "mpf, 30 neurons": ("mpf", {}, lambda: drawn_together(30, 10_000, 6)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("case", "kind"), [(case, kind) for case in CASES for kind in KINDS])
def test_coverage(case, kind):
    method, options, made = CASES[case]
    if method == "mpf" and kind == "model":
        pytest.skip("its objective is no likelihood, and so there are no errors by the model")
    weights, records = made()
    inside = []
    for record in records:
        fit = estimate(method, record, bin_steps=1, errors=kind, **options)
        errors = fit.standard_errors
        known = np.isfinite(fit.values) & np.isfinite(errors)
        assert known.sum() > 0.98 * (known.size - len(known))
        if np.array_equal(weights, weights.T):  # a pair is one interval, where its two have the same truth
            known &= np.triu(np.ones_like(known)) if method == "mpf" else True
        inside.append((abs(fit.values - weights) < 1.96 * errors)[known])
    inside = np.concatenate(inside)
    share, scatter = inside.mean(), math.sqrt(0.95 * 0.05 / len(inside))
    print(f"\n{case}, {kind}: {share:.3f} of {len(inside)} (+- {scatter:.4f})")
    assert 4 * scatter < BOUNDS[1] - 0.95 + 1e-3  # the band is wide beside the scatter of a share
    assert BOUNDS[0] < share < BOUNDS[1]
