"""Sparse rows against dense ones, and against numpy on the whole design matrix."""

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.designs.sparse_counts import sparse_counts
from circuitbias.fitting.families import FLOW, LOGISTIC, POISSON
from circuitbias.fitting.rows import DenseRows
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import count_moments

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
LAGS = [0, 1, 3]
KEPT = [0, 2, 3, 4]


def bursty_counts(n_bins, n=5, seed=0):
    """Mostly empty bins, some with many spikes; the second neuron always fires at least once."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.02 * rng.choice([1, 15], size=(n_bins, 1), p=[0.95, 0.05]), (n_bins, n))
    counts[:, 1] += 1
    return np.minimum(counts, 10)


@pytest.fixture(scope="module")
def trials():
    return [bursty_counts(n_bins, seed=seed) for seed, n_bins in enumerate((1500, 2, 400, 3))]


@pytest.fixture(scope="module")
def matrix(trials):
    """The whole design matrix, and the responses, by slices of the trials that are long enough."""
    parts = []
    for counts in (trial[:, KEPT] for trial in trials if len(trial) > 3):
        past = [counts[3 - lag : len(counts) - lag] for lag in LAGS]
        parts.append((np.hstack([*past, np.ones((len(counts) - 3, 1))]), counts[3:]))
    return tuple(np.vstack(part).astype(float) for part in zip(*parts, strict=True))


def sparse_of(record, kept, lags):
    counts = BinnedCounts(record, 10)
    return sparse_counts(
        Design(counts, np.array(kept), lags, "cpu", count_moments(counts, "cpu")).blocks_and_counts()
    )


@pytest.fixture(scope="module")
def sparse(trials, record_of):
    return sparse_of(record_of(trials, segment_steps=777), KEPT, LAGS)


@pytest.fixture(scope="module")
def coefficients(matrix):
    x, y = matrix
    return 0.3 * np.random.default_rng(1).normal(size=(x.shape[1], y.shape[1]))


def test_moments_and_bounds_equal_those_of_the_matrix(sparse, matrix):
    x, y = matrix
    rows, cross_moment, bounds = sparse
    assert rows.n_rows == len(x) == rows.weights.sum()
    assert len(rows.weights) == len(np.unique(x, axis=0))  # equal rows are kept once
    np.testing.assert_allclose(rows.second_moment(), x.T @ x / len(x), rtol=1e-13)
    np.testing.assert_allclose(cross_moment, x.T @ y / len(x), rtol=1e-13)
    np.testing.assert_array_equal(bounds, [x.min(axis=0), x.max(axis=0)])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("family", [POISSON, LOGISTIC], ids=["poisson", "logistic"])
def test_sums_and_hessians_equal_numpy(sparse, matrix, coefficients, family, threads, array, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    x, _ = matrix
    drive = x @ coefficients
    if family is POISSON:
        partition = mean = curvature = np.exp(drive)
    else:
        partition, mean = np.log1p(np.exp(drive)), 1 / (1 + np.exp(-drive))
        curvature = mean * (1 - mean)
    blocks = [array(x[first : first + 100].astype(np.float32)) for first in range(0, len(x), 100)]
    dense = DenseRows(lambda: iter(blocks), *x.shape)
    for rows, given in ((sparse[0], coefficients), (dense, array(coefficients))):
        total, gradient = rows.sums(given, family)
        np.testing.assert_allclose(total, partition.sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(gradient, x.T @ mean, rtol=1e-12)
        np.testing.assert_allclose(rows.sums(given, family, power=2)[1], (x**2).T @ mean, rtol=1e-12)
        expected = np.einsum("tk,tj,tl->jkl", x, curvature, x) / len(x)
        np.testing.assert_allclose(rows.hessians(given, family), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("threads", [1, 3])
def test_flows_turn_where_the_own_column_is_1(trials, record_of, threads, array, monkeypatch):
    """Each neuron's flow, and that of a target whose own column is the constant one."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    states = [np.minimum(trial[:, KEPT], 1) for trial in trials]
    sparse = sparse_of(record_of(states), [0, 1, 2, 3], [0])
    x = np.hstack([np.vstack(states), np.ones((sum(map(len, states)), 1))])
    coefficients = np.random.default_rng(2).normal(size=(5, 5))
    signs = np.where(x > 0, -1, 1)
    flows = np.exp(signs * (x @ coefficients) / 2)
    dense = DenseRows(lambda: iter([array(x[:700]), array(x[700:])]), *x.shape)
    for rows, given in ((sparse[0], coefficients), (dense, array(coefficients))):
        total, gradient = rows.sums(given, FLOW)
        np.testing.assert_allclose(total, 2 * flows.sum(axis=0), rtol=1e-12)
        np.testing.assert_allclose(gradient, x.T @ (signs * flows), rtol=1e-10, atol=1e-10)
        expected = np.einsum("tk,tj,tl->jkl", x, flows / 2, x) / len(x)
        np.testing.assert_allclose(rows.hessians(given, FLOW), expected, rtol=1e-4, atol=1e-7)


def test_a_bin_with_a_constant_neuron_is_not_empty(trials, record_of):
    """Its lowest count is 1; trials count one by one."""
    rows, _, bounds = sparse_of(record_of(trials), [1, 2], [1])
    assert bounds[0].tolist() == [1, 0, 1]
    assert rows.n_rows == 1499 + 1 + 399 + 2


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("glm", {}),
        ("glm", {"lags": [1, 2]}),
        ("glm", {"lags": [0, 1], "ridge": 1e-3}),
        ("glm", {"binarise": True}),
        ("logistic", {}),
        ("logistic", {"binarise": True, "l1": 5.0}),
        ("mpf", {}),
        ("mpf", {"all_flip": True}),
    ],
)
def test_couplings_are_the_same_either_way(record_of, tune, method, options):
    rng = np.random.default_rng(5)
    counts = rng.poisson(0.04 * rng.choice([0.5, 4], size=(30_000, 1), p=[0.9, 0.1]), (30_000, 5))
    record = record_of([counts[:20_000], counts[20_000:]])
    fits = []
    for most_density in (0, 1):
        tune(most_density=most_density)
        fits.append(estimate(method, record, bin_steps=10, **options))
    assert all(fit.diagnostics["largest_scaled_gradient"] <= 1e-8 for fit in fits)
    dense, sparse = fits
    np.testing.assert_allclose(dense.values, sparse.values, atol=1e-6)
    for name in ("intercepts", "biases"):
        if name in dense.arrays:
            np.testing.assert_allclose(dense.arrays[name], sparse.arrays[name], atol=1e-6)
    if "standard_errors" in dense.arrays:
        np.testing.assert_allclose(
            dense.arrays["standard_errors"], sparse.arrays["standard_errors"], rtol=0.2
        )


def test_many_bins_with_few_spikes_are_sparse(record_of, monkeypatch):
    """By the rule in use; with many spikes they are not."""
    made = []
    monkeypatch.setattr(
        "circuitbias.fitting.designs.counts.sparse_counts",
        lambda *given: made.append(given) or sparse_counts(*given),
    )
    few = np.random.default_rng(0).poisson(0.03, (20_000, 4))
    many = few + np.random.default_rng(1).poisson(0.2, few.shape)
    for number, method in enumerate(("glm", "logistic", "mpf"), 1):
        for counts in (few, many):
            estimate(method, record_of(counts), bin_steps=10)
            assert len(made) == number
