"""What is said of a value that is not allowed: its key, what it is, what is allowed, and what was meant."""

import difflib
from collections.abc import Iterator
from contextlib import suppress
from functools import reduce
from operator import getitem

_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}

_LONGEST_SHOWN = 500

_KINDS = {
    "number": "a finite number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}


def problem(config, path: tuple, rule: str) -> str:
    """Word one problem: the full key, its value (if it has one) and what is allowed."""
    # Keys are foreign text, too: one that is no name is quoted, so that a problem stays on its line.
    key = "".join(f".{part}" if _is_name(part) else f"[{_shown(part)}]" for part in path)
    with suppress(KeyError):
        key += f" = {_shown(reduce(getitem, path, config))}"
    return f"{key.removeprefix('.') if path else f'config{key}'}: {rule}"


def _is_name(part) -> bool:
    return isinstance(part, str) and part.isprintable() and 0 < len(part) <= _LONGEST_SHOWN


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def types(sub) -> list[str]:
    """The kinds of value that a schema admits, by their names in JSON schema."""
    kinds = sub.get("type", ())
    return [kinds] if isinstance(kinds, str) else kinds


def allowed(sub):
    """Say in words what a schema admits."""
    if "anyOf" in sub:
        return " or ".join(map(allowed, sub["anyOf"]))
    if "const" in sub:
        return f"`{sub['const']}`"
    if "enum" in sub:
        return "one of " + ", ".join(f"`{value}`" for value in sub["enum"])
    kind, *others = types(sub)
    if kind == "array":
        low, high = sub.get("minItems", 0), sub.get("maxItems")
        count = f"{low} or more" if not high else f"{low}" if low == high else f"{low} to {high}"
        different = "different " if sub.get("uniqueItems") else ""
        return f"a list of {count} {different}entries, each {allowed(sub['items'])}"
    if kind == "object":
        if key := sub.get("optionsOfGuest"):
            return f"a mapping with the key {key}, such as {{{key}: {sub['properties'][key]['enum'][0]}}}"
        keys = ", ".join(sub.get("properties", ()))
        return f"a mapping with the keys {keys}" if keys else "a mapping with one or more entries"
    limits = [f"{sign} {sub[bound]}" for bound, sign in _BOUNDS.items() if bound in sub]
    limits += [f"matching `{sub['pattern']}`"] if "pattern" in sub else []
    limits += ["that is not empty"] if "minLength" in sub else []
    limits += [f"of at most {sub['maxLength']} characters"] if "maxLength" in sub else []
    return " or ".join([f"{_KINDS[kind]} {' and '.join(limits)}".strip(), *map(_KINDS.get, others)])


def explain(error) -> Iterator[tuple[tuple, str]]:
    """Yield path and rule of every problem behind one error of the validator."""
    inner = [sub for sub in error.context if sub.path]
    if inner:  # an entry of a list which is one of several alternatives: name the entry
        for sub in inner:
            yield from explain(sub)
        return
    path, value, sub = tuple(error.absolute_path), error.instance, error.schema
    if error.validator == "guests":
        yield path, error.message
    elif error.validator == "additionalProperties":
        known = sub["properties"]
        branch = "".join(f" with {k}: {v['const']}" for k, v in known.items() if "const" in v)
        for key in [key for key in value if key not in known]:
            yield (*path, key), f"unknown key{meant(key, known)}; allowed{branch}: {', '.join(known)}"
    elif error.validator == "required":
        for key in [key for key in error.validator_value if key not in value]:
            slips = difflib.get_close_matches(
                key, [k for k in map(str, value) if k not in sub["properties"]], n=1
            )
            instead = "".join(f" (is {slip} meant for it?)" for slip in slips)
            yield (*path, key), f"missing{instead}; must be {allowed(sub['properties'][key])}"
    elif "propertyNames" in error.absolute_schema_path:
        yield (*path, value), f"its name must be {allowed(sub)}"
    else:
        yield path, f"must be {allowed(sub)}{_meant_value(value, sub)}"


def meant(word, known) -> str:
    """Name what is near to a word among all that is known: words in brackets after a space, or nothing."""
    close = _nearest(word, known)
    return f" (did you mean {close[0]}?)" if close else ""


def _nearest(word, known) -> list[str]:
    return difflib.get_close_matches(str(word), [one for one in known if isinstance(one, str)], n=1)


def _meant_value(value, sub) -> str:
    """Name the choice that is near to a text, or the key that is near to one of a mapping."""
    parts = sub.get("anyOf", [sub])
    if isinstance(value, dict):
        known = {key for part in parts for key in part.get("properties", ())}
        return next((words for key in value if key not in known and (words := meant(key, known))), "")
    if not isinstance(value, str):
        return ""
    if key := sub.get("optionsOfGuest"):  # a name where a mapping with it belongs
        close = _nearest(value, sub["properties"][key]["enum"])
        return f" (did you mean {{{key}: {close[0]}}}?)" if close else ""
    return meant(value, [choice for part in parts for choice in part.get("enum", [part.get("const")])])
