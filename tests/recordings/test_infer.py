"""From a file to couplings with ids, errors and reasons; a known network is the same by every way in."""

import json
import xml.etree.ElementTree as ET

import networkx
import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

import circuitbias as cb
from circuitbias.cli import main
from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    ConstantNeuronWarning,
    EstimationWarning,
    NotConvergedWarning,
    SeparableCountsWarning,
)
from circuitbias.estimators.of_recording import UnknownCouplingsWarning, infer_units, reasons
from circuitbias.estimators.summary import false_discoveries, strongest_in_words, summarise
from circuitbias.figures.recording import Piece, draw, order_by_structure, piece_of
from circuitbias.recordings.recording import Recording
from circuitbias.spikes.writing import write_spikes


def infer(*arguments):
    return main(["infer", *map(str, arguments)])


@pytest.fixture(scope="module")
def simulated():
    """Spikes of a small ring, and its times in seconds by unit."""
    ring = cb.networks.ring.ring_network(12, 1.39, 1.4)
    spikes = cb.simulate(ring, r=0.02, theta=0.00115, n_spikes=40_000, seed=3)
    steps = np.concatenate([one.steps for one in spikes.pieces])
    neurons = np.concatenate([one.neurons for one in spikes.pieces])
    return spikes, steps, neurons


@pytest.fixture(scope="module")
def direct(simulated):
    return estimate("glm", simulated[0], bin_steps=50, device="cpu")


def written(folder, form, spikes, steps, neurons):
    """A recording in a format, and what must be said with it."""
    if form == "csv":
        lines = [f"{step / 10},{unit}\n" for step, unit in zip(steps, neurons, strict=True)]
        (folder / "spikes.csv").write_text("time_ms,unit\n" + "".join(lines))
        return folder / "spikes.csv", []
    if form == "npz":
        np.savez(folder / "spikes.npz", times=steps * 1e-4, units=neurons)
        return folder / "spikes.npz", []
    if form == "phy":
        folder = folder / "phy"
        folder.mkdir()
        np.save(folder / "spike_times.npy", 3 * steps)
        np.save(folder / "spike_clusters.npy", neurons)
        (folder / "params.py").write_text("sample_rate = 30000\n")
        return folder, []
    write_spikes(folder / "spikes.h5", spikes.segments(), spikes.n_neurons, 0.1, {})
    return folder / "spikes.h5", []


@pytest.mark.parametrize("form", ["csv", "npz", "phy", "spike_file"])
def test_the_same_couplings_by_every_way_in(tmp_path, simulated, direct, form):
    spikes, steps, neurons = simulated
    path, told = written(tmp_path, form, spikes, steps, neurons)
    end = spikes.trial_steps.sum() / 10_000
    read = cb.recording(path, *told)
    if form != "spike_file":  # which says itself how long it is
        read = read.select(window_s=(0, end))
    couplings = cb.infer(read, "glm", bin_ms=5, device="cpu")
    np.testing.assert_array_equal(couplings.values, direct.values)
    table = couplings.to_pandas()
    assert len(table) == 12 * 11
    row = table[(table.pre == "3") & (table.post == "7")].iloc[0]
    assert row.coupling == direct.values[3, 7]
    assert row.standard_error == direct.arrays["standard_errors"][0, 3, 7]
    assert cb.compare(cb.networks.ring.ring_network(12, 1.39, 1.4), couplings).total >= 0


@pytest.fixture(scope="module")
def made(tmp_path_factory, simulated):
    """Recording, and the folder that the step makes of it."""
    folder = tmp_path_factory.mktemp("made")
    path, _ = written(folder, "csv", *simulated)
    assert infer(*OF_MADE, path, "--output", folder / "out") == 0
    return path, folder / "out"


OF_MADE = ("--bin-ms", 5, "--device", "cpu", "--window-s", 0, 20)


