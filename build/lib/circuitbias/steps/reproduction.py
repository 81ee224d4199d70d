"""Write the page that sets every published number beside ours, out of the comparisons of some runs."""

from pathlib import Path

import pandas as pd
import yaml

from circuitbias.comparison.measured import with_measured_errors
from circuitbias.comparison.page import reproduction_page
from circuitbias.files import atomic_path
from circuitbias.tables import read_table


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--comparisons", required=True, nargs="+", help="comparisons of finished runs (.csv)")
    parser.add_argument(
        "--sampling",
        help="errors of a shorter run with standard errors from blocks (.csv), for rows without",
    )
    parser.add_argument("--texts", required=True, help="introduction and explanations (.yaml)")
    parser.add_argument("--output", required=True, help="the page (.md)")


def run(arguments):
    """Do the step."""
    comparison = pd.concat([read_table(path) for path in arguments.comparisons], ignore_index=True)
    if arguments.sampling:
        comparison = with_measured_errors(comparison, read_table(arguments.sampling))
    texts = yaml.safe_load(Path(arguments.texts).read_text(encoding="utf-8"))
    if not isinstance(texts, dict) or set(texts) != {"introduction", "explanations"}:
        raise ValueError(f"--texts {arguments.texts}: must have the keys introduction and explanations")
    page = reproduction_page(comparison, texts["introduction"], texts["explanations"])
    with atomic_path(arguments.output) as aside:
        aside.write_text(page, encoding="utf-8")
