"""Configs: defaults are filled, and every mistake is named with its value and what is allowed."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from circuitbias.cli import main
from circuitbias.config import (
    ConfigError,
    compares_with_paper,
    label_strength,
    load_config,
    network_files,
    resolve_thresholds,
    strength_label,
)
from circuitbias.config_reference import config_reference
from circuitbias.config_schema import schema
from circuitbias.estimators import METHODS
from circuitbias.experiments import EXPERIMENTS

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
    shown_by_synchrony = {"correlogram_graph", "glm_masked"}
    assert {entry["method"] for entry in config["estimators"].values()} == set(METHODS) - shown_by_synchrony
    assert set(config["experiments"]) == set(EXPERIMENTS)
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
    for key in ("experiments",):
        assert paper.pop(key).keys() == config.pop(key).keys()
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
    assert label_strength(strength_label(strength)) == strength
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


# --- what is wrong: (config, key = value, what is allowed) --------------------------------------

MISTAKES = [
    ({"sedes": [1]}, "sedes = [1]", "did you mean seeds?"),
    ({"simulation": {"n_spike": 5}}, "simulation.n_spike = 5", "n_spikes, trials, burn_in"),
    ({"simulation": {"n_spikes": 999}}, "simulation.n_spikes = 999", "a whole number >= 1000"),
    ({"simulation": {"n_spikes": 1e5 + 0.5}}, "n_spikes = 100000.5", "a whole number"),
    ({"simulation": {"n_spikes": "many"}}, "n_spikes = 'many'", "a whole number"),
    ({"simulation": {"n_spikes": True}}, "n_spikes = True", "a whole number"),
    (
        {"simulation": {"burn_in": "none"}},
        "burn_in = 'none'",
        "`first_spike` or a whole number >= 0",
    ),
    ({"simulation": {"burn_in": -1}}, "simulation.burn_in = -1", ">= 0"),
    ({"simulation": {"trials": 10001}}, "simulation.trials = 10001", "<= 10000"),
    (
        {"simulation": {"trials": 2000, "n_spikes": 1000}},
        "simulation.trials = 2000",
        "< n_spikes = 1000",
    ),
    ({"simulation": None}, "simulation = None", "a mapping with the keys n_spikes"),
    ({"name": "../x"}, "name = '../x'", "matching"),
    ({"name": ".hidden"}, "name = '.hidden'", "matching"),
    ({"name": "a/b"}, "name = 'a/b'", "matching"),
    ({"name": "a\n"}, "name = 'a\\n'", "matching"),
    ({"name": 7}, "name = 7", "text"),
    ({"seeds": []}, "seeds = []", "1 or more different entries"),
    ({"seeds": [1, "1e0"]}, "seeds = [1, 1]", "different"),
    ({"seeds": [1, -1]}, "seeds[1] = -1", ">= 0"),
    ({"seeds": [2**63]}, f"seeds[0] = {2**63}", f"< {2**63}"),
    ({"memory_mb": 10}, "memory_mb = 10", ">= 100"),
    ({"device": "gpu"}, "device = 'gpu'", "`auto`, `cpu`, `cuda`"),
    ({"network": {"family": "torus"}}, "network.family = 'torus'", "`ring`, `file`"),
    ({"network": {"path": "a.npy"}}, "network.path = 'a.npy'", "allowed with family: ring"),
    ({"network": {"family": "file"}}, "network.path", "missing; must be text"),
    (
        {"network": {"family": "file", "path": "a.npy", "pinned": True}},
        "network.pinned = True",
        "allowed with family: file: family, path, variable",
    ),
    ({"network": {"pinned": 1}}, "network.pinned = 1", "true or false"),
    ({"generator": {"dt_ms": 10, "tau_ms": 10}}, "generator.dt_ms = 10.0", "< tau_ms = 10.0"),
    ({"generator": {"rho": 1.1}}, "generator.rho = 1.1", ">= 0 and <= 1"),
    ({"generator": {"sigma": 0}}, "generator.sigma = 0.0", "> 0"),
    ({"generator": {"b": float("inf")}}, "generator.b = inf", "a finite number"),
    ({"generator": {"b": "nan"}}, "generator.b = ", "a finite number"),
    ({"generator": {"b": 10**400}}, "generator.b = 1000", "a finite number"),
    ({"strengths": [0]}, "strengths[0] = 0.0", "> 0"),
    ({"strengths": 0.01}, "strengths = 0.01", "a list"),
    ({"strengths": [0.1, "1e-1"], "thresholds": [1, 1]}, "strengths = [0.1, 0.1]", "different"),
    ({"thresholds": [1, 2]}, "thresholds = [1.0, 2.0]", "must have 1"),
    ({"thresholds": [-1]}, "thresholds[0] = -1.0", "> 0"),
    ({"thresholds": "paper"}, "thresholds = 'paper'", "`published` or a list"),
    ({"thresholds": {"rate_hz": 0}}, "thresholds.rate_hz = 0.0", "> 0"),
    ({"thresholds": {"rate": 5}}, "thresholds = {'rate': 5}", "a mapping with the keys rate_hz"),
    (
        {"thresholds": "published", "strengths": [0.0125, 0.011]},
        "[0.011]",
        "0.01125, 0.0125, 0.013",
    ),
    (
        {"thresholds": "published", "network": {"n_neurons": 50}},
        "thresholds = 'published'",
        "rings of 100 neurons",
    ),
    (
        {"thresholds": "published", "network": {"family": "file", "path": "a.npy"}},
        "thresholds = 'published'",
        "a list of numbers",
    ),
    ({"figures": {"example_strengths": [1]}}, "figures.example_strengths = [1.0]", "[0.01]"),
    ({"estimators": {}}, "estimators = {}", "one or more"),
    ({"experiments": {"data_volumes": {}}}, "experiments.data_volumes", "did you mean data_volume?"),
    (
        {"experiments": {"data_volume": {"estimators": ["gml"]}}},
        "experiments.data_volume.estimators = ['gml']",
        "must be among estimators = ['glm', ",
    ),
    (
        {"experiments": {"patterns": {"strengths": [0.02]}}},
        "experiments.patterns.strengths = [0.02]",
        "must be among strengths = [0.01]",
    ),
    ({"experiments": {"partial_observation": {"coverage": 1}}}, "coverage = 1.0", "> 0 and < 1"),
    ({"estimators": {"GLM": GLM}}, "estimators.GLM = ", "`^[a-z][a-z0-9_]*$`"),
    ({"estimators": {1: GLM}}, "estimators[1] = ", "text"),
    (estimators(method="mean"), "estimators.mine.method = 'mean'", "one of `glm`, `glm_history`"),
    (estimators(), "estimators.mine.method", "missing; must be one of `glm`"),
    (
        estimators(method="mean_field", ridge=1),
        "estimators.mine.ridge = 1",
        "allowed with method: mean_field: method, bin_steps, binarise",
    ),
    (estimators(method="glm", bin_step=1), "mine.bin_step = 1", "did you mean bin_steps?"),
    (estimators(method="glm", tolerance=0.01), "mine.tolerance = 0.01", "> 0 and < 0.01"),
    (estimators(method="glm", lags=[0, 0]), "mine.lags = [0, 0]", "different"),
    (
        estimators(method="cross_correlation", far_ms=20),
        "estimators.mine.far_ms = 20.0",
        "< window_ms = 20.0",
    ),
]


@pytest.mark.parametrize(("config", "where", "allowed"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_a_mistake_is_named_with_its_value_and_what_is_allowed(config, where, allowed):
    with pytest.raises(ConfigError) as caught:
        load_config(SMALL | config)
    _, line = str(caught.value).split("\n")  # one mistake, one line
    assert where in line
    assert allowed in line


def test_all_mistakes_are_listed_at_once():
    entries = {"a": {"method": "mean"}, "b": {"method": "cross_correlation", "far_ms": 30}}
    config = SMALL | {
        "nmae": "x",
        "generator": {"bb": 1, "rho": 2, "dt_ms": 20},
        "thresholds": [1, 2],
        "estimators": entries,
    }
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    keys = {line.split()[0] for line in str(caught.value).split("\n")[1:]}
    assert keys == {
        "nmae",
        "generator.bb",
        "generator.rho",
        "generator.dt_ms",
        "thresholds",
        "estimators.a.method",
        "estimators.b.far_ms",
    }


@pytest.mark.parametrize("config", [None, [], 5])
def test_a_config_is_a_mapping(config):
    with pytest.raises(ConfigError, match="must be a mapping with the keys name"):
        load_config(config)


@pytest.mark.parametrize("text", ["a: [", "\t", "- 1", "a: 2024-13-45"])
def test_a_file_that_holds_no_config(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match="must be"):
        load_config(tmp_path / "a.yaml")


MISREAD = {
    "seeds: [1, 010]": r"line 1: seeds\[1\]: YAML reads 010 as a number of base 8",
    "seeds: [-0_7]": "as a number of base 8",
    "strengths: [0.01]\nthresholds: [1:30]": r"line 2: thresholds\[0\]: YAML reads 1:30 as a number of base",
    "strengths: [1:30.5]": "as a number of base 60",
    "seeds: [1_000]": r"seeds\[0\]: YAML reads 1_000 as a number, without the underscores",
    "strengths: [1_0.5]": "without the underscores",
    "network: {pinned: yes}": r"network\.pinned: YAML reads yes as a truth value; write it true or false",
    "network: {pinned: Off}": "YAML reads Off as a truth value",
    "name: no": "name: YAML reads no as a truth value; write it true or false, or a text in quotes",
    "estimators:\n  on: {method: glm}": r"line 2: estimators \(a key\): YAML reads on as a truth value",
    "name: 2024-01-01": "name: YAML reads 2024-01-01 as a date",
    "seeds: [!!int '010']": "as a number of base 8",
    "name: &a no\nseeds: [*a]": "name: YAML reads no",
}


@pytest.mark.parametrize("text", MISREAD)
def test_what_yaml_reads_otherwise_than_a_person_is_named_where_it_stands(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=MISREAD[text]):
        load_config(tmp_path / "a.yaml")


def test_all_that_is_misread_is_named_at_once(tmp_path):
    (tmp_path / "a.yaml").write_text("name: no\nseeds: [010, 1_0, 1:30]\nnetwork: {pinned: on}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "a.yaml")
    assert len(str(caught.value).split("\n")) == 6


def test_what_a_person_and_yaml_read_alike_stays(tmp_path):
    text = "name: '010'\nseeds: [0, 10, 0x1F, 1e3, +7]\nstrengths: [1e-3, .5e1, 5E-1, 1.e-2]\n"
    text += "thresholds: [1, 2, 3, 0.5]\nnetwork: {pinned: TRUE}\nestimators: {'no': {method: glm}}"
    (tmp_path / "a.yaml").write_text(text)
    config = load_config(tmp_path / "a.yaml")
    assert config["name"] == "010" and config["network"]["pinned"] is True
    assert config["seeds"] == [0, 10, 31, 1000, 7]
    assert config["strengths"] == [0.001, 5.0, 0.5, 0.01]
    assert list(config["estimators"]) == ["no"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml")


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
