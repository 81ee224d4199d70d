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
        beside=beside,
    shell:
        "circuitbias figure {wildcards.figure} {params.inputs:q} {params.examples:q} --output {params.stem:q} > {log:q} 2>&1"


# The page to explore, which takes bokeh, the extra `explore`: `snakemake --cores 2 explore`. Beside the estimates it shows
# those from parts of the recordings, all of the first seed.
use rule estimate as estimate_part with:
    output:
        EXPLORED,
    log:
        f"{LOGS}/explore/{{estimator}}/r{{r}}_seed{{seed}}_{{share}}.log",
    benchmark:
        f"{BENCHMARKS}/explore/{{estimator}}/r{{r}}_seed{{seed}}_{{share}}.tsv"
    priority: 0
    params:
        more=lambda wildcards: f"--share {wildcards.share}",


rule explore_circuit:
    input:
        network=NETWORK,
        couplings=explored,
        spikes=explored_spikes,
        tables="{results}/errors.csv",
    output:
        report(
            "{results}/explore.html",
            caption="../report/explore.rst",
            category="Explore",
            subcategory=NAME_IN_REPORT,
            labels={"page": "Couplings at every strength, to move through"},
        ),
    log:
        f"{LOGS}/explore.log",
    benchmark:
        f"{BENCHMARKS}/explore.tsv"
    localrule: True
    params:
        code=step_code("explore"),
    shell:
        "circuitbias explore --network {input.network:q} --couplings {input.couplings:q} --spikes {input.spikes:q}"
        " --tables {input.tables:q} --output {output:q} > {log:q} 2>&1"


# A picture book, of six strengths at most: `snakemake --cores 2 correlograms`.
rule correlograms_of_circuit:
    input:
        unpack(book_inputs),
    output:
        multiext("{results}/figures/correlograms", ".svg", ".pdf", ".png", ".csv"),
    log:
        f"{LOGS}/figures/correlograms.log",
    benchmark:
        f"{BENCHMARKS}/figures/correlograms.tsv"
    localrule: True
    params:
        stem=lambda wildcards, output: output[0].removesuffix(".svg"),
        code=step_code("correlograms"),
    shell:
        "circuitbias correlograms --network {input.network:q} --spikes {input.spikes:q}"
        " --couplings {input.couplings:q} --output {params.stem:q} > {log:q} 2>&1"


rule correlograms:
    input:
        expand("{results}/figures/correlograms.png", results=CIRCUITS),
    localrule: True


rule explore:
    input:
        expand("{results}/explore.html", results=CIRCUITS),
    localrule: True


# Each figure is a target of its own: `snakemake --cores 2 figure2`.
for figure in FIGURES:

    rule:
        name:
            figure
        input:
            figure_files(figure),
        localrule: True


# What the run was, for its report: `snakemake --cores 2 account`. It tells times, which no result does.
rule account:
    input:
        expand(OUTCOME, results=CIRCUITS),
        every_inference(),
    output:
        report(
            f"{RUN}/account.html",
            caption="../report/account.rst",
            category="This run",
            labels={"page": "Configuration, versions, run time by stage"},
        ),
    log:
        f"{RUN}/logs/account.log",
    localrule: True
    params:
        config=json.dumps(config),
        folders=[f"{folder}/benchmarks" for folder in dict.fromkeys([*CIRCUITS, RUN])],
        code=step_code("account"),
    shell:
        "circuitbias account --config {params.config:q} --benchmarks {params.folders:q} --output {output:q} > {log:q} 2>&1"
