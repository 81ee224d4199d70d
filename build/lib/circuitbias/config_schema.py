"""The schema of a config at work: what components say in it, and guests among them.

A part of it that is given alone, in Python or on the command line, is held against the same schema
(`checked_section`), so that every door knows the same rules and says the same words.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from circuitbias.catalogue import (
    BUILT_IN,
    EXPERIMENTS,
    IMPORT_PATH,
    GuestError,
    declared,
    find,
    guests,
    path_of,
)
from circuitbias.component import Component
from circuitbias.declaration import told
from circuitbias.options import of_phases
from circuitbias.validation import (
    MOST_VALUES,
    ConfigError,
    add_contradictions,
    checked,
    plain,
    problems_of,
    refuse,
    sound,
    validator,
)
from circuitbias.wording import allowed, meant, problem, types

__all__ = [
    "MOST_VALUES",
    "ConfigError",
    "allowed",
    "checked",
    "checked_section",
    "complete",
    "component",
    "for_editors",
    "plain",
    "problem",
    "refuse",
    "schema",
    "types",
]


_KEYS = {
    "estimators": ("method", "estimators"),
    "network": ("family", "networks"),
    "generator": ("family", "generators"),
    "drive": ("family", "drives"),
}
"""Sections that name a component: the key that does, and its kind. Of estimators, one entry."""


def _without_components() -> dict:
    path = Path(__file__).with_name("config_schema.yaml")
    known = yaml.safe_load(path.read_text(encoding="utf-8"))
    known["properties"]["estimators"]["additionalProperties"]["properties"] |= of_phases()
    return known


def _section(known: dict, section: str) -> dict:
    part = known["properties"][section]
    return part["additionalProperties"] if section == "estimators" else part


@cache
def schema() -> dict:
    """Return the JSON schema (draft 2020-12) of a config."""
    known = _without_components()
    for section in _KEYS:
        _take_components(_section(known, section), section)
    for name in EXPERIMENTS:
        known["properties"]["experiments"]["properties"][name] = _of_experiment(name)
    own = known["properties"]["circuits"]["additionalProperties"]["properties"]
    for key in [key for key, part in own.items() if part == "as above"]:
        own[key] = {word: value for word, value in known["properties"][key].items() if word != "default"}
        own[key]["$comment"] = f"as `{key}`"
    return known


@cache
def _of_experiment(name: str) -> dict:
    experiment = told(EXPERIMENTS[name])
    return experiment.schema() | {"description": experiment.says()}


@cache
def _of_component(section: str, name: str | None) -> dict:
    """Schema of a section that names this component, which reads no other one; None: none of ours."""
    part = _section(_without_components(), section)
    _take_components(part, section, [name] if name else [])
    return part


def _take_components(part: dict, section: str, names: Iterable[str] | None = None) -> None:
    """Let a key of a section name a component, and the other keys be its options; of all, or of some."""
    key, kind = _KEYS[section]
    part["properties"][key] |= {"enum": list(BUILT_IN[kind]), "guests": kind}
    part["optionsOfGuest"] = key
    default = part["properties"][key].get("default")
    part["allOf"] = [
        {
            "if": {"properties": {key: {"const": name}}} | ({} if name == default else {"required": [key]}),
            "then": _branch(key, kind, name),
        }
        for name in (BUILT_IN[kind] if names is None else names)
    ]


def _branch(key: str, kind: str, name: str) -> dict:
    """What a section takes if one of its keys names this component."""
    options = declared(kind, name).schema()
    del options["type"]
    shared = of_phases() if kind == "estimators" else {}
    return options | {"properties": {key: {"const": name}} | options["properties"] | shared}


def for_editors() -> dict:
    """Return the schema in the words of the standard alone: a guest is any import path, with any options."""

    def standard(part):
        if isinstance(part, list):
            return list(map(standard, part))
        if not isinstance(part, dict):
            return part
        kept = {
            key: standard(value) for key, value in part.items() if key not in ("guests", "optionsOfGuest")
        }
        if "guests" in part:
            kept["anyOf"] = [{"enum": kept.pop("enum")}, {"type": "string", "pattern": IMPORT_PATH}]
        return kept

    return standard(schema())


def complete(config) -> dict[tuple, str]:
    """Fill a config's defaults, turn texts such as ``'1e-3'`` into numbers, in place, and check it.

    Returns
    -------
    dict of tuple to str
        What is wrong, by the path to it: one line with the full key, its value and what is allowed.
    """
    problems = problems_of(_validator(texts=True)(schema()), config)
    sections = {(): config} if isinstance(config, dict) else {}
    for _ in range(3):  # sections, the entries in them, and the sections of a circuit
        sections = {
            (*path, key): inner
            for path, section in sections.items()
            for key, inner in section.items()
            if isinstance(inner, dict)
        }
        for path, section in sections.items():
            add_contradictions(problems, config, path, section)
    return problems


def checked_section(section: str, values: Mapping, what: str) -> dict:
    """Check a part of a config that is given alone, in Python or on the command line.

    Parameters
    ----------
    section : str
        The section by its keys, such as ``"network"`` or ``"experiments.bin_width"``; ``"estimators"`` stands
        for one entry of that section.
    values, what
        What it holds, and the words before the problems, as `circuitbias.validation.checked` takes them.

    Returns
    -------
    dict
        Plain Python values with every default filled in.

    Raises
    ------
    ConfigError
        With all that is wrong.
    """
    values = plain(values)
    first, _, rest = section.partition(".")
    if section in _KEYS:  # one component's options are known sooner than those of all
        key, kind = _KEYS[section]
        default = _of_component(section, None)["properties"][key].get("default")
        name = values.get(key, default) if isinstance(values, dict) else None
        part = _of_component(section, name if isinstance(name, str) and name in BUILT_IN[kind] else None)
    elif first == "experiments" and rest in EXPERIMENTS:
        part = _of_experiment(rest)
    else:
        part = schema()
        for key in section.split("."):
            part = part["properties"][key]
    return sound(problems_of(_validator(texts=False)(part), values), values, what)


def component(kind: str, name, options: Mapping):
    """Make a component with options, complete and checked.

    Parameters
    ----------
    kind : str
        A key of `circuitbias.catalogue.BUILT_IN`.
    name : str, Component or type
        Its name in a config, or its class, or one of that class whose options these complete.
    options : mapping

    Raises
    ------
    ConfigError
        If there is no such component, or an option is not allowed.
    """
    if isinstance(name, Component):
        name, options = type(name), name.options() | options
    if isinstance(name, type) and issubclass(name, Component):
        return name(**options)
    if not path_of(kind, name):
        known = [*BUILT_IN[kind], *guests(kind)]
        rule = f"must be one of {', '.join(known)} or a path{meant(name, known)}"
        raise ConfigError(f"{name!r} is none of {kind}; {rule}")
    try:
        found = find(kind, name)
    except GuestError as error:
        raise ConfigError(f"{name}: {error}") from error
    return found.of(checked(found.schema(), options, f"options of {name}"))


@cache
def _validator(texts: bool):
    """Build a validator that knows guests, too."""
    return extend(validator(texts), {"enum": _enum, "optionsOfGuest": _options_of_guest})


def _enum(validator, choices, instance, parent):
    kind = parent.get("guests")
    if kind and instance not in choices and path_of(kind, instance):
        try:
            declared(kind, instance)
        except GuestError as error:
            yield ValidationError(str(error), validator="guests")
        return
    if kind and instance not in choices and (more := list(guests(kind))):
        known = [*choices, *more]
        rule = f"must be {allowed(parent | {'enum': known})}{meant(instance, known)}"
        yield ValidationError(rule, validator="guests")
        return
    yield from Draft202012Validator.VALIDATORS["enum"](validator, choices, instance, parent)


def _options_of_guest(validator, key, instance, parent):
    rule = parent["properties"][key]
    name = instance.get(key) if validator.is_type(instance, "object") else None
    if name not in rule["enum"] and path_of(rule["guests"], name):
        with suppress(GuestError):  # which the key's own check has named
            yield from validator.descend(instance, _branch(key, rule["guests"], name))
