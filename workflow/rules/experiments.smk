# One job an experiment and recording, with all its sweeps inside; then one table of all of them.


rule experiment:
    input:
        network=NETWORK,
        spikes=rules.simulate.output,
    output:
        table=f"{EXPERIMENT}.csv",
    log:
        f"{LOGS}/experiments/{{experiment}}/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/experiments/{{experiment}}/r{{r}}_seed{{seed}}.tsv"
    priority: 2
    resources:
        mem_mb=memory("experiment"),
        runtime=minutes("experiment"),
        memory_mb=config["memory_mb"],  # as of an estimate: no parameter
        gpu=int(config["device"] == "cuda"),
    params:
        estimators=lambda wildcards: json.dumps(experiment_estimators(wildcards)),
        options=experiment_options,
        device=config["device"],
        code=experiment_code("experiment"),
    shell:
        "circuitbias experiment {wildcards.experiment} --keep-going --network {input.network:q} --spikes {input.spikes:q}"
        " --estimators {params.estimators:q} --options {params.options:q} --memory-mb {resources.memory_mb}"
        " --device {params.device} --output {output.table:q} > {log:q} 2>&1"


# Synchrony has matrices and correlograms to show beside its table.
use rule experiment as synchrony_experiment with:
    output:
        table=f"{EXPERIMENT}.csv",
        arrays=f"{EXPERIMENT}.npz",
    wildcard_constraints:
        experiment="synchrony",


ruleorder: synchrony_experiment > experiment


rule gather:
    input:
        experiment_runs(None),
    output:
        report(
            "{results}/experiments/{experiment}.csv",
            caption="../report/experiment.rst",
            category="Tables",
            subcategory=NAME_IN_REPORT,
            labels={"table": "Experiment {experiment}"},
        ),
    log:
        f"{LOGS}/experiments/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/experiments/{{experiment}}.tsv"
    localrule: True
    params:
        code=step_code("gather"),
    shell:
        "circuitbias gather --tables {input:q} --output {output:q} > {log:q} 2>&1"


rule summarise:
    input:
        rules.gather.output,
    output:
        report(
            "{results}/experiments/{experiment}_summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            subcategory=NAME_IN_REPORT,
            labels={"table": "Summary of {experiment}"},
        ),
    log:
        f"{LOGS}/experiments/{{experiment}}_summary.log",
    benchmark:
        f"{BENCHMARKS}/experiments/{{experiment}}_summary.tsv"
    localrule: True
    params:
        options=experiment_options,
        code=experiment_code("summarise"),
    shell:
        "circuitbias summarise {wildcards.experiment} --table {input:q} --options {params.options:q}"
        " --output {output:q} > {log:q} 2>&1"
