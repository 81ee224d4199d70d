"""Which circuits a run sets beside the published numbers, without being asked."""

import shutil
from math import isfinite

import pandas as pd
import pytest
import yaml
from checkout import ROOT, Checkout

from circuitbias.config import circuits, compares_with_paper, is_ring_of_the_paper, load_config

SMALL = {"strengths": [0.0025], "simulation": {"n_spikes": 40_000}}


@pytest.mark.parametrize(
    ("circuit", "compared"),
    [
        ({"network": {"family": "sideband"}}, True),
        ({"network": {"family": "sideband", "fraction": 1 / 3}}, False),
        ({"network": {"family": "ring", "pinned": True}}, True),
        ({"generator": {"family": "lnp"}}, True),
        ({"generator": {"family": "lnp", "gain": 20}}, False),
        ({"generator": {"family": "lnp"}, "network": {"family": "sideband"}, "thresholds": [1e-3]}, False),
        ({"generator": {"family": "glm_relu"}, "drive": {"family": "reset", "every_ms": 20}}, False),
        ({"generator": {"family": "adaptive_lif"}, "thresholds": [1e-3]}, False),
        ({"network": {"family": "random_sparse"}, "thresholds": [1e-3]}, False),
        ({"generator": {"sigma": 0.6}}, False),
        ({"thresholds": {"rate_hz": 40}}, False),
    ],
)
def test_the_paper_has_numbers_of_its_own_networks_and_generators(circuit, compared):
    assert compares_with_paper(load_config(circuit | {"strengths": [0.0025]})) == compared


def test_only_the_threshold_model_on_a_ring_is_the_papers_ring():
    config = load_config(ROOT / "config" / "matched_mismatched.yaml")
    found = {name: is_ring_of_the_paper(one) for name, one in circuits(config).items()}
    assert found == {
        name: name == "threshold" for name in ("ising", "glm_exp", "lnp", "glm_relu", "threshold")
    }


def test_matched_and_mismatched_generators_are_compared_in_the_same_run(tmp_path):
    checkout = Checkout(tmp_path)
    shutil.copy(ROOT / "config" / "matched_mismatched.yaml", checkout.folder / "config.yaml")
    assert checkout.planned()["compare"] == 5


def test_a_run_leaves_the_comparison_of_a_generator_and_of_the_ring_with_sidebands(tmp_path):
    """Few spikes: expected errors are still finite, and rows are of the network that they should be of."""
    checkout = Checkout(tmp_path)
    own = {
        "lnp": {"generator": {"family": "lnp"}, "estimators": ["glm"]},
        "sideband": {"network": {"family": "sideband"}, "estimators": ["mpf"]},
    }
    estimators = {"glm": {"method": "glm"}, "mpf": {"method": "mpf", "all_flip": True}}
    config = {"name": "tiny", "circuits": own, "estimators": estimators} | SMALL
    (checkout.folder / "config.yaml").write_text(yaml.safe_dump(config))
    wanted = [f"results/tiny/{name}/paper_comparison.csv" for name in own]
    assert checkout.planned()["compare"] == 2
    checkout.snakemake(*wanted)
    for path, network, verdicts in zip(
        wanted, ("ring_lnp", "sideband"), ({"agrees", "differs"}, {"too few spikes"}), strict=True
    ):
        rows = pd.read_csv(checkout.folder / path)
        assert list(rows.quantity) == ["total", "bias", "variance"] and set(rows.network) == {network}
        assert rows.expected.map(isfinite).all() and set(rows.verdict) <= verdicts
