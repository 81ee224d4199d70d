"""The command line as a whole: examples of --help run, slips are named, exit codes and JSON are as told."""

import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import circuitbias as cb
from circuitbias.cli import main, module_of
from circuitbias.steps import STEPS, steps_in_words

BY_HAND = (
    *("network", "threshold", "simulate", "activity", "estimate", "infer", "pair", "score", "errors"),
    *("correlograms", "matrix", "floor", "figure", "experiment", "summarise", "gather", "outcome", "explore"),
    *("trust", "check", "doctor", "list", "schema"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the examples run; with the recording that docs/recordings.md makes, but shorter."""
    folder = tmp_path_factory.mktemp("examples")
    rng = np.random.default_rng(1)
    trains = [rng.uniform(0, 600, 600) for _ in range(10)]
    trains[7] = np.concatenate([trains[7], trains[2][::5] + 0.004])
    lines = [f"{time:.6f},{unit}" for unit, train in enumerate(trains) for time in np.sort(train)]
    (folder / "spikes.csv").write_text("time_s,unit\n" + "\n".join(lines) + "\n")
    covariance = np.cov(rng.poisson(3, (4, 500)))
    header = "a,b,c,d\n"
    (folder / "covariance.csv").write_text(header + "\n".join(",".join(map(str, row)) for row in covariance))
    (folder / "results").mkdir()
    return folder


@pytest.mark.parametrize("step", BY_HAND)
def test_examples_of_help_run(folder, step, monkeypatch, capsys):
    """In this order: later ones read what earlier ones wrote."""
    monkeypatch.chdir(folder)
    lines = module_of(step).EXAMPLES.replace("\\\n", "").strip().splitlines()
    examples = list(map(shlex.split, lines))
    assert examples
    for program, *words in examples:
        assert (program, words[0]) == ("circuitbias", step)
        if step == "doctor":
            words = [*{*words[1:], "--no-benchmark"}]
            words = ["doctor", *sorted(words, reverse=True)]
        capsys.readouterr()
        assert main(words) == 0, capsys.readouterr().err
        if "--json" in words:
            json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main([step, "--help"])
    assert "examples:\n  circuitbias " in capsys.readouterr().out


def test_every_step_says_what_it_does():
    lines = steps_in_words().splitlines()
    assert [line.split()[0] for line in lines] == list(STEPS)
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["infr", "a.csv"], "'infr' is no step (did you mean infer?)"),
        (
            ["infer", "a.csv", "--output", "x", "--bin-sm", "3"],
            "--bin-sm is no argument of this step (did you mean --bin-ms?)",
        ),
        (
            ["infer", "a.csv", "--outputt", "x"],
            "--outputt is no argument of this step (did you mean --output?)",
        ),
        (["infer", "a.csv", "b.csv", "--output", "x"], "b.csv is no argument of this step"),
        (["figure", "figur1"], "'figur1' is no figure (did you mean figure1?)"),
        (["infer", "a.csv", "--output", "x", "--bin-ms", "ten"], "--bin-ms: invalid float value: 'ten'"),
    ],
)
def test_slips_are_named_with_code_2(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert message in said.err
    assert not said.out


def test_data_that_allow_nothing_have_a_code_of_their_own(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("time_s,unit\n0.5,1\n0.75,2\n")
    assert main(["infer", str(tmp_path / "a.csv"), "--output", str(tmp_path / "out")]) == 3
    assert main(["infer", str(tmp_path / "no.csv"), "--output", str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()
    capsys.readouterr()
    words = ["infer", str(tmp_path / "a.csv"), "--keep-going", "--json", "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert "unusable" in json.loads(capsys.readouterr().out)


def test_a_reader_that_leaves_is_no_error():
    command = f"{shlex.quote(sys.executable)} -m circuitbias list | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_pipe_that_breaks_is_an_error(monkeypatch, capsys):
    def broken(_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("circuitbias.steps.list.run", broken)
    assert main(["list"]) == 1
    assert "Broken pipe" in capsys.readouterr().err


# --- score --------------------------------------------------------------------------------------


@pytest.fixture
def pieces(tmp_path):
    """A true network; couplings that are twice its weights, in a table, of units 3 ... 12 alone."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(20, 20)) * (rng.random((20, 20)) < 0.4)
    np.fill_diagonal(weights, 0)
    np.savetxt(tmp_path / "w.csv", weights, delimiter=",")
    units = np.arange(3, 13)
    rows = [(i, j, 2 * weights[i, j]) for i in units for j in units if i != j]
    pd.DataFrame(rows, columns=["pre", "post", "coupling"]).sample(frac=1, random_state=1).to_csv(
        tmp_path / "c.csv", index=False
    )
    return tmp_path, weights, rows


def scored(capsys, *words):
    capsys.readouterr()
    assert main(["score", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_perfect_couplings_of_some_units(pieces, capsys):
    folder, _, _ = pieces
    told = scored(capsys, folder / "c.csv", "--network", folder / "w.csv")
    assert (told["n_neurons"], told["n_pairs"]) == (10, 90)
    assert told["total"] == pytest.approx(0, abs=1e-6)
    assert told["scale"] == pytest.approx(0.5)
    assert told["roc_auc"] == 1.0


def test_excitation_and_inhibition_are_scored_apart(pieces, capsys):
    """Couplings of the wrong sign find all connections, but tell excitation from inhibition wrongly."""
    folder, weights, rows = pieces
    flipped = pd.DataFrame([(i, j, -w) for i, j, w in rows], columns=["pre", "post", "coupling"])
    flipped.to_csv(folder / "f.csv", index=False)
    assert main(["score", str(folder / "f.csv"), "--network", str(folder / "w.csv")]) == 0
    found = re.findall(r"([\d.]+)  (roc_auc\w*):", capsys.readouterr().out)
    assert found == [("1", "roc_auc"), ("0", "roc_auc_excitatory"), ("0", "roc_auc_inhibitory")]
    np.savetxt(folder / "w.csv", -np.abs(weights), delimiter=",")  # a network that has none that excite
    assert main(["score", str(folder / "f.csv"), "--network", str(folder / "w.csv")]) == 0
    said = capsys.readouterr().out
    assert "roc_auc_inhibitory" in said and "excitatory" not in said


def test_turned_round_they_are_wrong(pieces, capsys):
    folder, _, rows = pieces
    pd.DataFrame([(j, i, w) for i, j, w in rows], columns=["pre", "post", "coupling"]).to_csv(
        folder / "t.csv", index=False
    )
    assert scored(capsys, folder / "t.csv", "--network", folder / "w.csv")["total"] > 0.7


def test_numbers_from_one_need_a_word(pieces, capsys):
    folder, _, rows = pieces
    moved = [(i + 10, j + 10, w) for i, j, w in rows]
    pd.DataFrame(moved, columns=["pre", "post", "coupling"]).to_csv(folder / "m.csv", index=False)
    assert main(["score", str(folder / "m.csv"), "--network", str(folder / "w.csv")]) == 1
    assert (
        "unit 20 is none of the 20 neurons of the network, 0 ... 19; --first-id says"
        in capsys.readouterr().err
    )
    told = scored(capsys, folder / "m.csv", "--network", folder / "w.csv", "--first-id", 10)
    assert told["total"] == pytest.approx(0, abs=1e-6)


def test_as_the_library_has_it(tmp_path, capsys):
    network = cb.network("ring", n_neurons=20, sigma1=1.4, sigma2=1.41)
    found = cb.infer(cb.simulate(network, r=0.01, theta=0.0013, n_spikes=20_000, seed=1), "mean_field")
    network.save(tmp_path / "ring.npz")
    found.save(tmp_path / "c.npz")
    told = scored(capsys, tmp_path / "c.npz", "--network", tmp_path / "ring.npz")
    expected = cb.compare(network, found)
    for name in ("total", "bias", "variance", "roc_auc"):
        assert told[name] == pytest.approx(expected[name])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("pre,post,value\n1,2,0.5\n", "has no column coupling; needed are pre, post and coupling"),
        ("pre,post,coupling\n1,2,0.5\n1,2,0.5\n", "a pair is there twice"),
        (
            "pre,post,coupling\na,b,0.5\nb,a,0.5\n",
            "unit 'a' is no number: which neuron of the network is it?",
        ),
    ],
)
def test_couplings_that_cannot_be_scored(tmp_path, capsys, table, message):
    (tmp_path / "c.csv").write_text(table)
    np.savetxt(tmp_path / "w.csv", np.ones((4, 4)), delimiter=",")
    assert main(["score", str(tmp_path / "c.csv"), "--network", str(tmp_path / "w.csv")]) == 1
    assert message in capsys.readouterr().err


# --- doctor -------------------------------------------------------------------------------------


def test_the_doctor_finds_what_is_in_the_way(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for place in ("locks/0.input.lock", "incomplete/abc"):
        path = tmp_path / ".snakemake" / place
        path.parent.mkdir(parents=True)
        path.write_text("x")
    assert main(["doctor", str(tmp_path), "--no-benchmark", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    said = " ".join(line for part in told.values() for line in part["advice"])
    assert "snakemake --unlock" in said
    assert "snakemake --rerun-incomplete" in said
    assert (told["results"]["facts"]["locks"], told["results"]["facts"]["unfinished"]) == (1, 1)
    assert told["versions"]["facts"]["circuitbias"] == cb.__version__
    assert main(["doctor", str(tmp_path), "--no-benchmark"]) == 0
    assert re.search(r"\d+ things to look at, marked ->", capsys.readouterr().out)
    assert main(["doctor", str(tmp_path / "no")]) == 1
