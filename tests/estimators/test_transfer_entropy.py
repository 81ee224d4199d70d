"""Transfer entropy against brute force over the list of states, and examples worked by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import ConstantNeuronWarning

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N = 4


def counts_with_delays(n_bins, seed=0):
    """Counts in which neuron 1 follows neuron 0 after a bin, 2 avoids it, and 3 follows itself."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.4, (n_bins, N))
    counts[1:, 1] += counts[:-1, 0] * (rng.random(n_bins - 1) < 0.6)
    counts[1:, 2] *= counts[:-1, 0] == 0
    counts[1:, 3] += counts[:-1, 3] > 0
    return np.minimum(counts, 10)


def by_brute_force(trials, lag, pre, post):
    """Entropies of the lists of states: I(A; C | B) = H(AB) + H(BC) - H(ABC) - H(B)."""
    triples = [
        (int(x[t - lag, pre] > 0), int(x[t - lag, post] > 0), int(x[t, post] > 0))
        for x in trials
        for t in range(lag, len(x))
    ]

    def entropy(states):
        return -sum(m / len(states) * math.log2(m / len(states)) for m in Counter(states).values())

    information = (
        entropy([(a, b) for a, b, _ in triples])
        + entropy([(b, c) for _, b, c in triples])
        - entropy(triples)
        - entropy([b for _, b, _ in triples])
    )
    covariance = 0.0
    for state in {b for _, b, _ in triples}:
        a, c = np.array([(a, c) for a, b, c in triples if b == state]).T
        covariance += len(a) * (np.mean(a * c) - np.mean(a) * np.mean(c))
    return information, np.sign(covariance), len(triples)


@pytest.mark.parametrize("lag", [1, 2, 5])
@pytest.mark.parametrize("memory_mb", [0.05, 100])
def test_equals_brute_force(record_of, lag, memory_mb):
    """In trials, one of them too short, and in blocks of 97 bins that the lag must reach across."""
    trials = [counts_with_delays(n_bins, seed) for seed, n_bins in enumerate((301, 2, 200))]
    record = record_of(trials, segment_steps=777)
    signed, unsigned = (
        estimate(
            "transfer_entropy",
            record,
            bin_steps=10,
            lag=lag,
            signed=signed,
            memory_mb=memory_mb,
            device="cpu",
        )
        for signed in (True, False)
    )
    for i, j in np.argwhere(~np.eye(N, dtype=bool)):
        information, sign, n_triples = by_brute_force(trials, lag, i, j)
        assert unsigned.values[i, j] == pytest.approx(information, abs=1e-13)
        assert signed.values[i, j] == pytest.approx(sign * information, abs=1e-13)
    assert np.isnan(signed.values.diagonal()).all()
    assert signed.diagnostics["n_bins"] == n_triples
    if lag == 1:
        assert signed.values[0, 1] > 0.05
        assert signed.values[0, 2] < -0.05
        assert unsigned.values[0, 2] > 0.05


@pytest.mark.parametrize("opposite, sign", [(False, 1), (True, -1)])
def test_a_copy_by_hand(record_of, opposite, sign):
    """Neuron 1 copies neuron 0 one bin later (or does the opposite).

    Neuron 0 goes through 0 0 0 1 0 1 1 1, in which each pair of successive states is there twice, again and
    again: neuron 0 says all of neuron 1's next state, 1 bit that its own past does not know; neuron 1 says
    nothing of neuron 0's.
    """
    cycle = [0, 0, 0, 1, 0, 1, 1, 1]
    first = np.array(cycle * 3 + [0, 0, 0])
    second = np.roll(first, 1) ^ opposite
    record = record_of(np.column_stack([first, second])[2:], bin_steps=1)  # 24 pairs of successive bins
    couplings = estimate("transfer_entropy", record, bin_steps=1)
    assert couplings.values[0, 1] == pytest.approx(sign * 1.0)
    assert couplings.values[1, 0] == pytest.approx(0.0, abs=1e-12)
    assert couplings.diagnostics["expected_bias_bits"] == pytest.approx(1 / (24 * math.log(2)))


def test_four_bins_by_hand(record_of):
    """The past of neuron 0 is 1, 1, 0, that of neuron 1 silent, the present 1, 0, 0 and 0, 0, 1."""
    record = record_of(np.array([[1, 0], [1, 0], [0, 0], [0, 1]]), bin_steps=1)
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[1\]"):
        couplings = estimate("transfer_entropy", record, bin_steps=1)
    # Neuron 0 says all of neuron 1's present, of an entropy H(1/3), with a minus.
    assert couplings.values[0, 1] == pytest.approx(1 / 3 * math.log2(1 / 3) + 2 / 3 * math.log2(2 / 3))
    assert np.isnan(couplings.values[1, 0])
    assert couplings.diagnostics["n_bins"] == 3


def test_the_expected_bias_is_that_of_independent_neurons(record_of):
    """Twice the log-likelihood ratio is distributed as chi-squared with two degrees of freedom."""
    counts = np.random.default_rng(3).poisson(0.6, (20_000, 30))
    couplings = estimate("transfer_entropy", record_of(counts), bin_steps=10, signed=False)
    bits = couplings.values[~np.eye(30, dtype=bool)]
    ratio = 2 * couplings.diagnostics["n_bins"] * math.log(2) * bits
    assert kstest(ratio, chi2(2).cdf).pvalue > 0.01
    standard_error = 1 / np.sqrt(len(bits))  # of a mean of exponentials, relative
    assert bits.mean() == pytest.approx(couplings.diagnostics["expected_bias_bits"], rel=4 * standard_error)


@pytest.mark.parametrize("count", [0, 2])
def test_constant_neuron(record_of, count):
    counts = counts_with_delays(500)
    counts[:, 3] = count
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[3\] have the same count in every bin"):
        values = estimate("transfer_entropy", record_of(counts), bin_steps=10).values
    undefined = np.eye(N, dtype=bool)
    undefined[3] = undefined[:, 3] = True
    np.testing.assert_array_equal(np.isnan(values), undefined)


def test_wrong_lags(record_of):
    record = record_of([counts_with_delays(5), counts_with_delays(3)])
    with pytest.raises(ValueError, match="lag = 0: must be a whole number >= 1"):
        estimate("transfer_entropy", record, bin_steps=10, lag=0)
    with pytest.raises(ValueError, match=r"lag=5 is as long as every trial \(longest: 5 bins\)"):
        estimate("transfer_entropy", record, bin_steps=10, lag=5)
