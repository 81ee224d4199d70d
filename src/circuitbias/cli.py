"""Command line: ``circuitbias STEP ...``, the steps of the workflow by hand."""

import argparse
import importlib
import os
import sys
import warnings
from pathlib import Path

from circuitbias import __version__
from circuitbias.exceptions import MissingExtraError, naming_extra
from circuitbias.made_from import recorded
from circuitbias.places import NO_PLACE_FOR_KERNELS
from circuitbias.progress import set_label
from circuitbias.reading import expanded
from circuitbias.steps import STEPS


def main(argv: list[str] | None = None) -> int:
    """Run one step; return the exit status: 0, or 1 after an error that its message explains."""
    parser = argparse.ArgumentParser(prog="circuitbias", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="step", required=True, metavar="STEP", help=", ".join(STEPS))
    argv = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in argv if word in STEPS), None)
    try:
        for name in STEPS:
            # Only the chosen step is imported in full: others may bring libraries that take seconds to load.
            module = _module_of(name) if name == chosen else None
            text = module.__doc__ if module else None
            command = commands.add_parser(name, description=text)
            if module:
                module.add_arguments(command)
                command.set_defaults(run=module.run)
        arguments = parser.parse_args(argv)
        vars(arguments).update({name: _with_home(value) for name, value in vars(arguments).items()})
        work = getattr(arguments, "output", None) or getattr(arguments, "folder", "")
        set_label(f"{arguments.step} {Path(work).stem}")
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            with recorded(vars(arguments)), naming_extra("this step"):
                arguments.run(arguments)
    except (ValueError, OSError, RuntimeError, MemoryError, MissingExtraError) as error:
        print(f"circuitbias {chosen}: error: {_words(error)}", file=sys.stderr)
        return 1
    return 0


def _module_of(step):
    return importlib.import_module(f"circuitbias.steps.{step.replace('-', '_')}")


def _with_home(argument):
    """An argument that begins with ~ is a path: after an equals sign, or in quotes, no shell expands it."""
    if isinstance(argument, list):
        return [_with_home(part) for part in argument]
    is_path = isinstance(argument, str) and argument.startswith("~")
    return os.fspath(expanded(argument)) if is_path else argument


def _words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {error}".strip()
    if "no locator available" in str(error):  # numba's words
        return NO_PLACE_FOR_KERNELS
    return str(error)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {message}", file=sys.stderr, flush=True)
