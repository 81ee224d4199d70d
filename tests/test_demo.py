"""The recording that comes with the package; the workflow as a module of another one."""

import gzip
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkout import CONFIG, ROOT

import circuitbias as cb
from circuitbias.cli import main


def test_it_is_what_it_is_said_to_be():
    """Made anew from the seed, bit for bit."""
    network = cb.network("ring", n_neurons=20, sigma1=1.4, sigma2=1.41)
    spikes = cb.simulate(network, r=0.01, theta=0.0013, n_spikes=40_000, seed=1)
    steps, neurons = (
        np.concatenate([getattr(one, k) for one in spikes.pieces]) for k in ("steps", "neurons")
    )
    spikes_of = zip(steps, neurons, strict=True)
    text = "time_s,unit\n" + "".join(f"{step * 1e-4:.4f},{neuron}\n" for step, neuron in spikes_of)
    place = files("circuitbias.recordings.demo")
    held = {k: gzip.decompress((place / f"{k}.csv.gz").read_bytes()) for k in ("spikes", "weights")}
    assert held["spikes"].decode() == text
    weights = np.loadtxt(held["weights"].decode().splitlines(), delimiter=",")
    np.testing.assert_allclose(weights, network.dense_weights(), rtol=1e-8)


def test_what_it_says_comes_next_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    said = capsys.readouterr().out.splitlines()
    lines = [line.split() for line in said if line.startswith("  circuitbias")]
    assert [line[1] for line in lines] == ["infer", "score"]
    for line in lines:
        assert main(line[1:]) == 0
    assert "area under the ROC curve" in capsys.readouterr().out


@pytest.fixture
def elsewhere(tmp_path):
    """Another repository, whose workflow takes this one for a module, with a config within its own."""
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"other": 3, "bias": CONFIG | {"experiments": {}}}))
    (tmp_path / "Snakefile").write_text(f"""
configfile: "mine.yaml"

module bias:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["bias"]

use rule * from bias as bias_*

rule mine:
    default_target: True
    input: "results/tiny/errors.csv"
    output: "mine.txt"
    shell: "cut -d, -f1 {{input}} > {{output}}"
""")
    return tmp_path


def snakemake(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_another_repository_can_plan_with_it(elsewhere):
    said = snakemake(elsewhere, "--dry-run", "--quiet", "rules")
    for name, n in (("bias_simulate", 2), ("bias_estimate", 4), ("bias_errors", 1), ("mine", 1)):
        assert any(line.split() == [name, str(n)] for line in said.splitlines()), said


@pytest.mark.slow
def test_another_repository_runs_it(elsewhere):
    snakemake(elsewhere)
    estimators = (elsewhere / "mine.txt").read_text().split()
    assert sorted(estimators) == ["estimator", "glm", "glm", "mean_field", "mean_field"]
