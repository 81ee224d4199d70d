"""Configs that are made to break out: of memory, of time, of their lines, of the folder of results."""

import time

import pytest
import readers

from circuitbias.config import ConfigError, load_config, network_files
from circuitbias.yaml_files import read_config

LAUGHS = "a0: &a0 [1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 30)
)
TEXTS = {
    "aliases of aliases": (LAUGHS, "more than 20000 values"),
    "merges of merges": (MERGES, "more than 20000 values"),
    "an alias of what it lies in": ("a: &a [*a]", "more than 20000 values"),
    "a merge of what it lies in": ("a: &a {<<: *a}", "more than 20000 values"),
    "lists in lists": ("[" * 5000, "must be valid YAML"),
    "mappings in mappings": ("{a: " * 5000, "must be valid YAML"),
    "lists in lists, closed": ("[" * 90 + "]" * 90, "nested at most 20 deep"),
    "too long": ("#" * 100_001, "more than 100000 characters"),
    "a key given twice": ("name: a\nseeds: [1]\nname: b", "line 3: the key 'name' is there twice"),
    "an estimator given twice": ("estimators:\n  a: {method: glm}\n  a: {method: tap}", "'a' is there twice"),
    "a list for a key": ("? [1]\n: 2", "unhashable key"),
    "a number of many digits": ("seeds: [" + "9" * 5000 + "]", "4300 digits"),
    "a number of many digits, in hex": ("seeds: [0x" + "f" * 50_000 + "]", "seeds\\[0\\] = inf"),
    "a number of base 60": (
        "seeds: [1" + ":1" * 5000 + ".5]",
        r"seeds\[0\]: YAML reads 1:1.* as a number of base 60",
    ),
    "a truth value that is none": ("!!bool x", "must be valid YAML"),
    "a number that is none": ("!!int ''", "must be valid YAML"),
    "a date that is none": ("!!timestamp x", "must be valid YAML"),
    "an object of Python's": (
        "!!python/object/apply:os.system ['touch pwned']",
        "could not determine a constructor",
    ),
    "a control character": ("name: a\x07", "special characters"),
    "not UTF-8": (b"name: \xff", "must be valid YAML"),
    "not a number": ("strengths: [.nan]", "strengths\\[0\\] = nan"),
    "infinite": ("generator: {b: .inf}", "generator.b = inf"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts(tmp_path, case):
    text, message = TEXTS[case]
    path = tmp_path / "a.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    began = time.process_time()
    with pytest.raises(ConfigError, match=message):
        load_config(path)
    assert time.process_time() - began < 5  # without a bound, some would take days
    assert not list(tmp_path.glob("pwned"))


def test_aliases_and_merges_of_sense_are_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("strengths: &s [0.01]\nthresholds: *s\ngenerator: {<<: &m {b: 0.002}, sigma: 0.2}\n")
    config = load_config(path)
    assert config["strengths"] == config["thresholds"] == [0.01]
    assert (config["generator"]["b"], config["generator"]["sigma"]) == (0.002, 0.2)


def test_files_that_never_end_or_cannot_be(tmp_path):
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for path, message in (
        (tmp_path / "zero.yaml", "no regular file"),
        (tmp_path, "no regular file"),
        ("a\0b", "null"),
        ("x" * 300, "must be a YAML file"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_config(path)
    for path in ("x" * 300, "a/\ud800", "/dev/zero"):
        config = {"strengths": [1], "thresholds": [1], "network": {"family": "file", "path": path}}
        with pytest.raises(ConfigError, match=r"network\.path"):
            network_files(load_config(config))


CYCLE: dict = {}
CYCLE["name"] = CYCLE
SHARED: list = [1]
for _ in range(15):
    SHARED = [SHARED] * 9
MAPPINGS = {
    "a mapping in itself": (CYCLE, "nested at most 20 deep"),
    "lists shared by lists": ({"seeds": SHARED}, "at most 20000 values"),
    "a number that cannot be shown": ({"seeds": [10**5000]}, r"seeds\[0\] = inf"),
    "a key that cannot be shown": ({10**5000: 1}, r"\[inf\] = 1: unknown key"),
    "a key with a line of its own": ({"a\n  name": 1}, r"\['a\\n  name'\] = 1"),
    "a key that colours the terminal": ({"\x1b[31m": 1}, r"\['\\x1b\[31m'\] = 1"),
    "a key that no terminal can show": ({"\ud800": 1}, r"\['\\ud800'\] = 1"),
    "an empty key": ({"": 1}, r"\[''\] = 1"),
    "a long value": ({"name": "a" * 10_000}, r"a\.\.\.: must be text"),
    "estimators that are none": ({"estimators": 5, "experiments": {"data_volume": {}}}, "estimators = 5"),
    "lags without a method": ({"estimators": {"a": {"far_ms": 1}}}, "estimators.a.method"),
    "a lag that is none": ({"estimators": {"a": {"far_ms": "x"}}}, "estimators.a.method"),
    "a ring that fills the memory": ({"network": {"n_neurons": 10**6}}, "network.n_neurons = 1000000"),
}


@pytest.mark.parametrize("case", MAPPINGS)
def test_mappings(case):
    config, message = MAPPINGS[case]
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(config)
    assert len(str(caught.value)) < 5000
    assert str(caught.value).encode()


def test_many_problems_are_cut_short():
    with pytest.raises(ConfigError) as caught:
        load_config({f"e{i}": 1 for i in range(5000)})
    assert str(caught.value).endswith("... and 4900 more")
    assert str(caught.value).count("\n") == 101


def test_long_lists_of_mappings_do_not_take_quadratic_time():
    began = time.process_time()
    with pytest.raises(ConfigError, match=r"seeds\[0\] = "):
        load_config({"seeds": [{"a": i} for i in range(4000)]})
    assert time.process_time() - began < 10  # half a minute with jsonschema's own check


OUTSIDE = ["../x", "/tmp/x", "..", ".", "a/b", "-x", "", "a\n", "a b", "a;b", "$(a)", "{r}", "~", "a\0", "ä"]
OUTSIDE += ["x" * 101]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_cannot_lead_out_of_the_results(name):
    options = {"strengths": [0.01], "thresholds": [0.001]}
    with pytest.raises(ConfigError, match="name"):
        load_config(options | {"name": name})
    with pytest.raises(ConfigError, match="its name must be"):
        load_config(options | {"estimators": {name: {"method": "glm"}}})
    with pytest.raises(ConfigError, match="unknown key"):
        load_config(options | {"experiments": {name: {}}})
    with pytest.raises(ConfigError, match="must be among"):
        load_config(options | {"experiments": {"data_volume": {"estimators": [name]}}})


@pytest.mark.parametrize("path", ["w{seed}.npy", "w}.npy", "w\n.npy", "w\0.npy", "\x1b[31m.npy", ""])
def test_paths_that_mean_something_to_the_workflow(path):
    with pytest.raises(ConfigError, match=r"network\.path = "):
        load_config(readers.CONFIG | {"network": {"family": "file", "path": path}})
