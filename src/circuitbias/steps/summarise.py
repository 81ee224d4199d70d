"""Sum up the table of an experiment: a row a condition."""

import importlib

import pandas as pd

from circuitbias.config_schema import checked_section
from circuitbias.experiments import COLUMNS, SUMMARISED
from circuitbias.files import atomic_path
from circuitbias.steps import json_object
from circuitbias.tables import check_kind, read_table, split_usable, without_result

EXAMPLES = """
circuitbias summarise data_volume --table data_volume.csv --options '{"error_level": 0.5}' \\
  --output data_volume_summary.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("experiment", choices=SUMMARISED, metavar="NAME", help=", ".join(SUMMARISED))
    parser.add_argument("--table", required=True, help="all rows of the experiment (.csv)")
    parser.add_argument(
        "--options", default="{}", help="JSON: the section of the config; what is left out has its default"
    )
    parser.add_argument("--output", required=True, help="summary (.csv)")


def run(arguments):
    """Do the step."""
    module = importlib.import_module(f"circuitbias.experiments.{arguments.experiment}")
    name = arguments.experiment
    options = checked_section(f"experiments.{name}", json_object("--options", arguments.options), "--options")
    table = read_table(arguments.table)
    check_kind(table, f"--table {arguments.table}", name, COLUMNS[name])
    keys = ["estimator", "method", "options", "r"]
    summary = pd.DataFrame(columns=keys)
    if len(split_usable(table)[0]):
        summary = module.summarise(table, **options)
    # What there is nothing to sum up of has a row that says why.
    without = without_result(table, keys)
    known = summary.set_index(keys).index
    without = without[~without.set_index(keys).index.isin(known)]
    summary = pd.concat([part for part in (summary, without) if len(part)], ignore_index=True)
    with atomic_path(arguments.output) as aside:
        summary.to_csv(aside, index=False, float_format="%.8g")
