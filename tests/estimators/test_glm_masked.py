"""The GLM masked by the graph of correlograms."""

import numpy as np
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate, glm_masked
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


@pytest.fixture(scope="module")
def inhibited():
    """Half of six neurons inhibit the next one."""
    weights = np.zeros((6, 6))
    weights[[0, 2, 4], [1, 3, 5]] = -1
    network = Network(weights, np.arange(6), np.ones(6), "pairs", False, {})
    parameters = ThresholdParameters(r=2e-4, theta=1.36e-3)
    return SpikeRecord(6, 0.1, list(simulate(network, parameters, seed=1, n_spikes=30_000)))


def test_the_glm_is_kept_where_the_graph_is_connected(inhibited):
    options = {"window_ms": 60.0, "connected_ms": 8.0}
    fitted = estimate("glm", inhibited, bin_steps=80)
    graph = estimate("correlogram_graph", inhibited, bin_steps=10, **options)
    masked = estimate("glm_masked", inhibited, bin_steps=80, correlogram_bin_steps=10, **options)
    connected = graph.arrays["connected"]
    assert 3 <= graph.diagnostics["n_connected"] < 15
    np.testing.assert_array_equal(masked.values[connected], fitted.values[connected])
    assert (masked.values[~connected & ~np.eye(6, dtype=bool)] == 0).all()
    np.testing.assert_array_equal(masked.arrays["connected"], connected)
    np.testing.assert_array_equal(masked.arrays["standard_errors"], fitted.arrays["standard_errors"])
    own = {name: masked.diagnostics[name] for name in ("method", "options", "traits")}
    more = {"n_connected": graph.diagnostics["n_connected"]}
    assert masked.diagnostics == fitted.diagnostics | more | own


def test_what_either_side_cannot_tell_stays_unknown(inhibited):
    fitted, graph = estimate("glm", inhibited), estimate("correlogram_graph", inhibited)
    i, j = np.argwhere(graph.arrays["connected"])[0]
    k, m = np.argwhere(~graph.arrays["connected"] & ~np.eye(6, dtype=bool))[0]
    fitted.values[i, j] = fitted.values[k, m] = np.nan
    masked = glm_masked.mask(fitted, graph)
    assert np.isnan(masked.values[i, j])
    assert masked.values[k, m] == 0  # not connected, whatever the fit
    graph.values[k, m] = np.nan
    assert np.isnan(glm_masked.mask(fitted, graph).values[k, m])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bin_steps": 0}, "bin_steps = 0: must be a whole number >= 1"),
        ({"correlogram_bin_steps": 0}, "correlogram_bin_steps = 0: must be a whole number >= 1"),
        ({"device": "gpu"}, "device='gpu' is unknown, allowed are: auto, cpu, cuda"),
    ],
)
def test_wrong_arguments_of_the_masked_glm(inhibited, options, message):
    with pytest.raises(ValueError, match=message):
        estimate("glm_masked", inhibited, **options)
