"""Joint states of the ring and of rings with sidebands, beside the published numbers."""

import numpy as np
import pytest

from circuitbias import api, published
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.exceptions import UnusableDataError
from circuitbias.experiments.substates import run
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes


def states(tmp_path, r, n_spikes, network=None):
    network = network or api.network("ring")
    parameters = ThresholdParameters(r=r, theta=float(published.thresholds("ring")[r]))
    path = tmp_path / f"r{r}.h5"
    segments = simulate(network, parameters, seed=5, n_spikes=n_spikes)
    write_spikes(path, segments, network.n_neurons, 0.1, {"parameters": {"model": parameters.to_dict()}})
    return run(network, SpikeFile(path), n_neurons=10, bin_steps=100, n_spikes=None, seed=5)[0]


@pytest.mark.slow
@pytest.mark.parametrize("r", [0.0025, 0.0125, 0.025])
def test_divergence_and_entropy_are_the_published_ones(tmp_path, r):
    """4e6 spikes; the published ones are of 1e8, and what is left of their bias is that of "same"."""
    found = states(tmp_path, r, 4_000_000).set_index("against")
    paper = published.substates()
    paper = paper[np.isclose(paper.r, r)].set_index("against")
    for against in paper.index:
        expected = paper.divergence[against] - paper.divergence["same"]
        assert found.divergence[against] == pytest.approx(
            expected, abs=3 * found.divergence_se[against] + 1e-5
        )
    for against in ("same", "sideband_3_3"):
        difference = found.entropy[against] - paper.entropy[against]
        assert abs(difference) < 3 * found.entropy_se[against] + 0.002


def test_few_spikes_tell_patterned_networks_apart(tmp_path):
    found = states(tmp_path, 0.0125, 200_000).set_index("against")
    assert list(found.index) == ["same", "sideband_1_3", "sideband_2_3", "sideband_3_3"]
    assert abs(found.divergence["same"]) < 0.1 < found.divergence["sideband_1_3"]
    assert found.divergence["sideband_2_3"] < found.divergence["sideband_3_3"]
    assert (found.entropy > found.entropy_naive).all() and found.entropy.between(5, 10).all()


def test_other_networks_are_refused():
    network = api.network("ring", n_neurons=20)
    spikes = api.simulate(network, r=0.01, theta=1.2e-3, n_spikes=2000)
    with pytest.raises(UnusableDataError, match="the paper's ring of 100 neurons"):
        run(network, spikes, n_neurons=10, bin_steps=100, n_spikes=None, seed=1)
