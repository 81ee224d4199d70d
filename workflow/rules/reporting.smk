# Before and after a run.


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
