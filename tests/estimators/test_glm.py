"""The Poisson GLM against scikit-learn, statsmodels, and the definition of its maximum."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import PoissonRegressor

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    CollinearNeuronsWarning,
    ConstantNeuronWarning,
    NoCouplingsWarning,
    NotConvergedWarning,
    SeparableCountsWarning,
)
from circuitbias.spikes.binning import BinnedCounts

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N = 6


def correlated_counts(n_bins, seed=0):
    """Counts of six neurons that share an input."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_bins, 1)) * [0.6, -0.5, 0.4, 0.3, 0.0, 0.2]
    return np.minimum(rng.poisson(np.exp(shared - 0.7)), 10)


def sklearn_fit(covariates, response, ridge=0.0):
    model = PoissonRegressor(alpha=ridge, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(covariates, response)
    return model.coef_, model.intercept_


def assert_equals_sklearn(couplings, counts, ridge=0.0, targets=None):
    """Compare the fits at lag 0 with those of scikit-learn, neuron by neuron."""
    for j in range(counts.shape[1]) if targets is None else targets:
        slopes, intercept = sklearn_fit(np.delete(counts, j, axis=1), counts[:, j], ridge)
        np.testing.assert_allclose(np.delete(couplings.values[:, j], j), slopes, atol=1e-4)
        assert couplings.arrays["intercepts"][j] == pytest.approx(intercept, abs=1e-4)


@pytest.mark.parametrize("ridge", [0.0, 0.05])
@pytest.mark.parametrize("binarise", [False, True])
def test_equals_scikit_learn(record_of, ridge, binarise):
    counts = correlated_counts(3000)
    couplings = estimate("glm", record_of(counts), bin_steps=10, ridge=ridge, binarise=binarise)
    assert_equals_sklearn(couplings, (counts > 0).astype(int) if binarise else counts, ridge)
    assert couplings.arrays["coefficients"].shape == (1, N, N)


def test_strongly_correlated_ring_equals_scikit_learn(ring_record):
    couplings = estimate("glm", ring_record)
    counts = BinnedCounts(ring_record, 100).all().astype(float)
    assert np.linalg.cond(np.corrcoef(counts.T)) > 50
    assert_equals_sklearn(couplings, counts, targets=(0, 37, 99))


@pytest.mark.parametrize("lags", [[1], [0, 1], [2, 0]])
def test_lags_and_trials_equal_an_explicit_design(record_of, lags):
    trials = [correlated_counts(n_bins, seed) for seed, n_bins in enumerate((900, 1, 500, 2))]
    longest = max(lags)
    couplings = estimate("glm", record_of(trials, segment_steps=777), bin_steps=10, lags=lags)
    long_trials = [counts for counts in trials if len(counts) > longest]  # lags do not cross trials
    response = np.vstack([counts[longest:] for counts in long_trials])
    for j in range(N):
        past = [
            np.vstack([counts[longest - lag : len(counts) - lag] for counts in long_trials])
            for lag in sorted(lags)
        ]
        columns = [(lag, i) for lag in range(len(lags)) for i in range(N) if sorted(lags)[lag] > 0 or i != j]
        covariates = np.column_stack([past[lag][:, i] for lag, i in columns])
        slopes, intercept = sklearn_fit(covariates, response[:, j])
        ours = couplings.arrays["coefficients"][:, :, j]
        np.testing.assert_allclose([ours[column] for column in columns], slopes, atol=1e-4)
        np.testing.assert_allclose(
            np.delete(couplings.values[:, j], j), np.delete(ours.sum(axis=0), j), rtol=1e-12
        )
        assert couplings.arrays["intercepts"][j] == pytest.approx(intercept, abs=1e-4)
    assert couplings.diagnostics["n_bins"] == len(response)


@pytest.mark.parametrize(
    "n_bins, tolerance",
    [(1000, 0.01), (20_000, 0.1)],  # the sample is all bins, or some hundred of them
)
def test_standard_errors_equal_statsmodels(record_of, n_bins, tolerance):
    counts = np.minimum(np.random.default_rng(3).poisson(0.6, size=(n_bins, N)), 10)
    errors = estimate("glm", record_of(counts), bin_steps=10).arrays["standard_errors"][0]
    assert np.isnan(errors.diagonal()).all()
    theirs = np.full((N, N), np.nan)
    for j in range(N):
        design = sm.add_constant(np.delete(counts, j, axis=1))
        fit = sm.GLM(counts[:, j], design, family=sm.families.Poisson()).fit(tol=1e-12)
        theirs[np.arange(N) != j, j] = fit.bse[1:]
    np.testing.assert_allclose(errors, theirs, rtol=tolerance)
    assert np.nanmean(errors / theirs) == pytest.approx(1, abs=tolerance / 2)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_the_certificate_is_the_gradient(record_of, ridge):
    counts = correlated_counts(5000).astype(float)
    couplings = estimate("glm", record_of(counts.astype(int)), bin_steps=10, ridge=ridge, tolerance=1e-9)
    coefficients = couplings.arrays["coefficients"][0]
    rates = np.exp(counts @ coefficients + couplings.arrays["intercepts"])
    slopes = (counts.T @ (rates - counts) / len(counts) + ridge * coefficients) / counts.std(axis=0)[:, None]
    np.fill_diagonal(slopes, 0)
    constant = (rates - counts).mean(axis=0)
    scaled = np.abs(np.vstack([slopes, constant])).max(axis=0) / counts.mean(axis=0)
    assert scaled.max() < 1.01e-9
    np.testing.assert_allclose(couplings.arrays["scaled_gradient"], scaled, atol=1e-12)
    assert couplings.diagnostics["largest_scaled_gradient"] == couplings.arrays["scaled_gradient"].max()
    assert (coefficients.diagonal() == 0).all()


@pytest.mark.parametrize("own_past", [False, True])
@pytest.mark.parametrize("rate", [0.02, 0.6])  # rows as events, and dense
def test_own_past_is_a_covariate_or_not(record_of, own_past, rate):
    """Held to statsmodels both ways; neurons that follow themselves make the others' couplings differ."""
    rng = np.random.default_rng(2)
    counts = np.minimum(rng.poisson(rate, (20_000, 3)), 10)
    counts[1:] = np.where(rng.random((19_999, 3)) < 0.2, counts[:-1], counts[1:])
    couplings = estimate("glm", record_of(counts), bin_steps=10, lags=[1, 3], own_past=own_past)
    past = [counts[2:-1], counts[:-3]]
    for j in range(3):
        columns = [(lag, i) for lag in (0, 1) for i in range(3) if own_past or i != j]
        design = sm.add_constant(np.column_stack([past[lag][:, i] for lag, i in columns]))
        fit = sm.GLM(counts[3:, j], design, family=sm.families.Poisson()).fit(tol=1e-14)
        ours, errors = couplings.arrays["coefficients"][:, :, j], couplings.arrays["standard_errors"][:, :, j]
        np.testing.assert_allclose([ours[column] for column in columns], fit.params[1:], atol=1e-5)
        np.testing.assert_allclose([errors[column] for column in columns], fit.bse[1:], rtol=0.15)
        assert couplings.arrays["intercepts"][j] == pytest.approx(fit.params[0], abs=1e-5)
        if not own_past:
            assert (ours[:, j] == 0).all()
            assert np.isnan(errors[:, j]).all()


def test_what_is_no_covariate_takes_no_bins_along(record_of):
    """A neuron that never fires twice in a row: nothing of its own past is infinite if it is left out."""
    counts = (np.random.default_rng(3).random((3000, 3)) < 0.3).astype(int)
    counts[1:, 0] *= 1 - counts[:-1, 0]
    counts[1:, 0] *= 1 - counts[:-1, 0]
    counts[1:, 0] = np.where(counts[:-1, 0] > 0, 0, counts[1:, 0])
    assert not (counts[1:, 0] * counts[:-1, 0]).any()
    couplings = estimate("glm", record_of(counts), bin_steps=10, lags=[1], own_past=False)
    slopes, intercept = sklearn_fit(counts[:-1, 1:], counts[1:, 0])
    np.testing.assert_allclose(couplings.values[1:, 0], slopes, atol=1e-4)
    assert couplings.arrays["intercepts"][0] == pytest.approx(intercept, abs=1e-4)
    with pytest.warns(SeparableCountsWarning, match=r"\(0 -> 0\) .*neurons \[0\]"):
        couplings = estimate("glm", record_of(counts), bin_steps=10, lags=[1])
    slopes, intercept = sklearn_fit(
        counts[:-1][counts[:-1, 0] == 0][:, 1:], counts[1:][counts[:-1, 0] == 0][:, 0]
    )
    np.testing.assert_allclose(couplings.values[1:, 0], slopes, atol=1e-4)


# --- data that do not allow everything ----------------------------------------------------------


def assert_only_nan(couplings, undefined_pre, undefined_post):
    """Exactly the rows and columns of some neurons are NaN, the diagonal aside."""
    n = len(couplings.values)
    expected = np.eye(n, dtype=bool)
    expected[undefined_pre, :] = True
    expected[:, undefined_post] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_constant_neuron(record_of, count):
    counts = correlated_counts(2000)
    counts[:, 2] = count
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[2\] have the same count in every bin"):
        couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert_only_nan(couplings, [2], [2])
    others = estimate("glm", record_of(np.delete(counts, 2, axis=1)), bin_steps=10)
    kept = np.arange(N) != 2
    np.testing.assert_allclose(couplings.values[np.ix_(kept, kept)], others.values, atol=1e-7)
    assert np.isnan(couplings.arrays["intercepts"]).tolist() == (~kept).tolist()


def test_duplicated_neuron(record_of):
    counts = correlated_counts(2000)
    counts[:, 4] = counts[:, 1]
    with pytest.warns(CollinearNeuronsWarning, match=r"neurons \[1, 4\] are linearly dependent"):
        couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert_only_nan(couplings, [1, 4], [1, 4])
    others = estimate("glm", record_of(np.delete(counts, 4, axis=1)), bin_steps=10)
    np.testing.assert_allclose(
        couplings.values[np.ix_([0, 2, 3, 5], [0, 2, 3, 5])],
        others.values[np.ix_([0, 2, 3, 4], [0, 2, 3, 4])],
        atol=1e-7,  # the duplicate is still a covariate once
    )


def test_neuron_that_is_the_sum_of_two(record_of):
    counts = correlated_counts(2000)
    counts[:, 5] = counts[:, 0] + counts[:, 3]
    with pytest.warns(CollinearNeuronsWarning, match=r"neurons \[0, 3, 5\] are linearly dependent"):
        couplings = estimate("glm", record_of(counts, bin_steps=20), bin_steps=20)
    assert_only_nan(couplings, [0, 3, 5], [0, 3, 5])


def test_two_equal_neurons_alone(record_of):
    counts = np.repeat(correlated_counts(100)[:, :1], 2, axis=1)
    with pytest.warns(CollinearNeuronsWarning), pytest.warns(NoCouplingsWarning):
        couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert np.isnan(couplings.values).all()


def estimate_with_warning(record, **options):
    """Couplings of a record of which some have no finite value."""
    with pytest.warns(SeparableCountsWarning):
        return estimate("glm", record, bin_steps=10, **options)


def assert_only_pairs_are_nan(couplings, pairs):
    """Exactly these couplings are NaN, the diagonal aside."""
    expected = np.eye(len(couplings.values), dtype=bool)
    expected[tuple(np.transpose(pairs))] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)