def test_what_the_step_writes(made, simulated):
    _, steps, neurons = simulated
    path, folder = made
    names = {"couplings.csv", "couplings.npz", "couplings.graphml", "couplings.pdf", "couplings.png"}
    assert {one.name for one in folder.iterdir()} == names | {"units.csv", "summary.txt", "summary.json"}
    table = pd.read_csv(folder / "couplings.csv", dtype={"pre": str, "post": str})
    loaded = cb.Couplings.load(folder / "couplings.npz")
    assert loaded.units == [str(k) for k in range(12)]
    np.testing.assert_allclose(table.coupling, loaded.to_pandas().coupling, rtol=1e-7)
    graph = networkx.read_graphml(folder / "couplings.graphml")
    assert graph.number_of_edges() == table.coupling.notna().sum()
    first = table.dropna().iloc[0] if table.dropna().size else table.iloc[0]
    edge = graph.edges[first.pre, first.post]
    assert edge["coupling"] == pytest.approx(first.coupling, rel=1e-7)
    assert edge["standard_error"] == pytest.approx(first.standard_error, rel=1e-7)
    assert loaded.to_networkx().number_of_edges() == graph.number_of_edges()
    units = pd.read_csv(folder / "units.csv")
    inside = steps < 200_000
    assert units.spikes.tolist() == np.bincount(neurons[inside], minlength=12).tolist()
    assert graph.nodes["4"]["spikes"] == units.spikes[4]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["n_couplings"] == table.coupling.notna().sum()
    text = (folder / "summary.txt").read_text()
    assert str(path.parent) not in text + (folder / "summary.json").read_text()
    z = (table.coupling / table.standard_error).abs()
    strongest = summary["strongest"][0]
    assert (strongest["pre"], strongest["post"]) == tuple(table.loc[z.idxmax(), ["pre", "post"]])


def test_the_same_bytes_again(tmp_path, made, capsys):
    path, folder = made
    assert infer(*OF_MADE, path, "--output", tmp_path) == 0
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name
    assert capsys.readouterr().out == (folder / "summary.txt").read_text()


def test_unequal_rates_silent_units_and_reasons(tmp_path):
    rng = np.random.default_rng(6)
    n_bins = 6000
    counts = rng.random((n_bins, 5)) < [0.0, 0.4, 0.05, 0.2, 0.002]
    counts[:, 2] &= ~counts[:, 3]  # never together
    bins, units = np.nonzero(counts)
    names = np.array(["quiet", "a", "b", "c", "rare"])
    trains = {name: (bins[units == k] + 0.5) * 0.01 for k, name in enumerate(names)}
    read = cb.recording(trains, time_unit="s").select(window_s=(0, 60))
    with pytest.warns(UnknownCouplingsWarning, match=r"8: one of the two has no spike"):
        couplings = cb.infer(read, "glm", bin_ms=10, device="cpu")
    table = couplings.to_pandas().set_index(["pre", "post"])
    assert (table.reason[table.coupling.notna()] == "").all()
    assert (table.reason[table.coupling.isna()] != "").all()
    assert table.reason["quiet", "a"] == table.reason["a", "quiet"] == "one of the two has no spike"
    assert table.reason["b", "c"].startswith("infinite")
    assert table.reason["a", "b"] == ""
    sentences = " ".join(couplings.diagnostics["recording"])
    assert "without a spike: unit quiet" in sentences
    assert "fewer than 30 spikes: unit rare" in sentences


def test_reasons_by_hand():
    values = np.array([[np.nan, 1.0, np.nan, np.nan], [np.nan] * 4, [2.0, np.nan, np.nan, 3.0], [np.nan] * 4])
    about = [
        NotConvergedWarning("x", targets=[2]),
        SeparableCountsWarning("x", pairs=[[0, 3], [0, 1]]),
        ConstantNeuronWarning("x", neurons=[1]),
        EstimationWarning("somebody else's"),
    ]
    codes, words = reasons(values, np.array([False, False, False, False]), about)
    by_pair = {(i, j): words[codes[i, j]] for i in range(4) for j in range(4)}
    assert by_pair[0, 1] == by_pair[2, 0] == by_pair[2, 2] == ""
    assert by_pair[0, 2] == NotConvergedWarning.why
    assert by_pair[0, 3] == SeparableCountsWarning.why
    assert by_pair[1, 0] == by_pair[2, 1] == by_pair[3, 1] == ConstantNeuronWarning.why
    assert by_pair[3, 0] == EstimationWarning.why


