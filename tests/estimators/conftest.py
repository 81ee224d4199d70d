from itertools import product

import numpy as np
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

N = 12


@pytest.fixture(scope="session")
def ising_record(record_of):
    """Make a record whose bins of one step are distributed as an Ising model of counts 0 and 1 has it.

    The states are enumerated, each as often as it is expected: there is no sampling error, only rounding.
    """

    def ising_record(couplings, biases, n_bins=400_000):
        states = np.array(list(product((0, 1), repeat=len(biases))))
        log_weights = ((states @ np.triu(couplings, 1)) * states).sum(axis=1) + states @ biases
        probabilities = np.exp(log_weights) / np.exp(log_weights).sum()
        return record_of(np.repeat(states, np.rint(n_bins * probabilities).astype(int), axis=0), bin_steps=1)

    return ising_record


@pytest.fixture(scope="session")
def sparse_weights():
    """14 inhibitory connections among 12 neurons, hardly any of them mutual."""
    pairs = np.argwhere(~np.eye(N, dtype=bool))
    weights = np.zeros((N, N))
    weights[tuple(np.random.default_rng(5).permutation(pairs)[:14].T)] = -1
    return weights


@pytest.fixture(scope="session")
def sparse_simulation(sparse_weights):
    """Simulate that network at some strength for about 100 s, in several segments."""

    def sparse_simulation(r):
        network = Network(sparse_weights, np.arange(N), np.ones(N), "sparse", False, {})
        parameters = ThresholdParameters(r=r, theta=1.36e-3)
        segments = simulate(network, parameters, seed=1, n_spikes=60_000, chunk_steps=20_011)
        return SpikeRecord(N, parameters.dt_ms, list(segments))

    return sparse_simulation


@pytest.fixture(scope="session")
def sparse_record(sparse_simulation):
    """A recording at which connections are plain to see."""
    return sparse_simulation(r=2e-4)
