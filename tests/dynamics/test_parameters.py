import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import norm

from circuitbias.dynamics import RHO_PAPER, ThresholdParameters
from circuitbias.dynamics.parameters import synaptic_tau_ms


def test_defaults_are_the_papers():
    p = ThresholdParameters(r=0.025, theta=7.35e-4)
    assert (p.b, p.sigma, p.tau_ms, p.dt_ms) == (1e-3, 0.3, 10.0, 0.1)
    assert p.rho == RHO_PAPER == pytest.approx(norm.sf(1.5), rel=1e-14)
    assert p.decay == pytest.approx(0.99)
    assert p.sam_strength() == pytest.approx(0.25)  # a spike raises s by 0.1 there, by 1 here


def test_dict_round_trip_through_json():
    p = ThresholdParameters(r=np.float32(0.5), theta=np.int64(1), sigma=0)
    assert ThresholdParameters.from_dict(json.loads(json.dumps(p.to_dict()))) == p
    assert ThresholdParameters.from_dict({"r": 1, "theta": 2}) == ThresholdParameters(1, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("r", -0.1),
        ("r", "0.025"),
        ("theta", float("nan")),
        ("theta", None),
        ("b", -1e-3),
        ("sigma", -0.3),
        ("sigma", True),
        ("rho", 1.5),
        ("tau_ms", float("inf")),
        ("dt_ms", 0.0),
        ("dt_ms", 10.0),
    ],
)
def test_bad_value_is_named(name, value):
    with pytest.raises(ValueError, match=rf"{name} = .*: must be"):
        ThresholdParameters(**({"r": 0.025, "theta": 1e-3} | {name: value}))


def test_bad_keys_are_named():
    with pytest.raises(ValueError, match=r"unknown parameters \['tau'\]"):
        ThresholdParameters.from_dict({"r": 1, "theta": 1, "tau": 10})
    with pytest.raises(ValueError, match=r"missing parameters \['theta'\]"):
        ThresholdParameters.from_dict({"r": 1})


def test_room_does_not_import_torch():
    code = "import sys, circuitbias.dynamics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class Made:
    """A recording that says what made it; a view of one, if it has a source."""

    def __init__(self, metadata=None, source=None):
        if metadata is not None:
            self.metadata = metadata
        if source is not None:
            self.source = source


@pytest.mark.parametrize(
    ("metadata", "tau_ms"),
    [
        ({"parameters": {"model": {"tau_ms": 25.0, "dt_ms": 0.1}}}, 25.0),
        ({"parameters": {"model": {"r": 0.01}}}, 10.0),
        ({"parameters": {}}, 10.0),
        ({"parameters": "of another kind"}, 10.0),
        ({}, 10.0),
        (None, 10.0),
    ],
)
def test_the_time_constant_of_a_recording_is_that_of_its_model(metadata, tau_ms):
    recording = Made(metadata)
    assert synaptic_tau_ms(recording) == tau_ms
    assert synaptic_tau_ms(Made(source=Made(source=recording))) == tau_ms  # a part of a part of it