def assert_limit_equals_sklearn(couplings, counts, pre, post, rows, intercept=True):
    """All but the coupling from pre to post equal scikit-learn's fit to some rows, without pre."""
    others = [i for i in range(counts.shape[1]) if i not in (pre, post)]
    slopes, constant = sklearn_fit(counts[rows][:, others], counts[rows, post])
    np.testing.assert_allclose(couplings.values[others, post], slopes, atol=1e-4)
    if intercept:
        assert couplings.arrays["intercepts"][post] == pytest.approx(constant, abs=1e-4)


def test_pair_that_never_fires_together(record_of):
    counts = correlated_counts(2000)
    counts[counts[:, 3] > 0, 1] = 0
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[1, 3\] never fire in the bins"):
        couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert_only_pairs_are_nan(couplings, [(1, 3), (3, 1)])
    assert_equals_sklearn(couplings, counts, targets=(0, 2, 4, 5))
    # In the limit, bins in which the one fires say nothing more of the other.
    for pre, post in ((1, 3), (3, 1)):
        assert_limit_equals_sklearn(couplings, counts, pre, post, counts[:, pre] == 0)
    assert np.isfinite(couplings.arrays["intercepts"]).all()
    assert couplings.diagnostics["n_not_converged"] == 0
    ridged = estimate("glm", record_of(counts), bin_steps=10, ridge=0.01)  # has a maximum
    assert_equals_sklearn(ridged, counts, ridge=0.01)


