"""A small run of the workflow, in a copy of it that a test may edit."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CONFIG = {
    "name": "tiny",
    "network": {"family": "ring", "n_neurons": 20, "sigma1": 1.4, "sigma2": 1.41},
    "strengths": [0.01, 0.02],
    "thresholds": [0.0013, 0.0012],
    "simulation": {"n_spikes": 5000},
    "estimators": {
        "glm": {"method": "glm", "bin_steps": 100},
        "mean_field": {"method": "mean_field", "bin_steps": 100},
    },
    "experiments": {
        "data_volume": {"estimators": ["mean_field"], "strengths": [0.01], "decades": 0.5},
        "patterns": {},
    },
    "figures": {"example_strengths": [0.01]},
}


class Checkout:
    """A copy of the workflow and the package that a test may edit and run."""

    def __init__(self, folder: Path, python: str = sys.executable):
        self.folder, self.python = folder, python
        self.package = folder / "src" / "circuitbias"
        self.results = folder / "results" / CONFIG["name"]
        for part in ("Snakefile", "workflow", "config", "profiles", "src"):
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target)  # with the cache of compiled kernels
            else:
                shutil.copy(source, target)
        self.configure()

    def configure(self, **changes):
        (self.folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | changes))

    def command(self, *arguments, where=("--cores", "2")) -> dict:
        """What `subprocess` needs to run Snakemake on the checkout's own package."""
        return {
            "args": [
                self.python,
                "-m",
                "snakemake",
                "--configfile",
                "config.yaml",
                *where,
                *arguments,
            ],
            "cwd": self.folder,
            "env": os.environ | {"PYTHONPATH": str(self.folder / "src")},
        }

    def snakemake(self, *arguments, code=0, **where) -> str:
        result = subprocess.run(capture_output=True, text=True, **self.command(*arguments, **where))
        output = result.stdout + result.stderr
        assert result.returncode == code, output
        return output

    def planned(self) -> dict[str, int]:
        """Rules that a run would run now, and how often; figures by their names."""
        output = self.snakemake("--dry-run")
        jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: +.*\n)*)", output, re.MULTILINE)
        names = Counter(
            re.search(r"figure=(\w+)", what)[1] if rule == "figure" else rule for rule, what in jobs
        )
        names.pop("all", None)
        table = re.search(r"^total +(\d+)$", output, re.MULTILINE)
        assert sum(names.values()) + ("rule all:" in output) == (int(table[1]) if table else 0)
        return dict(names)
