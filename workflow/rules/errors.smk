rule errors:
    input:
        network=NETWORK,
        couplings=every_estimate(),
    output:
        errors=report(
            f"{RESULTS}/errors.csv",
            caption="../report/errors.rst",
            category="Tables",
            labels=table_labels("Errors of every estimate"),
        ),
        profiles=f"{RESULTS}/profiles.csv",
        # With one seed it has no row, and nothing to show.
        repetitions=(
            report(
                f"{RESULTS}/errors_over_seeds.csv",
                caption="../report/errors_over_seeds.rst",
                category="Tables",
                labels=table_labels("Errors over seeds"),
            )
            if len(config["seeds"]) > 1
            else f"{RESULTS}/errors_over_seeds.csv"
        ),
    log:
        f"{LOGS}/errors.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        code=step_code("errors"),
    shell:
        "circuitbias errors --network {input.network:q} --couplings {input.couplings:q}"
        " --output {output.errors:q} --profiles {output.profiles:q}"
        " --repetitions {output.repetitions:q} 2>&1 | tee {log:q}"


# The last job of a run: it fails if a part of the run has no result, when all others are finished.
rule outcome:
    input:
        [file for file in targets() if not file.endswith((".svg", ".pdf", ".png"))],
        network=NETWORK,
        errors=rules.errors.output.errors,
        activity=every_run(f"{RESULTS}/activity/r{{r}}_seed{{seed}}.npz"),
        experiments=experiment_tables(summaries=False),
    output:
        OUTCOME,
    log:
        f"{LOGS}/outcome.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        code=step_code("outcome"),
    shell:
        "circuitbias outcome --network {input.network:q} --errors {input.errors:q} --activity {input.activity:q}"
        " --experiments {input.experiments:q} --output {output:q} 2>&1 | tee {log:q}"


rule compare:
    input:
        network=NETWORK,
        errors=rules.errors.output.errors,
        activity=every_run(rules.activity.output),
        experiments=compared_tables(),
    output:
        table=report(
            f"{RESULTS}/paper_comparison.csv",
            caption="../report/comparison.rst",
            category="Tables",
            labels=table_labels("Published numbers beside ours"),
        ),
        summary=f"{RESULTS}/paper_comparison.txt",
    log:
        f"{LOGS}/compare.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
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
