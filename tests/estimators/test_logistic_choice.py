"""Logistic regressions whose penalty is chosen: by an oracle, or by cross-validation."""

from itertools import pairwise

import numpy as np
import pytest
from logistic_cases import N, assert_only_pairs_are_nan, correlated_counts
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score

from circuitbias.errors import total_error
from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    SeparableCountsWarning,
)

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
GRID = (0, 3, 10, 30, 40)


@pytest.mark.parametrize("grid", [[], [1.0, -2.0], [3, 3.0]])
def test_wrong_grid(record_of, grid):
    with pytest.raises(ValueError, match=r"l1_grid.* = .* a finite number >= 0"):
        estimate(
            "logistic",
            record_of(correlated_counts(100)),
            bin_steps=10,
            l1="oracle",
            l1_grid=grid,
            weights=np.eye(N),
        )


def test_an_oracle_needs_weights_of_the_neurons(record_of):
    record = record_of(correlated_counts(100))
    with pytest.raises(ValueError, match="l1='oracle' chooses by the true weights, but weights=None"):
        estimate("logistic", record, bin_steps=10, l1="oracle")
    with pytest.raises(ValueError, match=r"weights have shape \(5, 5\), but the neurons are 6"):
        estimate("logistic", record, bin_steps=10, l1="oracle", weights=np.eye(5))


@pytest.mark.parametrize(
    "folds, message", [(1, "folds = 1: must be a whole number >= 2"), (8, "leave 7 for 7 coeff")]
)
def test_wrong_folds(record_of, folds, message):
    counts = np.vstack([np.eye(N, dtype=int), np.zeros((2, N), dtype=int)])
    with pytest.raises(ValueError, match=message):
        estimate("logistic", record_of(counts), bin_steps=10, l1="cross_validation", folds=folds)


def test_the_oracle_takes_what_a_loop_over_numbers_finds_best(record_of):
    record = record_of(correlated_counts(600))
    truth = np.zeros((N, N))
    truth[0, 1] = truth[1, 0] = -1.0
    truth[0, 2] = truth[2, 0] = 0.7
    singly = {l1: estimate("logistic", record, bin_steps=10, l1=l1) for l1 in GRID}
    errors = {l1: total_error(truth, fit.values) for l1, fit in singly.items()}
    best = min(errors, key=errors.get)
    assert best not in (min(GRID), max(GRID))
    chosen = estimate("logistic", record, bin_steps=10, l1="oracle", l1_grid=GRID[::-1], weights=truth)
    assert chosen.diagnostics["l1"] == best
    assert [entry["l1"] for entry in chosen.diagnostics["l1_path"]] == list(GRID)
    for entry in chosen.diagnostics["l1_path"]:
        assert entry["error"] == pytest.approx(errors[entry["l1"]], rel=1e-6)
    np.testing.assert_allclose(chosen.values, singly[best].values, atol=1e-6)
    np.testing.assert_allclose(chosen.arrays["intercepts"], singly[best].arrays["intercepts"], atol=1e-6)
    assert chosen.diagnostics["largest_scaled_gradient"] < 1e-8


def test_only_an_oracle_sees_the_weights(record_of):
    record = record_of(correlated_counts(600))
    for options in ({"l1": 3.0}, {"l1": "cross_validation", "l1_grid": GRID}):
        blind = estimate("logistic", record, bin_steps=10, **options)
        shown = estimate("logistic", record, bin_steps=10, weights=np.full((N, N), np.nan), **options)
        assert blind.values.tobytes() == shown.values.tobytes()


