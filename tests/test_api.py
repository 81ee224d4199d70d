"""The package in five lines, as the README shows them, and what it brings at its top."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import circuitbias as cb

ROOT = Path(__file__).parents[1]


def test_the_lines_of_the_readme_run(tmp_path, monkeypatch, capsys):
    (lines,) = re.findall(
        r"```python\n(import circuitbias as cb.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    shown = re.search(r"    import circuitbias as cb.*savefig\(.*?\)\n", cb.__doc__, re.S)[0]
    assert [line.partition("  #")[0].strip() for line in lines.splitlines()] == [
        line.strip() for line in shown.splitlines()
    ]
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(lines, found)
    assert (tmp_path / "couplings.png").stat().st_size > 10_000
    assert "total" in capsys.readouterr().out
    # The error to expect of 3e5 spikes, worked out from the published one: mostly noise.
    assert 0.2 < cb.compare(found["ring"], found["couplings"]).total < 0.7
    with pytest.raises(ValueError, match="give one of theta and rate_hz"):
        cb.simulate(found["ring"], r=0.01, n_spikes=10)


def test_importing_the_package_brings_none_of_the_slow_libraries():
    slow = "{'torch', 'numba', 'pandas', 'matplotlib', 'sklearn', 'scipy'}"
    code = f"import sys, circuitbias; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("module", "slow"),
    [
        ("plan", {"numba", "pandas", "scipy.sparse"}),
        ("steps.gather", {"numba", "scipy.sparse", "scipy.stats"}),
        (
            "steps.figure, circuitbias.figures.figure2",
            {"numba", "scipy.sparse", "scipy.stats", "scipy.optimize"},
        ),
        ("steps.experiment, circuitbias.experiments.data_volume", {"scipy.stats", "sklearn", "matplotlib"}),
        ("steps.estimate, circuitbias.estimators.mean_field", {"pandas", "scipy.sparse", "sklearn"}),
        ("steps.estimate, circuitbias.estimators.partial_correlation", {"pandas", "scipy.stats", "sklearn"}),
    ],
)
def test_a_job_loads_no_library_that_it_does_not_use(module, slow):
    """Jobs are many and short: each of these libraries takes a tenth of a second to a second to load."""
    code = f"import sys, circuitbias.cli, circuitbias.{module}; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_all_that_is_promised_is_there():
    assert all(getattr(cb, name) for name in cb.__all__) and set(cb.__all__) <= set(dir(cb))
    with pytest.raises(AttributeError, match="no attribute 'infr'; it has network, simulate, recording"):
        cb.infr  # noqa: B018


def test_what_is_printed_is_short():
    network = cb.network([[0, -2, 0], [0, 0, 0], [1, 0, 0]])
    assert repr(network).splitlines() == [
        "Network 'own': 3 neurons, 2 connections, weights from -2 to 1",
        f"  all driven alike; made by {network.provenance}",
    ]
    spikes = cb.SpikeRecord.from_events([1, 5, 9, 9], [0, 1, 0, 2], 3, 10_000)
    assert repr(spikes).splitlines() == [
        "SpikeRecord: 3 neurons, 4 spikes in 1 s, 1.33 Hz a neuron",
        "  steps of 0.1 ms, 1 trial",
    ]
    couplings = cb.Couplings(np.array([[0, -4, 0.5], [1, 0, np.nan], [2.5, 0, 0]]))
    assert repr(couplings).splitlines() == [
        "Couplings: 3 neurons, 5 of 6 pairs, from -4 to 2.5",
        "  values, diagnostics (0), arrays (none)",
    ]
    compared = cb.compare(network, couplings)
    printed = repr(compared).splitlines()
    assert len(printed) <= 9 and "bias and variance are not told apart" in printed[0]
    assert printed[2].split() == ["total", f"{compared['total']:.3f}"]
    assert f"all {len(compared)} values" in printed[-1] and len(compared.to_string().splitlines()) > 30
    assert "connections" not in repr(compared[["total", "bias"]])
    assert printed[5:8] == [
        "connections: ROC area 1.000, average precision 1.000; signs right: 1.000",
        "that excite: ROC area 1.000, average precision 1.000",  # 2.5 is the largest
        "that inhibit: ROC area 1.000, average precision 1.000",  # and -4 the lowest
    ]
    assert "excite" not in repr(cb.compare(cb.network([[0, -2, 0], [0, 0, 0], [0, 0, 0]]), couplings))
    backwards = repr(cb.compare(network, cb.Couplings(-couplings.values)))
    assert "that excite: ROC area 0.000" in backwards and "that inhibit: ROC area 0.000" in backwards
    assert "the signs of the couplings are the wrong way round" in backwards


def test_what_is_printed_says_why_a_number_is_missing():
    full, none = cb.network([[0, -2, 1], [1, 0, 1], [1, -1, 0]]), cb.network(np.zeros((3, 3)))
    values = np.array([[0, -4, 0.5], [1, 0, 2], [2.5, -1, 0]])

    def lines(network, told=None, **arrays):
        return repr(cb.compare(network, cb.Couplings(values, told or {}, arrays))).splitlines()

    printed = lines(full)
    assert printed[0].endswith("not told apart: infer with blocks=True")
    assert printed[5] == (
        "connections: no ROC area: all pairs with a coupling are, or none is; signs right: 1.000"
    )
    blind = lines(full, {"traits": {"signed": False}})
    assert blind[6] == "that excite: no ROC area: the method tells no signs"
    blocks = np.random.default_rng(1).normal(size=(4, 3, 3))
    assert lines(full, blocks=blocks)[0].endswith("share does not stand out of their noise")
    refused = lines(full, {"blocks_refused": "3 bins are too few"})[0]
    assert refused.endswith("a part of the recording allows no estimate (3 bins are too few)")
    assert "no errors: all weights are zero" in lines(none)[0]
    assert not [line for line in (*printed, *blind) if "ROC area nan" in line]


def test_what_is_given_in_place_of_something_else_is_refused_by_its_name():
    for edges in (
        [[0, 1, 0.5], [1, 2, -0.5], [2, 0, 0.3]],
        [[0, 1, 0.5], [1, 0, 0.3], [2, 0, 1.5], [0, 2, 1]],
    ):
        with pytest.raises(ValueError, match=r"weights: shape is .*: it looks like a list of edges"):
            cb.network(edges)
    network, couplings = cb.network([[0, -2], [1, 0]]), cb.Couplings(np.ones((2, 2)))
    for of_both in (cb.compare, cb.plot):
        with pytest.raises(ValueError, match=r"network = .*: must be a Network"):
            of_both(couplings, network)
        with pytest.raises(ValueError, match=r"couplings = .*: must be Couplings"):
            of_both(network, couplings.values)
    spikes = cb.SpikeRecord.from_events([1, 5, 9, 9], [0, 1, 0, 2], 3, 10_000)
    with pytest.raises(ValueError, match="blocks"):
        cb.infer(spikes, blocks="no")


def test_weights_of_ones_own_from_one_neuron_to_another():
    # 0 inhibits 1, and nobody else anybody: 1 fires less, and the coupling from 0 to it alone is negative.
    weights = np.zeros((3, 3))
    weights[0, 1] = -2e-3
    network = cb.network(weights)
    spikes = cb.simulate(network, r=0.05, theta=1.2e-3, n_spikes=20_000, seed=3)
    rates = np.bincount(np.concatenate([piece.neurons for piece in spikes.pieces]))
    assert rates[1] < 0.8 * rates[0]
    couplings = cb.infer(spikes, "glm", lags=[1], blocks=True)
    assert couplings.values[0, 1] < -0.1 and abs(couplings.values[1, 0]) < 0.1
    assert cb.compare(network, couplings).split_by == "blocks"
    assert cb.network(weights.tolist()).weights.tolist() == weights.tolist()
    for bad in (np.zeros(3), np.zeros((2, 3)), 5, [[0, "a"], [1, 0]], [[0, np.nan], [1, 0]]):
        with pytest.raises(ValueError, match="weights"):
            cb.network(bad)
    with pytest.raises(ValueError, match="of families of networks"):
        cb.network(weights, n_neurons=3)


def test_an_edge_list_is_the_matrix_that_it_stands_for():
    edges, weights = torch.tensor([[0, 2, 2], [1, 0, 0]]), torch.tensor([-0.5, 2.0, 1.0])
    matrix = np.array([[0, -0.5, 0, 0], [0, 0, 0, 0], [3.0, 0, 0, 0], [0, 0, 0, 0]])

    def simulated(W0, **how):
        rng = torch.Generator().manual_seed(5)
        model = cb.ThresholdSAM(0.1, 1e-3, 10.0, 0.1, 0.3, 0.07, 1e-3, rng)
        return model.simulate(W0, 300, **how)

    expected = simulated(matrix)
    assert expected.any() and not expected.all()
    assert torch.equal(simulated(weights, edge_index=edges, n_neurons=4), expected)
    assert simulated(weights, edge_index=edges).shape == (3, 300)
    for bad, complaint in [
        ({"edge_index": edges.float()}, "whole numbers"),
        ({"edge_index": edges[:, :2]}, "as many edges"),
        ({"edge_index": edges - 1}, r"neurons -1 ... 1; allowed are 0 ... 1"),
        ({"edge_index": edges, "n_neurons": 2}, r"0 ... 2; allowed are 0 ... 1"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            simulated(weights, **bad)
