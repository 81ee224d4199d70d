import hashlib
import json
import shlex
import sys
import time
from functools import cache
from pathlib import Path

from circuitbias import catalogue
from circuitbias.catalogue import looks
from circuitbias.config import (
    compares_with_paper,
    network_files,
    resolve_thresholds,
    strength_label,
)
from circuitbias.estimators.registry import module_of
from circuitbias.experiments import SUMMARISED, WITH_ARRAYS
from circuitbias.job_sizes import job_memory_mb, job_minutes
from circuitbias.made_from import FOLDER_VARIABLE, age, hashes, stale_results
from circuitbias.provenance import code_hash

RESULTS = f"results/{config['name']}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
NETWORK = f"{RESULTS}/network.npz"
THRESHOLD = f"{RESULTS}/thresholds/r{{r}}.json"
EXPERIMENTS = f"{RESULTS}/experiments"
OUTCOME = f"{RESULTS}/outcome.txt"

RECORDS = f"{RESULTS}/.made_from"

# The rules call `circuitbias`: it lies beside the interpreter that runs Snakemake, on the PATH or not. A prefix
# takes the place of Snakemake's own, so it must ask for what that does: a step that fails in a pipe has failed. A
# step is told who runs it (the parent of its shell): once that is killed, nobody knows what the step makes.
shell.prefix(
    f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    f" {FOLDER_VARIABLE}={shlex.quote(RECORDS)} CIRCUITBIAS_RUN_BY=$PPID; "
)

STARTED = time.time()
FIGURE_TITLES = {
    "figure1": "1  Structure and dynamics",
    "figure2": "2  Quality of the inference",
    "methods": "3  Errors of every method",
    "profiles": "4  Mean coupling profiles",
    "data_volume": "Error against data volume",
    "partial_observation": "Error with some neurons unseen",
    "bin_width": "Error against bin width",
    "patterns": "Patterns of activity",
    "synchrony": "What correlograms tell",
}
THETA = {strength_label(r): theta for r, theta in resolve_thresholds(config).items()}
EXAMPLES = [strength_label(r) for r in config["figures"]["example_strengths"]]
COMPARISON = [f"{RESULTS}/paper_comparison.csv"] if compares_with_paper(config) else []


wildcard_constraints:
    r="[0-9.e+-]+",
    seed="[0-9]+",
    estimator="[a-z][a-z0-9_]*",
    experiment="|".join(config["experiments"]) or "none",


def model_parameters(wildcards):
    """Parameters of the model as JSON; without theta where that is to be found."""
    theta = THETA[wildcards.r]
    known = {} if theta is None else {"theta": theta}
    return json.dumps({"r": float(wildcards.r), **known, **config["model"]})


def every_run(path):
    """Fill {r} and {seed} of a path with every run of the config."""
    return expand(path, r=THETA, seed=config["seeds"])


def every_estimate():
    return expand(
        every_run(f"{RESULTS}/couplings/{{{{estimator}}}}/r{{r}}_seed{{seed}}.npz"),
        estimator=config["estimators"],
    )


def figure_picture(name):
    """The format of a figure that the report shows."""
    return f"{RESULTS}/figures/{name}.svg"


def figure_files(name):
    """Its other formats, and the numbers behind it."""
    return multiext(f"{RESULTS}/figures/{name}", ".pdf", ".png", ".csv")


def figure_labels(name):
    """What the report calls a figure."""
    return {"figure": FIGURE_TITLES[name]}


def table_labels(title):
    """What the report calls a table."""
    return {"table": title}


def figure_tables():
    """What each figure beside the first two is drawn from."""
    drawn = {
        "methods": {"table": f"{RESULTS}/errors.csv", "comparison": COMPARISON},
        "profiles": {"table": f"{RESULTS}/profiles.csv"},
    }
    for name in config["experiments"]:
        drawn[name] = {"table": f"{EXPERIMENTS}/{name}.csv", "comparison": COMPARISON}
        if name in SUMMARISED:
            drawn[name]["summary"] = f"{EXPERIMENTS}/{name}_summary.csv"
    # Of the last recording that has any, arrays are shown.
    for name in set(WITH_ARRAYS).intersection(drawn):
        runs = [path.removesuffix(".csv") for path in experiment_runs(name)]
        drawn[name]["arrays"] = [f"{path}.npz" for path in runs]
    return drawn