def test_cross_validation_against_fits_of_each_fold(record_of):
    """Each fold left out by hand, in trials that the edges of the folds do not heed."""
    trials = [correlated_counts(n_bins, seed) for seed, n_bins in enumerate((203, 1, 397))]
    counts, folds = np.vstack(trials), 4
    chosen = estimate(
        "logistic", record_of(trials), bin_steps=10, l1="cross_validation", l1_grid=GRID, folds=folds
    )
    edges = np.arange(folds + 1) * len(counts) // folds
    for entry in chosen.diagnostics["l1_path"]:
        total = 0.0
        for first, end in pairwise(edges):
            held_out = counts[first:end]
            fitted = np.delete(counts, np.s_[first:end], axis=0)
            l1 = entry["l1"] * len(fitted) / len(counts)  # the same a bin
            fit = estimate("logistic", record_of(fitted), bin_steps=10, l1=l1)
            drive = held_out @ np.nan_to_num(fit.values) + fit.arrays["intercepts"]
            total += ((held_out > 0) * drive - np.logaddexp(0, drive)).sum()
        assert entry["held_out_log_likelihood"] == pytest.approx(total / counts.size, abs=1e-5)
    scores = {entry["l1"]: entry["held_out_log_likelihood"] for entry in chosen.diagnostics["l1_path"]}
    best = max(scores, key=scores.get)
    assert chosen.diagnostics["l1"] == best
    assert best not in (min(GRID), max(GRID))
    whole = estimate("logistic", record_of(trials), bin_steps=10, l1=best)
    np.testing.assert_allclose(chosen.values, whole.values, atol=1e-6)


def test_cross_validation_scores_as_scikit_learn_does(record_of):
    counts = correlated_counts(900, seed=2)
    chosen = estimate(
        "logistic", record_of(counts), bin_steps=10, l1="cross_validation", l1_grid=(5, 40), folds=3
    )
    for entry in chosen.diagnostics["l1_path"]:
        model = LogisticRegression(
            l1_ratio=1,
            C=1.5 / entry["l1"],  # two thirds of the bins are fitted
            solver="liblinear",
            intercept_scaling=1e3,  # which leaves the intercept all but unpenalised
            tol=1e-8,
            max_iter=10_000,
            random_state=0,
        )
        scores = [
            cross_val_score(
                model, np.delete(counts, j, axis=1), counts[:, j] > 0, cv=KFold(3), scoring="neg_log_loss"
            ).mean()
            for j in range(N)
        ]
        assert entry["held_out_log_likelihood"] == pytest.approx(np.mean(scores), abs=1e-5)


@pytest.mark.parametrize("l1", ["oracle", "cross_validation"])
def test_small_memory_changes_no_choice(record_of, sparse_record, sparse_weights, l1):
    small, large = (
        estimate("logistic", sparse_record, l1=l1, l1_grid=GRID, weights=sparse_weights, memory_mb=memory_mb)
        for memory_mb in (0.3, 1000)
    )
    np.testing.assert_allclose(small.values, large.values, atol=1e-8)
    assert small.diagnostics["l1"] == large.diagnostics["l1"]


def test_a_penalty_without_a_fit_in_some_fold_is_not_chosen(record_of):
    """Neurons 1 and 3 fire together at the end alone; neuron 5 fires nowhere but in the last fold."""
    counts = correlated_counts(1000)
    counts[:980][counts[:980, 3] > 0, 1] = 0
    counts[:800, 5] = 0
    record = record_of(counts)
    chosen = estimate("logistic", record, bin_steps=10, l1="cross_validation", l1_grid=(0, 4, 1e4))
    scores = [entry["held_out_log_likelihood"] for entry in chosen.diagnostics["l1_path"]]
    assert scores[0] is None
    assert scores[1] > scores[2]
    assert chosen.diagnostics["l1"] == 4
    np.testing.assert_allclose(
        chosen.values, estimate("logistic", record, bin_steps=10, l1=4).values, atol=1e-6
    )


def test_separable_neurons_are_told_of_if_no_penalty_is_chosen(record_of):
    counts = correlated_counts(2000)
    counts[counts[:, 3] > 0, 1] = 0
    truth = np.zeros((N, N))
    truth[0, 2] = truth[2, 0] = 1.0
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[1, 3\]"):
        chosen = estimate(
            "logistic", record_of(counts), bin_steps=10, l1="oracle", l1_grid=(0, 1e4), weights=truth
        )
    assert chosen.diagnostics["l1_path"][1] == {"l1": 1e4, "error": None}  # nothing is left
    assert_only_pairs_are_nan(chosen, [(1, 3), (3, 1)])
