"""What the contract of a component refuses, the workflow and Python refuse, too, in the same words."""

import re
import sys

import pytest

import circuitbias as cb
from circuitbias.catalogue import GuestError
from circuitbias.cli import main

CODE = '''
import numpy as np
from circuitbias import Couplings, Estimator, Network, NetworkFamily, option


class Unbounded(Estimator):
    """Has an infinite coupling."""

    def estimate(self, source, *, memory_mb, **_):
        values = np.zeros((source.n_neurons,) * 2)
        np.fill_diagonal(values, np.nan)
        values[1, 0] = -np.inf
        return Couplings(values)


class Short(NetworkFamily):
    """Lacks a neuron."""

    n_neurons: int = option(6, "Number of neurons.", least=2)

    def build(self):
        n = self.n_neurons - 1
        return Network(np.zeros((n, n)), np.arange(n), np.ones(n), "short", False, {"family": "x:Short"})


class Odd(NetworkFamily):
    """Tells another size than it has."""

    size = 9

    def build(self):
        return Network(np.zeros((4, 4)), np.arange(4), np.ones(4), "odd", False, {"family": "x:Odd"})
'''


@pytest.fixture
def guests(tmp_path, monkeypatch):
    (tmp_path / "refused_guests.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "refused_guests", raising=False)
    return "refused_guests"


def test_infinite_couplings(guests, tmp_path, capsys):
    spikes = cb.SpikeRecord.from_events([1, 5, 900], [0, 1, 2], 3, 1000)
    with pytest.raises(GuestError, match=r"Unbounded: pairs \[\[1, 0\]\] have infinite couplings; .* is NaN"):
        cb.infer(spikes, f"{guests}:Unbounded")
    (tmp_path / "a.csv").write_text("time_s,unit\n0.5,1\n0.9,2\n1.1,1\n")
    command = ["infer", str(tmp_path / "a.csv"), "--method", f"{guests}:Unbounded"]
    assert main([*command, "--output", str(tmp_path / "out")]) == 1
    assert "have infinite couplings" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["check-component", f"{guests}:Unbounded"]) == 1
    assert "pairs [[1, 0]] have infinite couplings" in capsys.readouterr().out


@pytest.mark.parametrize(("family", "has", "tells"), [("Short", 5, 6), ("Odd", 4, 9)])
def test_networks_of_another_size(guests, tmp_path, capsys, family, has, tells):
    words = f"build returned {has} neurons, but its size is {tells}"
    options = f'{{"family": "{guests}:{family}"}}'
    assert main(["network", "--options", options, "--output", str(tmp_path / "w.npz")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "w.npz").exists()
    assert main(["check-component", f"{guests}:{family}"]) == 1
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["    lags: list[int] = option([1, 2], 'Lags (bins).')"],
            "importing slip failed: TypeError: option: default = [1, 2] could be changed; must be a "
            "number, a text, True, False, None or a tuple of these, as tuple[int, ...] has",
        ),
        (
            ["    def __init__(self, **options):", "        super().__init__(**options)"],
            "importing slip failed: TypeError: Mine has an __init__: a component is its options alone",
        ),
        (
            ["    def __post_init__(self):", "        self.seen = 0"],
            "importing slip failed: TypeError: Mine has an __post_init__: a component is its options alone",
        ),
        (
            ["    def estimate(self, source, **_)", "        return 1"],
            "importing slip failed: SyntaxError: expected ':'",
        ),
    ],
)
def test_a_slip_in_a_class_is_named_with_its_line(tmp_path, monkeypatch, capsys, lines, says):
    """By all that import it, and without advice on paths, as the path is right."""
    head = [
        "from circuitbias import Estimator, option",
        "",
        "",
        "class Mine(Estimator):",
        '    """Has a slip."""',
    ]
    (tmp_path / "slip.py").write_text("\n".join([*head, *lines]) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slip", raising=False)
    for words in (["check-component", "slip:Mine"], ["list", "slip:Mine"]):
        assert main(words) == 1
        said = capsys.readouterr().err
        assert says in said
        assert re.search("slip.py, line [46]", said)
        assert "must be the path" not in said
