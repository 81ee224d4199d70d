rule simulate:
    input:
        network=NETWORK,
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
        parameters=lambda wildcards: json.dumps(
            {"r": float(wildcards.r), "theta": THETA[wildcards.r], **config["model"]}
        ),
        recording=" ".join(
            f"--{key.replace('_', '-')} {value}"
            for key, value in config["simulation"].items()
        ),
        device=config["device"],
        code=step_code("simulate"),
    shell:
        "circuitbias simulate --network {input.network:q} --parameters {params.parameters:q}"
        " --seed {wildcards.seed} {params.recording} --threads {threads} --device {params.device}"
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
