"""Put tables of single recordings, or of several circuits, which have the same columns, into one."""

import pandas as pd

from circuitbias.files import atomic_path
from circuitbias.tables import read_table

EXAMPLES = """
circuitbias gather --tables errors.csv errors.csv --circuits one other --output both.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--tables", required=True, nargs="+", help="tables of single recordings (.csv)")
    parser.add_argument(
        "--circuits", nargs="+", help="a name for each table: it becomes a first column, circuit"
    )
    parser.add_argument("--output", required=True, help="all their rows (.csv)")


def run(arguments):
    """Do the step."""
    tables, names = [read_table(path) for path in arguments.tables], arguments.circuits
    if names and len(names) != len(tables):
        raise ValueError(f"--circuits: {len(names)} names for {len(tables)} tables; must be one for each")
    for name, table in zip(names or (), tables, strict=False):
        table.insert(0, "circuit", name)
    # An empty table would make columns of text of all others.
    table = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    with atomic_path(arguments.output) as aside:
        table.to_csv(aside, index=False, float_format="%.8g")
