"""Naive mean field: minus the inverse covariance of the counts."""

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import CollinearNeuronsWarning, ConstantNeuronWarning
from circuitbias.spikes.binning import BinnedCounts

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N = 5


def counts_with_shared_input(n_bins, seed=0):
    rng = np.random.default_rng(seed)
    return np.minimum(rng.poisson(0.5, (n_bins, N)) + rng.poisson(0.5, (n_bins, 1)) * [1, 1, 0, 0, 1], 10)


def minus_inverse_covariance(counts):
    values = -np.linalg.inv(np.cov(counts.T, ddof=0))
    np.fill_diagonal(values, np.nan)
    return values


@pytest.mark.parametrize("binarise", [False, True])
def test_equals_minus_the_inverse_covariance(record_of, binarise):
    trials = [counts_with_shared_input(n_bins, seed) for seed, n_bins in enumerate((700, 300))]
    couplings = estimate("mean_field", record_of(trials, segment_steps=999), bin_steps=10, binarise=binarise)
    counts = np.vstack(trials)
    counts = (counts > 0).astype(int) if binarise else counts
    np.testing.assert_allclose(couplings.values, minus_inverse_covariance(counts), rtol=1e-9)
    assert couplings.diagnostics["n_bins"] == 1000
    assert couplings.diagnostics["n_counts"] == counts.sum()
    assert couplings.diagnostics["condition_number"] == pytest.approx(np.linalg.cond(np.corrcoef(counts.T)))


def test_strongly_correlated_ring(ring_record):
    counts = BinnedCounts(ring_record, 100).all()
    np.testing.assert_allclose(
        estimate("mean_field", ring_record).values, minus_inverse_covariance(counts), rtol=1e-7
    )


def test_two_neurons_by_hand(record_of):
    """Joint counts (0,0), (0,0), (1,0), (1,1): covariance [[1/4, 1/8], [1/8, 3/16]], determinant 1/32."""
    couplings = estimate("mean_field", record_of(np.array([[0, 0], [0, 0], [1, 0], [1, 1]])), bin_steps=10)
    np.testing.assert_allclose(couplings.values, [[np.nan, 4], [4, np.nan]])


def test_a_chain_couples_neighbours_only(record_of):
    """Counts that each depend on the one before are uncoupled two apart, given the one between."""
    rng = np.random.default_rng(4)
    counts = np.zeros((40_000, 3), dtype=int)
    counts[:, 0] = rng.binomial(8, 0.5, 40_000)
    for neuron in (1, 2):
        counts[:, neuron] = rng.binomial(counts[:, neuron - 1], 0.5) + rng.binomial(4, 0.5, 40_000)
    values = estimate("mean_field", record_of(counts, bin_steps=12), bin_steps=12).values
    # counts[:, 1] = 0.5 counts[:, 0] + noise of variance 1 + 1; likewise for neuron 2.
    assert values[0, 1] == pytest.approx(0.5 / 2, rel=0.05)
    assert values[1, 2] == pytest.approx(0.5 / 2, rel=0.05)
    assert values[0, 2] == pytest.approx(0, abs=0.02)
    np.testing.assert_allclose(values, values.T)


@pytest.mark.parametrize("count", [0, 2])
def test_constant_neuron(record_of, count):
    counts = counts_with_shared_input(500)
    counts[:, 3] = count
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[3\] have the same count in every bin"):
        values = estimate("mean_field", record_of(counts), bin_steps=10).values
    assert np.isnan(values[3]).all()
    assert np.isnan(values[:, 3]).all()
    kept = np.arange(N) != 3
    np.testing.assert_allclose(
        values[np.ix_(kept, kept)], minus_inverse_covariance(counts[:, kept]), rtol=1e-9
    )


@pytest.mark.parametrize("summed", [[2], [2, 3]], ids=["duplicate", "sum of two"])
def test_linearly_dependent_neurons(record_of, summed):
    counts = counts_with_shared_input(500)
    counts[:, 1] = counts[:, summed].sum(axis=1)
    undefined = [1, *summed]
    with pytest.warns(CollinearNeuronsWarning) as caught:
        values = estimate("mean_field", record_of(counts, bin_steps=20), bin_steps=20).values
    assert str(undefined) in str(caught[0].message)
    kept = np.setdiff1d(np.arange(N), undefined)
    expected = np.ones((N, N), dtype=bool)
    expected[np.ix_(kept, kept)] = np.eye(len(kept), dtype=bool)
    np.testing.assert_array_equal(np.isnan(values), expected)
    without = minus_inverse_covariance(np.delete(counts, 1, axis=1))  # nothing is lost without the sum
    place = kept - 1 * (kept > 1)
    np.testing.assert_allclose(values[np.ix_(kept, kept)], without[np.ix_(place, place)], rtol=1e-7)


def test_too_little_data(record_of):
    with pytest.raises(ValueError, match="5 bins are too few for 5 neurons"):
        estimate("mean_field", record_of(counts_with_shared_input(5)), bin_steps=10)
    counts = counts_with_shared_input(100)
    counts[:, 1:] = 0
    with pytest.warns(ConstantNeuronWarning), pytest.raises(ValueError, match="only 1 of 5 neurons"):
        estimate("mean_field", record_of(counts), bin_steps=10)
