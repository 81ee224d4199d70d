"""Several circuits in one config: what each of them takes, and what is said if one is wrong."""

import pytest

from circuitbias.circuits import circuits
from circuitbias.config import ConfigError, compares_with_paper, load_config
from circuitbias.plan import require_possible
from circuitbias.thresholds import resolve_thresholds

SPARSE = {"network": {"family": "sparse", "n_neurons": 50, "n_inputs": 10}}


def of(**keys):
    return circuits(load_config(keys))


def problems(**keys):
    with pytest.raises(ConfigError) as caught:
        require_possible(load_config(keys))
    return str(caught.value)


def test_a_config_of_one_circuit_is_itself():
    config = load_config({"strengths": [0.01], "thresholds": [0.001]})
    assert circuits(config) == {"": config}


def test_a_circuit_takes_its_own_keys_and_else_those_of_the_whole():
    found = of(
        seeds=[3],
        simulation={"n_spikes": 5000},
        circuits={
            "ring": {"simulation": {"trials": 2}, "seeds": [1, 2]},
            "sparse": SPARSE | {"strengths": [0.5], "thresholds": [0.1], "generator": {"rho": 0.5}},
        },
    )
    ring, sparse = found["ring"], found["sparse"]
    assert list(found) == ["ring", "sparse"]
    assert ring["network"] == load_config({})["network"]
    assert (ring["seeds"], sparse["seeds"]) == ([1, 2], [3])
    # A section is taken whole: what it leaves out is a default, not what the whole config says.
    assert (ring["simulation"]["n_spikes"], sparse["simulation"]["n_spikes"]) == (10_000_000, 5000)
    assert (ring["simulation"]["trials"], sparse["simulation"]["trials"]) == (2, 1)
    assert sparse["network"]["inhibition"] == 5.0
    assert (ring["generator"]["rho"], sparse["generator"]["rho"]) == (0.0668072, 0.5)
    assert resolve_thresholds(sparse) == {0.5: 0.1}
    assert len(resolve_thresholds(ring)) == 11
    assert compares_with_paper(ring) and not compares_with_paper(sparse)


def test_a_circuit_chooses_among_estimators_and_experiments():
    found = of(
        estimators={"glm": {"method": "glm"}, "mpf": {"method": "mpf"}},
        experiments={
            "data_volume": {"estimators": ["mpf"]},
            "bin_width": {"strengths": [0.02, 0.5]},
            "synchrony": {},
        },
        circuits={
            "a": {"strengths": [0.01, 0.02], "thresholds": [1, 1], "estimators": ["glm"]},
            "b": SPARSE
            | {"strengths": [0.5], "thresholds": [1], "experiments": ["data_volume", "bin_width"]},
            "c": {"strengths": [0.01], "thresholds": [1], "experiments": []},
        },
    )
    assert [list(one["estimators"]) for one in found.values()] == [["glm"], ["glm", "mpf"], ["glm", "mpf"]]
    # a has no estimator for the data volume, and one of the strengths of the bin width.
    assert [list(one["experiments"]) for one in found.values()] == [
        ["bin_width", "synchrony"],
        ["data_volume", "bin_width"],
        [],
    ]
    assert found["a"]["experiments"]["bin_width"]["strengths"] == [0.02]
    assert found["b"]["experiments"]["bin_width"]["strengths"] == [0.5]


def test_examples_are_those_that_a_circuit_has_or_typical_ones():
    found = of(
        figures={"example_strengths": [0.01, 0.5]},
        circuits={
            "a": {"strengths": [0.01, 0.02], "thresholds": [1, 1]},
            "b": SPARSE | {"strengths": [0.1, 0.5], "thresholds": [1, 1]},
            "c": SPARSE | {"strengths": [1, 2, 3, 4, 5], "thresholds": [1] * 5},
        },
    )
    assert [one["figures"]["example_strengths"] for one in found.values()] == [[0.01], [0.5], [1, 3, 5]]


WRONG = [
    ({"network": {"family": "sparse", "n_neurons": 1}}, "network.n_neurons = 1: must be a whole number >= 2"),
    ({"network": {"family": "sparse", "n_neurons": 9, "n_inputs": 9}}, "network.n_inputs = 9: must be < n_"),
    ({"generator": {"dt_ms": 20}}, "generator.dt_ms = 20.0: must be < tau_ms = 10.0"),
    ({"simulation": {"n_spike": 5000}}, "simulation.n_spike = 5000: unknown key (did you mean n_spikes?)"),
    ({"strengths": [0.01], "thresholds": [1, 2]}, "thresholds = [1.0, 2.0]: has 2 entries; must have 1"),
    (SPARSE, "thresholds = 'published': the paper has some for rings of 100 neurons"),
    ({"strengths": [0.3]}, "strengths = [0.3]: the paper has no threshold for [0.3]"),
    (
        {"estimators": ["glm", "nome"]},
        "estimators = ['glm', 'nome']: must be among estimators = ['glm', 'mean_field',",
    ),
    ({"experiments": ["patterns"]}, "experiments = ['patterns']: must be among experiments = []"),
    ({"network": {"family": "file", "path": "gone.npy"}, "thresholds": {"rate_hz": 5}}, None),
    ({"memory_mb": 300}, "memory_mb = 300: unknown key"),
]


@pytest.mark.parametrize(
    ("own", "said"), [case for case in WRONG if case[1]], ids=lambda case: str(case)[:40]
)
def test_a_mistake_in_a_circuit_is_named_by_its_full_key(own, said):
    assert f"  circuits.mine.{said}" in problems(circuits={"fine": {}, "mine": own})


def test_all_mistakes_of_all_circuits_are_named_at_once():
    own = {f"c{i}": case for i, (case, said) in enumerate(WRONG) if said}
    said = problems(circuits=own)
    for i, (_, line) in enumerate(WRONG):
        if line:
            assert f"\n  circuits.c{i}.{line}" in said


@pytest.mark.parametrize("name", ["figures", "logs", "experiments", "benchmarks", "Ring", "a/b", "../up", ""])
def test_names_that_cannot_be_folders_of_a_circuit(name):
    assert "its name must" in problems(circuits={name: {}})


@pytest.mark.parametrize("value", [{}, [], None, "ring", {"a": None}, {"a": []}, {1: {}}])
def test_what_is_no_set_of_circuits(value):
    assert "circuits" in problems(circuits=value)


def test_what_a_circuit_cannot_give_is_refused_before_the_first_job():
    said = problems(
        experiments={"patterns": {}, "partial_observation": {"n_observed": [60]}},
        circuits={"ring": {}, "small": SPARSE | {"thresholds": {"rate_hz": 5}}},
    )
    assert "experiments.patterns of circuits.small: needs a ring" in said
    assert "Leave it out of circuits.small.experiments" in said
    assert "n_observed = [60]: each must be <= 50, the number of neurons of circuits.small" in said


def test_a_missing_file_of_a_circuit_is_named_by_its_key(tmp_path):
    network = {"family": "file", "path": str(tmp_path / "gone.npy")}
    own = {"network": network, "thresholds": {"rate_hz": 5}}
    said = problems(circuits={"mine": own}, experiments={"partial_observation": {}})
    assert "circuits.mine.network.path = " in said and "no such file" in said


def test_the_former_name_of_the_generator_is_still_read():
    with pytest.warns(FutureWarning, match="`model` of a config is now called `generator`"):
        config = load_config({"model": {"rho": 0.5}})
    assert config["generator"]["rho"] == 0.5 and "model" not in config
