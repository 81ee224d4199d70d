"""Command line: ``circuitbias STEP ...``, the steps of the workflow by hand."""

import argparse
import importlib
import sys
import warnings
from pathlib import Path

from circuitbias import __version__
from circuitbias.progress import set_label
from circuitbias.steps import STEPS


def main(argv: list[str] | None = None) -> int:
    """Run one step; return the exit status: 0, or 1 after an error that its message explains."""
    parser = argparse.ArgumentParser(prog="circuitbias", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="step", required=True, metavar="STEP", help=", ".join(STEPS))
    argv = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in argv if word in STEPS), None)
    for name in STEPS:
        # Only the chosen step is imported in full: others may bring libraries that take seconds to load.
        module = importlib.import_module(f"circuitbias.steps.{name}") if name == chosen else None
        text = module.__doc__ if module else None
        command = commands.add_parser(name, description=text)
        if module:
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    work = getattr(arguments, "output", None) or arguments.folder
    set_label(f"{arguments.step} {Path(work).stem}")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            arguments.run(arguments)
        except (ValueError, OSError, RuntimeError) as error:
            print(f"circuitbias {arguments.step}: error: {error}", file=sys.stderr)
            return 1
    return 0


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {message}", file=sys.stderr, flush=True)
