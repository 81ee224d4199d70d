"""Sparse random networks: how many inputs each neuron has, and from whom."""

import numpy as np
import pytest

from circuitbias.networks import Network, build_network, sparse_network


def test_every_neuron_has_its_inputs_and_none_from_itself():
    network = sparse_network(50, n_inputs=7, excitatory=0.6, inhibition=3.0, seed=4)
    weights = network.dense_weights()
    assert ((weights != 0).sum(axis=0) == 7).all() and not weights.diagonal().any()
    assert set(weights[:30].ravel()) == {0, 1 / 7} and set(weights[30:].ravel()) == {0, -3 / 7}
    assert network.weights.nnz == 350 and network.weights.has_sorted_indices


def test_all_others_can_be_inputs():
    assert (sparse_network(6, n_inputs=5, excitatory=1.0).dense_weights() == (1 - np.eye(6)) / 5).all()


def test_sources_are_drawn_evenly():
    outputs = (sparse_network(400, n_inputs=20).dense_weights() != 0).sum(axis=1)
    # out-degrees are binomial: mean 20, variance 20 (1 - 20/399)
    assert outputs.mean() == 20 and outputs.var() == pytest.approx(19, rel=0.25)


def test_the_seed_decides(tmp_path):
    one, again, other = (sparse_network(30, 5, seed=seed).dense_weights() for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    network = build_network({"family": "sparse", "n_neurons": 30, "n_inputs": 5})
    network.save(tmp_path / "network.npz")
    assert np.array_equal(Network.load(tmp_path / "network.npz").dense_weights(), one)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_neurons": 1}, "n_neurons = 1: must be a whole number >= 2"),
        ({"n_inputs": 10}, "n_inputs = 10: must be < n_neurons = 10"),
        ({"n_inputs": 2.5}, "n_inputs = 2.5: must be a whole number"),
        ({"excitatory": 1.1}, "excitatory = 1.1: must be a finite number >= 0 and <= 1"),
        ({"inhibition": -1}, "inhibition = -1.0: "),
        ({"seed": -1}, "seed = -1: "),
    ],
)
def test_bad_parameters_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        sparse_network(**{"n_neurons": 10, "n_inputs": 3} | change)
