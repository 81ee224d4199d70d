"""Sum up the table of an experiment: a row a condition."""

import importlib

from circuitbias.experiments import SUMMARISED
from circuitbias.files import atomic_path
from circuitbias.steps import json_object
from circuitbias.tables import read_table


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("experiment", choices=SUMMARISED, metavar="NAME", help=", ".join(SUMMARISED))
    parser.add_argument("--table", required=True, help="all rows of the experiment (.csv)")
    parser.add_argument("--options", default="{}", help="JSON: the section of the config")
    parser.add_argument("--output", required=True, help="summary (.csv)")


def run(arguments):
    """Do the step."""
    module = importlib.import_module(f"circuitbias.experiments.{arguments.experiment}")
    options = json_object("--options", arguments.options)
    summary = module.summarise(read_table(arguments.table), **options)
    with atomic_path(arguments.output) as aside:
        summary.to_csv(aside, index=False, float_format="%.8g")
