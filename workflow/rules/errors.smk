rule errors:
    input:
        network=NETWORK,
        couplings=every_estimate,
    output:
        errors=report(
            "{results}/errors.csv",
            caption="../report/errors.rst",
            category="Tables",
            subcategory=NAME_IN_REPORT,
            labels={"table": "Errors of every estimate"},
        ),
        profiles="{results}/profiles.csv",
        detection="{results}/detection.csv",
        # With one seed it has no row, and nothing to show.
        repetitions=(
            report(
                "{results}/errors_over_seeds.csv",
                caption="../report/errors_over_seeds.rst",
                category="Tables",
                subcategory=NAME_IN_REPORT,
                labels={"table": "Errors over seeds"},
            )
            if any(len(circuit["seeds"]) > 1 for circuit in CIRCUITS.values())
            else "{results}/errors_over_seeds.csv"
        ),
    log:
        f"{LOGS}/errors.log",
    benchmark:
        f"{BENCHMARKS}/errors.tsv"
    localrule: True
    params:
        code=step_code("errors"),
    shell:
        "circuitbias errors --network {input.network:q} --couplings {input.couplings:q}"
        " --output {output.errors:q} --profiles {output.profiles:q}"
        " --repetitions {output.repetitions:q} --detection {output.detection:q} > {log:q} 2>&1"


# The least errors that there can be.
rule floor:
    input:
        network=NETWORK,
        spikes=SPIKES,
    output:
        FLOOR,
    log:
        f"{LOGS}/floor/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/floor/r{{r}}_seed{{seed}}.tsv"
    resources:
        mem_mb=memory("floor"),
        runtime=minutes("floor"),
        memory_mb=config["memory_mb"],
    params:
        code=step_code("floor"),
    shell:
        # Of 1e7 spikes, at r = 0.0125, the same floor within .2 %, in twice the time.
        "circuitbias floor --keep-going --network {input.network:q} --spikes {input.spikes:q} --most-spikes 2000000"
        " --memory-mb {resources.memory_mb} --output {output:q} > {log:q} 2>&1"


rule floors:
    input:
        floors,
    output:
        report(
            "{results}/floor.csv",
            caption="../report/floor.rst",
            category="Tables",
            subcategory=NAME_IN_REPORT,
            labels={"table": "The least errors there can be"},
        ),
    log:
        f"{LOGS}/floor.log",
    benchmark:
        f"{BENCHMARKS}/floor.tsv"
    localrule: True
    params:
        code=step_code("gather"),
    shell:
        "circuitbias gather --tables {input:q} --output {output:q} > {log:q} 2>&1"


# The last job of a circuit: it fails if a part of the run has no result, when all others are finished.
rule outcome:
    input:
        tables,
        figure_numbers,
        network=NETWORK,
        errors=rules.errors.output.errors,
        activity=every_run(ACTIVITY),
        experiments=experiment_tables(summaries=False),
    output:
        OUTCOME,
    log:
        f"{LOGS}/outcome.log",
    benchmark:
        f"{BENCHMARKS}/outcome.tsv"
    localrule: True
    params:
        code=step_code("outcome"),
    shell:
        "circuitbias outcome --network {input.network:q} --errors {input.errors:q} --activity {input.activity:q}"
        " --experiments {input.experiments:q} --output {output:q} > {log:q} 2>&1"


rule compare:
    input:
        network=NETWORK,
        errors=rules.errors.output.errors,
        activity=every_run(ACTIVITY),
        experiments=experiment_tables(
            only=(
                "data_volume",
                "data_volume_summary",
                "bin_width",
                "patterns",
                "synchrony",
                "substates",
            )
        ),
    output:
        table=report(
            COMPARISON,
            caption="../report/comparison.rst",
            category="Tables",
            subcategory=NAME_IN_REPORT,
            labels={"table": "Published numbers beside ours"},
        ),
        summary="{results}/paper_comparison.txt",
    log:
        f"{LOGS}/compare.log",
    benchmark:
        f"{BENCHMARKS}/compare.tsv"
    localrule: True
    params:
        experiments=lambda wildcards, input: [
            word
            for path in input.experiments
            for word in (f"--{Path(path).stem.replace('_', '-')}", path)
        ],
        code=step_code("compare"),
    shell:
        "circuitbias compare --network {input.network:q} --errors {input.errors:q}"
        " --activity {input.activity:q} {params.experiments:q} --output {output.table:q} --summary {output.summary:q} > {log:q} 2>&1"


rule side_by_side:
    input:
        lambda wildcards: [
            f"{folder}/{wildcards.table}.csv" for folder in TOGETHER[wildcards.table]
        ],
    output:
        report(
            f"{RUN}/{{table}}.csv",
            caption="../report/side_by_side.rst",
            category="Tables",
            subcategory="side by side",
            labels={"table": "{table}"},
        ),
    log:
        f"{RUN}/logs/{{table}}.log",
    benchmark:
        f"{RUN}/benchmarks/{{table}}.tsv"
    wildcard_constraints:
        table="|".join(map(re.escape, TOGETHER)) or "none",
    localrule: True
    params:
        circuits=lambda wildcards: [
            Path(folder).name for folder in TOGETHER[wildcards.table]
        ],
        code=step_code("gather"),
    shell:
        "circuitbias gather --tables {input:q} --circuits {params.circuits:q} --output {output:q} > {log:q} 2>&1"
