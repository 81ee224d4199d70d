"""Write the JSON schema of a config, with which editors complete keys and mark mistakes."""

import json

from circuitbias.config_schema import for_editors
from circuitbias.files import atomic_path

EXAMPLES = """
circuitbias schema --output circuitbias.schema.json
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--output", help="file (.json); default: to the screen")


def run(arguments):
    """Do the step."""
    text = json.dumps(for_editors(), indent=1)
    if not arguments.output:
        print(text)
        return
    with atomic_path(arguments.output) as aside:
        aside.write_text(text + "\n", encoding="utf-8")
