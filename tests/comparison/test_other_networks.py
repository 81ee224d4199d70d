"""Errors of other generators and of the ring with sidebands beside the published ones."""

import json

import pandas as pd
import pytest

from circuitbias import published
from circuitbias.cli import main
from circuitbias.comparison import published_network
from circuitbias.comparison.errors import compare_errors, published_method
from circuitbias.networks import build_network, ring_network

GLM = {"bin_steps": 100, "binarise": False, "lags": [0], "ridge": 0.0}


def table(network, method, options, factor=1.0, **more):
    rows = published.errors(network)
    errors = {name: factor * rows[name] for name in ("total", "bias", "variance")}
    about = {"estimator": "ours", "method": method, "options": json.dumps(options), "seed": 1}
    volume = {"r": rows.r, "n_spikes": rows.n_spikes, "n_counts": rows.n_spikes}
    unknown = dict.fromkeys([*(f"{name}_l1" for name in errors), "roc_auc", "recorded_s"], float("nan"))
    return pd.DataFrame(about | volume | errors | unknown | more)


def test_published_errors_of_generators_and_sidebands():
    """Printed: totals of Ising .406 ... .883, bias of LNP at r = .025 .488, MPF on sidebands .57 and .36."""
    ising, lnp, sideband = (published.errors(name) for name in ("ring_ising", "ring_lnp", "sideband"))
    assert ising.total.round(3).tolist()[::9] == [0.406, 0.883] and len(ising) == 10
    assert lnp.bias.round(3).iloc[-1] == 0.488 and (lnp.n_spikes == 1e6).all()
    assert sideband.total.round(2).tolist()[::10] == [0.57, 0.36] and len(sideband) == 11
    assert "generator" not in ising and published.errors("ring").method.nunique() == 7


@pytest.mark.parametrize(
    ("network", "method", "options"),
    [
        ("ring_lnp", "glm", GLM),
        ("ring_ising", "mpf", {"bin_steps": 1, "all_flip": False}),
        ("sideband", "mpf", {"bin_steps": 100, "all_flip": True}),
    ],
)
def test_published_values_agree_with_themselves_and_not_with_larger_ones(network, method, options):
    same = compare_errors(table(network, method, options), network)
    assert len(same) == 3 * len(published.errors(network)) and (same.verdict == "agrees").all()
    larger = compare_errors(table(network, method, options, 1.5), network)
    assert (larger.verdict == "differs").mean() > 0.8


def test_a_method_is_only_compared_with_its_counterpart():
    assert published_method("mpf", {"bin_steps": 1}) is None
    assert published_method("mpf", {"bin_steps": 1}, "ring_ising") == "mpf"
    assert published_method("glm", GLM, "ring_ising") is None
    sidebands = build_network({"family": "sideband"})
    assert published_network(sidebands) == "sideband"
    assert published_network(build_network({"family": "sideband", "fraction": 0.5})) is None
    assert published_network(build_network({"family": "sideband", "pinned": True})) is None


def compared(folder, errors, network, *more):
    network.save(folder / "network.npz")
    errors.to_csv(folder / "errors.csv", index=False)
    words = ["compare", "--network", folder / "network.npz", "--errors", folder / "errors.csv"]
    return main(list(map(str, [*words, "--output", folder / "comparison.csv", *more])))


def test_the_step_takes_the_generator_from_the_table(tmp_path, capsys):
    errors = table("ring_lnp", "glm", GLM, generator="lnp", drive="")
    assert compared(tmp_path, errors, ring_network()) == 0
    assert set(pd.read_csv(tmp_path / "comparison.csv").network) == {"ring_lnp"}
    for more, said in (
        ({"generator": "adaptive_lif"}, "ring_adaptive_lif is not among ring, "),
        ({"generator": "lnp", "drive": "{}"}, "no numbers of a drive that changes in time"),
    ):
        assert compared(tmp_path, errors.assign(**more), ring_network()) == 1
        assert said in capsys.readouterr().err


def test_experiments_of_a_generator_are_not_held_to_those_of_the_pinned_ring(tmp_path):
    """The paper has activity and volumes of its threshold model alone."""
    patterns = pd.DataFrame({"r": [0.025], "n_spikes": 1e6, "noise_correlation_as_published": 0.5})
    patterns = patterns.assign(pattern_strength=0.1, diffusivity=1.0)
    patterns.assign(noise_correlation_as_published_se=0.01).to_csv(tmp_path / "patterns.csv", index=False)
    errors = table("ring_lnp", "glm", GLM, generator="lnp", drive="")
    assert compared(tmp_path, errors, ring_network(), "--patterns", tmp_path / "patterns.csv") == 0
    assert set(pd.read_csv(tmp_path / "comparison.csv").quantity) == {"total", "bias", "variance"}
