"""Other versions (slow): a wheel in an empty environment of each Python; the oldest Snakemake."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkout import ROOT, Checkout
from packaging.requirements import Requirement

import circuitbias as cb

pytestmark = pytest.mark.slow
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = [line.split(" :: ")[-1] for line in PROJECT["classifiers"] if line.count(".") == 1]


def run(*words, folder: Path, **more) -> str:
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def interpreter(version: str) -> str | None:
    """Find a Python of this minor version: on the PATH, or among those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")]
    for path in filter(None, found):
        asked = [path, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == version:  # a shim may point to nothing
            return str(path)
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as it is published, built from what belongs to it alone."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, source / part)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "dist", source, folder=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


def environment(python: str, folder: Path, *what, held=None) -> Path:
    """Make an empty environment and install into it, within our constraints (on ``held`` names alone)."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    kept = [line for line in lines if held is None or Requirement(line).name in held]
    (folder / "constraints.txt").write_text("\n".join(kept))
    run(python, "-m", "venv", "bare", folder=folder)
    run("bare/bin/pip", "install", "-q", "-c", "constraints.txt", *what, folder=folder)
    return folder / "bare" / "bin"


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Six units, ten minutes; 4 repeats every third spike of 1, 4 ms later. And what this Python infers."""
    path = tmp_path_factory.mktemp("recording") / "mine.csv"
    rng = np.random.default_rng(1)
    trains = [rng.uniform(0, 600, 2000) for _ in range(6)]
    trains[4] = np.concatenate([trains[4], trains[1][::3] + 0.004])
    rows = [(1000 * time, unit) for unit, train in enumerate(trains) for time in np.sort(train)]
    pd.DataFrame(rows, columns=["time_ms", "unit"]).to_csv(path, index=False, float_format="%.3f")
    return path, cb.infer(cb.recording(path), "glm", bin_ms=10).to_pandas()


@pytest.mark.parametrize("version", PYTHONS)
def test_a_wheel_answers_under_every_python(version, wheel, recording, tmp_path):
    """Without torch and Snakemake, from another folder: the data files are in it, couplings are ours."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on the PATH or in ~/.pyenv")
    program = environment(python, tmp_path, wheel) / "circuitbias"
    infer, score = (
        "infer demo/spikes.csv --output answer",
        "score answer/couplings.csv --network demo/weights.csv",
    )
    answers = [run(program, *words.split(), folder=tmp_path) for words in ("demo", infer, score)]
    assert "total error" in answers[-1]
    said = run(program, "doctor", "--no-benchmark", folder=tmp_path)
    assert re.search(rf"python +{version}\.", said) and re.search("torch +not installed", said)
    assert re.search("snakemake +not installed", said)
    path, expected = recording
    run(program, "infer", path, "--bin-ms", 10, "--output", "mine", folder=tmp_path)
    found = pd.read_csv(tmp_path / "mine" / "couplings.csv").set_index(["pre", "post"])
    assert found["coupling"].idxmax() in [(1, 4), (4, 1)]
    expected = expected.astype({"pre": int, "post": int}).set_index(["pre", "post"]).loc[found.index]
    np.testing.assert_allclose(found["coupling"], expected["coupling"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["standard_error"], expected["standard_error"], rtol=1e-3)


def contents(results: Path) -> dict[str, bytes]:
    """Tables, and arrays of binary files but for the versions that they name."""
    found = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("*.csv")}
    for path in results.rglob("*.npz"):
        with np.load(path) as file:
            arrays = {key: file[key].tobytes() for key in file.files if key != "provenance"}
        found |= {f"{path.relative_to(results)}: {key}": held for key, held in arrays.items()}
    return found


def test_the_workflow_runs_under_the_oldest_snakemake(wheel, tmp_path):
    """The least version that pyproject.toml allows gives what the pinned one gives, bit for bit."""
    (snakemake,) = map(Requirement, PROJECT["optional-dependencies"]["workflow"])
    least = min(one.version for one in snakemake.specifier if one.operator == ">=")
    assert least.count(".") == 1
    (tmp_path / "old").mkdir()
    ours = [Requirement(line).name for line in PROJECT["dependencies"]]  # what decides over numbers
    programs = environment(sys.executable, tmp_path / "old", wheel, f"snakemake=={least}.*", held=ours)
    old = run(programs / "snakemake", "--version", folder=tmp_path)
    now = run(sys.executable, "-m", "snakemake", "--version", folder=tmp_path)
    assert old.startswith(f"{least}.") and not now.startswith(f"{least}.")
    made = {}
    for name, python in (("old", programs / "python"), ("now", Path(sys.executable))):
        (tmp_path / name).mkdir(exist_ok=True)
        checkout = Checkout(tmp_path / name, python=str(python))
        checkout.snakemake()
        assert "nothing to be done" in checkout.snakemake().lower()
        made[name] = contents(checkout.results)
    assert len(made["now"]) > 10 and made["old"].keys() == made["now"].keys()
    assert [name for name, held in made["now"].items() if made["old"][name] != held] == []
