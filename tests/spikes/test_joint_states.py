"""Joint states: counted by hand, entropies of distributions that are known."""

import math

import numpy as np
import pytest

from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.substates import divergence_bits, entropy_bits, grassberger_bits, state_counts


def test_states_of_three_neurons_by_hand():
    # Bins of 10 steps: neurons 0 and 1; none; 2 twice. Windows of two: (0, 1), (1, 2), (2, 0).
    spikes = SpikeRecord.from_events([0, 9, 20, 25], [0, 1, 2, 2], n_neurons=3, n_steps=30)
    # on(0, 1) = 3, on(1, 2) = first alone: 1, on(2, 0) = second alone: 2; thrice 0; 0, 2, 1.
    assert state_counts(spikes, 2, 10).tolist() == [[4, 2, 2, 1]]
    assert state_counts(spikes, 2, 10, n_blocks=3).tolist() == [[0, 1, 1, 1], [3, 0, 0, 0], [1, 1, 1, 0]]
    with pytest.raises(ValueError, match="1 to 3 neurons"):
        state_counts(spikes, 4, 10)


@pytest.mark.parametrize("n_samples", [300, 3000])
def test_entropy_of_known_distributions(n_samples):
    """Of 256 equal states, and of a geometric one: naive entropies of 300 samples are far too small."""
    rng = np.random.default_rng(2)
    geometric = 0.1 * 0.9 ** np.arange(256)
    for p in (np.full(256, 1 / 256), geometric / geometric.sum()):
        truth = -(p * np.log2(p)).sum()
        draws = [rng.multinomial(n_samples, p) for _ in range(200)]
        naive, better = (np.mean([f(d) for d in draws]) - truth for f in (entropy_bits, grassberger_bits))
        assert abs(better) < 0.15 * abs(naive) + 0.003
        assert naive < -0.3 * ((p > 1 / n_samples).sum() - 1) / (2 * n_samples * math.log(2))
    assert entropy_bits([5, 0]) == 0 and entropy_bits([4, 4]) == 1


def test_divergence_of_known_distributions():
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(64), 2)
    p, q = (0.5 * one + 0.5 / 64 for one in (p, q))
    truth = (p * np.log2(p / q)).sum()
    found = [divergence_bits(rng.multinomial(4000, p), rng.multinomial(4000, q)) for _ in range(300)]
    assert np.mean(found) == pytest.approx(truth, abs=4 * np.std(found) / 300**0.5 + 0.002)
    equal = [divergence_bits(rng.multinomial(4000, p), rng.multinomial(4000, p)) for _ in range(300)]
    assert abs(np.mean(equal)) < 0.002  # naive: 63 / 4000 / ln 2 = .023
    assert math.isfinite(divergence_bits([10, 0], [0, 10]))


@pytest.mark.parametrize("n_samples", [50, 200])
def test_few_samples_of_unlike_distributions_do_not_make_a_divergence_smaller(n_samples):
    """Four states that p and q show often: the mean over many draws is the truth, worked out by hand."""
    rng = np.random.default_rng(5)
    p, q = np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.1, 0.3, 0.3, 0.3])
    truth = 0.7 * math.log2(7) - 0.3 * math.log2(3)
    drawn = zip(rng.multinomial(n_samples, p, 8000), rng.multinomial(n_samples, q, 8000), strict=True)
    found = [divergence_bits(*one) for one in drawn]
    error = np.std(found) / 8000**0.5
    assert np.mean(found) == pytest.approx(truth, abs=3 * error)
