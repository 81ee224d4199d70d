"""Metropolis sweeps: kernel against reference, Boltzmann's distribution by counting, published numbers."""

from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

import circuitbias as cb
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, fill_words, uniforms
from circuitbias.dynamics.models.ising import Ising
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.spikes.binning import BinnedCounts


def network(weights):
    n = len(weights)
    return Network(weights, np.arange(n), np.ones(n), "test", False, {})


def some_network(n=7):
    rng = np.random.default_rng(3)
    return network(rng.normal(0, 0.2, (n, n)) * (rng.random((n, n)) < 0.7))  # asymmetric, with a diagonal


def states_of(net, r, theta, n_sweeps, seed=5, trial=1, **options):
    engine = Ising().engine(net, r=r, theta=theta)
    states = np.zeros((n_sweeps, net.n_neurons), dtype=bool)
    for segment in simulate(net, engine, seed=seed, n_steps=n_sweeps, trials=2, burn_in=0, **options):
        if segment.trial == trial:
            states[segment.steps, segment.neurons] = True
    return states


@pytest.mark.parametrize(
    ("net", "r", "theta"),
    [(some_network(), 1.0, 0.3), (ring_network(), 60.0, 0.0), (some_network(2), 2.0, -0.4)],
)
def test_states_equal_those_of_the_reference(net, r, theta):
    n, n_sweeps = net.n_neurons, 200
    words = np.zeros((n_sweeps // 2, 4, n), dtype=np.uint32)
    for block, of_block in enumerate(words):
        fill_words(of_block, np.uint64(5), 1, block, 0)
    x = np.where(uniforms(5, 1, 0, 1, n, STREAM_INITIAL_STATE)[0] < 0.5, 1, -1)
    expected = Ising().reference(net, r=r, theta=theta, words=words.reshape(n_sweeps, 2, n), x=x)
    states = states_of(net, r, theta, n_sweeps)
    assert np.array_equal(states, expected) and 0.1 < states.mean() < 0.9
    assert np.array_equal(states, states_of(net, r, theta, n_sweeps, chunk_steps=3, threads=2))
    sparse = Network(csr_array(net.weights), net.positions, net.drive_scale, "test", False, {})
    assert np.array_equal(states, states_of(sparse, r, theta, n_sweeps))
    assert not np.array_equal(states, states_of(net, r, theta, n_sweeps, trial=0))


def test_samples_are_those_of_the_distribution():
    weights = some_network(5).weights
    weights = (weights + weights.T) / 2
    np.fill_diagonal(weights, 0)
    states = states_of(network(weights), 1.0, 0.2, 400_000, trial=0)
    found = np.bincount(states @ (1 << np.arange(5)), minlength=32) / len(states)
    x = np.array([s[::-1] for s in product((-1, 1), repeat=5)])
    weight = np.exp(np.einsum("sj,jk,sk->s", x, weights, x) - 0.2 * x.sum(axis=1))
    expected = weight / weight.sum()
    # Samples of one sweep to the next are hardly correlated: twice the error of independent ones, five times.
    assert np.all(np.abs(found - expected) < 5 * 2 * np.sqrt(expected / len(states)))


def test_two_neurons_by_hand():
    # P(equal) : P(different) = exp(2 J) : exp(-2 J), every pair counts twice; J = r W0 = 0.25.
    states = states_of(network(np.array([[9.0, 0.5], [0.5, 9.0]])), 0.5, 0.0, 200_000)
    equal = (states[:, 0] == states[:, 1]).mean()
    assert equal == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.005)  # exp(4 J) = e


def test_order_is_a_fair_shuffle():
    # In independent neurons with exp(-2 x theta) > 1 or < 1 the order makes no difference, so look at the
    # sums: a neuron that is certain to follow another one does so at once if it is visited later, in half
    # the sweeps.
    net = network(np.array([[0.0, 1.0], [0.0, 0.0]]))  # 0 drives 1; 0 is free and flips at every visit
    states = states_of(net, 50.0, 0.0, 20_000)
    assert np.all(states[1:, 0] != states[:-1, 0])
    assert (states[:, 0] == states[:, 1]).mean() == pytest.approx(0.5, abs=0.02)


def test_rates_follow_the_field():
    net = network(np.zeros((20, 20)))
    spikes = cb.simulate(net, r=1.0, theta=0.5, n_spikes=50_000, generator="ising")
    per_sweep = spikes.n_spikes / (20 * spikes.trial_steps.sum())
    assert per_sweep == pytest.approx(1 / (1 + np.exp(2 * 0.5)), abs=0.005)
    ring = ring_network(20, 1.4, 1.41)
    spikes = cb.simulate(ring, r=30.0, rate_hz=20.0, n_spikes=50_000, generator="ising")
    assert spikes.n_spikes / (20 * spikes.trial_steps.sum()) == pytest.approx(0.2, abs=0.005)


@pytest.mark.slow
def test_published_couplings_come_out():
    """The authors' MPF on 5e4 samples at r = 30 (inference_data_ising_5e4), by 9900 couplings."""
    ring = ring_network()
    spikes = cb.simulate(ring, r=30.0, n_spikes=2_500_000, generator="ising")
    assert BinnedCounts(spikes, 1).n_bins == pytest.approx(5e4, rel=0.01)  # mean activity a half
    errors = cb.compare(ring, cb.infer(spikes, "mpf", bin_steps=1))
    assert errors["variance"] == pytest.approx(0.1265, rel=0.03)
    assert errors["bias"] == pytest.approx(0.021, abs=0.006)
