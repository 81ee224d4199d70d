"""Logistic regression against scikit-learn and the definition of its minimum."""

import numpy as np
import pytest
import statsmodels.api as sm
from logistic_cases import N, assert_only_pairs_are_nan, correlated_counts
from sklearn.linear_model import LogisticRegression

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    CollinearNeuronsWarning,
    ConstantNeuronWarning,
    NotConvergedWarning,
    SeparableCountsWarning,
)
from circuitbias.spikes.binning import BinnedCounts

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


def assert_equals_sklearn(couplings, covariates, responses, l1=0.0, targets=range(N)):
    """Compare with scikit-learn, neuron by neuron; with a penalty it only gets near the minimum."""
    for j in targets:
        others, response = np.delete(covariates, j, axis=1), responses[:, j].astype(float)
        ours = np.delete(couplings.values[:, j], j), couplings.arrays["intercepts"][j]
        if l1:
            model = LogisticRegression(l1_ratio=1, C=1 / l1, solver="saga", tol=1e-7, max_iter=10_000)
        else:
            model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
        model.fit(others, response)
        theirs = model.coef_[0], model.intercept_[0]
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-2 if l1 else 1e-5)
        ours, theirs = (loss(others, response, *fit, l1) for fit in (ours, theirs))
        assert ours <= theirs * (1 + 1e-12)


def loss(covariates, response, slopes, intercept, l1):
    """The definition."""
    drive = covariates @ slopes + intercept
    return (np.logaddexp(0, drive) - response * drive).sum() + l1 * np.abs(slopes).sum()


@pytest.mark.parametrize("l1", [0.0, 20.0])
@pytest.mark.parametrize("binarise", [False, True])
def test_equals_scikit_learn(record_of, l1, binarise):
    counts = correlated_counts(2000)
    couplings = estimate("logistic", record_of(counts), bin_steps=10, l1=l1, binarise=binarise)
    responses = (counts > 0).astype(int)
    assert_equals_sklearn(couplings, responses if binarise else counts, responses, l1)
    n_zero = (couplings.values == 0).sum()
    assert n_zero > 5 if l1 else n_zero == 0


@pytest.mark.parametrize(
    ("n_bins", "tolerance"), [(1000, 1e-3), (20_000, 0.15)]
)  # the sample is all, or some
def test_standard_errors_equal_statsmodels(record_of, n_bins, tolerance):
    counts = correlated_counts(n_bins)
    errors = estimate("logistic", record_of(counts), bin_steps=10).arrays["standard_errors"]
    assert np.isnan(errors.diagonal()).all()
    for j in range(N):
        design = sm.add_constant(np.delete(counts, j, axis=1))
        fit = sm.Logit(counts[:, j] > 0, design).fit(disp=0)
        np.testing.assert_allclose(np.delete(errors[:, j], j), fit.bse[1:], rtol=tolerance)
    penalised = estimate("logistic", record_of(counts), bin_steps=10, l1=3.0)
    assert "standard_errors" not in penalised.arrays


def test_trials_and_segments_do_not_matter(record_of):
    trials = [correlated_counts(n_bins, seed) for seed, n_bins in enumerate((900, 1, 500))]
    couplings = estimate("logistic", record_of(trials, segment_steps=777), bin_steps=10, l1=3.0)
    whole = estimate("logistic", record_of(np.vstack(trials)), bin_steps=10, l1=3.0)
    np.testing.assert_allclose(couplings.values, whole.values, atol=1e-7)
    assert couplings.diagnostics["n_bins"] == 1401


def test_finds_the_conditionals_of_an_ising_model(ising_record):
    rng = np.random.default_rng(3)
    model = np.triu(rng.normal(size=(4, 4)), 1)
    model += model.T
    biases = rng.normal(size=4) - model.sum(axis=1) / 2
    couplings = estimate("logistic", ising_record(model, biases), bin_steps=1)
    np.testing.assert_allclose(
        couplings.values[~np.eye(4, dtype=bool)], model[~np.eye(4, dtype=bool)], atol=1e-3
    )
    np.testing.assert_allclose(couplings.arrays["intercepts"], biases, atol=1e-3)


