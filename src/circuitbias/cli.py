"""How wrong is a circuit when it is inferred from its activity? Steps by hand: files in, files out."""

import argparse
import difflib
import importlib
import os
import re
import select
import sys
import warnings
from pathlib import Path

from circuitbias import __version__
from circuitbias.catalogue import line_in_guests
from circuitbias.exceptions import MissingExtraError, MissingInputError, UnusableDataError, naming_extra
from circuitbias.made_from import recorded
from circuitbias.places import NO_PLACE_FOR_KERNELS
from circuitbias.progress import finish_line, set_label
from circuitbias.reading import expanded
from circuitbias.steps import STEPS, steps_in_words

DONE, FAILED, MISUSED, UNUSABLE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: see `_CODES`."""
_CODES = (
    "exit codes: 0 done; 1 an error that its message explains; 2 the command is not understood;\n"
    "  3 the data allow no result, as the message says; 130 interrupted.\n"
    "Results and JSON go to standard output, progress and messages to standard error."
)


_EXPLAINED = (ValueError, OSError, RuntimeError, MemoryError, MissingExtraError)
"""Errors whose messages explain them. Others are mistakes of ours, or of a guest in a line that is named."""


class _Parser(argparse.ArgumentParser):
    """Names the nearest step or option where one is not known."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        """End with exit code 2; say what was meant."""
        raise _Misused(self, message)

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            shown = ", ".join(map(str, action.choices))
            meant = _nearest(str(value), map(str, action.choices))
            raise argparse.ArgumentError(None, f"{value!r} is no {action.dest}{meant}; there are {shown}")

    def options(self) -> list[str]:
        """All long options."""
        return [word for action in self._actions for word in action.option_strings if word.startswith("--")]


class _Misused(Exception):
    """A command that is not understood: the parser that met it, and why."""


def main(argv: list[str] | None = None) -> int:
    """Run one step; return the exit status: 0, 1 or 3 after an error that its message explains; 130.

    A command that is not understood ends the program with 2.
    """
    parser = _Parser(
        prog="circuitbias",
        description=f"{__doc__}\n\nsteps:\n{steps_in_words()}\n\n`circuitbias STEP --help` has examples.",
        epilog=_CODES,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="step", required=True, metavar="STEP", help="one of those above")
    argv = sys.argv[1:] if argv is None else argv
    chosen = next((word for word in argv if word in STEPS), None)
    try:
        for name in STEPS:
            # Only the chosen step is imported in full: others may bring libraries that take seconds to load.
            module = module_of(name) if name == chosen else None
            command = commands.add_parser(name, description=module and module.__doc__, epilog=_epilog(module))
            if module:
                module.add_arguments(command)
                command.set_defaults(run=module.run)
        arguments = _parsed(parser, commands, argv)
        vars(arguments).update({name: _with_home(value) for name, value in vars(arguments).items()})
        work = getattr(arguments, "output", None) or getattr(arguments, "folder", None) or ""
        set_label(f"{arguments.step} {Path(work).stem}".rstrip())
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            with recorded(vars(arguments)), naming_extra("this step"):
                arguments.run(arguments)
        finish_line()
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_has_left():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        line = "" if isinstance(error, UnusableDataError) else line_in_guests(error)
        if not (line or isinstance(error, _EXPLAINED)):
            raise
        finish_line()
        print(f"circuitbias {chosen}: error: {_words(error)}{line}", file=sys.stderr)
        codes = ((UnusableDataError, UNUSABLE), (MissingInputError, MISUSED))
        return next((code for kind, code in codes if isinstance(error, kind)), FAILED)
    except KeyboardInterrupt:
        finish_line()
        print(f"circuitbias {chosen}: interrupted; nothing half-written is left", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _reader_has_left() -> bool:
    """Whether nobody reads our output any more, as behind `head`; another pipe that breaks is an error."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # no file behind it, or no such system
        return False


def _parsed(parser: _Parser, commands, argv: list[str]) -> argparse.Namespace:
    try:
        arguments, unknown = parser.parse_known_args(argv)
        if not unknown:
            return arguments
        command = commands.choices[arguments.step]
        strange = next((word for word in unknown if word.startswith("-")), unknown[0])
        meant = _nearest(strange.partition("=")[0], command.options())
        raise _Misused(command, f"{strange} is no argument of this step{meant}")
    except _Misused as misused:
        command, message = misused.args
        known = command.options()
        strange = [word for word in argv if word.startswith("--") and len(word) > 2]
        strange = [one for one in strange if not any(k.startswith(one.partition("=")[0]) for k in known)]
        if "required" in message and strange:  # a slip of a key is why something seems to be missing
            message = f"{strange[0]} is no argument of this step{_nearest(strange[0], known)}; {message}"
        print(f"{command.format_usage()}{command.prog}: error: {message}", file=sys.stderr)
        print(f"`{command.prog} --help` says more", file=sys.stderr)
        raise SystemExit(MISUSED) from None


def _nearest(word: str, known) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _epilog(module) -> str | None:
    """Examples of a step, and the exit codes."""
    if module is None:
        return None
    examples = getattr(module, "EXAMPLES", "").strip("\n")
    return f"examples:\n{re.sub('^', '  ', examples, flags=re.M)}\n\n{_CODES}" if examples else _CODES


def module_of(step):
    """Import the module of a step."""
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
    return str(error) if isinstance(error, _EXPLAINED) else f"{type(error).__name__}: {error}"


def _show_warning(message, category, filename, lineno, file=None, line=None):
    finish_line()
    print(f"{category.__name__}: {message}", file=sys.stderr, flush=True)
