rule figure1:
    input:
        network=NETWORK,
        activity=every_run(rules.activity.output),
    output:
        report(
            figure_picture("figure1"),
            caption="../report/figure1.rst",
            category="Figures",
            labels=figure_labels("figure1"),
        ),
        figure_files("figure1"),
    log:
        f"{LOGS}/figure1.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        stem=lambda wildcards, output: output[0].removesuffix(".svg"),
        examples=EXAMPLES,
        code=figure_code("figure1"),
    shell:
        "circuitbias figure figure1 --network {input.network:q} --activity {input.activity:q}"
        " --examples {params.examples} --output {params.stem:q} 2>&1 | tee {log:q}"


rule figure2:
    input:
        network=NETWORK,
        errors=rules.errors.output.errors,
        profiles=rules.errors.output.profiles,
        couplings=every_estimate(),
        comparison=COMPARISON,
    output:
        report(
            figure_picture("figure2"),
            caption="../report/figure2.rst",
            category="Figures",
            labels=figure_labels("figure2"),
        ),
        figure_files("figure2"),
    log:
        f"{LOGS}/figure2.log",
    localrule: True
    conda:
        "../envs/circuitbias.yml"
    params:
        stem=lambda wildcards, output: output[0].removesuffix(".svg"),
        examples=EXAMPLES,
        comparison=lambda wildcards, input: (
            ["--comparison", *input.comparison] if input.comparison else []
        ),
        code=figure_code("figure2"),
    shell:
        "circuitbias figure figure2 --network {input.network:q} --errors {input.errors:q}"
        " --profiles {input.profiles:q} --couplings {input.couplings:q} --examples {params.examples}"
        " {params.comparison:q} --output {params.stem:q} 2>&1 | tee {log:q}"


# Figures that are drawn from tables: a rule each, of the figure's name.
for figure, tables in FIGURE_TABLES.items():

    rule:
        name:
            figure
        input:
            **tables,
            network=NETWORK,
        output:
            report(
                figure_picture(figure),
                caption=f"../report/{figure}.rst",
                category="Figures",
                labels=figure_labels(figure),
            ),
            figure_files(figure),
        log:
            f"{LOGS}/{figure}.log",
        localrule: True
        conda:
            "../envs/circuitbias.yml"
        params:
            stem=lambda wildcards, output: output[0].removesuffix(".svg"),
            figure=figure,
            # Snakemake looks for changes only in parameters that do not come from the input.
            examples=["--examples", *EXAMPLES] if figure == "profiles" else [],
            inputs=lambda wildcards, input: figure_arguments(input),
            code=figure_code(figure),
        shell:
            "circuitbias figure {params.figure} --network {input.network:q} {params.inputs:q}"
            " {params.examples:q} --output {params.stem:q} 2>&1 | tee {log:q}"
