if isinstance(config["thresholds"], dict):

    rule threshold:
        input:
            network=NETWORK,
        output:
            THRESHOLD,
        log:
            f"{LOGS}/threshold/r{{r}}.log",
        conda:
            "../envs/circuitbias.yml"
        resources:
            mem_mb=memory("simulate"),
            runtime=minutes("simulate"),
        params:
            parameters=model_parameters,
            rate=config["thresholds"]["rate_hz"],
            code=step_code("threshold"),
        shell:
            "circuitbias threshold --keep-going --network {input.network:q} --parameters {params.parameters:q}"
            " --rate-hz {params.rate} --output {output:q} 2>&1 | tee {log:q}"


rule simulate:
    input:
        network=NETWORK,
        threshold=[] if None not in THETA.values() else THRESHOLD,
    output:
        f"{RESULTS}/spikes/r{{r}}_seed{{seed}}.h5",
    log:
        f"{LOGS}/simulate/r{{r}}_seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/simulate/r{{r}}_seed{{seed}}.tsv"
    conda:
        "../envs/circuitbias.yml"
    # On a GPU trials are not threads.
    threads: 1 if config["device"] == "cuda" else config["simulation"]["trials"]
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=memory("simulate"),
        runtime=minutes("simulate"),
    params:
        parameters=model_parameters,
        threshold=lambda wildcards, input: f"--threshold {shlex.quote(input.threshold)}"
        * bool(input.threshold),
        recording=" ".join(
            f"--{key.replace('_', '-')} {value}"
            for key, value in config["simulation"].items()
        ),
        device=config["device"],
        code=step_code("simulate"),
    shell:
        "circuitbias simulate --keep-going --network {input.network:q} --parameters {params.parameters:q}"
        " {params.threshold} --seed {wildcards.seed} {params.recording} --threads {threads} --device {params.device}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule activity:
    input:
        network=NETWORK,
        spikes=rules.simulate.output,
    output:
        f"{RESULTS}/activity/r{{r}}_seed{{seed}}.npz",
    log:
        f"{LOGS}/activity/r{{r}}_seed{{seed}}.log",
    conda:
        "../envs/circuitbias.yml"
    resources:
        mem_mb=memory("activity"),
        runtime=minutes("activity"),
    params:
        code=step_code("activity"),
    shell:
        "circuitbias activity --network {input.network:q} --spikes {input.spikes:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
