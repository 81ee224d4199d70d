"""``circuitbias check`` names couplings that no table of errors holds any more."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from circuitbias.cli import main
from circuitbias.estimators import Couplings


@pytest.fixture
def run_folder(tmp_path):
    """A run of which an estimator, a strength and a seed have left the config; its table is newest."""
    kept = [("glm", 0.01, 1), ("glm", 0.0125, 1), ("mine", 0.01, 1), ("mine", 0.0125, 1)]
    for estimator, r, seed in [*kept, ("gone", 0.01, 1), ("glm", 0.02, 1), ("glm", 0.01, 2)]:
        path = tmp_path / "couplings" / estimator / f"r{r}_seed{seed}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        Couplings(np.ones((3, 3))).save(path)
        os.utime(path, (1e9, 1e9))
    table = pd.DataFrame(kept, columns=["estimator", "r", "seed"])
    table.assign(total=0.5).to_csv(tmp_path / "errors.csv", index=False)
    return tmp_path


def superseded(folder, capsys):
    assert main(["check", str(folder), "--json"]) == 0
    return [os.path.relpath(path, folder) for path in json.loads(capsys.readouterr().out)["superseded"]]


def test_what_has_left_the_config_is_named_and_stays(run_folder, capsys):
    gone = ["glm/r0.01_seed2.npz", "glm/r0.02_seed1.npz", "gone/r0.01_seed1.npz"]
    gone = [f"couplings/{name}" for name in gone]
    assert superseded(run_folder, capsys) == gone
    assert main(["check", str(run_folder), "--delete"]) == 0
    said = capsys.readouterr().out
    assert said.count("has left the config") == 3
    assert said.splitlines()[-1] == "8 files read, 0 of them damaged; 0 left over; 3 not of the last run"
    assert all((run_folder / path).exists() for path in gone)


def test_what_a_run_under_way_has_made_is_not(run_folder, capsys):
    for path in run_folder.rglob("*.npz"):
        os.utime(path, (4e9, 4e9))
    assert superseded(run_folder, capsys) == []


def test_tables_of_several_circuits_and_foreign_ones_say_nothing(run_folder, capsys):
    (run_folder / "errors.csv").write_text("a,b\n1,2\n")
    assert superseded(run_folder, capsys) == []
    (run_folder / "errors.csv").unlink()
    assert superseded(run_folder, capsys) == []