@pytest.mark.parametrize("l1", [0.0, 2.0, 40.0])
def test_the_certificate_is_the_subgradient(ring_record, l1):
    """On strongly correlated counts, in few passes."""
    fit = estimate("logistic", ring_record, bin_steps=100, l1=l1, tolerance=1e-9)
    x = BinnedCounts(ring_record, 100).all().astype(float)
    y, values = x > 0, np.nan_to_num(fit.values)
    excess = 1 / (1 + np.exp(-(x @ values + fit.arrays["intercepts"]))) - y
    gradient, penalty = x.T @ excess / len(x), l1 / len(x)
    least = np.where(
        values == 0, np.maximum(np.abs(gradient) - penalty, 0), np.abs(gradient + penalty * np.sign(values))
    )
    least = least / (x.std(axis=0)[:, None] * y.std(axis=0))
    np.fill_diagonal(least, 0)
    scaled = np.maximum(least.max(axis=0), np.abs(excess.mean(axis=0)) / y.std(axis=0))
    assert scaled.max() < 1.01e-9
    np.testing.assert_allclose(fit.arrays["scaled_gradient"], scaled, atol=1e-12)
    assert fit.diagnostics["largest_scaled_gradient"] == fit.arrays["scaled_gradient"].max()
    assert fit.diagnostics["passes"] < 40


def test_a_large_penalty_leaves_nothing(record_of):
    counts = correlated_counts(2000)
    couplings = estimate("logistic", record_of(counts), bin_steps=10, l1=1e5)
    assert (couplings.values[~np.eye(N, dtype=bool)] == 0).all()
    share = (counts > 0).mean(axis=0)
    np.testing.assert_allclose(couplings.arrays["intercepts"], np.log(share / (1 - share)), atol=1e-6)


# --- data that do not allow everything ----------------------------------------------------------


def assert_only_nan(couplings, undefined_pre, undefined_post):
    """Exactly the rows and columns of some neurons are NaN, the diagonal aside."""
    expected = np.eye(len(couplings.values), dtype=bool)
    expected[undefined_pre, :] = True
    expected[:, undefined_post] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)


def assert_limit_equals_sklearn(couplings, counts, pre, post, rows, intercept=True):
    """All but the coupling from pre to post equal scikit-learn's fit to some bins, without pre."""
    others = [i for i in range(N) if i not in (pre, post)]
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    model.fit(counts[rows][:, others], counts[rows, post] > 0)
    np.testing.assert_allclose(couplings.values[others, post], model.coef_[0], atol=1e-5)
    if intercept:
        assert couplings.arrays["intercepts"][post] == pytest.approx(model.intercept_[0], abs=1e-5)


def test_constant_and_duplicated_neurons(record_of):
    counts = correlated_counts(2000)
    counts[:, 2] = 1
    counts[:, 4] = counts[:, 1]
    with (
        pytest.warns(ConstantNeuronWarning, match=r"\[2\]"),
        pytest.warns(CollinearNeuronsWarning, match=r"\[1, 4\]"),
    ):
        couplings = estimate("logistic", record_of(counts), bin_steps=10)
    assert_only_nan(couplings, [1, 2, 4], [1, 2, 4])
    assert np.isnan(couplings.arrays["intercepts"]).tolist() == [False, True, True, False, True, False]
    others = estimate("logistic", record_of(counts[:, [0, 1, 3, 5]]), bin_steps=10).values
    for ours, theirs in zip((0, 3, 5), (0, 2, 3), strict=True):
        kept = couplings.values[[0, 3, 5], ours]
        np.testing.assert_allclose(kept, others[[0, 2, 3], theirs], atol=1e-6)


def test_pair_that_never_fires_together(record_of):
    counts = correlated_counts(2000)
    counts[counts[:, 3] > 0, 1] = 0
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[1, 3\] fire, or do not, for .*Option l1 > 0"):
        couplings = estimate("logistic", record_of(counts), bin_steps=10)
    assert_only_pairs_are_nan(couplings, [(1, 3), (3, 1)])
    assert_equals_sklearn(couplings, counts, counts > 0, targets=(0, 2, 4, 5))
    # In the limit, bins in which the one fires say nothing more of the other.
    for pre, post in ((1, 3), (3, 1)):
        assert_limit_equals_sklearn(couplings, counts, pre, post, counts[:, pre] == 0)
    assert couplings.diagnostics["n_not_converged"] == 0
    penalised = estimate("logistic", record_of(counts), bin_steps=10, l1=5.0)  # has a maximum
    assert_equals_sklearn(penalised, counts, counts > 0, l1=5.0)


