import hashlib
import json
import re
import shlex
import sys
import time
from functools import cache
from pathlib import Path

from circuitbias import catalogue
from circuitbias.comparison.beside import Beside
from circuitbias.config import (
    circuits,
    compares_with_paper,
    drive_files,
    network_files,
    recording_files,
)
from circuitbias.thresholds import resolve_thresholds, strength_label
from circuitbias.estimators.registry import module_of
from circuitbias.experiments import SUMMARISED
from circuitbias.job_sizes import job_memory_mb, job_minutes
from circuitbias.made_from import FOLDER_VARIABLE, age, hashes, stale_results
from circuitbias.provenance import code_hash

# Each circuit has a folder: the wildcard {results}. If its keys are at the top level, that is the folder of the run.
RUN = f"results/{config['name']}"
CIRCUITS = {f"{RUN}/{name}".rstrip("/"): one for name, one in circuits(config).items()}
SEVERAL = "circuits" in config and bool(CIRCUITS)

RECORDS = f"{RUN}/.made_from"
NETWORK = "{results}/network.npz"
THRESHOLD = "{results}/thresholds/r{r}.json"
SPIKES = "{results}/spikes/r{r}_seed{seed}.h5"
ACTIVITY = "{results}/activity/r{r}_seed{seed}.npz"
COUPLINGS = "{results}/couplings/{estimator}/r{r}_seed{seed}.npz"
EXPERIMENT = "{results}/experiments/{experiment}/r{r}_seed{seed}"
FIGURE = "{results}/figures/{figure}"
FLOOR = "{results}/floor/r{r}_seed{seed}.csv"
COMPARISON = "{results}/paper_comparison.csv"
OUTCOME = "{results}/outcome.txt"
EXPLORED = "{results}/explore/{estimator}/r{r}_seed{seed}_share{share}.npz"
SHARES = (0.1, 0.01)  # of the recordings, on the page to explore
INFERRED = f"{RUN}/recordings/{{recording}}/{{estimator}}"
TRUST = f"{RUN}/recordings/{{recording}}/trust"
LOGS = "{results}/logs"
BENCHMARKS = "{results}/benchmarks"

# The rules call `circuitbias`: it lies beside the interpreter that runs Snakemake, on the PATH or not. A prefix
# takes the place of Snakemake's own, so it must ask for what that does: a step that fails in a pipe has failed. A
# step is told who runs it (the parent of its shell): once that is killed, nobody knows what the step makes.
shell.prefix(
    f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    f" {FOLDER_VARIABLE}={shlex.quote(RECORDS)} CIRCUITBIAS_RUN_BY=$PPID; "
)

STARTED = time.time()
EXPERIMENTS = list(config["experiments"])


def is_drawn(name, picture):
    """Whether a run has what a figure shows."""
    if picture.together in ("generator", "drive"):
        families = {one[picture.together]["family"] for one in CIRCUITS.values()}
        return len(families) > 1
    if picture.together:
        return SEVERAL
    of_experiment = name in catalogue.EXPERIMENTS
    return bool(CIRCUITS) and (not of_experiment or name in EXPERIMENTS)


PICTURES = {
    name: picture
    for name, picture in catalogue.pictures().items()
    if is_drawn(name, picture)
}
FIGURES = list(PICTURES)
RECORDINGS = config.get("recordings", {})
THETA = {
    folder: {
        strength_label(r): theta for r, theta in resolve_thresholds(circuit).items()
    }
    for folder, circuit in CIRCUITS.items()
}


wildcard_constraints:
    results="|".join(map(re.escape, CIRCUITS)) or "none",
    r="[0-9.e+-]+",
    seed="[0-9]+",
    share="[0-9.]+",
    estimator="[a-z][a-z0-9_]*",
    experiment="|".join(EXPERIMENTS) or "none",
    figure="|".join(FIGURES) or "none",
    recording="|".join(RECORDINGS) or "none",


# --- the files of a circuit ---------------------------------------------------------------------


def circuit_of(wildcards):
    """The circuit that a job belongs to, as a config of one circuit."""
    return CIRCUITS[wildcards.results]


def every_run(path):
    """Function that fills {r} and {seed} of a path with every run of a circuit."""

    def paths(wildcards):
        strengths, seeds = THETA[wildcards.results], circuit_of(wildcards)["seeds"]
        return expand(path, results=wildcards.results, r=strengths, seed=seeds)

    return paths