def test_neuron_that_fires_only_where_another_one_does(record_of):
    counts = (correlated_counts(2000) > 0).astype(int)
    counts[counts[:, 3] == 0, 1] = 0
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[1\] never fire .* or only in those"):
        couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert_only_pairs_are_nan(couplings, [(3, 1)])
    assert_equals_sklearn(couplings, counts, targets=(0, 2, 3, 4, 5))
    assert_limit_equals_sklearn(couplings, counts, 3, 1, counts[:, 3] == 1, intercept=False)
    assert np.isnan(couplings.arrays["intercepts"]).tolist() == [False, True] + 4 * [False]


def test_neurons_that_only_together_have_no_finite_value(record_of):
    """0 fires in bins of 1 or of 2, which never fire together, and in no others: all three go to infinity."""
    rng = np.random.default_rng(4)
    counts = (rng.random((3000, 5)) < 0.2).astype(int)
    counts[counts[:, 1] > 0, 2] = 0
    counts[counts[:, 1] + counts[:, 2] == 0, 0] = 0
    couplings = estimate_with_warning(record_of(counts))
    assert_only_pairs_are_nan(couplings, [(1, 0), (2, 0), (1, 2), (2, 1)])
    rows = counts[:, 1] + counts[:, 2] == 1
    slopes, _ = sklearn_fit(counts[rows][:, [1, 3, 4]], counts[rows, 0])  # 1 or 2 fires
    np.testing.assert_allclose(couplings.values[[3, 4], 0], slopes[1:], atol=1e-4)


