"""The picture book of correlograms: which pairs are in it, and what the step makes of a small run."""

import numpy as np
import pandas as pd
import pytest

from circuitbias.cli import main
from circuitbias.figures.correlograms import KINDS, chosen_pairs
from circuitbias.spikes.storage import SpikeFile


def test_pairs_by_hand():
    """Connected: 0 to 1 (strongest), 1 to 2, 2 to 0. Among the rest 3 to 0 has the largest coupling."""
    weights = np.zeros((4, 4))
    weights[0, 1], weights[1, 2], weights[2, 0] = 3.0, 1.0, -1.0
    couplings = np.full((4, 4), 0.1)
    couplings[3, 0], couplings[0, 3], couplings[1, 3] = -0.9, 0.4, np.nan
    found = chosen_pairs(weights, None, couplings)
    assert found["true connection"] == (0, 1)
    assert found["phantom"] == (3, 0)
    assert abs(couplings[found["unconnected"]]) == 0.1
    assert weights[found["unconnected"]] == 0


def test_a_network_without_unconnected_pairs_has_no_phantoms():
    weights = np.ones((3, 3)) - np.eye(3)
    assert set(chosen_pairs(weights, True, np.ones((3, 3)))) == {"true connection"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    weights = np.zeros((4, 4))
    weights[0, 1] = -0.02
    np.save(folder / "w.npy", weights)

    def step(*words):
        assert main([str(word) for word in words]) == 0

    network = ("--network", folder / "n.npz")
    step("network", "--options", f'{{"family": "file", "path": "{folder}/w.npy"}}', "--output", network[1])
    for r in (0.005, 0.01):
        spikes = folder / f"{r}.h5"
        model = ("--parameters", f'{{"r": {r}, "theta": 0.001}}', "--seed", 1, "--n-spikes", 20_000)
        step("simulate", *network, *model, "--output", spikes)
        step("estimate", "--spikes", spikes, "--method", "mean_field", "--output", folder / f"{r}.npz")
    files = ("--spikes", folder / "0.01.h5", folder / "0.005.h5")
    couplings = ("--couplings", folder / "0.01.npz", folder / "0.005.npz")
    step("correlograms", *network, *files, *couplings, "--output", folder / "book")
    return folder


def test_the_numbers_are_those_of_the_spikes(made):
    """The true connection at r = 0.01, counted by two loops over its spikes."""
    numbers = pd.read_csv(made / "book.csv")
    shown = numbers[numbers.panel == "correlogram 0, 1"].iloc[-101:]
    assert shown.x.tolist() == list(range(-50, 51))
    events = [(one.steps, one.neurons) for one in SpikeFile(made / "0.01.h5").segments()]
    steps, neurons = (np.concatenate(parts) for parts in zip(*events, strict=True))
    whole = SpikeFile(made / "0.01.h5").trial_steps[0] // 400 * 400
    first, second = (steps[(neurons == k) & (steps < whole)] // 10 for k in (0, 1))
    lags = (second[None, :] - first[:, None]).ravel()
    for lag, n in zip(shown.x, shown.y, strict=True):
        assert n == (lags == lag).sum()


def test_inhibition_is_seen_where_it_acts(made):
    """At the right of 0, where the second neuron fires after the first one."""
    shown = pd.read_csv(made / "book.csv").query("panel == 'correlogram 0, 1'").iloc[-101:].set_index("x")
    assert shown.y.loc[1:10].sum() < 0.8 * shown.y.loc[-10:-1].sum()


def test_every_kind_is_there_at_every_strength(made):
    panels = pd.read_csv(made / "book.csv").groupby("panel", sort=False).size()
    assert (panels / 101).sum() == 2 * len(KINDS)
    assert (made / "book.png").stat().st_size > 10_000


def test_what_does_not_go_together(made, tmp_path, capsys):
    words = ["correlograms", "--network", str(made / "n.npz"), "--spikes", str(made / "0.01.h5")]
    couplings = ["--couplings", str(made / "0.01.npz"), str(made / "0.005.npz")]
    assert main([*words, *couplings, "--output", str(tmp_path / "x")]) == 1
    assert "--spikes names 1 files and --couplings 2" in capsys.readouterr().err
