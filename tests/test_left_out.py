"""Inputs that are left out, or of another kind: each is named, with its argument and what is allowed."""

import argparse
import json
import re

import numpy as np
import pandas as pd
import pytest

from circuitbias.catalogue import pictures
from circuitbias.cli import main, module_of
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.experiments import COLUMNS, EXPERIMENTS, SUMMARISED
from circuitbias.networks import ring_network
from circuitbias.spikes.writing import write_spikes
from circuitbias.steps import STEPS
from circuitbias.tables import KNOWN_BY

TAKE_NO_ESTIMATORS = ("patterns", "synchrony", "mismatch", "substates", "freezing")
TRIES_ESTIMATORS = sorted(set(EXPERIMENTS) - set(TAKE_NO_ESTIMATORS))
HEADS = {
    "errors": "estimator,method,r,seed,total,bias,roc_auc,recorded_s,directed,note",
    "repetitions": "estimator,method,options,r,n_seeds,total,bias",
    "profiles": "estimator,r,seed,offset,weight,coupling",
    "detection": "estimator,r,seed,sign,threshold,recall,precision,note",
    "floor": "r,seed,noise,score_chi2,total,note",
    "comparison": "network,quantity,estimator,r,published,expected,ours,verdict",
    "data_volume": "seed,r,estimator,method,options,fraction,window,n_spikes,total,bias,variance,note",
    "partial_observation": "seed,r,estimator,method,options,experiment,n_observed,subset,n_spikes,total,note",
    "bin_width": "seed,r,estimator,method,options,bin_steps,bin_ms,n_spikes,total,note",
    "patterns": "seed,r,n_spikes,pattern_strength,noise_correlation,diffusivity",
    "synchrony": "seed,r,estimator,n_spikes,total,n_pairs,n_connected,note",
    "mismatch": "seed,r,estimator,method,options,parent,kind,change,hidden,n_spikes,total,note",
    "substates": "seed,r,against,n_spikes,divergence,log_likelihood,entropy",
    "freezing": "seed,r,estimator,fraction,n_spikes,seconds,total,frozen_share,note",
    "pairs": "seed,r,estimator,method,options,n_spikes,total,kind,against,at,rank_correlation,note",
    "data_volume_summary": "estimator,method,options,r,slope,total,log10_demand,n_windows,note",
    "partial_observation_summary": "estimator,method,options,r,n_observed,n_subsets,total,merged_total,note",
    "empty": "seed,r",
}
"""Beginnings of the tables that there are."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network, spikes of it, and a row of every table."""
    folder = tmp_path_factory.mktemp("pieces")
    network, parameters = ring_network(20, 1.4, 1.41), ThresholdParameters(0.01, 0.0013)
    network.save(folder / "network.npz")
    made = {"parameters": {"seed": 1, "model": parameters.to_dict()}}
    write_spikes(folder / "spikes.h5", simulate(network, parameters, seed=1, n_spikes=2000), 20, 0.1, made)
    for name, head in HEADS.items():
        values = {"estimator": "glm", "method": "glm", "note": "", "options": "{}", "sign": "all"}
        row = ",".join(str(values.get(column, 1)) for column in head.split(","))
        (folder / f"{name}.csv").write_text(f"{head}\n{row}\n")
    return folder


def run(capsys, folder, *words) -> tuple[int, str]:
    """Exit code and what was said; nothing may have been written."""
    before = sorted(folder.iterdir())
    try:
        code = main(list(map(str, words)))
    except SystemExit as stop:
        code = stop.code
    assert sorted(folder.iterdir()) == before
    return code, capsys.readouterr().err


def required(parser) -> list[str]:
    """What argparse asks of a step, by the names that it says."""
    return [
        "/".join(action.option_strings) or action.metavar or action.dest
        for action in parser._actions
        if action.required and action.nargs != "*"
    ]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_without_its_arguments(tmp_path, capsys, step):
    parser = argparse.ArgumentParser()
    module_of(step).add_arguments(parser)
    if needed := required(parser):
        code, said = run(capsys, tmp_path, step)
        assert code == 2
        assert all(name in said for name in needed)


@pytest.mark.parametrize("figure", pictures())
def test_every_figure_without_its_arguments(tmp_path, capsys, figure):
    code, said = run(capsys, tmp_path, "figure", figure, "--output", tmp_path / "fig")
    asked = re.search("are required: (.*)", said)[1].split(", ")
    assert code == 2
    assert {f"--{name}" for name in pictures()[figure].inputs if name in ("network", "table")} <= {*asked}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_that_tries_estimators_needs_some(folder, capsys, name):
    """And one that has its own takes none."""
    words = ["experiment", name, "--network", folder / "network.npz", "--spikes", folder / "spikes.h5"]
    words += ["--output", folder / "out.csv"]
    if name in TRIES_ESTIMATORS:
        code, said = run(capsys, folder, *words)
        assert code == 2
        assert f"{name} needs --estimators" in said and '{"glm": {"method": "glm"}}' in said
    else:
        code, said = run(capsys, folder, *words, "--estimators", '{"glm": {"method": "glm"}}')
        assert code == 1
        assert f"--estimators: {name} has its own" in said
        assert ", ".join(name for name in EXPERIMENTS if name in TRIES_ESTIMATORS) in said