def test_pairs_that_hardly_ever_fire_together(record_of):
    """A subsample of the bins, which starts the fit, holds no such bin."""
    counts = (np.random.default_rng(1).random((60_000, N)) < 0.1).astype(int)
    for other in (2, 3, 4, 5):
        together = np.flatnonzero(counts[:, other] & counts[:, 1])
        counts[together[2:], 1] = 0
    couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert couplings.values[2:, 1].max() < -5
    assert couplings.diagnostics["passes"] < 40
    assert_equals_sklearn(couplings, counts)


def test_strong_inhibition_in_short_bins(sparse_simulation):
    record = sparse_simulation(r=4e-4)
    couplings = estimate("glm", record, bin_steps=20)
    assert couplings.diagnostics["passes"] < 20
    assert_equals_sklearn(couplings, BinnedCounts(record, 20).all().astype(float), targets=(2, 6, 7, 8))


def test_neuron_that_hardly_ever_fires(record_of):
    counts = correlated_counts(30_000)
    counts[:, 2] = 0
    counts[np.random.default_rng(8).choice(30_000, 60, replace=False), 2] = 1
    couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert couplings.diagnostics["passes"] < 40
    assert_equals_sklearn(couplings, counts)


def test_neuron_that_is_silent_in_the_sample(record_of):
    """The sample, every 42nd bin, knows nothing of it: it costs no other neuron anything."""
    counts = correlated_counts(30_000)
    counts[:, 2] = 0
    counts[21 + 42 * np.arange(0, 700, 10), 2] = 1
    couplings = estimate("glm", record_of(counts), bin_steps=10)
    assert couplings.diagnostics["n_not_converged"] == 0
    assert_equals_sklearn(couplings, counts)


