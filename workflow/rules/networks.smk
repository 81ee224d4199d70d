rule network:
    output:
        NETWORK,
    log:
        f"{LOGS}/network.log",
    benchmark:
        f"{BENCHMARKS}/network.tsv"
    localrule: True
    params:
        # Functions: what looks like a wildcard in a name of the user's is none.
        options=network_options,
        content=network_content,
        code=network_code,
    shell:
        "circuitbias network --options {params.options:q} --output {output:q} > {log:q} 2>&1"
