rule network:
    input:
        network_files(config),
    output:
        NETWORK,
    log:
        f"{LOGS}/network.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        options=json.dumps(config["network"]),
        code=step_code("network"),
    shell:
        "circuitbias network --options {params.options:q} --output {output:q} 2>&1 | tee {log:q}"
