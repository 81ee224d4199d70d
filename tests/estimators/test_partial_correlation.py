"""Partial correlations against regressions and scikit-learn, and a chain worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.covariance import GraphicalLasso, log_likelihood

from circuitbias.estimators import estimate, partial_correlation
from circuitbias.estimators.couplings import (
    CollinearNeuronsWarning,
    ConstantNeuronWarning,
    NotConvergedWarning,
)
from circuitbias.spikes.binning import BinnedCounts

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N = 6
OFF_DIAGONAL = ~np.eye(N, dtype=bool)


def counts_with_shared_input(n_bins, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.poisson(0.5, (n_bins, 1)) * [1, 1, 0, 0, 1, 0]
    return np.minimum(rng.poisson(0.5, (n_bins, N)) + shared, 10)


def partial_correlations(precision):
    scale = np.sqrt(np.diag(precision))
    values = -precision / np.outer(scale, scale)
    np.fill_diagonal(values, np.nan)
    return values


@pytest.mark.parametrize("binarise", [False, True])
def test_equals_correlations_of_residuals(record_of, binarise):
    """What is left of two neurons' counts after least squares on all others."""
    trials = [counts_with_shared_input(n_bins, seed) for seed, n_bins in enumerate((700, 1, 300))]
    couplings = estimate(
        "partial_correlation", record_of(trials, segment_steps=999), bin_steps=10, binarise=binarise
    )
    counts = np.vstack(trials)
    counts = (counts > 0).astype(int) if binarise else counts
    for i, j in np.argwhere(OFF_DIAGONAL):
        others = np.column_stack([np.delete(counts, [i, j], axis=1), np.ones(len(counts))])
        pair = counts[:, [i, j]]
        residuals = pair - others @ np.linalg.lstsq(others, pair, rcond=None)[0]
        assert couplings.values[i, j] == pytest.approx(np.corrcoef(residuals.T)[0, 1], abs=1e-12)
    assert couplings.diagnostics["n_bins"] == 1001
    assert couplings.diagnostics["n_counts"] == counts.sum()
    assert couplings.diagnostics["certificate"] == "closed form"


@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_equals_scikit_learn_on_standardised_counts(record_of, alpha):
    counts = counts_with_shared_input(2000)
    couplings = estimate("partial_correlation", record_of(counts), bin_steps=10, alpha=alpha)
    standardised = (counts - counts.mean(axis=0)) / counts.std(axis=0)
    model = GraphicalLasso(alpha=alpha, tol=1e-10, enet_tol=1e-12, max_iter=1000).fit(standardised)
    np.testing.assert_allclose(couplings.values, partial_correlations(model.precision_), atol=1e-7)
    assert (couplings.values == 0).any()
    assert couplings.diagnostics["n_not_converged"] == 0


def test_the_certificate_on_strongly_correlated_counts(ring_record):
    """The optimum's conditions, put together from the couplings: their diagonal is not given."""
    alpha = 0.02
    fit = estimate("partial_correlation", ring_record, alpha=alpha)
    correlation = np.corrcoef(BinnedCounts(ring_record, 100).all().T)
    values = np.nan_to_num(fit.values)
    # P = D (1 - values) D, and as the diagonal is not penalised, that of its inverse is 1.
    scale = np.sqrt(np.diag(np.linalg.inv(np.eye(100) - values)))
    precision = np.outer(scale, scale) * (np.eye(100) - values)
    gradient = correlation - np.linalg.inv(precision)
    np.fill_diagonal(gradient, 0)
    zero = values == 0
    assert np.abs(gradient[zero]).max() < alpha + 1e-7
    assert np.abs(gradient - alpha * np.sign(values))[~zero].max() < 1e-7
    assert 0.2 < zero.mean() < 0.95
    assert fit.diagnostics["largest_scaled_gradient"] < 1e-7


def test_a_chain_by_hand(record_of):
    """x, y, z with values of 0 and 1, each 1 half of the time; neighbours are alike in 3 of 4 bins.

    Correlations are 1/2 between neighbours and 1/4 between x and z. The inverse is
    [[4, -2, 0], [-2, 5, -2], [0, -2, 4]] / 3, so partial correlations are 2 / sqrt(20), and none of x and z.
    """
    counts = [
        (x, y, z)
        for y in (0, 1)
        for x in (y, y, y, 1 - y)  # x and z are independent given y
        for z in (y, y, y, 1 - y)
    ]
    values = estimate("partial_correlation", record_of(np.array(counts), bin_steps=1), bin_steps=1).values
    near = 1 / np.sqrt(5)
    np.testing.assert_allclose(
        values, [[np.nan, near, 0], [near, np.nan, near], [0, near, np.nan]], atol=1e-12
    )


