import hashlib
import json
import re
import shlex
import sys
import time
from functools import cache
from pathlib import Path

from circuitbias import catalogue
from circuitbias.config import (
    circuits,
    compares_with_paper,
    drive_files,
    network_files,
    recording_files,
    resolve_thresholds,
    strength_label,
)
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


# --- what a job is told -------------------------------------------------------------------------


def every_inference():
    """The summaries of every recording by every estimator that is to infer its couplings."""
    return [
        f"{INFERRED}/summary.txt".format(recording=name, estimator=estimator)
        for name, one in RECORDINGS.items()
        for estimator in one.get("estimators") or config["estimators"]
    ]


def recording_arguments(wildcards):
    """How a recording is read, and its couplings inferred, as words of the command line."""
    one = RECORDINGS[wildcards.recording]
    entry = config["estimators"][wildcards.estimator]
    options = {key: value for key, value in entry.items() if key != "method"}
    if one["bin_ms"] is not None:
        options.pop("bin_steps", None)
    words = ["--method", entry["method"], "--options", json.dumps(options)]
    if one["bin_ms"] is not None and "bin_steps" in entry:
        words += ["--bin-ms", str(one["bin_ms"])]
    return words + reading_arguments(one)


def reading_arguments(one):
    """How a recording is read, as words of the command line."""
    words = ["--format-options", json.dumps(one["format_options"])]
    for key in ("format", "time_unit", "sampling_rate_hz", "least_rate_hz"):
        words += (
            [f"--{key.replace('_', '-')}", str(one[key])]
            if one.get(key) is not None
            else []
        )
    for key in ("units", "where", "window_s"):
        words += [f"--{key.replace('_', '-')}", *map(str, one[key])] if one[key] else []
    return words


def network_options(wildcards):
    return json.dumps(circuit_of(wildcards)["network"])


def network_content(wildcards):
    """What is in a file of weights of the user's, whatever its time says."""
    return " ".join(hashes(network_files(circuit_of(wildcards))).values())


def network_code(wildcards):
    family = circuit_of(wildcards)["network"]["family"]
    return step_code("network", catalogue.module_of("networks", family))


def model_parameters(wildcards):
    """Parameters of the model as JSON; without theta where that is to be found."""
    theta = THETA[wildcards.results][wildcards.r]
    known = {} if theta is None else {"theta": theta}
    generator = circuit_of(wildcards)["generator"]
    if generator["family"] == "threshold":
        generator = {key: value for key, value in generator.items() if key != "family"}
    drive = circuit_of(wildcards)["drive"]
    drive = {} if drive["family"] == "steady" else {"drive": drive}
    return json.dumps({"r": float(wildcards.r), **known, **generator, **drive})


def drive_content(wildcards):
    """What is in the file of a stimulus, whatever its time says."""
    return " ".join(hashes(drive_files(circuit_of(wildcards))).values())


def generator_code(step):
    """Function that hashes the code of a step and of the generator and drive that it runs."""

    def code(wildcards):
        circuit = circuit_of(wildcards)
        kinds = {"generator": "generators", "drive": "drives"}
        parts = [
            catalogue.module_of(kind, circuit[key]["family"])
            for key, kind in kinds.items()
        ]
        return step_code(step, *parts)

    return code


def found_threshold(wildcards):
    """The file of the threshold, where that is to be found."""
    theta = THETA[wildcards.results][wildcards.r]
    return expand(THRESHOLD, **wildcards) if theta is None else []


def recording(wildcards):
    """The section `simulation`, as words of the command line."""
    return [
        word
        for key, value in circuit_of(wildcards)["simulation"].items()
        for word in (f"--{key.replace('_', '-')}", value)
    ]


def trials(wildcards):
    """One thread a trial; on a GPU trials are not threads."""
    on_gpu = config["device"] == "cuda"
    return 1 if on_gpu else circuit_of(wildcards)["simulation"]["trials"]


def estimator_method(wildcards):
    return circuit_of(wildcards)["estimators"][wildcards.estimator]["method"]


def estimator_options(wildcards):
    """Options of a method as JSON: all its keys but the name of the method."""
    entry = circuit_of(wildcards)["estimators"][wildcards.estimator]
    return json.dumps({key: value for key, value in entry.items() if key != "method"})


def experiment_options(wildcards):
    """Options of an experiment as JSON: all its keys but those that choose estimators and recordings."""
    section = circuit_of(wildcards)["experiments"][wildcards.experiment]
    chosen = ("estimators", "strengths")
    return json.dumps(
        {key: value for key, value in section.items() if key not in chosen}
    )


