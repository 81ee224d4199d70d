from itertools import product

import numpy as np
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import Segment, SpikeRecord

N = 12


@pytest.fixture(scope="session")
def record_of():
    """Make a record with given counts: an array (n_bins, n_neurons), or a list of them, one a trial.

    With ``segment_steps`` a trial comes in segments of that length.
    """

    def record_of(trials, bin_steps=10, segment_steps=None):
        trials = [np.asarray(counts) for counts in (trials if isinstance(trials, list) else [trials])]
        pieces = []
        for trial, counts in enumerate(trials):
            assert counts.max(initial=0) <= bin_steps
            n_bins, n_neurons = counts.shape
            raster = np.arange(bin_steps)[None, :, None] < counts[:, None, :]
            raster = raster.reshape(n_bins * bin_steps, n_neurons)
            for start in range(0, len(raster), segment_steps or max(len(raster), 1)):
                piece = raster[start : start + (segment_steps or len(raster))]
                steps, neurons = np.nonzero(piece)
                pieces.append(Segment(trial, start, len(piece), steps + start, neurons))
        return SpikeRecord(n_neurons, 0.1, pieces)

    return record_of


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


@pytest.fixture(scope="session")
def ring_record(ring):
    """The ring at its strongest coupling, where counts are strongly correlated."""
    parameters = ThresholdParameters(r=0.025, theta=7.35e-4)
    return SpikeRecord(ring.n_neurons, 0.1, list(simulate(ring, parameters, seed=1, n_spikes=300_000)))
