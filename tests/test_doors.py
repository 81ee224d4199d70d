"""Every door checks alike: Python, `--options` and the config refuse the same values in the same words."""

import math

import numpy as np
import pytest

from circuitbias.catalogue import find
from circuitbias.config import ConfigError, load_config
from circuitbias.config_schema import schema
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import METHODS, estimate
from circuitbias.estimators.registry import complete_options
from circuitbias.networks import ring_network
from circuitbias.spikes.segments import SpikeRecord

OPTIONS = {
    (branch["if"]["properties"]["method"]["const"], name): part
    for branch in schema()["properties"]["estimators"]["additionalProperties"]["allOf"]
    for name, part in branch["then"]["properties"].items()
    if name != "method"
}
"""The schema of every option of every method."""

NOTHING = [math.nan, math.inf, -math.inf, {}, {"a": 1}, "x", "", b"1", 1j, object(), {1}]
"""What no option takes."""
WRONG = {
    "integer": [True, False, 1.5, -1, 10**400, np.bool_(True), np.float64(2.5), [1], None],
    "number": [True, False, -1, -0.5, 10**400, np.bool_(True), [1.0], None],
    "boolean": [0, 1, 0.0, "true", "false", "no", None, [True], np.int64(1)],
    "array": [
        0,
        1.9,
        None,
        [],
        (),
        [1.9],
        [True],
        [-1],
        [[0]],
        ["x"],
        [math.nan],
        [None],
        [0, 0.0],
        np.eye(2),
    ],
    "enum": [True, 0, None, ["peak"]],
}


def kinds(part):
    parts = part.get("anyOf", [part])
    types = [kind for sub in parts for kind in np.atleast_1d(sub.get("type", "enum")).tolist()]
    return [kind for kind in types if kind != "null"], "null" in types


def wrong_values(part):
    """Values that one option must refuse, whatever it is."""
    found, or_null = kinds(part)
    right = ([1.9] if part.get("items", {}).get("type") == "number" else ..., None if or_null else ...)
    return NOTHING + [
        value for value in WRONG[found[-1]] if not any(value is r or repr(value) == repr(r) for r in right)
    ]


@pytest.mark.parametrize(("method", "option"), OPTIONS, ids=map(".".join, OPTIONS))
def test_what_no_option_takes_is_refused_at_every_door(method, option):
    for value in wrong_values(OPTIONS[method, option]):
        messages = []
        for door in (
            lambda given: estimate(method, None, **given),
            lambda given: load_config({"estimators": {"mine": {"method": method} | given}}),
        ):
            with pytest.raises(ConfigError) as caught:
                door({option: value})
            messages.append(str(caught.value).replace("estimators.mine.", "").split("\n")[-1].split(": ", 1))
        in_python, in_config = (message[-1].strip() for message in messages)
        assert option in in_python + messages[0][0]
        assert "must be" in in_python
        assert in_python.split("must be")[1] == in_config.split("must be")[1], (value, messages)


@pytest.mark.parametrize("method", METHODS)
def test_defaults_of_python_are_those_of_a_config(method):
    of_config = load_config({"estimators": {"mine": {"method": method}}})["estimators"]["mine"]
    assert {"method": method} | find("estimators", method)().options() == of_config
    assert complete_options(method, {}) == {k: v for k, v in of_config.items() if k != "method"}


def test_whole_numbers_may_be_floats_and_numpys():
    given = {
        "bin_steps": 100.0,
        "lags": (0, np.int64(1)),
        "binarise": np.bool_(True),
        "ridge": np.float32(0.5),
    }
    found = complete_options("glm", given)
    wanted = {"bin_steps": 100, "lags": [0, 1], "binarise": True, "ridge": 0.5}
    assert {name: found[name] for name in wanted} == wanted
    assert [type(found[name]) for name in wanted] == [int, list, bool, float]
    assert complete_options("glm", {"lags": np.array([0, 1])}) == complete_options("glm", {"lags": range(2)})
    assert given["lags"] == (0, np.int64(1))  # left as it was


def test_texts_are_numbers_in_a_config_alone():
    """YAML reads 1e-3 as a text; Python and JSON do not."""
    with pytest.raises(ConfigError, match=r"options of glm: ridge = '1e-3': must be a finite number >= 0"):
        estimate("glm", None, ridge="1e-3")
    config = load_config({"estimators": {"glm": {"method": "glm", "ridge": "1e-3"}}})
    assert config["estimators"]["glm"]["ridge"] == 1e-3
    for text in ("1_000", "010", "１０", " 1", "1e", "0x10", "inf", "nan", "1,5", ""):
        with pytest.raises(ConfigError, match="ridge = "):
            load_config({"estimators": {"glm": {"method": "glm", "ridge": text}}})


@pytest.fixture(scope="module")
def record():
    segments = simulate(
        ring_network(20, 1.4, 1.41), ThresholdParameters(0.01, 0.0013), seed=1, n_spikes=20_000
    )
    return SpikeRecord(20, 0.1, segments)


def test_an_estimate_is_the_same_however_its_options_are_written(record):
    first = estimate("glm", record, bin_steps=100, lags=[0, 1])
    second = estimate("glm", record, bin_steps=np.float64(100), lags=(0, 1.0))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.diagnostics == second.diagnostics


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"source": "spikes.h5"},
            "source = 'spikes.h5': must be spikes, such as a SpikeRecord or a SpikeFile",
        ),
        ({"memory_mb": math.nan}, "memory_mb = nan: must be a finite number > 0"),
        ({"memory_mb": 0}, "memory_mb = 0"),
        ({"memory_mb": "1000"}, "memory_mb = '1000'"),
        ({"memory_mb": True}, "memory_mb = True"),
        ({"device": "tpu"}, "device='tpu' is unknown"),
    ],
)
def test_arguments_of_an_estimate(record, arguments, message):
    with pytest.raises(ValueError, match=message):
        estimate("mean_field", **{"source": record} | arguments)
