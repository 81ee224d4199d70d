# One job an experiment and recording, with all its sweeps inside; then one table of all of them.


rule experiment:
    input:
        network=NETWORK,
        spikes=rules.simulate.output,
    output:
        table=f"{EXPERIMENTS}/{{experiment}}/r{{r}}_seed{{seed}}.csv",
    log:
        f"{LOGS}/experiments/{{experiment}}/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/experiments/{{experiment}}/r{{r}}_seed{{seed}}.tsv"
    conda:
        "../envs/circuitbias.yml"
    resources:
        mem_mb=memory("experiment"),
        runtime=minutes("experiment"),
        memory_mb=config["memory_mb"],
        gpu=int(config["device"] == "cuda"),
    params:
        estimators=lambda wildcards: json.dumps(
            experiment_estimators(wildcards.experiment)
        ),
        options=lambda wildcards: json.dumps(experiment_options(wildcards.experiment)),
        device=config["device"],
        code=lambda wildcards: experiment_code("experiment", wildcards.experiment),
    shell:
        "circuitbias experiment {wildcards.experiment} --keep-going --network {input.network:q} --spikes {input.spikes:q}"
        " --estimators {params.estimators:q} --options {params.options:q} --memory-mb {resources.memory_mb}"
        " --device {params.device} --output {output.table:q} 2>&1 | tee {log:q}"


# Synchrony has matrices and correlograms to show beside its table.
use rule experiment as synchrony_experiment with:
    output:
        table=f"{EXPERIMENTS}/{{experiment}}/r{{r}}_seed{{seed}}.csv",
        arrays=f"{EXPERIMENTS}/{{experiment}}/r{{r}}_seed{{seed}}.npz",
    wildcard_constraints:
        experiment="synchrony",


ruleorder: synchrony_experiment > experiment


rule gather:
    input:
        lambda wildcards: experiment_runs(wildcards.experiment),
    output:
        report(
            f"{EXPERIMENTS}/{{experiment}}.csv",
            caption="../report/experiment.rst",
            category="Tables",
            labels=table_labels("Experiment {experiment}"),
        ),
    log:
        f"{LOGS}/experiments/{{experiment}}.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        code=step_code("gather"),
    shell:
        "circuitbias gather --tables {input:q} --output {output:q} 2>&1 | tee {log:q}"


rule summarise:
    input:
        rules.gather.output,
    output:
        report(
            f"{EXPERIMENTS}/{{experiment}}_summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels=table_labels("Summary of {experiment}"),
        ),
    log:
        f"{LOGS}/experiments/{{experiment}}_summary.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        options=lambda wildcards: json.dumps(experiment_options(wildcards.experiment)),
        code=lambda wildcards: experiment_code("summarise", wildcards.experiment),
    shell:
        "circuitbias summarise {wildcards.experiment} --table {input:q} --options {params.options:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
