"""Scores of observed spikes against sums over all histories of the hidden ones, and their floors."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors.floor_hidden import hidden_floor, marginal_scores
from circuitbias.likelihood.link import ThresholdLink
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

RHO = 0.4  # spikes in every few steps, so that ten steps hold some
LINK = ThresholdLink(RHO)
DECAY = 0.8


def log_likelihood(seen, coefficients):
    """Of the spikes of the first neurons, by adding up all histories of the last one."""
    n_steps, n_seen = seen.shape
    total = 0.0
    for hidden in product([0, 1], repeat=n_steps):
        spikes = np.column_stack([seen, hidden])
        s, likelihood = np.zeros(n_seen + 1), 1.0
        for row in spikes:
            p = RHO * norm.cdf(s @ coefficients[:-1] + coefficients[-1])
            likelihood *= np.where(row, p, 1 - p).prod()
            s = s * DECAY + row
        total += likelihood
    return np.log(total)


def test_scores_are_slopes_of_the_sum_over_all_histories():
    rng = np.random.default_rng(2)
    coefficients = rng.normal(0, 0.6, (3, 2))
    coefficients[-1] = -0.2
    seen = (rng.random((8, 1)) < 0.3).astype(np.uint8)
    found = marginal_scores(
        seen, coefficients, DECAY, LINK.log_odds, LINK.log_silence, 20_000, 2, 5, rng
    ).cumsum(0)
    for n_blocks in (1, 2, 4):  # the score of the observations up to there
        part = seen[: 2 * n_blocks]
        for target, source in product(range(2), range(3)):
            moved = np.repeat(coefficients[None], 2, axis=0)
            moved[:, source, target] += [-1e-4, 1e-4]
            low, high = (log_likelihood(part, at) for at in moved)
            expected = (high - low) / 2e-4
            assert found[n_blocks - 1, target * 3 + source] == pytest.approx(expected, abs=0.04)


def recording(weights, n_steps, seed=1, r=1e-4):
    n = len(weights)
    network = Network(weights, np.arange(n), np.ones(n), "test", False, {})
    parameters = ThresholdParameters(r=r, theta=1.2e-3)
    segments = list(simulate(network, parameters, seed=seed, n_steps=n_steps))
    return network, parameters, SpikeRecord(n, parameters.dt_ms, segments)


def test_without_hidden_neurons_it_is_the_information_of_all_spikes():
    """The squares of the blocks' scores add up to what the lattice says, but for their noise."""
    weights = -np.random.default_rng(1).uniform(0.3, 1.2, (3, 3))
    floor = hidden_floor(*recording(weights, 150_000), np.arange(3), n_particles=1)
    assert floor.known == floor.unknown == pytest.approx(floor.seen, rel=0.1)
    assert floor.score_chi2 < 1 + 4 * np.sqrt(2 / 12)


def test_a_hidden_neuron_costs_nothing_if_it_does_nothing_or_is_known():
    weights = -np.random.default_rng(1).uniform(0.3, 1.2, (3, 3))
    weights[2, :2] = 0  # it listens
    listens = hidden_floor(*recording(weights, 100_000), [0, 1], n_particles=60)
    assert listens.known == pytest.approx(listens.seen, rel=0.12)


def test_hidden_neurons_of_unknown_wiring_raise_the_floor():
    """More than those whose wiring is known, and these more than none: two of four, strongly coupled."""
    weights = -np.random.default_rng(1).uniform(0.6, 1.5, (4, 4))
    np.fill_diagonal(weights, 0)
    floor = hidden_floor(*recording(weights, 100_000), [0, 1], n_particles=60)
    assert floor.unknown > 1.5 * floor.known
    assert floor.unknown > 1.5 * floor.seen
