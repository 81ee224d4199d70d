"""Build a network, or read one from a file of weights, and write it with its provenance."""

from circuitbias.networks import build_network
from circuitbias.steps import json_object

EXAMPLES = """
circuitbias network --options '{"family": "ring", "n_neurons": 20, "sigma1": 1.4, "sigma2": 1.41}' \\
  --output ring.npz
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--options", required=True, help='JSON, e.g. {"family": "ring"}')
    parser.add_argument("--output", required=True, help="network file (.npz)")


def run(arguments):
    """Do the step."""
    build_network(json_object("--options", arguments.options)).save(arguments.output)