def test_two_neurons_with_a_penalty_by_hand(record_of):
    """Of two neurons the graphical lasso has the correlation 1/2 - alpha; none is left at alpha = 1/2."""
    record = record_of(np.array([(0, 0)] * 3 + [(1, 1)] * 3 + [(0, 1), (1, 0)]), bin_steps=1)
    for alpha, expected in ((0.0, 0.5), (0.2, 0.3), (0.5, 0.0), (3.0, 0.0)):
        values = estimate("partial_correlation", record, bin_steps=1, alpha=alpha).values
        assert values[0, 1] == pytest.approx(expected, abs=1e-9)
        assert values[1, 0] == values[0, 1]


@pytest.mark.parametrize("memory_mb", [0.1, 100])
def test_cross_validation_against_fits_of_each_fold(record_of, memory_mb):
    """Each fold left out by hand, across the edges of trials and of blocks."""
    trials = [counts_with_shared_input(n_bins, seed) for seed, n_bins in enumerate((203, 1, 399))]
    couplings = estimate(
        "partial_correlation",
        record_of(trials),
        bin_steps=10,
        alpha="cross_validation",
        memory_mb=memory_mb,
    )
    counts = np.vstack(trials)
    correlation = np.corrcoef(counts.T)
    path = couplings.diagnostics["alpha_path"]
    assert len(path) == 12
    assert path[-1]["alpha"] == pytest.approx(np.abs(correlation[OFF_DIAGONAL]).max())
    assert path[0]["alpha"] == pytest.approx(0.1 / np.sqrt(len(counts)))
    edges = np.arange(6) * len(counts) // 5
    for entry in path[1::4]:
        total = 0.0
        for first, end in pairwise(edges):
            fitted = np.delete(counts, np.s_[first:end], axis=0)
            mean, sd = fitted.mean(axis=0), fitted.std(axis=0)
            model = GraphicalLasso(alpha=entry["alpha"], tol=1e-10, enet_tol=1e-12, max_iter=1000)
            model.fit((fitted - mean) / sd)
            held_out = (counts[first:end] - mean) / sd
            second_moment = held_out.T @ held_out / len(held_out)
            constant = N * np.log(2 * np.pi) / 2
            total += (end - first) * (log_likelihood(second_moment, model.precision_) + constant)
        assert entry["held_out_log_likelihood"] == pytest.approx(total / counts.size, abs=1e-9)
    best = max(path, key=lambda entry: entry["held_out_log_likelihood"])
    assert couplings.diagnostics["alpha"] == best["alpha"]
    assert best not in (path[0], path[-1])
    fixed = estimate("partial_correlation", record_of(trials), bin_steps=10, alpha=best["alpha"])
    np.testing.assert_allclose(couplings.values, fixed.values, atol=1e-12)


def test_cross_validation_where_a_neuron_fires_in_one_fold_only(record_of):
    counts = counts_with_shared_input(1000)
    counts[:800, 5] = 0
    couplings = estimate("partial_correlation", record_of(counts), bin_steps=10, alpha="cross_validation")
    assert np.isfinite(couplings.values[OFF_DIAGONAL]).all()
    assert all(entry["held_out_log_likelihood"] is not None for entry in couplings.diagnostics["alpha_path"])


@pytest.mark.parametrize("alpha", [0.0, 0.05, "cross_validation"])
def test_neurons_without_couplings(record_of, alpha):
    counts = counts_with_shared_input(1000)
    counts[:, 2] = 1
    counts[:, 4] = counts[:, 1]
    with (
        pytest.warns(ConstantNeuronWarning, match=r"\[2\]"),
        pytest.warns(CollinearNeuronsWarning, match=r"\[1, 4\]"),
    ):
        values = estimate("partial_correlation", record_of(counts), bin_steps=10, alpha=alpha).values
    defined = np.zeros((N, N), dtype=bool)
    defined[np.ix_([0, 3, 5], [0, 3, 5])] = ~np.eye(3, dtype=bool)
    np.testing.assert_array_equal(np.isfinite(values), defined)


def test_an_optimum_that_is_missed(record_of, monkeypatch):
    monkeypatch.setattr(partial_correlation, "_MOST_SWEEPS", 1)
    monkeypatch.setattr(partial_correlation, "_INNER_TOLERANCE", 0.5)
    with pytest.warns(NotConvergedWarning, match=r"alpha=0\.01 misses its optimum by .* more than 1e-07"):
        couplings = estimate(
            "partial_correlation", record_of(counts_with_shared_input(500)), bin_steps=10, alpha=0.01
        )
    assert np.isnan(couplings.values).all()
    assert couplings.diagnostics["n_not_converged"] == N
    assert couplings.diagnostics["largest_scaled_gradient"] is None


@pytest.mark.parametrize("alpha", [-0.5, "oracle"])
def test_wrong_alpha(record_of, alpha):
    with pytest.raises(
        ValueError, match=f"alpha = {alpha!r}: must be `cross_validation` or a finite number >= 0"
    ):
        estimate("partial_correlation", record_of(counts_with_shared_input(50)), bin_steps=10, alpha=alpha)