def test_a_bin_that_overthrows_what_the_sample_says(record_of):
    """One bin, which the sample lacks, has 200 spikes of a neuron that excites another, silent one."""
    rng = np.random.default_rng(6)
    counts = rng.poisson(0.3, (30_000, 4))
    counts[:, 1] = rng.poisson(np.exp(-2.0 + 2.0 * (counts[:, 0] > 0) + counts[:, 0]).clip(max=9))
    counts[22] = [200, 0, 0, 0]
    couplings = estimate("glm", record_of(counts, bin_steps=250), bin_steps=250)
    assert_equals_sklearn(couplings, counts)


@pytest.mark.parametrize("rate", [0.03, 0.8])
def test_as_many_bins_as_coefficients_are_too_few(record_of, rate):
    counts = np.random.default_rng(1).poisson(rate, (10, 4))
    counts[[0, 1, 2, 3], [0, 1, 2, 3]] += 1
    with pytest.raises(ValueError, match="9 bins are too few for 9 coefficients"):
        estimate("glm", record_of(counts), bin_steps=10, lags=[0, 1])


def test_too_few_passes(record_of):
    with pytest.warns(NotConvergedWarning, match=r"\[0, 1, 2, 3, 4, 5\] did not reach .* in 1 passes"):
        couplings = estimate("glm", record_of(correlated_counts(5000)), bin_steps=10, max_passes=1)
    assert np.isnan(couplings.values).all()
    assert couplings.diagnostics["n_not_converged"] == N
    assert couplings.diagnostics["largest_scaled_gradient"] is None
    assert couplings.diagnostics["passes"] == 1


def test_data_that_allow_nothing(record_of):
    counts = correlated_counts(2000)
    with pytest.raises(ValueError, match="6 bins are too few for 6 neurons"):
        estimate("glm", record_of(counts[:6]), bin_steps=10)
    with pytest.raises(ValueError, match="9 bins are too few for 13 coefficients"):
        estimate("glm", record_of(counts[:10]), bin_steps=10, lags=[0, 1])
    with pytest.raises(ValueError, match="longer than every trial"):
        estimate("glm", record_of(counts[:10]), bin_steps=101)
    counts[:, 1:] = 2
    with pytest.warns(ConstantNeuronWarning), pytest.raises(ValueError, match="only 1 of 6 neurons"):
        estimate("glm", record_of(counts), bin_steps=10)


def test_past_counts_that_depend_on_each_other(record_of):
    counts = correlated_counts(2000)
    counts[1:, 4] = counts[:-1, 0]  # an echo: known at lag 0, it tells the other one's past
    with pytest.raises(ValueError, match=r"neurons \[0, 4\] at lags=\[0, 1\] are constant or linearly dep"):
        estimate("glm", record_of(counts), bin_steps=10, lags=[0, 1])
    counts[:, 4] = 0
    counts[0, 4] = 1  # varies, but not among the bins that have a past
    with pytest.raises(ValueError, match=r"neurons \[4\] at lags=\[1\]"):
        estimate("glm", record_of(counts), bin_steps=10, lags=[1])


@pytest.mark.parametrize("lags", [[], [-1], [1, 1]])
def test_wrong_lags(record_of, lags):
    with pytest.raises(ValueError, match=r"lags.* = .* a whole number >= 0"):
        estimate("glm", record_of(correlated_counts(100)), bin_steps=10, lags=lags)
