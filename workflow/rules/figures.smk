# Of a circuit, or of several side by side: those lie in the folder of the run.
rule figure:
    input:
        unpack(figure_inputs),
    output:
        report(
            f"{FIGURE}.svg",
            caption="../report/figure.rst",
            category="Figures",
            subcategory=NAME_IN_REPORT,
            labels=figure_labels,
        ),
        multiext(FIGURE, ".pdf", ".png", ".csv"),
    log:
        f"{LOGS}/figures/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{figure}}.tsv"
    wildcard_constraints:
        results="|".join(map(re.escape, [RUN, *CIRCUITS])),
    localrule: True
    params:
        inputs=named_arguments,
        # Snakemake looks for changes only in parameters that do not come from the input.
        examples=examples,
        stem=lambda wildcards, output: output[0].removesuffix(".svg"),
        code=figure_code,
    shell:
        "circuitbias figure {wildcards.figure} {params.inputs:q} {params.examples:q} --output {params.stem:q} > {log:q} 2>&1"


# Each figure is a target of its own: `snakemake --cores 2 figure2`.
for figure in FIGURES:

    rule:
        name:
            figure
        input:
            figure_files(figure),
        localrule: True
