"""The table of a config's keys that config/README.md holds: ``python -m circuitbias.config_reference``."""

import json
from collections.abc import Iterator

from circuitbias.config_schema import allowed, schema, types
from circuitbias.options import of_phases


def config_reference() -> str:
    """Markdown table of every key: its default, what is allowed and what it means."""
    rows = [("key", "default", "allowed", "meaning"), ("---",) * 4, *_rows(schema())]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _rows(sub, prefix="", note="") -> Iterator[tuple[str, str, str, str]]:
    """Walk a schema: a row for every key that takes a value, sections before their parts."""
    for key, part in sub.get("properties", {}).items():
        if "const" in part or (note and key in of_phases()):
            continue  # it has a row of its own, above the branches
        if "$comment" in part:  # it has its rows elsewhere
            yield f"`{prefix}{key}`", "", part["$comment"], part["description"]
            continue
        if "object" in types(part):
            yield f"`{prefix}{key}`", "", "a section", part["description"]
            yield from _rows(part, f"{prefix}{key}.")
        else:
            default = f"`{json.dumps(part['default'])}`" if "default" in part else ""
            yield f"`{prefix}{key}`{note}", default, allowed(part), part["description"]
    if isinstance(sub.get("additionalProperties"), dict):
        yield from _rows(sub["additionalProperties"], f"{prefix}<name>.")
    for branch in sub.get("allOf", ()):
        chosen = {k: v["const"] for k, v in branch["if"]["properties"].items()}
        note = "".join(f" ({key}: {value})" for key, value in chosen.items())
        yield from _rows(branch["then"], prefix, note)


if __name__ == "__main__":
    print(config_reference(), end="")
