import json
import shlex
import sys
from functools import cache
from pathlib import Path

from circuitbias.config import (
    compares_with_paper,
    network_files,
    resolve_thresholds,
    strength_label,
)
from circuitbias.estimators.registry import module_of
from circuitbias.provenance import code_hash

RESULTS = f"results/{config['name']}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
NETWORK = f"{RESULTS}/network.npz"

# The rules call `circuitbias`: it lies beside the interpreter that runs Snakemake, on the PATH or not.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

THETA = {strength_label(r): theta for r, theta in resolve_thresholds(config).items()}
EXAMPLES = [strength_label(r) for r in config["figures"]["example_strengths"]]
COMPARISON = [f"{RESULTS}/paper_comparison.csv"] if compares_with_paper(config) else []


wildcard_constraints:
    r="[0-9.e-]+",
    seed="[0-9]+",
    estimator="[a-z][a-z0-9_]*",


def every_run(path):
    """Fill {r} and {seed} of a path with every run of the config."""
    return expand(path, r=THETA, seed=config["seeds"])


def every_estimate():
    return expand(
        every_run(f"{RESULTS}/couplings/{{{{estimator}}}}/r{{r}}_seed{{seed}}.npz"),
        estimator=config["estimators"],
    )


def figure_files(name):
    return multiext(f"{RESULTS}/figures/{name}", ".svg", ".pdf", ".png", ".csv")


def targets():
    figures = [file for name in ("figure1", "figure2") for file in figure_files(name)]
    return [f"{RESULTS}/errors.csv", *COMPARISON, *figures]


def estimator_method(wildcards):
    return config["estimators"][wildcards.estimator]["method"]


def estimator_options(wildcards):
    """Options of a method as JSON: all its keys but the name of the method."""
    entry = config["estimators"][wildcards.estimator]
    return json.dumps({key: value for key, value in entry.items() if key != "method"})


@cache
def step_code(step, *modules):
    """Hash of the code that a step runs: its rule is run again when, and only when, that is edited."""
    return code_hash(f"circuitbias.steps.{step}", *modules)


def print_outcome():
    for file in COMPARISON:
        print(Path(file).with_suffix(".txt").read_text())
    print(f"Figures: {RESULTS}/figures/   errors: {RESULTS}/errors.csv   logs: {LOGS}/")
