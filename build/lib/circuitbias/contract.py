"""Named checks that components are held to: what is the same for all kinds of them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from circuitbias.component import Component
from circuitbias.guest_lines import line_of_guest
from circuitbias.validation import ConfigError


class Outcome(NamedTuple):
    """What a check has found.

    Attributes
    ----------
    check : str
        Its name.
    options : dict
        With which the component was tried.
    passed : bool
    says : str
        What is wrong; empty if nothing.
    """

    check: str
    options: dict
    passed: bool
    says: str


Checks = dict[str, Callable[[Component], None]]
"""Checks by name: each raises an AssertionError that says what is wrong."""


def hold(component: type[Component], checks: Checks, options: dict | None = None) -> Iterator[Outcome]:
    """Hold a component to its contract.

    Parameters
    ----------
    component : type
    checks : dict
    options : dict, optional
        With which to try it. Default: each of its ``examples``.

    Yields
    ------
    Outcome
        Of every check, with every choice of options.
    """
    for tried in component.examples if options is None else [options]:
        for name, check in checks.items():
            try:
                check(component(**tried))
            except Exception as error:  # whatever a stranger's code does is an outcome
                line = line_of_guest(error, [component.__module__])
                by_check = isinstance(error, AssertionError) and not line
                says = str(error) if by_check else f"{type(error).__name__}: {error}{line}"
                yield Outcome(name, tried, False, says)
            else:
                yield Outcome(name, tried, True, "")


def require(condition, says: str) -> None:
    """Raise an AssertionError unless a condition holds."""
    if not condition:
        raise AssertionError(says)


def words(component):
    """It says in a sentence what it is, and so does each of its options."""
    require(component.says(), "the class has no docstring: its first line says what it is")
    for name, part in component.schema()["properties"].items():
        require(part["description"], f"option {name} has no words: option(default, 'What it means (unit).')")


def options(component):
    """Options that it does not have are refused, in the words of a config."""
    try:
        type(component)(**component.options() | {"no_such_option": 1})
    except ConfigError as error:
        require("unknown key" in str(error), f"an unknown option is refused in other words: {error}")
    else:
        raise AssertionError("an unknown option is accepted")


OF_ALL: Checks = {"words": words, "options": options}
"""What every kind of component is held to."""
