"""Draw a figure from the results of the other steps, with the numbers behind its panels."""

import importlib

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.comparison import published_network
from circuitbias.errors.tables import run_of
from circuitbias.estimators.couplings import Couplings
from circuitbias.figures import FIGURES
from circuitbias.files import read_arrays
from circuitbias.networks.network import Network
from circuitbias.places import drawing_into_files
from circuitbias.tables import read_table


def add_arguments(parser):
    """Declare the arguments of the step."""
    figures = parser.add_subparsers(dest="figure", required=True, metavar="NAME", help=", ".join(FIGURES))
    commands = {name: figures.add_parser(name) for name in FIGURES}
    for command in commands.values():
        command.add_argument("--network", required=True, help="network file")
        command.add_argument(
            "--output", required=True, help="path without suffix: .svg, .pdf, .png and .csv are written"
        )
    for name in ("figure1", "figure2", "profiles"):
        commands[name].add_argument(
            "--examples", required=True, nargs="+", type=float, help="strengths r to show in full"
        )
    commands["figure1"].add_argument("--activity", required=True, nargs="+", help="activity files (.npz)")
    add = commands["figure2"].add_argument
    add("--errors", required=True, help="errors of each run (.csv)")
    add("--profiles", required=True, help="mean profiles of each run (.csv)")
    add("--couplings", required=True, nargs="+", help="files of couplings; those of the examples are drawn")
    add("--comparison", help="comparison with the published errors (.csv)")
    for name, command in commands.items():
        if name not in _READERS:
            command.add_argument("--table", required=True, help="table of results (.csv)")
            command.add_argument("--summary", help="its summary, a row a condition (.csv)")
            command.add_argument("--comparison", help="comparison with the published numbers (.csv)")
            command.add_argument("--arrays", help="arrays of one recording (.npz)")


def run(arguments):
    """Do the step."""
    # Only the figure asked for: an error in another one is none of our business.
    with drawing_into_files():
        module = importlib.import_module(f"circuitbias.figures.{arguments.figure}")
        style = importlib.import_module("circuitbias.figures.style")
    inputs = _READERS.get(arguments.figure, _read_tables)(module, arguments)
    style.save(*module.draw(**inputs), arguments.output)


def _read_figure1(module, arguments) -> dict:
    network = Network.load(arguments.network)
    runs, patterns, seeds = [], [], []
    needed = (*module.Activity._fields, "seed", "pattern_window_spikes", "pattern_strength")
    for path in arguments.activity:
        part = read_arrays(path, "activity file", needed)
        fields = {name: part[name] for name in module.Activity._fields}
        runs.append(module.Activity(**fields | {"r": float(part["r"])}))
        seeds.append(int(part["seed"]))
        patterns.append(
            pd.DataFrame(
                {
                    "r": float(part["r"]),
                    "n_spikes": part["pattern_window_spikes"],
                    "pattern_strength": part["pattern_strength"],
                }
            )
        )
    _check_examples(arguments.examples, {run.r for run in runs})
    return {
        "weights": network.dense_weights(),
        "circulant": network.circulant,
        "runs": [runs[i] for i in np.argsort(seeds, kind="stable")],
        "examples": arguments.examples,
        "patterns": pd.concat(patterns, ignore_index=True),
        "published": published.pattern_strength() if published_network(network) == "ring" else None,
    }


def _read_figure2(module, arguments) -> dict:
    errors = read_table(arguments.errors)
    _check_examples(arguments.examples, set(errors.r))
    couplings: dict[float, dict] = {r: {} for r in arguments.examples}
    first_seed = errors.seed.min()
    for path in arguments.couplings:
        estimate = Couplings.load(path)
        key = run_of(estimate)
        for r in couplings:
            if key["seed"] == first_seed and np.isclose(key["r"], r):
                couplings[r][key["estimator"]] = estimate.values
    for r, estimates in couplings.items():
        if missing := set(errors.estimator) - set(estimates):
            raise ValueError(f"--couplings: no file of {', '.join(sorted(missing))} at r = {r:g}")
    return {
        "weights": Network.load(arguments.network).dense_weights(),
        "errors": errors,
        "profiles": read_table(arguments.profiles),
        "couplings": couplings,
        "comparison": read_table(arguments.comparison) if arguments.comparison else None,
    }


def _read_tables(module, arguments) -> dict:
    tables = ("table", "summary", "comparison")
    paths = {name: path for name in tables if (path := getattr(arguments, name))}
    inputs = {name: read_table(path) for name, path in paths.items()}
    if arguments.arrays:
        arrays = read_arrays(arguments.arrays)
        inputs |= {"weights": Network.load(arguments.network).dense_weights(), "arrays": arrays}
    if examples := getattr(arguments, "examples", None):
        if len(inputs["table"]):  # networks without a ring have no profiles
            _check_examples(examples, set(inputs["table"].r))
        inputs["examples"] = examples
    return inputs


_READERS = {"figure1": _read_figure1, "figure2": _read_figure2}
"""What reads the inputs of a figure that takes more than tables."""


def _check_examples(examples, strengths):
    for r in examples:
        if not np.isclose(r, sorted(strengths)).any():
            allowed = ", ".join(f"{value:g}" for value in sorted(strengths))
            raise ValueError(
                f"--examples: {r:g} is not among the strengths of the data; choose from {allowed}"
            )
