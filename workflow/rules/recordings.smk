# Couplings of spikes of others: there is no network to compare them with.
rule infer:
    input:
        lambda wildcards: recording_files(RECORDINGS[wildcards.recording]),
    output:
        report(
            f"{INFERRED}/couplings.png",
            caption="../report/recording.rst",
            category="Recordings",
            subcategory="{recording}",
            labels={"estimator": "{estimator}", "what": "figure"},
        ),
        report(
            f"{INFERRED}/summary.txt",
            caption="../report/recording.rst",
            category="Recordings",
            subcategory="{recording}",
            labels={"estimator": "{estimator}", "what": "summary"},
        ),
        multiext(f"{INFERRED}/couplings", ".csv", ".pdf"),
        f"{INFERRED}/summary.json",
    log:
        f"{RUN}/logs/recordings/{{recording}}/{{estimator}}.log",
    benchmark:
        f"{RUN}/benchmarks/recordings/{{recording}}/{{estimator}}.tsv"
    resources:
        mem_mb=lambda wildcards, attempt: (1000 + config["memory_mb"]) * attempt,
        runtime=lambda wildcards, attempt: 60 * 2 ** (attempt - 1),
        memory_mb=config["memory_mb"],  # as of an estimate: no parameter
        gpu=int(config["device"] == "cuda"),
    params:
        file=lambda wildcards: RECORDINGS[wildcards.recording]["file"],
        arguments=recording_arguments,
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        device=config["device"],
        code=lambda wildcards: step_code(
            "infer", module_of(config["estimators"][wildcards.estimator]["method"])
        ),
    shell:
        "circuitbias infer {params.file:q} --keep-going {params.arguments:q} --memory-mb {resources.memory_mb}"
        " --device {params.device} --output {params.folder:q} > {log:q} 2>&1"


# Which couplings of a recording to believe: `snakemake --cores 2 trust`. Minutes each, so not a part of `all`.
rule trust_recording:
    input:
        lambda wildcards: recording_files(RECORDINGS[wildcards.recording]),
    output:
        report(
            f"{TRUST}/trust.html",
            caption="../report/trust.rst",
            category="Recordings",
            subcategory="{recording}",
            labels={"estimator": "all", "what": "trust"},
        ),
        f"{TRUST}/trust.json",
    log:
        f"{RUN}/logs/recordings/{{recording}}/trust.log",
    benchmark:
        f"{RUN}/benchmarks/recordings/{{recording}}/trust.tsv"
    resources:
        mem_mb=lambda wildcards, attempt: (1000 + config["memory_mb"]) * attempt,
        runtime=lambda wildcards, attempt: 60 * 2 ** (attempt - 1),
        memory_mb=config["memory_mb"],  # as of an estimate: no parameter
    params:
        file=lambda wildcards: RECORDINGS[wildcards.recording]["file"],
        arguments=lambda wildcards: reading_arguments(RECORDINGS[wildcards.recording]),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        code=step_code("trust"),
    shell:
        "circuitbias trust {params.file:q} --keep-going {params.arguments:q} --memory-mb {resources.memory_mb}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule trust:
    input:
        expand(f"{TRUST}/trust.html", recording=RECORDINGS),
    localrule: True


# All recordings of a run: `snakemake --cores 2 recordings`.
rule recordings:
    input:
        every_inference(),
    localrule: True