def every_estimate(wildcards):
    names = list(circuit_of(wildcards)["estimators"])
    path = COUPLINGS.replace("{estimator}", "{{estimator}}")
    return expand(every_run(path)(wildcards), estimator=names)


def explored(wildcards):
    """Estimates of the first seed, from all of each recording and from parts of it."""
    circuit = circuit_of(wildcards)
    shown = {
        "results": wildcards.results,
        "estimator": list(circuit["estimators"]),
        "r": THETA[wildcards.results],
        "seed": circuit["seeds"][:1],
    }
    return [*expand(COUPLINGS, **shown), *expand(EXPLORED, share=SHARES, **shown)]


def explored_spikes(wildcards):
    """Recordings of the first seed."""
    seeds = circuit_of(wildcards)["seeds"][:1]
    return expand(
        SPIKES, results=wildcards.results, r=THETA[wildcards.results], seed=seeds
    )


def book_inputs(wildcards):
    """Spikes at six strengths at most, of the first seed, and what the first estimator makes of them."""
    circuit, strengths = circuit_of(wildcards), list(THETA[wildcards.results])
    shown = {
        "results": wildcards.results,
        "estimator": list(circuit["estimators"])[0],
        "r": strengths[:: -(-len(strengths) // 6)],
        "seed": circuit["seeds"][:1],
    }
    files = {"spikes": SPIKES, "couplings": COUPLINGS}
    return {"network": expand(NETWORK, **wildcards)} | {
        name: expand(path, **shown) for name, path in files.items()
    }


def floors(wildcards):
    """The least errors at every strength: of the first seed, as seeds hardly differ."""
    strengths, seeds = THETA[wildcards.results], circuit_of(wildcards)["seeds"]
    return expand(FLOOR, results=wildcards.results, r=strengths, seed=seeds[:1])


def experiment_runs(name, suffix=".csv"):
    """Function that lists what an experiment leaves of every recording that it uses."""

    def paths(wildcards):
        circuit, experiment = circuit_of(wildcards), name or wildcards.experiment
        strengths = circuit["experiments"][experiment]["strengths"]
        return expand(
            EXPERIMENT + suffix,
            results=wildcards.results,
            experiment=experiment,
            r=map(strength_label, strengths or circuit["strengths"]),
            seed=circuit["seeds"],
        )

    return paths


@cache
def table_names(folder, summaries=True):
    """Names of the tables of the experiments of a circuit, and of their summaries."""
    names = list(CIRCUITS[folder]["experiments"])
    names += [f"{name}_summary" for name in names if summaries and name in SUMMARISED]
    return [f"experiments/{name}" for name in names]


def experiment_tables(summaries=True, only=None):
    """Function that lists the tables of the experiments of a circuit, and the summaries of those that have one."""

    def paths(wildcards):
        return [
            f"{wildcards.results}/{name}.csv"
            for name in table_names(wildcards.results, summaries)
            if not only or Path(name).name in only
        ]

    return paths


def comparison(wildcards):
    """The comparison with the paper, of a circuit that the paper has numbers of."""
    compared = compares_with_paper(circuit_of(wildcards))
    return expand(COMPARISON, **wildcards) if compared else []


def tables(wildcards):
    """All tables of a circuit that a run is to leave."""
    errors = f"{wildcards.results}/errors.csv"
    floor = f"{wildcards.results}/floor.csv"
    return [errors, floor, *comparison(wildcards), *experiment_tables()(wildcards)]


def figures_of(circuit):
    """Names of the figures of a circuit."""
    return [
        name
        for name in FIGURES
        if not PICTURES[name].together
        and (name not in EXPERIMENTS or name in circuit["experiments"])
    ]


def figure_files(name):
    """All files of a figure, of every circuit that has it."""
    folders = [
        folder for folder, circuit in CIRCUITS.items() if name in figures_of(circuit)
    ]
    folders = [RUN] if PICTURES[name].together else folders
    formats = ("svg", "pdf", "png", "csv")
    return expand(f"{FIGURE}.{{format}}", results=folders, figure=name, format=formats)


def figure_numbers(wildcards):
    """The numbers behind every figure of a circuit."""
    names = figures_of(circuit_of(wildcards))
    return expand(f"{FIGURE}.csv", **wildcards, figure=names)


TOGETHER = {"errors": list(CIRCUITS)} if SEVERAL else {}
for folder in CIRCUITS if SEVERAL else ():
    for name in table_names(folder):
        TOGETHER.setdefault(name, []).append(folder)
# Tables of several circuits side by side, with the circuits that have each.
