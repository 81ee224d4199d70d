# What figures are drawn from, and how the report calls them.


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


def examples(wildcards):
    """The strengths that a figure shows in full, as words of the command line."""
    if not PICTURES[wildcards.figure].in_full:
        return []
    shown = circuit_of(wildcards)["figures"]["example_strengths"]
    return ["--examples", *map(strength_label, shown)]


def figure_labels(wildcards):
    """What the report calls a figure."""
    return {"figure": PICTURES[wildcards.figure].title}


def beside(wildcards):
    """Where the published numbers stand that the caption of a figure tells of."""
    picture = PICTURES[wildcards.figure]
    if not picture.compared:
        return Beside()
    folders = CIRCUITS if picture.together else [wildcards.results]
    return Beside("\n".join(COMPARISON.format(results=folder) for folder in folders))


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