def test_discoveries_as_scipy_counts_them():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = np.concatenate([rng.random(50), rng.random(20) * 0.003])
        assert false_discoveries(p) == (false_discovery_control(p) <= 0.05).sum()
    assert false_discoveries(np.array([0.9, 0.8])) == 0


def found_in(trains, method="glm", **options):
    couplings, _, report = infer_units(cb.recording(trains), method, device="cpu", **options)
    return summarise(couplings, report)


def test_a_short_recording_of_independent_units_says_so():
    rng = np.random.default_rng(8)
    summary = found_in({k: np.sort(rng.uniform(0, 20, 40)) for k in range(10)}, bin_ms=20)
    assert summary.too_short
    assert any("TOO SHORT TO SAY" in line for line in summary.found)
    assert summary.events_a_coefficient == 4.0
    assert any("record 2.5 times as long" in line for line in summary.help)


def test_a_long_one_tells_who_drives_whom():
    rng = np.random.default_rng(8)
    trains = [np.sort(rng.uniform(0, 400, 4000)) for _ in range(5)]
    trains[4] = np.sort(np.concatenate([trains[4], trains[1][::4] + 0.004]))
    summary = found_in({f"u{k}": train for k, train in enumerate(trains)}, bin_ms=20)
    assert not summary.too_short
    (one,) = summary.strongest  # no direction: each pair once
    assert {one["pre"], one["post"]} == {"u1", "u4"}
    assert summary.standing_out == 2
    assert strongest_in_words(summary)[0].startswith(f"{one['pre']} – {one['post']}: +")
    assert summary.bins_together == pytest.approx(4000**2 * 0.02 / 400, rel=0.01)


def test_methods_without_errors_say_so():
    rng = np.random.default_rng(9)
    trains = {f"u{k}": np.sort(rng.uniform(0, 60, 600)) for k in range(4)}
    summary = found_in(trains, "cross_correlation")
    assert summary.standing_out is None
    assert any("no standard errors" in line for line in summary.found)


def test_positions_and_odd_names(tmp_path):
    rng = np.random.default_rng(10)
    names = ['a"<b>', "ü & v", "\x01c", "d"]
    columns = {"x": np.array([0.0, 1, 2, 3]), "y": np.array([0.0, 1, 0, 1]), "label": np.array(list("gmgm"))}
    read = Recording(names, [np.sort(rng.uniform(0, 60, 600)) for _ in names], properties=columns)
    couplings = cb.infer(read, bin_ms=10, device="cpu")
    from circuitbias.estimators.graphml import write_graphml
    from circuitbias.steps.infer import positions_of, unit_table

    report = read.to_spikes()[1]
    write_graphml(tmp_path / "a.graphml", couplings, unit_table(read, report))
    root = ET.parse(tmp_path / "a.graphml").getroot()
    nodes = [node.get("id") for node in root.iter("{http://graphml.graphdrawing.org/xmlns}node")]
    assert nodes[:2] == names[:2]
    assert len(nodes) == 4
    assert positions_of(read).tolist() == [[0, 0], [1, 1], [2, 0], [3, 1]]


