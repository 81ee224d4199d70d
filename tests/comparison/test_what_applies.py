"""What the paper's numbers apply to: networks, and configs."""

import numpy as np
import pytest

from circuitbias.comparison import published_network
from circuitbias.config import compares_with_paper, load_config
from circuitbias.networks import Network, ring_network


def silencing(*neurons, others=1.0):
    drive = np.full(100, others)
    drive[list(neurons)] = 0.0
    return Network(ring_network().weights, np.arange(100), drive, "ring", True, {})


def test_the_networks_of_the_paper():
    assert published_network(silencing()) == "ring"
    assert published_network(silencing(0)) == published_network(silencing(57)) == "ring_pinned"
    assert published_network(silencing(0, 50)) is None
    assert published_network(silencing(0, others=2.0)) is None
    weights = np.array(ring_network().weights)
    weights[3, 4] += 2e-12
    near = Network(weights, np.arange(100), np.ones(100), "near", False, {})
    assert published_network(near) is None
    weights[3, 4] -= 1.5e-12
    assert published_network(Network(weights, np.arange(100), np.ones(100), "same", False, {})) == "ring"


@pytest.mark.parametrize(
    ("config", "same"),
    [
        ({}, True),
        ({"network": {"family": "ring", "pinned": True}}, True),
        ({"strengths": [0.01, 0.02]}, True),
        ({"simulation": {"n_spikes": 5000}}, True),
        ({"thresholds": [1.1e-3], "strengths": [0.01]}, False),
        ({"generator": {"tau_ms": 20.0}}, False),
        ({"generator": {"dt_ms": 0.05}}, False),
        ({"network": {"family": "ring", "a2": 1.001}}, False),
        ({"network": {"family": "ring", "n_neurons": 50}, "thresholds": [1e-3], "strengths": [0.01]}, False),
        ({"network": {"family": "sparse"}, "thresholds": [1e-3], "strengths": [0.01]}, False),
    ],
)
def test_only_the_model_network_and_thresholds_of_the_paper_are_compared(config, same):
    assert compares_with_paper(load_config(config)) == same
