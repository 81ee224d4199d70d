"""Without its optional libraries the package does what it can, and says in one sentence what it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from circuitbias import exceptions
from circuitbias.estimators.couplings import Couplings

WITHOUT = """
import sys


class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "snakemake"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing)
"""
"""Makes every import of these fail, as where they are not installed."""


@pytest.fixture(scope="module")
def circuitbias(tmp_path_factory):
    """Run the command line where neither torch nor Snakemake is."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(WITHOUT)
    environment = os.environ | {"PYTHONPATH": str(folder)}

    def run(*words, code=0):
        command = [sys.executable, "-m", "circuitbias", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
        assert done.returncode == code, done.stderr
        return done.stderr

    run.folder = folder
    run("network", "--options", '{"n_neurons": 20, "sigma1": 1.4, "sigma2": 1.41}', "--output", "net.npz")
    model = '{"r": 0.01, "theta": 0.0013}'
    run(
        "simulate", *("--network", "net.npz", "--parameters", model, "--seed", 1, "--n-spikes", 5000), *OUTPUT
    )
    return run


OUTPUT = ("--output", "spikes.h5")
DATA = ("--network", "net.npz", "--spikes", "spikes.h5")


def test_everything_runs_without_torch(circuitbias):
    """From the network to the figures, by the method that `infer` takes of itself."""
    circuitbias("activity", *DATA, "--output", "activity.npz")
    method = ("--method", "glm", "--options", "{}", "--name", "glm")
    circuitbias("estimate", *DATA, *method, "--output", "glm.npz")
    assert np.isfinite(Couplings.load(circuitbias.folder / "glm.npz").values).sum() == 20 * 19
    tables = ("--output", "errors.csv", "--profiles", "profiles.csv", "--repetitions", "seeds.csv")
    circuitbias("errors", "--network", "net.npz", "--couplings", "glm.npz", *tables)
    circuitbias("figure", "methods", "--network", "net.npz", "--table", "errors.csv", "--output", "methods")
    assert (circuitbias.folder / "methods.svg").stat().st_size > 0


EVERY_METHOD = """
import sys

from circuitbias.catalogue import declared
from circuitbias.estimators import METHODS, estimate
from circuitbias.estimators.contract import sparse_record

record = sparse_record()
for method in METHODS:
    estimate(method, record, **declared("estimators", method).examples[-1])
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize("before", [WITHOUT, ""], ids=["without torch", "with torch"])
def test_no_method_loads_torch_on_the_cpu(before):
    done = subprocess.run([sys.executable, "-c", before + EVERY_METHOD], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_needs_torch_names_the_extra_that_brings_it(circuitbias):
    words = ("estimate", "--method", "glm", "--options", "{}", "--name", "glm", "--device", "cuda")
    said = circuitbias(*words, *DATA, "--output", "none", code=1)
    sentence = "device='cuda' needs torch, which is not installed: pip install 'circuitbias[torch]'"
    assert said.splitlines() == [f"circuitbias estimate: error: {sentence}"]
    assert not Path(circuitbias.folder / "none").exists()


def test_in_python_too():
    script = f"{WITHOUT}import circuitbias as cb\ncb.network, cb.simulate, cb.infer\ncb.ThresholdSAM"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "circuitbias.exceptions.MissingExtraError: circuitbias.ThresholdSAM needs torch, which is not "
        "installed: pip install 'circuitbias[torch]'"
    )


def test_other_errors_of_imports_pass():
    with pytest.raises(ModuleNotFoundError, match="nowhere"), exceptions.naming_extra("this"):
        import nowhere  # noqa: F401
