"""Put tables of single recordings, which have the same columns, into one."""

import pandas as pd

from circuitbias.files import atomic_path
from circuitbias.tables import read_table


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--tables", required=True, nargs="+", help="tables of single recordings (.csv)")
    parser.add_argument("--output", required=True, help="all their rows (.csv)")


def run(arguments):
    """Do the step."""
    table = pd.concat([read_table(path) for path in arguments.tables], ignore_index=True)
    with atomic_path(arguments.output) as aside:
        table.to_csv(aside, index=False, float_format="%.8g")
