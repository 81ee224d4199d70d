"""Every mistake in a config is named with its full key, its value, what is allowed and what was meant."""

import pytest

from circuitbias.config import ConfigError, load_config

SMALL = {"strengths": [0.01], "thresholds": [0.001]}
GLM = {"method": "glm"}


def estimators(**options):
    return {"estimators": {"mine": options}}


MISTAKES = [  # config, key = value, what is allowed
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
    # A name where a mapping belongs, a key or a choice that is nearly right, and what there is none of.
    (
        {"network": "ring"},
        "network = 'ring'",
        "such as {family: ring} (did you mean {family: ring}?)",
    ),
    ({"drive": "puls"}, "drive = 'puls'", "(did you mean {family: pulses}?)"),
    ({"estimators": {"mine": "glmm"}}, "estimators.mine = 'glmm'", "(did you mean {method: glm}?)"),
    (
        {"generator": ["lnp"]},
        "generator = ['lnp']",
        "the key family, such as {family: threshold}",
    ),
    ({"thresholds": "publish"}, "thresholds = 'publish'", "(did you mean published?)"),
    ({"thresholds": {"rate": 3}}, "thresholds = {'rate': 3}", "(did you mean rate_hz?)"),
    (estimators(methd="glm"), "estimators.mine.method: missing (is methd meant for it?)", "`glm`"),
    (estimators(method="glm", phase_ms=3), "phase_ms = 3", "a list of 2 different entries"),
    (estimators(method="matched", generator="lnpp"), "generator = 'lnpp'", "(did you mean lnp?)"),
    (
        {"experiments": {"bin_width": {"estimators": ["glmm"]}}},
        "experiments.bin_width.estimators = ['glmm']",
        "(did you mean glm?)",
    ),
    (
        {"recordings": {"a": {"file": "a", "format": "nwbb"}}},
        "recordings.a.format = 'nwbb'",
        "(did you mean nwb?)",
    ),
    ({"recordings": {"a": {"file": "a", "format": "no:One"}}}, "format = 'no:One'", "No module named 'no'"),
    (
        {"recordings": {"a": {"file": "a", "format": "mat", "format_options": {"variabl": 3}}}},
        "recordings.a.format_options.variabl = 3",
        "did you mean variable?",
    ),
    (
        {"recordings": {"a": {"file": "a", "window_s": [5, 1]}}},
        "recordings.a.window_s = [5.0, 1.0]",
        "the first must be below the second",
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


def test_mistakes_in_one_recording_hide_none_in_another():
    recordings = {
        "a": {"file": 3},
        "b": {"file": "b", "estimators": ["gml"]},
        "c": {"file": "c", "format": "nwbb", "window_s": [2, 2]},
        "d": "d.nwb",
    }
    with pytest.raises(ConfigError) as caught:
        load_config({"recordings": recordings})
    keys = {line.split()[0] for line in str(caught.value).split("\n")[1:]}
    wanted = {"recordings.a.file", "recordings.b.estimators", "recordings.c.format", "recordings.c.window_s"}
    assert keys == wanted | {"recordings.d"}


def test_options_of_a_format_stay_as_they_were_written():
    config = load_config({"recordings": {"a": {"file": "a", "format": "mat", "format_options": {}}}})
    assert config["recordings"]["a"]["format_options"] == {}
