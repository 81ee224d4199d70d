rule threshold:
    input:
        network=NETWORK,
    output:
        THRESHOLD,
    log:
        f"{LOGS}/threshold/r{{r}}.log",
    benchmark:
        f"{BENCHMARKS}/threshold/r{{r}}.tsv"
    resources:
        mem_mb=memory("simulate"),
        runtime=minutes("simulate"),
    params:
        parameters=model_parameters,
        rate=lambda wildcards: circuit_of(wildcards)["thresholds"]["rate_hz"],
        code=generator_code("threshold"),
        stimulus=drive_content,
    shell:
        "circuitbias threshold --keep-going --network {input.network:q} --parameters {params.parameters:q}"
        " --rate-hz {params.rate} --output {output:q} > {log:q} 2>&1"


rule simulate:
    input:
        network=NETWORK,
        threshold=found_threshold,
    output:
        SPIKES,
    log:
        f"{LOGS}/simulate/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/r{{r}}_seed{{seed}}.tsv"
    # What waits for it comes first, then the longest jobs: the last ones are short, and end together.
    priority: 3
    threads: trials
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=memory("simulate"),
        runtime=minutes("simulate"),
    params:
        parameters=model_parameters,
        inputs=named_arguments,
        recording=recording,
        device=config["device"],
        code=generator_code("simulate"),
        stimulus=drive_content,
    shell:
        "circuitbias simulate --keep-going {params.inputs:q} --parameters {params.parameters:q}"
        " --seed {wildcards.seed} {params.recording:q} --threads {threads} --device {params.device}"
        " --output {output:q} > {log:q} 2>&1"


rule activity:
    input:
        network=NETWORK,
        spikes=rules.simulate.output,
    output:
        ACTIVITY,
    log:
        f"{LOGS}/activity/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/activity/r{{r}}_seed{{seed}}.tsv"
    resources:
        mem_mb=memory("activity"),
        runtime=minutes("activity"),
    params:
        code=step_code("activity"),
    shell:
        "circuitbias activity --network {input.network:q} --spikes {input.spikes:q}"
        " --output {output:q} > {log:q} 2>&1"
