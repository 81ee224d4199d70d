# What jobs are told: parameters, options and the hash of their code, as words of the command line.


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


def named_arguments(wildcards, input):
    """Each input by its name, as words of the command line."""
    named = {
        name: [paths] if isinstance(paths, str) else paths
        for name, paths in input.items()
    }
    return [
        word for name, paths in named.items() if paths for word in (f"--{name}", *paths)
    ]


def name_in_report(wildcards):
    """The circuit that a figure or table is of, or the run."""
    return Path(wildcards.results).name


NAME_IN_REPORT = name_in_report if SEVERAL else None
