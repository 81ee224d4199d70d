"""The graph of the correlograms, alone and as a mask, against the methods called one by one."""

import numpy as np
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors import circulant_errors, total_error
from circuitbias.estimators import estimate
from circuitbias.experiments import synchrony
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.spikes.correlograms import correlogram
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.views import first_spikes
from circuitbias.spikes.writing import write_spikes

RESOURCES = {"memory_mb": 500, "device": "cpu"}


@pytest.fixture(scope="module")
def small_ring():
    return ring_network(20, sigma1=1.4, sigma2=1.41)


@pytest.fixture(scope="module")
def recording(small_ring):
    segments = simulate(small_ring, ThresholdParameters(r=0.01, theta=1.3e-3), seed=1, n_spikes=40_000)
    return SpikeRecord(20, 0.1, list(segments))


@pytest.fixture(scope="module")
def results(small_ring, recording):
    return synchrony.run(small_ring, recording, resources=RESOURCES, seed=1, estimators={})


def test_each_row_is_the_error_of_its_estimator(small_ring, recording, results):
    table, arrays = results
    alone = {
        "glm": estimate("glm", recording),
        "correlogram_graph": estimate("correlogram_graph", recording),
        "glm_masked": estimate("glm_masked", recording),
    }
    assert table.estimator.tolist() == list(alone)
    for row in table.itertuples():
        values = alone[row.estimator].values
        errors = circulant_errors(small_ring.weights, values)
        assert (row.total, row.bias, row.variance) == (errors.total, errors.bias, errors.variance)
        assert row.scale == errors.scale
        np.testing.assert_array_equal(arrays[row.estimator], errors.scale * values)
        assert row.n_spikes == 40_000 and row.n_all_pairs == 20 * 19
        assert row.n_connected == np.count_nonzero(np.nan_to_num(values)) / 2
    assert table.n_connected.iloc[0] == 190
    assert (table.n_all_pairs == 380).all()
    assert 0 < table.n_connected.iloc[1] == table.n_connected.iloc[2] < 190
    np.testing.assert_array_equal(arrays["connected"], np.nan_to_num(arrays["glm_masked"]) != 0)


def test_lags_that_connect_are_those_within_the_time_constant_of_the_model(small_ring, tmp_path):
    """A synapse twice as slow: lags below 20 ms connect, in a window of 60 ms; the history is filtered so."""
    parameters = ThresholdParameters(r=0.005, theta=1.3e-3, tau_ms=20.0)
    segments = list(simulate(small_ring, parameters, seed=1, n_spikes=20_000))
    write_spikes(tmp_path / "slow.h5", segments, 20, 0.1, {"parameters": {"model": parameters.to_dict()}})
    slow = SpikeFile(tmp_path / "slow.h5")
    _, arrays = synchrony.run(small_ring, slow, n_spikes=15_000, resources=RESOURCES)
    assert arrays["connected_ms"] == 20.0
    assert arrays["lags_ms"][[0, -1]].tolist() == pytest.approx([-60, 60])
    off = ~np.eye(20, dtype=bool)
    near = np.abs(arrays["peak_lag_ms"][off]) < 20 - 1e-6
    np.testing.assert_array_equal(arrays["connected"][off], near)
    assert 0 < near.sum() < near.size
    for method, options in (("correlogram_graph", {"window_ms": 60.0}), ("glm_masked", {"window_ms": 60.0})):
        told = estimate(method, slow, **options).diagnostics
        assert (
            told["n_connected"]
            == estimate(method, slow, connected_ms=20.0, **options).diagnostics["n_connected"]
            != estimate(method, slow, connected_ms=10.0, **options).diagnostics["n_connected"]
        )
    jumps = estimate("correlogram_graph", slow, rule="largest_jump", window_ms=60.0).diagnostics
    assert jumps["connected_ms"] == pytest.approx(20 / 3)
    assert estimate("correlogram_graph", slow, window_ms=15.0).diagnostics["connected_ms"] == 15.0
    filtered = estimate("glm_history", slow)
    assert filtered.diagnostics["filter_ms"] == 20.0
    np.testing.assert_array_equal(filtered.values, estimate("glm_history", slow, filter_ms=20.0).values)


def test_examples_are_correlograms_of_the_recording(recording, results):
    arrays = results[1]
    assert arrays["example_pairs"].tolist() == [[0, 1], [0, 2], [0, 5], [0, 7]]
    assert arrays["lags_ms"][[0, 100, 200]].tolist() == pytest.approx([-30, 0, 30])
    assert arrays["connected_ms"] == 10.0
    curves = correlogram(recording, 3, 100)
    for (i, j), curve in zip(arrays["example_pairs"], arrays["examples"], strict=True):
        np.testing.assert_allclose(curve[100:], curves[:, i, j], rtol=1e-12)
        np.testing.assert_allclose(curve[100::-1], curves[:, j, i], rtol=1e-12)
        peak = np.abs(curve).argmax()
        assert arrays["peak_lag_ms"][i, j] == pytest.approx(arrays["lags_ms"][peak])


def test_examples_at_the_offsets_of_the_paper_and_from_a_driven_neuron():
    assert synchrony.example_pairs(ring_network()).tolist() == [[0, 5], [0, 12], [0, 25], [0, 37]]
    assert synchrony.example_pairs(ring_network(pinned=True))[:2].tolist() == [[1, 6], [1, 13]]
    pair = Network(np.zeros((2, 2)), np.arange(2), np.ones(2), "pair", False, {})
    assert synchrony.example_pairs(pair).tolist() == [[0, 1]]


def test_the_beginning_of_a_recording_of_any_network(small_ring, recording):
    weights = np.array(small_ring.weights)
    weights[0, 1] *= 2
    network = Network(weights, np.arange(20), np.ones(20), "ring with a flaw", False, {})
    table, _ = synchrony.run(network, recording, n_spikes=20_000, resources=RESOURCES)
    part = first_spikes(recording, 20_000)
    assert table.n_spikes.between(20_000, 20_010).all()
    assert table.total.iloc[0] == total_error(weights, estimate("glm", part).values)
    assert table.bias.isna().all() and table.variance.isna().all()