def test_neuron_that_fires_only_where_another_one_does(record_of):
    counts = (correlated_counts(2000) > 0).astype(int)
    counts[counts[:, 3] == 0, 1] = 0
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[1, 3\]"):
        couplings = estimate("logistic", record_of(counts), bin_steps=10)
    assert_only_pairs_are_nan(couplings, [(1, 3), (3, 1)])  # where neuron 1 fires, neuron 3 is certain to
    assert_equals_sklearn(couplings, counts, counts > 0, targets=(0, 2, 4, 5))
    assert_limit_equals_sklearn(couplings, counts, 1, 3, counts[:, 1] == 0)
    assert_limit_equals_sklearn(couplings, counts, 3, 1, counts[:, 3] == 1, intercept=False)
    assert np.isnan(couplings.arrays["intercepts"]).tolist() == [False, True] + 4 * [False]


def test_neuron_that_another_one_tells_wholly(record_of):
    """Nothing is left to fit: whether 1 fires is certain in all bins, given whether 3 does."""
    counts = (correlated_counts(2000) > 0).astype(int)
    counts[:, 1] = (1 - counts[:, 3]) * np.random.default_rng(0).integers(1, 3, 2000)
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[1, 3\]"):
        couplings = estimate("logistic", record_of(counts), bin_steps=10)
    assert_only_nan(couplings, [], [1, 3])
    assert np.isnan(couplings.arrays["intercepts"]).tolist() == [False, True, False, True, False, False]
    assert_equals_sklearn(couplings, counts, counts > 0, targets=(0, 2, 4, 5))


@pytest.mark.parametrize("l1", [0.0, 5.0])
def test_neuron_that_fires_in_every_bin(record_of, l1):
    counts = correlated_counts(2000)
    counts[:, 2] = np.maximum(counts[:, 2], 1)  # varies, but whether it fires does not
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[2\] fire always"):
        couplings = estimate("logistic", record_of(counts), bin_steps=10, l1=l1)
    assert_only_nan(couplings, [], [2])


def test_neuron_that_hardly_ever_fires(record_of):
    counts = correlated_counts(30_000)
    counts[:, 2] = 0
    counts[np.random.default_rng(8).choice(30_000, 60, replace=False), 2] = 1
    couplings = estimate("logistic", record_of(counts), bin_steps=10)
    assert couplings.diagnostics["passes"] < 40
    assert_equals_sklearn(couplings, counts, counts > 0)


@pytest.mark.parametrize("l1", [0.0, 5.0])
def test_too_few_passes(record_of, l1):
    with pytest.warns(NotConvergedWarning, match="did not reach .* in 1 passes"):
        couplings = estimate(
            "logistic", record_of(correlated_counts(5000)), bin_steps=10, max_passes=1, l1=l1
        )
    assert np.isnan(couplings.values).all()
    assert couplings.diagnostics["n_not_converged"] == N
    assert couplings.diagnostics["largest_scaled_gradient"] is None


def test_wrong_penalty(record_of):
    with pytest.raises(ValueError, match=r"l1 = -1\.0: must be .* >= 0"):
        estimate("logistic", record_of(correlated_counts(100)), bin_steps=10, l1=-1.0)


@pytest.mark.parametrize("l1", ["oracel", -1.0, np.nan])
def test_unknown_choice_of_a_penalty(record_of, l1):
    with pytest.raises(
        ValueError, match=rf"l1 = {l1!r}: must be one of `cross_validation`, `oracle` or a finite number >= 0"
    ):
        estimate("logistic", record_of(correlated_counts(100)), bin_steps=10, l1=l1)


def test_mostly_empty_bins_take_few_passes(record_of):
    """Rare pairs are hardly in a sample: its Hessians alone took most of 200 passes at low rates."""
    rng = np.random.default_rng(7)
    rates = rng.gamma(1.5, 0.01, size=20)
    counts = rng.poisson(rates * rng.choice([0.5, 8], size=(60_000, 1), p=[0.95, 0.05]))
    with pytest.warns(SeparableCountsWarning, match="20 coefficients"):
        fit = estimate("logistic", record_of(counts), bin_steps=10)
    assert fit.certificate.reaches(1e-8)
    assert fit.certificate.passes < 40
    for j in (0, 7):
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        model.fit(np.delete(counts, j, axis=1), counts[:, j] > 0)
        known = np.isfinite(np.delete(fit.values[:, j], j))
        np.testing.assert_allclose(np.delete(fit.values[:, j], j)[known], model.coef_[0][known], atol=1e-4)
        assert known.sum() > 15