def figure_arguments(input):
    """Arguments of the figure step: each input by its name."""
    named = [(name, path) for name, path in input.items() if name != "network" and path]
    examples = ["--examples", *EXAMPLES] if "profiles.csv" in str(input.table) else []
    words = [
        [f"--{name}", *([path] if isinstance(path, str) else path)]
        for name, path in named
    ]
    return [word for part in words for word in part] + examples


def targets():
    tables = experiment_tables()
    names = ("figure1", "figure2", *FIGURE_TABLES)
    figures = [
        file for name in names for file in [figure_picture(name), *figure_files(name)]
    ]
    return [f"{RESULTS}/errors.csv", *COMPARISON, *tables, *figures]


def experiment_runs(name):
    """Tables of every recording that an experiment uses."""
    strengths = config["experiments"][name]["strengths"] or config["strengths"]
    path = f"{EXPERIMENTS}/{name}/r{{r}}_seed{{seed}}.csv"
    return expand(path, r=map(strength_label, strengths), seed=config["seeds"])


def experiment_tables(summaries=True):
    """The table of every experiment of the config, and its summary if it has one."""
    names = list(config["experiments"])
    names += [f"{name}_summary" for name in names if summaries and name in SUMMARISED]
    return [f"{EXPERIMENTS}/{name}.csv" for name in names]


def compared_tables():
    """Tables of experiments that the paper has numbers for."""
    names = ("data_volume", "data_volume_summary", "bin_width", "patterns", "synchrony")
    return [path for path in experiment_tables() if Path(path).stem in names]


def experiment_options(name):
    """Options of an experiment: all its keys but those that choose estimators and recordings."""
    section = config["experiments"][name]
    return {
        key: value
        for key, value in section.items()
        if key not in ("estimators", "strengths")
    }


def experiment_estimators(name):
    """Entries of the estimators that an experiment uses; none if it has its own."""
    section = config["experiments"][name]
    if "estimators" not in section:
        return {}
    names = section["estimators"] or config["estimators"]
    return {name: config["estimators"][name] for name in names}


def experiment_code(step, name):
    methods = {entry["method"] for entry in experiment_estimators(name).values()}
    return step_code(
        step, f"circuitbias.experiments.{name}", *map(module_of, sorted(methods))
    )


def estimator_method(wildcards):
    return config["estimators"][wildcards.estimator]["method"]


def estimator_options(wildcards):
    """Options of a method as JSON: all its keys but the name of the method."""
    entry = config["estimators"][wildcards.estimator]
    return json.dumps({key: value for key, value in entry.items() if key != "method"})


def minutes(step):
    """Time that a cluster is asked for; on one's own machine nothing is done with it."""
    return lambda wildcards, attempt: job_minutes(
        config, step, estimator_or_experiment(wildcards), attempt
    )


def memory(step):
    """Memory that a cluster is asked for, in MB."""
    return lambda wildcards, attempt: job_memory_mb(
        config, step, estimator_or_experiment(wildcards), attempt
    )


def estimator_or_experiment(wildcards):
    return wildcards.get("estimator") or wildcards.get("experiment")


@cache
def step_code(step, *modules):
    """Hash of the code that a step runs: its rule is run again when, and only when, that is edited."""
    return code_hash(f"circuitbias.steps.{step}", *modules)


def figure_code(name):
    """Hash of the code of a figure, and of how the methods of the run are shown."""
    known = looks()
    methods = sorted({entry["method"] for entry in config["estimators"].values()})
    shown = repr([(method, known.get(method)) for method in methods])
    code = step_code("figure", f"circuitbias.figures.{name}")
    return f"{code} {hashlib.sha256(shown.encode()).hexdigest()[:12]}"


def print_outcome():
    for file in map(Path, [*COMPARISON, OUTCOME]):
        if file.exists():  # a run may ask for less
            print(file.with_suffix(".txt").read_text())
    print(f"Figures: {RESULTS}/figures/   errors: {RESULTS}/errors.csv   logs: {LOGS}/")


def make_stale_results_older():
    """Let Snakemake see by time what has changed by content: see `circuitbias.made_from`."""
    if stale := stale_results(RECORDS):
        age(stale)
        names = ", ".join(stale[:5]) + ", ..." * (len(stale) > 5)
        print(f"Made from files that have changed since: {names}", file=sys.stderr)


def print_failures():
    """Repeat what the last job of this run has found, below all that Snakemake says."""
    file = Path(f"{LOGS}/outcome.log")
    if file.exists() and file.stat().st_mtime >= STARTED:
        print(file.read_text())


FIGURE_TABLES = figure_tables()

if workflow.is_main_process:
    make_stale_results_older()
