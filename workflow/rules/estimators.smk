rule estimate:
    input:
        network=NETWORK,
        spikes=rules.simulate.output,
    output:
        COUPLINGS,
    log:
        f"{LOGS}/estimate/{{estimator}}/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/estimate/{{estimator}}/r{{r}}_seed{{seed}}.tsv"
    priority: 1
    resources:
        mem_mb=memory("estimate"),
        runtime=minutes("estimate"),
        # How much of mem_mb the step may fill with data. No parameter: another bound gives the same couplings (but
        # for the last bits), so that what is there is kept.
        memory_mb=config["memory_mb"],
        gpu=int(config["device"] == "cuda"),
    params:
        method=estimator_method,
        options=estimator_options,
        more="--sampling-errors" * config["sampling_errors"],
        device=config["device"],
        code=lambda wildcards: step_code(
            "estimate", module_of(estimator_method(wildcards))
        ),
    shell:
        "circuitbias estimate --keep-going --network {input.network:q} --spikes {input.spikes:q} --method {params.method:q} --options {params.options:q}"
        " --name {wildcards.estimator} --memory-mb {resources.memory_mb} --device {params.device}"
        " {params.more} --output {output:q} > {log:q} 2>&1"
