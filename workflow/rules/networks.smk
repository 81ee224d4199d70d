rule network:
    output:
        NETWORK,
    log:
        f"{LOGS}/network.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        # A function: what looks like a wildcard in a name of the user's is none.
        options=lambda wildcards: json.dumps(config["network"]),
        # What is in a file of the user's, whatever its time says.
        content=" ".join(hashes(network_files(config)).values()),
        code=step_code(
            "network", catalogue.module_of("networks", config["network"]["family"])
        ),
    shell:
        "circuitbias network --options {params.options:q} --output {output:q} 2>&1 | tee {log:q}"
