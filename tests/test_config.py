"""Configs: defaults are filled, and every mistake is named with its value and what is allowed."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from circuitbias.cli import main
from circuitbias.config import ConfigError, compares_with_paper, load_config, network_files
from circuitbias.config_reference import config_reference
from circuitbias.config_schema import schema
from circuitbias.estimators import METHODS
from circuitbias.experiments import EXPERIMENTS
from circuitbias.thresholds import resolve_thresholds, strength_label

CONFIGS = Path(__file__).parents[1] / "config"
SMALL = {"strengths": [0.01], "thresholds": [0.001]}
GLM = {"method": "glm"}


def estimators(**options):
    return {"estimators": {"mine": options}}


# --- what is right ------------------------------------------------------------------------------


def test_config_yaml_spells_out_the_defaults():
    """All but spikes, standard errors and examples: what a config leaves out is taken from here."""
    config = load_config(CONFIGS / "config.yaml")
    more = {"simulation": {"n_spikes": 10**8}, "sampling_errors": True}
    assert config == load_config(more | {"figures": config["figures"]})


def test_methods_yaml_shows_every_method_and_experiment():
    config = load_config(CONFIGS / "methods.yaml")
    elsewhere = {"correlogram_graph", "glm_masked"}  # of the experiment synchrony
    elsewhere |= {"indirect"}  # thirty fits of the GLM
    assert {entry["method"] for entry in config["estimators"].values()} == set(METHODS) - elsewhere
    assert set(config["experiments"]) == set(EXPERIMENTS) - {"mismatch"}  # of everything.yaml
    methods = schema()["properties"]["estimators"]["additionalProperties"]["properties"]["method"]
    assert set(methods["enum"]) == set(METHODS)
    assert set(schema()["properties"]["experiments"]["properties"]) == set(EXPERIMENTS)


def test_paper_yaml_is_methods_yaml_at_full_scale():
    config, paper = (load_config(CONFIGS / name) for name in ("methods.yaml", "paper.yaml"))
    assert paper["simulation"].pop("n_spikes") == 10 * config["simulation"].pop("n_spikes") == 10**8
    assert (paper.pop("name"), config.pop("name")) == ("paper", "methods")
    assert set(config.pop("strengths")) < set(paper.pop("strengths"))
    # The paper chose the penalty against the truth, and went further down in volume.
    assert paper["estimators"].pop("logistic")["l1"] == "oracle"
    config["estimators"].pop("logistic")
    assert paper.pop("sampling_errors") and not config.pop("sampling_errors")
    assert paper.pop("experiments").keys() == config.pop("experiments").keys() | {"mismatch"}
    assert paper == config


def test_the_default_run_is_a_part_of_paper_yaml():
    """The central figure of the paper at its full scale, and what it is compared with."""
    paper, part = (load_config(CONFIGS / name) for name in ("paper.yaml", "config.yaml"))
    assert compares_with_paper(part) and compares_with_paper(paper)
    for key in ("network", "generator", "strengths", "thresholds", "simulation", "figures"):
        assert part[key] == paper[key]
    assert part["estimators"].items() <= paper["estimators"].items()
    assert list(part["estimators"]) == ["glm", "mean_field", "cross_correlation"]
    assert part["experiments"] == {}


def test_editors_know_the_schema_in_the_standards_own_words(tmp_path, capsys):
    assert main(["schema", "--output", str(tmp_path / "schema.json")]) == 0
    assert main(["schema"]) == 0
    known = json.loads((tmp_path / "schema.json").read_text())
    assert known == json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(known)
    editor = Draft202012Validator(known)
    for path in CONFIGS.glob("*.yaml"):
        assert editor.is_valid(yaml.safe_load(path.read_text()))
    for right in ({"estimators": {"a": {"method": "my.module:Mine", "x": 1}}}, {"network": {"pinned": True}}):
        assert editor.is_valid(right)
    for wrong in (
        {"estimators": {"a": {"method": "glm", "bin_step": 1}}},
        {"estimators": {"a": {"method": "glmm"}}},
        {"network": {"path": "a.npy"}},
        {"seeds": [-1]},
    ):
        assert not editor.is_valid(wrong)


def test_pinned_yaml_is_compared_with_the_paper():
    config = load_config(CONFIGS / "pinned.yaml")
    assert config["network"]["pinned"] and compares_with_paper(config)
    assert not compares_with_paper(load_config({"network": {"n_neurons": 50}, **SMALL}))


def test_test_yaml_is_small():
    config = load_config(CONFIGS / "test.yaml")
    assert config["name"] == "test"
    assert config["strengths"] == [0.0125, 0.025]
    assert config["simulation"]["n_spikes"] == 200_000
    assert list(config["estimators"]) == list(load_config({})["estimators"])


def test_defaults_are_filled_at_every_depth():
    config = load_config(SMALL | estimators(method="cross_correlation"))
    assert config["estimators"]["mine"] == {
        "method": "cross_correlation",
        "bin_steps": 10,
        "binarise": False,
        "window_ms": 20.0,
        "far_ms": None,
        "measure": "peak",
    }
    glm = load_config(SMALL | estimators(method="glm"))["estimators"]["mine"]
    assert (glm["bin_steps"], glm["lags"], glm["tolerance"]) == (100, [0], 1e-8)
    assert load_config(SMALL | {"network": {"family": "file", "path": "a.npy"}})["network"] == {
        "family": "file",
        "path": "a.npy",
        "variable": None,
    }


def test_loading_again_changes_nothing_and_never_the_input():
    given = copy.deepcopy(SMALL)
    config = load_config(given)
    assert given == SMALL
    assert load_config(config) == config
    config["seeds"].append(2)
    config["network"]["n_neurons"] = 3
    assert load_config(SMALL)["seeds"] == [1]
    assert load_config(SMALL)["network"]["n_neurons"] == 100


def test_the_examples_are_chosen_from_the_strengths():
    config = load_config({"strengths": [0.025, 0.005, 0.01, 0.0125, 0.02]})
    assert config["figures"]["example_strengths"] == [0.005, 0.0125, 0.025]
    assert load_config(SMALL)["figures"]["example_strengths"] == [0.01]


@pytest.mark.parametrize("as_file", [True, False])
def test_numbers_in_scientific_notation(tmp_path, as_file):
    text = "strengths: [1e-3, 2]\nthresholds: [1E-3, 2.e0]\nsimulation: {n_spikes: 1e7, burn_in: 2e3}"
    source = {
        "strengths": ["1e-3", 2],
        "thresholds": ["1E-3", "2.e0"],
        "simulation": {"n_spikes": "1e7", "burn_in": 2e3},
    }
    if as_file:
        source = tmp_path / "a.yaml"
        source.write_text(text)
    config = load_config(source)
    assert config["strengths"] == [0.001, 2.0]
    assert config["thresholds"] == [0.001, 2.0]
    assert config["simulation"]["n_spikes"] == 10**7
    assert config["simulation"]["burn_in"] == 2000
    numbers = [config["strengths"][1], config["simulation"]["n_spikes"]]
    assert [type(number) for number in numbers] == [float, int]


def test_long_seeds_keep_all_their_digits_and_names_stay_text():
    config = load_config(SMALL | {"seeds": [2**63 - 1, str(2**63 - 2)], "name": "1e3"})
    assert config["seeds"] == [2**63 - 1, 2**63 - 2]
    assert config["name"] == "1e3"


def test_an_empty_file_is_the_default_run(tmp_path):
    (tmp_path / "a.yaml").write_text("# nothing\n")
    assert load_config(tmp_path / "a.yaml") == load_config({})


@pytest.mark.parametrize("strength", [0.0125, 0.0005, 1e-7, 0.1 + 0.2, 3])
def test_labels_of_strengths(strength):
    assert float(strength_label(strength)) == strength
    assert re.fullmatch(r"[0-9.e-]+", strength_label(strength))
    assert strength_label(0.0125) == "0.0125"


def test_thresholds():
    assert resolve_thresholds(load_config(SMALL)) == {0.01: 0.001}
    ring = load_config({"strengths": [0.025, "5e-4"]})
    assert resolve_thresholds(ring) == {0.025: 0.000735, 0.0005: 0.001378}
    assert list(resolve_thresholds(ring)) == [0.025, 0.0005]
    pinned = load_config({"strengths": [0.025], "network": {"pinned": True}})
    assert resolve_thresholds(pinned) == {0.025: 0.00074}
    rate = load_config({"strengths": [0.3, 0.1], "thresholds": {"rate_hz": "6e1"}})
    assert rate["thresholds"] == {"rate_hz": 60.0}
    assert resolve_thresholds(rate) == {0.3: None, 0.1: None}  # to be found


# --- the schema ---------------------------------------------------------------------------------


def test_the_schema_is_valid_closed_and_explained():
    Draft202012Validator.check_schema(schema())

    def walk(part, closed):
        if "allOf" in part:  # the branches carry the keys, and are closed
            closed = True
            for branch in part["allOf"]:
                walk(branch["then"], closed=False)
        if "properties" in part:
            assert closed or part["additionalProperties"] is False
        if isinstance(part.get("additionalProperties"), dict):
            walk(part["additionalProperties"], closed=False)
        for key, sub in part.get("properties", {}).items():
            assert "const" in sub or sub["description"].endswith("."), key
            walk(sub, closed=False)

    walk(schema(), closed=False)


def test_the_readme_lists_every_key():
    """If this fails: `python -m circuitbias.config_reference` prints the table to put there."""
    readme = (CONFIGS / "README.md").read_text()
    assert readme[readme.index("| key |") :] == config_reference()


def test_the_file_of_a_network_must_be_there(tmp_path):
    assert network_files(load_config(SMALL)) == []
    path = tmp_path / "weights.csv"
    config = load_config(SMALL | {"network": {"family": "file", "path": str(path)}})
    with pytest.raises(ConfigError, match=rf"network\.path = '{re.escape(str(path))}'.*must be a file"):
        network_files(config)
    path.touch()
    assert network_files(config) == [str(path)]