def test_a_summary_has_the_defaults_of_the_config(folder, capsys, tmp_path):
    """Of a power law that reaches the default level of 0.577 at 300 spikes: 0.577**2 = 0.25 + 24.9 / 300."""
    rows = []
    for power in range(5):
        n_spikes = 10_000 * 10 ** (-power / 4)
        rows.append({"estimator": "glm", "method": "glm", "options": "{}", "r": 0.01, "seed": 1, "window": 0})
        rows[-1] |= {"fraction": 10 ** (-power / 4), "n_steps": n_spikes * 10, "n_spikes": n_spikes}
        bias, variance = 0.5, np.sqrt((0.577**2 - 0.25) * 300 / n_spikes)
        rows[-1] |= {"total": np.hypot(bias, variance), "bias": bias, "variance": variance, "note": ""}
        rows[-1] |= dict.fromkeys(("bias_corrected", "bias_corrected_se", "variance_corrected"), np.nan)
        rows[-1] |= {"n_pairs": 380, "n_all_pairs": 380, "scale": 1.0, "n_counts": n_spikes}
        rows[-1] |= dict.fromkeys(("scale_corrected", "scale_corrected_se"), np.nan)
    pd.DataFrame(rows).to_csv(tmp_path / "volume.csv", index=False)
    words = ["summarise", "data_volume", "--table", str(tmp_path / "volume.csv"), "--output"]
    assert main([*words, str(tmp_path / "default.csv")]) == 0
    default = pd.read_csv(tmp_path / "default.csv").iloc[0]
    assert default.error_level == 0.577
    assert default.slope == pytest.approx(-1, abs=1e-6)
    given = json.dumps({"error_level": 0.6})
    assert main([*words, str(tmp_path / "given.csv"), "--options", given]) == 0
    assert pd.read_csv(tmp_path / "given.csv").iloc[0].error_level == 0.6


@pytest.mark.parametrize("name", SUMMARISED)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"error_levl": 0.5, "coverag": 1}, "unknown key"),
        ({"strengths": []}, "strengths = []"),
        ({"decades": -1}, "decades = -1"),
    ],
)
def test_options_of_a_summary_are_those_of_its_experiment(folder, capsys, name, options, message):
    words = ["summarise", name, "--table", folder / f"{name}.csv", "--options", json.dumps(options)]
    code, said = run(capsys, folder, *words, "--output", folder / "out.csv")
    assert code == 1
    assert message in said


def wrong_tables():
    """Each place of a table, and some that are other ones."""
    others = ("repetitions", "data_volume", "errors", "empty")
    for name in SUMMARISED:
        yield from ((("summarise", name), "table", name, other) for other in others if other != name)
    for name, picture in pictures().items():
        kind = picture.table.rpartition("/")[2]
        kinds = {"table": kind, "summary": f"{kind}_summary"}
        for argument in {"errors", "profiles", "table", "summary", "floor", "comparison"} & {*picture.inputs}:
            right = kinds.get(argument, argument)
            yield from ((("figure", name), argument, right, other) for other in others if other != right)


@pytest.mark.parametrize("step", sorted({case[0] for case in wrong_tables()}), ids=" ".join)
def test_tables_of_another_kind(folder, capsys, step):
    """All at every place of a step: a message is said before any work begins."""
    for _, argument, right, other in (case for case in wrong_tables() if case[0] == step):
        words = {"table": folder / f"{right}.csv"}
        if step[0] == "figure":
            inputs = pictures()[step[1]].inputs
            kind = pictures()[step[1]].table.rpartition("/")[2]
            words = {one: folder / f"{one}.csv" for one in ("errors", "profiles") if one in inputs}
            words |= {"network": folder / "network.npz"} if "network" in inputs else {}
            words |= {"table": folder / f"{kind}.csv"} if "table" in inputs else {}
            words |= {"couplings": folder / "network.npz"} if "couplings" in inputs else {}
            words |= {"examples": 1} if pictures()[step[1]].in_full else {}
        words |= {argument: folder / f"{other}.csv", "output": folder / "out"}
        given = [word for key, value in words.items() for word in (f"--{key}", value)]
        code, said = run(capsys, folder, *step, *given)
        assert (code, f"--{argument} {folder / other}.csv: is no table of {right}" in said) == (1, True), said


def test_the_tables_here_are_those_that_there_are():
    """A new experiment adds its own above; no other table has all the columns that it is known by."""
    known = KNOWN_BY | COLUMNS
    assert {*known} <= {*HEADS}
    for kind, columns in known.items():
        assert columns
        assert [name for name, head in HEADS.items() if {*columns} <= {*head.split(",")}] == [kind]
