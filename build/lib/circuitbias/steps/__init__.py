"""The steps of the flow: files in, files out. Each can be run by hand or by the workflow.

A module here has a docstring that says what it does, ``add_arguments(parser)`` and ``run(arguments)``.
"""

import ast
import json
from pathlib import Path

from circuitbias.checks import MOST_WHOLE, whole

STEPS = (
    "demo",
    "network",
    "threshold",
    "simulate",
    "activity",
    "estimate",
    "infer",
    "pair",
    "matrix",
    "trust",
    "score",
    "errors",
    "floor",
    "experiment",
    "gather",
    "summarise",
    "compare",
    "figure",
    "correlograms",
    "explore",
    "reproduction",
    "check",
    "doctor",
    "outcome",
    "account",
    "list",
    "check-component",
    "schema",
)


def steps_in_words() -> str:
    """A line for each step: its name and what it does, the first sentence of its module, which is not run."""
    lines = []
    for name in STEPS:
        module = Path(__file__).with_name(f"{name.replace('-', '_')}.py")
        said = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
        lines.append(f"  {name:<16} {said.splitlines()[0] if said else ''}")
    return "\n".join(lines)


def whole_number(text: str) -> int:
    """Read a whole number from the command line: ``1e7`` is one, as in a config.

    Raises
    ------
    ValueError
        If it is none.
    """
    if "_" in text:  # Python takes 1_000 for a number
        raise ValueError(f"{text!r} is no number")
    try:
        return int(text)
    except ValueError:
        return whole("a number", float(text), least=-MOST_WHOLE)


def add_keep_going(parser):
    """Declare ``--keep-going``, of steps whose work the data may not allow."""
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="where the data allow no result, write one that says why, and succeed: the rest can go on",
    )


def json_object(argument: str, text: str) -> dict:
    """Read the JSON object that an argument of the command line holds.

    Raises
    ------
    ValueError
        Naming the argument and what is wrong with its text.
    """
    try:
        value = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:  # numbers with too many digits; nesting too deep
        raise ValueError(f"{argument} {text[:500]!r} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f'{argument} {text[:500]!r} must be a JSON object, such as {{"key": 1}}')
    return value


def _without_repetition(pairs):
    if twice := sorted({key for key, _ in pairs if [k for k, _ in pairs].count(key) > 1}):
        raise ValueError(f"the key {twice[0]!r} is there twice")
    return dict(pairs)
