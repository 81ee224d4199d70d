"""Check values against a schema: fill defaults, read numbers, and gather all that is wrong."""

import math
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache

import numpy as np
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from circuitbias.wording import explain, problem, types

_STANDARD = Draft202012Validator
_LARGEST = sys.float_info.max
# Far beyond what a config needs, and far below what takes long to look at.
MOST_VALUES = 20_000
_DEEPEST = 20
_MOST_LISTED = 100
_MOST_BITS = 10_000  # Python itself prints no number with many more
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*|(?=\.[0-9]))(\.[0-9]*)?([eE][-+]?[0-9]+)?", re.ASCII)


class ConfigError(ValueError):
    """Names the full key, its value and what is allowed; one line for every problem, up to a hundred."""


def checked(part: dict, values: Mapping, what: str) -> dict:
    """Check values against a schema, and fill in its defaults.

    Parameters
    ----------
    part : dict
        JSON schema of a mapping.
    values : mapping
        What there is; it is left unchanged. Whole numbers may be floats (``1e7``), and numbers and truth
        values may be NumPy's; a list may be a tuple or an array of one dimension. Texts are no numbers.
    what : str
        The words before the problems: ``"options of glm"``.

    Returns
    -------
    dict
        Plain Python values.

    Raises
    ------
    ConfigError
        With all that is wrong.
    """
    values = plain(values)
    return sound(problems_of(validator(texts=False)(part), values), values, what)


def sound(problems: dict[tuple, str], values, what: str):
    """Look for keys that exclude each other, too; return the values if nothing is wrong, else raise."""
    if isinstance(values, dict):
        add_contradictions(problems, values, (), values)
    if len(problems) == 1:
        raise ConfigError(f"{what}: {next(iter(problems.values()))}")
    refuse(f"{what}:", problems)
    return values


def refuse(head: str, problems: dict[tuple, str]) -> None:
    """Raise a `ConfigError` with all problems, up to a hundred, if there are any."""
    if not problems:
        return
    lines = list(problems.values())
    more = [f"... and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    raise ConfigError("\n  ".join([head, *lines[:_MOST_LISTED], *more]))


def plain(values):
    """Convert nested mappings and lists to plain dicts and lists, up to fixed limits of size and depth.

    Raises
    ------
    ConfigError
        If there are too many of them, or nested too deep.
    """
    n_values = 0

    def copied(value, depth):
        nonlocal n_values
        n_values += 1
        if n_values > MOST_VALUES or depth > _DEEPEST:
            raise ConfigError(
                f"the config cannot be used:\n  config: it must have at most {MOST_VALUES} values, "
                f"nested at most {_DEEPEST} deep"
            )
        if hasattr(value, "items"):
            return {copied(key, depth + 1): copied(item, depth + 1) for key, item in value.items()}
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, np.generic | np.ndarray) and value.size <= MOST_VALUES:
            value = value.tolist()
        if isinstance(value, list | tuple | range):
            return [copied(item, depth + 1) for item in value]
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            return math.inf if value > 0 else -math.inf  # no number either, but one that can be shown
        return value

    return copied(values, 0)


def problems_of(validator, values) -> dict[tuple, str]:
    """Say what a validator finds wrong, by the path to it; defaults are filled in on the way."""
    problems = {}
    for error in validator.iter_errors(values):
        for path, rule in explain(error):
            problems.setdefault(path, problem(values, path, rule))
    return problems


_RISING = (
    ("n_inputs", "n_neurons"),
    ("n_neighbours", "n_neurons"),
    ("lowest", "highest"),
    ("dt_ms", "tau_ms"),
    ("dt_ms", "membrane_ms"),
    ("dt_ms", "adaptation_ms"),
    ("step_ms", "decay_ms"),
    ("trials", "n_spikes"),
    ("far_ms", "window_ms"),
)
"""Keys of one section of which the first must be below the second."""


def add_contradictions(problems, config, path, section):
    """Note keys that exclude each other, though each is allowed by itself."""
    for low, high in _RISING:
        values = [section.get(key) for key in (low, high)]
        known = all(type(value) in (int, float) for value in values)
        if known and problems.keys().isdisjoint({(*path, low), (*path, high)}) and not values[0] < values[1]:
            rule = f"must be < {high} = {values[1]}"
            problems[*path, low] = problem(config, (*path, low), rule)
    rate, step = (section.get(key) for key in ("kicks_hz", "dt_ms"))
    known = all(type(value) in (int, float) for value in (rate, step))  # a guest's may be anything
    if known and problems.keys().isdisjoint({(*path, "kicks_hz"), (*path, "dt_ms")}) and rate * step > 500:
        rule = f"must be <= {500 / step:g}: a step of {step:g} ms has a kick of either sign at most"
        problems[*path, "kicks_hz"] = problem(config, (*path, "kicks_hz"), rule)


# --- the validator ------------------------------------------------------------------------------


@cache
def validator(texts: bool):
    """Build a validator that also fills defaults and reads numbers, also from texts, and takes no nan."""

    def finite(kind):
        known = _STANDARD.TYPE_CHECKER
        # Of Python's own numbers: fractions and complex ones are numbers to jsonschema, too.
        return lambda _, value: (
            type(value) in (int, float) and known.is_type(value, kind) and abs(value) <= _LARGEST
        )

    def properties(validator, schemas, instance, parent):
        if validator.is_type(instance, "object"):
            for key, sub in schemas.items():
                if "default" in sub:
                    instance.setdefault(key, deepcopy(sub["default"]))
                if key in instance:
                    instance[key] = _as_number(instance[key], sub, texts)
        yield from _STANDARD.VALIDATORS["properties"](validator, schemas, instance, parent)

    def items(validator, sub, instance, parent):
        if validator.is_type(instance, "array"):
            instance[:] = [_as_number(item, sub, texts) for item in instance]
        yield from _STANDARD.VALIDATORS["items"](validator, sub, instance, parent)

    def pattern(validator, regex, instance, parent):  # the standard's `$` lets a newline follow
        if validator.is_type(instance, "string") and not re.fullmatch(regex, instance):
            yield ValidationError(f"{instance!r} does not match {regex}")

    def unique(validator, wanted, instance, parent):  # the standard's takes quadratic time with mappings
        entries = instance if wanted and validator.is_type(instance, "array") else []
        if len({repr(item) for item in entries}) < len(entries):
            yield ValidationError("some entries are equal")

    checker = _STANDARD.TYPE_CHECKER.redefine_many({kind: finite(kind) for kind in ("number", "integer")})
    checks = {"properties": properties, "items": items, "pattern": pattern, "uniqueItems": unique}
    return extend(_STANDARD, checks, type_checker=checker)


def _as_number(value, sub, texts):
    """Read ``'1e-3'`` as a number and ``1e7`` as a whole one, where the schema wants that."""
    wanted = {kind for option in sub.get("anyOf", [sub]) for kind in types(option)}
    number = value
    if texts and isinstance(value, str) and _NUMBER.fullmatch(value):
        number = float(value)
        with suppress(ValueError):
            number = int(value)  # keeps all digits of a long seed
    if wanted.isdisjoint(("number", "integer")) or type(number) not in (int, float):
        return value
    if "number" in wanted:
        return float(number) if abs(number) <= _LARGEST else number
    return int(number) if isinstance(number, float) and number.is_integer() else number
