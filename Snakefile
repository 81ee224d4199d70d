# circuitbias: how wrong is a circuit when it is inferred from its activity?
# networks -> dynamics -> spikes -> estimators -> errors -> experiments -> figures: one file of rules for each.

from pathlib import Path

from snakemake.utils import min_version

from circuitbias.config import load_config
from circuitbias.plan import require_possible
from circuitbias.yaml_files import read_config

min_version("9.8")


# A config given with --configfile stands alone: it is not merged into the default one, which lies beside this file,
# whatever folder Snakemake runs in.
if not workflow.configfiles:

    configfile: Path(workflow.basedir) / "config" / "config.yaml"


for (
    file
) in workflow.configfiles:  # Snakemake takes the last of two equal keys without a word
    read_config(file)

config = load_config(config)
require_possible(config)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/told.smk"
include: "workflow/rules/drawn.smk"
include: "workflow/rules/reporting.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/estimators.smk"
include: "workflow/rules/errors.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/recordings.smk"


rule all:
    default_target: True
    input:
        [figure_files(name) for name in FIGURES],
        expand(OUTCOME, results=CIRCUITS),  # it waits for all tables
        [f"{RUN}/{table}.csv" for table in TOGETHER],
        every_inference(),
    localrule: True


onsuccess:
    print_outcome()


onerror:
    print_failures()
