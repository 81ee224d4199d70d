"""A part of a run that cannot be used does not take the rest along: it is noted, and told in the end."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from checkout import Checkout

from circuitbias.cli import main
from circuitbias.estimators import Couplings
from circuitbias.experiments import EXPERIMENTS, SUMMARISED
from circuitbias.figures import notes
from circuitbias.spikes.storage import SpikeFile

THETA = {0.01: 0.0013, 0.02: 0.5}
"""The second is out of reach: nobody fires."""
ENTRIES = json.dumps({"glm": {"method": "glm"}, "tap": {"method": "tap"}})
OPTIONS = {
    "data_volume": {"decades": 0.25, "n_windows": 2, "error_level": 0.5},
    "partial_observation": {
        "n_observed": [6],
        "coverage": 0.5,
        "fixed_half": True,
        "decades": 0.25,
        "n_spikes": None,
    },
    "bin_width": {"bin_steps": [50, 100], "n_spikes": None},
    "patterns": {"bin_steps": 100, "n_spikes": None},
    "synchrony": {"n_spikes": None},
    "mismatch": {"n_spikes": None},
    "substates": {"n_spikes": None},
    "freezing": {"bin_steps": 100},
    "pairs": {"bin_steps": 100, "n_groups": 3, "least_weight": 0.05, "n_spikes": None},
}


def step(*words, code=0):
    """Run a step in this process."""
    assert main([str(word) for word in words]) == code


def run_all_steps(folder, network, thetas):
    """Every step of a run with all experiments, for these strengths; return the status of the last one."""
    step("network", "--options", json.dumps(network), "--output", folder / "network.npz")
    of_network = ("--network", folder / "network.npz")
    experiments = [name for name in EXPERIMENTS if name != "patterns" or network["family"] == "ring"]
    for r, theta in thetas.items():
        spikes, model = folder / f"r{r}.h5", json.dumps({"r": r, "theta": theta})
        recording = ("--seed", 1, "--n-spikes", 8000, "--max-silent-steps", 2000, "--output", spikes)
        step("simulate", "--keep-going", *of_network, "--parameters", model, *recording)
        step("activity", *of_network, "--spikes", spikes, "--output", folder / f"activity_r{r}.npz")
        for method in ("glm", "tap"):
            output = ("--output", folder / f"{method}_r{r}.npz")
            step("estimate", "--keep-going", "--spikes", spikes, "--method", method, *output)
        for name in experiments:
            estimators = (
                "{}" if name in ("patterns", "synchrony", "mismatch", "substates", "freezing") else ENTRIES
            )
            what = ("--options", json.dumps(OPTIONS[name]), "--estimators", estimators)
            output = ("--output", folder / f"{name}_r{r}.csv")
            step("experiment", name, "--keep-going", *of_network, "--spikes", spikes, *what, *output)
    couplings = sorted(folder.glob("glm_r*.npz")) + sorted(folder.glob("tap_r*.npz"))
    tables = ("--output", folder / "errors.csv", "--profiles", folder / "profiles.csv")
    step("errors", *of_network, "--couplings", *couplings, *tables)
    activity = ("--activity", *sorted(folder.glob("activity_r*.npz")))
    examples = ("--examples", *thetas)
    step("figure", "figure1", *of_network, *activity, *examples, "--output", folder / "figures" / "figure1")
    drawn = (
        "--errors",
        folder / "errors.csv",
        "--profiles",
        folder / "profiles.csv",
        "--couplings",
        *couplings,
    )
    step("figure", "figure2", *of_network, *drawn, *examples, "--output", folder / "figures" / "figure2")
    table = ("--table", folder / "errors.csv")
    step("figure", "methods", *of_network, *table, "--output", folder / "figures" / "methods")
    table = ("--table", folder / "profiles.csv")
    step("figure", "profiles", *of_network, *table, *examples, "--output", folder / "figures" / "profiles")
    for name in experiments:
        parts = [folder / f"{name}_r{r}.csv" for r in thetas]
        step("gather", "--tables", *parts, "--output", folder / f"{name}.csv")
        more = ()
        if name in SUMMARISED:
            more = ("--summary", folder / f"{name}_summary.csv")
            options = ("--options", json.dumps(OPTIONS[name]), "--output", more[1])
            step("summarise", name, "--table", folder / f"{name}.csv", *options)
        if name == "synchrony":
            more = ("--arrays", *(part.with_suffix(".npz") for part in parts))
        step(
            "figure",
            name,
            *of_network,
            "--table",
            folder / f"{name}.csv",
            *more,
            "--output",
            folder / "figures" / name,
        )
    gathered = ("--experiments", *(folder / f"{name}.csv" for name in experiments))
    last = (*of_network, "--errors", folder / "errors.csv", *activity, *gathered)
    return main(list(map(str, ["outcome", *last, "--output", folder / "outcome.txt"])))


RING = {"family": "ring", "n_neurons": 12, "sigma1": 1.4, "sigma2": 1.41}


@pytest.fixture(scope="module")
def silent_strength(tmp_path_factory):
    """Folder of a run one of whose strengths is silent, and the status of its last step."""
    folder = tmp_path_factory.mktemp("silent")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # of numpy: mean of empty slice
        return folder, run_all_steps(folder, RING, THETA)


def figures_of(folder):
    return {path.stem: path.read_text() for path in (folder / "figures").glob("*.svg")}


def test_a_silent_strength_leaves_the_others_as_they_are(silent_strength):
    folder, status = silent_strength
    assert status == 1
    assert not (folder / "outcome.txt").exists()
    errors = pd.read_csv(folder / "errors.csv")
    silent = errors.r == 0.02
    assert errors.total[~silent].between(0, 1.1).all()
    assert errors.total[silent].isna().all()
    assert errors.note[silent].str.startswith("no neuron has fired for").all()
    assert (errors.n_pairs[silent] == 0).all()
    for name in EXPERIMENTS:
        table = pd.read_csv(folder / f"{name}.csv")
        assert table.note[table.r == 0.02].str.startswith("no neuron has fired for").all(), name
        assert len(table[table.r == 0.02]) == (
            1 if name in ("patterns", "synchrony", "mismatch", "substates", "freezing") else 2
        )


@pytest.mark.slow
def test_tables_of_the_others_are_those_of_a_run_without_it(silent_strength, tmp_path):
    folder, _ = silent_strength
    errors = pd.read_csv(folder / "errors.csv")
    silent = errors.r == 0.02
    assert run_all_steps(tmp_path, RING, {0.01: THETA[0.01]}) == 0
    alone = pd.read_csv(tmp_path / "errors.csv")
    pd.testing.assert_frame_equal(errors[~silent].reset_index(drop=True), alone, check_dtype=False)
    law = pd.read_csv(folder / "data_volume_summary.csv").dropna(subset="total")
    pd.testing.assert_frame_equal(law, pd.read_csv(tmp_path / "data_volume_summary.csv"), check_dtype=False)


def test_a_summary_has_a_row_for_what_it_cannot_sum_up(silent_strength):
    for name in SUMMARISED:
        summary = pd.read_csv(silent_strength[0] / f"{name}_summary.csv")
        without = summary[summary.r == 0.02]
        assert without.estimator.tolist() == ["glm", "tap"]
        assert without.note.str.startswith("no neuron has fired").all()


def test_figures_say_what_they_do_not_draw(silent_strength):
    figures = figures_of(silent_strength[0])
    assert len(figures) == 4 + len(EXPERIMENTS)
    numbers = pd.read_csv(silent_strength[0] / "figures" / "methods.csv")
    assert set(numbers.x) == {0.01}
    table = pd.read_csv(silent_strength[0] / "errors.csv")
    (line,) = notes.not_drawn(table)
    assert line.startswith("Not drawn: GLM, TAP at r = 0.02: no neuron has fired for ")


def test_the_end_names_each_part_once(silent_strength, capsys):
    folder, _ = silent_strength
    tables = ("--errors", folder / "errors.csv", "--experiments", folder / "patterns.csv")
    activity = ("--activity", *sorted(folder.glob("activity_r*.npz")))
    common = ("outcome", "--network", folder / "network.npz", *tables, *activity)
    capsys.readouterr()
    step(*common, "--output", folder / "outcome.txt", code=1)
    said = capsys.readouterr()
    assert said.out.count("Without a result") == 1
    assert "recording at r = 0.02, seed 1: no neuron has fired" in said.out
    assert "1 part of the run could not be used" in said.err


@pytest.mark.slow
def test_every_strength_silent(tmp_path):
    assert run_all_steps(tmp_path, RING, {0.01: 0.5, 0.02: 0.5}) == 1
    figures = figures_of(tmp_path)
    assert len(figures) == 4 + len(EXPERIMENTS)
    for name in ("methods", *EXPERIMENTS):
        assert "no neuron has fired" in _text(figures[name]), name


def _text(svg):
    """What an .svg says: matplotlib writes each line of text as a comment beside its outlines."""
    return " ".join(part.split("-->")[0].strip() for part in svg.split("<!--")[1:])


def test_without_keep_going_a_step_fails_and_writes_nothing(silent_strength, tmp_path, capsys):
    folder, _ = silent_strength
    spikes = ("--spikes", folder / "r0.02.h5")
    capsys.readouterr()
    step("estimate", *spikes, "--method", "glm", "--output", tmp_path / "glm.npz", code=3)
    assert "no neuron has fired for" in capsys.readouterr().err
    network = ("--network", folder / "network.npz")
    options = ("--options", json.dumps(OPTIONS["patterns"]))
    step("experiment", "patterns", *network, *spikes, *options, "--output", tmp_path / "p.csv", code=3)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("weights", [np.zeros((6, 6)), [[0, -0.01], [0.002, 0]]], ids=["null", "two neurons"])
def test_small_and_null_networks_run_to_the_end(tmp_path, weights):
    np.save(tmp_path / "w.npy", weights)
    network = {"family": "file", "path": str(tmp_path / "w.npy")}
    n = len(weights)
    options = {**OPTIONS, "partial_observation": OPTIONS["partial_observation"] | {"n_observed": [n]}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("test_unusable_parts.OPTIONS", options)
        status = run_all_steps(tmp_path, network, {0.01: 0.00115})
    figures = figures_of(tmp_path)
    if np.any(weights):
        return
    assert status == 0  # a control: all has worked
    assert "all weights are zero" in (tmp_path / "outcome.txt").read_text()
    assert "all weights are zero" in _text(figures["figure2"])
    assert "all weights are zero" in _text(figures["data_volume"])


def test_a_rate_that_no_threshold_gives_makes_an_unusable_recording(tmp_path):
    """Without a drive all neurons fire, or none."""
    np.save(tmp_path / "w.npy", np.ones((6, 6)))
    options = json.dumps({"family": "file", "path": str(tmp_path / "w.npy")})
    network, spikes = ("--network", tmp_path / "n.npz"), tmp_path / "s.h5"
    step("network", "--options", options, "--output", network[1])
    found = ("--rate-hz", 50, "--output", tmp_path / "theta.json")
    model = ("--parameters", '{"r": 1.0, "b": 0.0}')
    step("threshold", *network, *model, *found, code=1)
    assert not (tmp_path / "theta.json").exists()
    step("threshold", "--keep-going", *network, *model, *found)
    recording = ("--threshold", tmp_path / "theta.json", "--seed", 1, "--n-spikes", 2000, "--output", spikes)
    step("simulate", *network, *model, *recording, code=3)
    step("simulate", "--keep-going", *network, *model, *recording)
    assert SpikeFile(spikes).unusable.startswith("without a drive (b = 0) no threshold gives a rate")
    step("activity", *network, "--spikes", spikes, "--output", tmp_path / "a.npz")
    step("estimate", "--keep-going", "--spikes", spikes, "--method", "glm", "--output", tmp_path / "glm.npz")
    step("errors", *network, "--couplings", tmp_path / "glm.npz", "--output", tmp_path / "errors.csv")
    (row,) = pd.read_csv(tmp_path / "errors.csv").itertuples()
    assert np.isnan(row.theta)
    assert row.note.startswith("without a drive (b = 0) no threshold gives a rate")


# --- the whole workflow ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_with_a_silent_strength_and_a_method_that_refuses(tmp_path):
    checkout = Checkout(tmp_path)
    refusing = {"glm": {"method": "glm"}, "too_wide": {"method": "glm", "bin_steps": 100_000}}
    wrong = {"thresholds": [0.0013, 0.5], "simulation": {"n_spikes": 5000, "max_silent_steps": 2000}}
    checkout.configure(
        estimators=refusing, experiments={"data_volume": {"decades": 0.25}, "patterns": {}}, **wrong
    )
    said = checkout.snakemake(code=1)
    ending = said[said.index("Error in rule outcome") :]  # what is left to be seen: the log of the last job
    assert "Without a result: recording at r = 0.02, seed 1: no neuron has fired" in ending
    assert "Without a result: estimate too_wide at r = 0.01, seed 1: bin_steps=100000 is longer" in ending
    assert "Traceback" not in said
    assert checkout.planned() == {"outcome": 1}  # all else is done, and the run is not yet a success
    for name in ("figure1", "figure2", "methods", "profiles", "data_volume", "patterns"):
        assert (checkout.results / "figures" / f"{name}.png").stat().st_size > 0
    assert len(Couplings.load(checkout.results / "couplings" / "glm" / "r0.02_seed1.npz").values) == 20
    mended = {"thresholds": [0.0013, 0.0012], "simulation": wrong["simulation"]}
    checkout.configure(estimators={"glm": refusing["glm"]}, experiments={"patterns": {}}, **mended)
    assert checkout.planned()["simulate"] == 1
    checkout.snakemake()
    assert (checkout.results / "outcome.txt").read_text().startswith("Every part has a result.\n")
    assert "Nothing to be done" in checkout.snakemake()