def experiment_estimators(wildcards):
    """Entries of the estimators that an experiment uses; none if it has its own."""
    circuit = circuit_of(wildcards)
    section = circuit["experiments"][wildcards.experiment]
    if "estimators" not in section:
        return {}
    names = section["estimators"] or circuit["estimators"]
    return {name: circuit["estimators"][name] for name in names}


def experiment_code(step):
    """Function that hashes the code of an experiment and of the methods that it uses."""

    def code(wildcards):
        entries = experiment_estimators(wildcards).values()
        methods = sorted({entry["method"] for entry in entries})
        of_experiment = f"circuitbias.experiments.{wildcards.experiment}"
        return step_code(step, of_experiment, *map(module_of, methods))

    return code


def figure_inputs(wildcards):
    """What a figure is drawn from, by the arguments of its step."""
    picture, folder = PICTURES[wildcards.figure], wildcards.results
    places = {
        "network": lambda: expand(NETWORK, **wildcards),
        "activity": lambda: every_run(ACTIVITY)(wildcards),
        "couplings": lambda: every_estimate(wildcards),
        "comparison": lambda: comparison(wildcards),
        "table": lambda: f"{folder}/{picture.table}.csv",
        "summary": lambda: f"{folder}/{picture.table}_summary.csv",
        "arrays": lambda: experiment_runs(wildcards.figure, ".npz")(wildcards),
    }
    return {
        name: places[name]() if name in places else f"{folder}/{name}.csv"
        for name in picture.inputs
    }


def named_arguments(wildcards, input):
    """Each input by its name, as words of the command line."""
    named = {
        name: [paths] if isinstance(paths, str) else paths
        for name, paths in input.items()
    }
    return [
        word for name, paths in named.items() if paths for word in (f"--{name}", *paths)
    ]


def examples(wildcards):
    """The strengths that a figure shows in full, as words of the command line."""
    if not PICTURES[wildcards.figure].in_full:
        return []
    shown = circuit_of(wildcards)["figures"]["example_strengths"]
    return ["--examples", *map(strength_label, shown)]


def name_in_report(wildcards):
    """The circuit that a figure or table is of, or the run."""
    return Path(wildcards.results).name


NAME_IN_REPORT = name_in_report if SEVERAL else None


def figure_labels(wildcards):
    """What the report calls a figure."""
    return {"figure": PICTURES[wildcards.figure].title}


def minutes(step):
    """Time that a cluster is asked for; on one's own machine nothing is done with it."""
    return lambda wildcards, attempt: job_minutes(
        circuit_of(wildcards), step, estimator_or_experiment(wildcards), attempt
    )


def memory(step):
    """Memory that a cluster is asked for, in MB."""
    return lambda wildcards, attempt: job_memory_mb(
        circuit_of(wildcards), step, estimator_or_experiment(wildcards), attempt
    )


def estimator_or_experiment(wildcards):
    return wildcards.get("estimator") or wildcards.get("experiment")


@cache
def step_code(step, *modules):
    """Hash of the code that a step runs: its rule is run again when, and only when, that is edited."""
    return code_hash(f"circuitbias.steps.{step}", *modules)


def figure_code(wildcards):
    """Hash of the code of a figure, and of how the methods of the run are shown."""
    entries = config["estimators"].values()
    shown = repr(
        [
            (method, catalogue.looks().get(method))
            for method in sorted({entry["method"] for entry in entries})
        ]
    )
    code = step_code("figure", f"circuitbias.figures.{wildcards.figure}")
    return f"{code} {hashlib.sha256(shown.encode()).hexdigest()[:12]}"


# --- before and after a run ---------------------------------------------------------------------


def print_outcome():
    for folder in CIRCUITS:
        for path in (COMPARISON, OUTCOME):
            file = Path(path.format(results=folder)).with_suffix(".txt")
            if file.exists():  # a run may ask for less
                print(file.read_text())
        print(
            f"Figures: {folder}/figures/   errors: {folder}/errors.csv   logs: {folder}/logs/"
        )

    for path in every_inference():
        if Path(path).exists():
            print(f"Couplings of a recording: {path}")


def print_failures():
    """Repeat what the last jobs of this run have found, below all that Snakemake says."""
    for folder in CIRCUITS:
        file = Path(f"{folder}/logs/outcome.log")
        if file.exists() and file.stat().st_mtime >= STARTED:
            print(file.read_text())


def make_stale_results_older():
    """Let Snakemake see by time what has changed by content: see `circuitbias.made_from`."""
    if stale := stale_results(RECORDS):
        age(stale)
        names = ", ".join(stale[:5]) + ", ..." * (len(stale) > 5)
        print(f"Made from files that have changed since: {names}", file=sys.stderr)


if workflow.is_main_process:
    make_stale_results_older()