def test_order_by_structure_puts_blocks_together():
    rng = np.random.default_rng(1)
    group = rng.permutation(np.repeat([0, 1, 2], 6))
    values = np.where(group[:, None] == group, 1.0, -0.2) + 0.05 * rng.normal(size=(18, 18))
    values[3], values[:, 3] = np.nan, np.nan
    order = order_by_structure(values)
    assert sorted(order) == list(range(18))
    assert order[-1] == 3
    assert np.count_nonzero(np.diff(group[order[:-1]])) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time-unit", "minutes"], "time_unit = 'minutes': must be one of"),
        (["--method", "gml"], "method = 'gml': must be one of"),
        (["--options", '{"ridg": 1}'], "did you mean ridge"),
        (["--options", '{"bin_ms": 1}'], "arguments of their own"),
        (["--bin-ms", "0.25"], "bin_ms = 0.25: must be a multiple of a step"),
        (["--bin-ms", "5", "--options", '{"bin_steps": 50}'], "left out where the option bin_steps is given"),
        (["--units", "a"], "there is only one unit, a"),
        (["--units", "a", "z"], "there is no unit 'z'"),
        (["--where", "label"], "must be COLUMN=VALUE"),
        (["--where", "label=good"], "units have no column 'label'; there are no columns"),
        (["--least-rate-hz", "1000"], "0 of 2 units fire at 1000 Hz or more"),
        (["--window-s", "100", "200"], "no spike is in it"),
        (["--format", "nwbx"], "format = 'nwbx': must be one of"),
        (["--format-options", '{"x": 1}'], "options of npz: x = 1: unknown key"),
    ],
)
def test_what_is_refused_writes_nothing(tmp_path, capsys, arguments, message):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", a=np.sort(rng.uniform(0, 9, 99)), b=np.sort(rng.uniform(0, 9, 99)))
    assert infer(tmp_path / "a.npz", *arguments, "--device", "cpu", "--output", tmp_path / "out") in (1, 3)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_older_summary_does_not_stay_beside_newer_couplings(tmp_path, simulated, monkeypatch):
    path, _ = written(tmp_path, "npz", *simulated)
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.json").write_text("{}")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("circuitbias.steps.infer.figure_writer", lambda *_: lambda stem: None)
    monkeypatch.setattr("circuitbias.steps.infer.write_graphml", full)
    assert infer(path, "--bin-ms", 10, "--device", "cpu", "--output", out) == 1
    assert not (out / "summary.json").exists()
    assert (out / "couplings.npz").exists()


def test_the_figure_shows_what_it_is_given():
    rng = np.random.default_rng(3)
    values = np.full((5, 5), np.nan)
    values[0, 1], values[1, 0], values[2, 3] = 2.0, 1.0, -1.0
    rates = np.array([1.0, 2.0, 3.0, 4.0, 0.0])
    piece = Piece(np.sort(rng.uniform(0, 60, 40)), rng.integers(0, 5, 40), 7.0)
    positions = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [np.nan, np.nan]])
    figure, numbers = draw(list("abcde"), values, np.full((5, 5), np.nan), rates, piece, "title", positions)
    drawn = numbers[numbers.panel == "rates"]
    assert [rates[int(unit)] for unit in drawn.value] == drawn.x.tolist()
    assert sorted(drawn.value) == [0, 1, 2, 3, 4]
    titles = [axes.get_title(loc="left") for part in figure.subfigs for axes in part.axes]
    assert "the 3 that stand out most, on the anatomy" in titles
    figure, _ = draw(list("abcde"), values, np.abs(values), rates, piece, "title")
    titles = [axes.get_title(loc="left") for part in figure.subfigs for axes in part.axes]
    assert "in standard errors" in titles
    draw(list("abcde"), np.full((5, 5), np.nan), np.full((5, 5), np.nan), rates, piece, "nothing")


def test_the_piece_that_is_drawn_is_the_beginning():
    recording = cb.recording({"a": np.arange(1, 200.0) + 0.5, "b": np.arange(0.0, 200, 3)}, time_unit="s")
    spikes, _ = recording.to_spikes()
    piece = piece_of(spikes, 0.0)
    assert piece.times_s.max() < 60
    assert np.bincount(piece.units).tolist() == [59, 20]


def test_several_lags_have_no_single_error(simulated):
    read = cb.recording(simulated[0])
    couplings = cb.infer(read, "glm", bin_ms=5, lags=[1, 2], device="cpu")
    assert np.isfinite(couplings.values).any()
    assert couplings.to_pandas().standard_error.isna().all()
    one = cb.infer(read, "glm", bin_ms=5, lags=[1], device="cpu")
    others = ~np.eye(12, dtype=bool)
    np.testing.assert_array_equal(one.standard_errors[others], one.arrays["standard_errors"][0][others])


def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("circuitbias.steps.infer.infer_units", None)
    (tmp_path / "a.csv").write_text("time_s,unit\n0.5,1\n0.75,2\n")
    assert main(["infer", str(tmp_path / "a.csv"), "--output", str(tmp_path / "a.csv" / "answer")]) == 1
    assert "a.csv is a file; name a folder" in capsys.readouterr().err
    assert main(["infer", "https://example.org/a.csv", "--output", str(tmp_path / "out")]) == 1
    assert "download it first" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
