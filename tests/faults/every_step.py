"""Every step of the flow, run by hand on a small ring."""

import json
from pathlib import Path

EXPERIMENT = {"decades": 0.5, "n_windows": 2, "error_level": 0.577}


class Steps:
    """Every step of the flow on a small ring, each with its arguments and its main output."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.network, self.spikes = folder / "network.npz", folder / "spikes.h5"
        self.couplings, self.errors = folder / "couplings.npz", folder / "errors.csv"
        self.profiles, self.activity = folder / "profiles.csv", folder / "activity.npz"
        self.table = folder / "experiment.csv"
        ring = {"family": "ring", "n_neurons": 20, "sigma1": 1.4, "sigma2": 1.41}
        data = ["--network", self.network, "--spikes", self.spikes]
        self.arguments = {
            "network": ["--options", json.dumps(ring), "--output", self.network],
            "simulate": [
                *("--network", self.network, "--parameters", '{"r": 0.01, "theta": 0.0013}', "--seed", 1),
                *("--n-spikes", 20_000, "--output", self.spikes),
            ],
            "activity": [*data, "--output", self.activity],
            "estimate": [*data, "--method", "mean_field", "--output", self.couplings],
            "errors": [
                *("--network", self.network, "--couplings", self.couplings),
                *("--output", self.errors, "--profiles", self.profiles),
            ],
            "experiment": [
                *("data_volume", *data, "--estimators", '{"mean_field": {"method": "mean_field"}}'),
                *("--options", json.dumps(EXPERIMENT), "--output", self.table),
            ],
            "floor": [*data, "--output", folder / "floor.csv"],
            "gather": ["--tables", self.table, "--output", folder / "gathered.csv"],
            "summarise": [
                *("data_volume", "--table", self.table, "--options", json.dumps(EXPERIMENT)),
                *("--output", folder / "summary.csv"),
            ],
            "figure": [
                *("figure2", "--network", self.network, "--errors", self.errors, "--examples", 0.01),
                *("--profiles", self.profiles, "--couplings", self.couplings, "--output", folder / "figure2"),
            ],
        }
        self.outputs = {name: Path(words[-1]) for name, words in self.arguments.items()}
        self.outputs["errors"] = self.errors
        self.outputs["figure"] = folder / "figure2.png"

    def command(self, step) -> list[str]:
        """Arguments of the command line."""
        return [step, *(str(word) for word in self.arguments[step])]


NAMES = tuple(Steps(Path()).arguments)
