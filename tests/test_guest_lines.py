"""An error that arises in a user's own code is shown with the file and the line in which it arose."""

import sys

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.catalogue import GuestError, find, line_in_guests
from circuitbias.cli import main
from circuitbias.contract import hold
from circuitbias.guest_lines import line_of_guest
from circuitbias.spikes.writing import write_spikes

ESTIMATOR = """import numpy as np
import their_helper
from circuitbias import Couplings, Estimator, option


class Mine(Estimator):
    "Goes wrong."

    how: str = option("", "In which way.")

    def estimate(self, source, **_):
        if self.how == "claims":
            assert source.n_neurons == 0
        if self.how == "helper":
            their_helper.invert(np.zeros((3, 3)))
        if self.how == "key":
            {}["none"]
        if self.how == "refuses":
            from circuitbias import UnusableDataError
            raise UnusableDataError("too short")
        values = np.zeros((source.n_neurons,) * 2)
        if self.how == "array":
            return values
        return Couplings(values[1:, 1:] if self.how == "smaller" else values)
"""
NETWORK = """import numpy as np
from circuitbias import Network, NetworkFamily, option


class Mine(NetworkFamily):
    "Goes wrong."

    how: str = option("", "In which way.")

    def build(self):
        weights = np.eye(5, k=1)
        if self.how == "array":
            return weights
        parts = {"name": "mine", "provenance": {"family": "mine", **self.options()}}
        return Network(weights, np.arange(5), np.ones(5), circulant=True, **parts)
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A folder with modules of a user, who is in it."""
    (tmp_path / "their_estimator.py").write_text(ESTIMATOR)
    (tmp_path / "their_network.py").write_text(NETWORK)
    (tmp_path / "their_helper.py").write_text(
        "import numpy as np\n\n\ndef invert(x):\n    return np.linalg.inv(x)\n"
    )
    (tmp_path / "their_slip.py").write_text("import numpy as np\n\nWIDTH = nump.pi\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield
    for name in ("estimator", "network", "helper", "slip"):
        sys.modules.pop(f"their_{name}", None)


def spikes():
    events = np.arange(0, 3000, 10)
    return cb.SpikeRecord.from_events(events, events // 10 % 3, 3, 3000)


def said_by(checks, path, kind, how):
    component = find(kind, path)
    return [outcome.says for outcome in hold(component, checks, {"how": how}) if not outcome.passed]


def test_checks_name_the_line_of_the_user(theirs):
    def estimate(component):
        component.estimate(spikes())

    path = "their_estimator:Mine"
    assert said_by({"estimate": estimate}, path, "estimators", "helper") == [
        "LinAlgError: Singular matrix (their_helper.py, line 5, in invert: return np.linalg.inv(x))"
    ]
    assert said_by({"estimate": estimate}, path, "estimators", "key") == [
        "KeyError: 'none' (their_estimator.py, line 17, in estimate: {}[\"none\"])"
    ]
    # An assertion of the user's is no verdict of the check, whose words stand alone.
    assert said_by({"estimate": estimate}, path, "estimators", "claims") == [
        "AssertionError:  (their_estimator.py, line 13, in estimate: assert source.n_neurons == 0)"
    ]


def test_a_network_that_is_circulant_in_its_claims_alone_fails_in_words(theirs, capsys):
    assert main(["check-component", "their_network:Mine"]) == 1
    lines = capsys.readouterr().out.splitlines()
    failed = [line.split(maxsplit=3) for line in lines if line.startswith("FAILED")]
    assert [check for _, check, *_ in failed] == ["a_network", "the_same_each_time"]
    assert failed[0][3].startswith(
        "ValueError: circulant: True, but weights do not depend on the offset j - i"
    )
    assert "(their_network.py, line 15, in build: return Network(" in failed[0][3]
    assert failed[1][3] == "as a_network does"


def test_commands_name_it_in_place_of_a_traceback(theirs, tmp_path, capsys):
    write_spikes(tmp_path / "s.h5", spikes().segments(), 3, 0.1, {})

    def said(how, code=1):
        options = ["--options", f'{{"how": "{how}"}}', "--name", "mine"]
        method = ["--method", "their_estimator:Mine", "--spikes", "s.h5", "--output", "c.npz"]
        assert main(["estimate", *method, *options]) == code
        return capsys.readouterr().err.splitlines()[-1]

    assert said("key") == (
        "circuitbias estimate: error: KeyError: 'none' (their_estimator.py, line 17, in estimate: "
        '{}["none"])'
    )
    assert said("helper").endswith(
        "Singular matrix (their_helper.py, line 5, in invert: return np.linalg.inv(x))"
    )
    assert said("refuses", 3) == "circuitbias estimate: error: too short"
    assert "estimate returned ndarray, and must return Couplings(values): values (3, 3)" in said("array")
    assert "estimate returned couplings of shape (2, 2), and must return" in said("smaller")


def test_a_module_that_cannot_be_imported_is_shown_with_the_line(theirs):
    with pytest.raises(
        GuestError, match=r"name 'nump' is not defined.* \(their_slip.py, line 3, in <module>: WIDTH"
    ):
        find("estimators", "their_slip:Mine")


def test_what_builds_no_network_is_refused(theirs):
    with pytest.raises(
        GuestError, match="their_network:Mine: build returned ndarray, and must return a Network"
    ):
        cb.network("their_network:Mine", how="array")


def test_an_error_of_ours_is_left_alone(theirs):
    find("networks", "their_network:Mine")
    try:
        cb.network(np.zeros((2, 3)))
    except ValueError as error:
        assert (
            line_in_guests(error) == "" and line_of_guest(error, ["circuitbias.api", "no_such_module"]) == ""
        )
    else:
        raise AssertionError("a matrix of 2 x 3 makes no network")
