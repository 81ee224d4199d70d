"""List the components that a config can name, or say all of some: options, defaults, traits."""

import json

from circuitbias.catalogue import BUILT_IN, declared, find_any, guests, path_of
from circuitbias.config_schema import allowed

EXAMPLES = """
circuitbias list
circuitbias list glm text --json
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument(
        "component",
        nargs="*",
        metavar="NAME",
        help="what to say all of: a name, or a path, my_module:MyEstimator; default: a line each",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments):
    """Do the step."""
    found = [(kind, name) for kind in BUILT_IN for name in [*BUILT_IN[kind], *guests(kind)]]
    if arguments.component:
        found = [(find_any(name)[0], name) for name in arguments.component]
    facts = [facts_of(kind, name) for kind, name in found]
    if arguments.json:
        print(json.dumps(facts, indent=1))
    elif arguments.component:
        print("\n\n".join(map(_in_full, facts)))
    else:
        width = max(len(fact["name"]) for fact in facts)
        for kind in BUILT_IN:
            print(f"{kind}:")
            for fact in facts:
                if fact["kind"] == kind:
                    print(f"  {fact['name']:{width}}  {fact['says']}")


def facts_of(kind, name) -> dict:
    """Options, traits and the rest of what a component says of itself, as plain data."""
    component = declared(kind, name)
    parts = component.schema()["properties"]
    defaults = {option: part["default"] for option, part in parts.items() if "default" in part}
    facts = {"kind": kind, "name": name, "path": path_of(kind, name), "says": component.says()}
    facts["options"] = {
        option: {**part, "allowed": allowed(part)}
        for option, part in component.schema()["properties"].items()
    }
    if hasattr(component, "traits") and defaults.keys() == parts.keys():
        facts["traits"] = component.of(defaults).traits()
    return facts


def _in_full(fact) -> str:
    lines = [f"{fact['name']} ({fact['kind']}): {fact['says']}", f"  {fact['path']}"]
    if "traits" in fact:
        told = ", ".join(name if has else f"not {name}" for name, has in fact["traits"].items())
        lines.append(f"  By default {told}.")
    for option, part in fact["options"].items():
        default = f" = {json.dumps(part['default'])}" if "default" in part else ""
        lines += [f"  {option}{default}", f"      {part['description']}", f"      {part['allowed']}"]
    return "\n".join(lines)
