"""Build a network, or read one from a file of weights, and write it with its provenance."""

import json

from circuitbias.networks import build_network


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--options", type=json.loads, required=True, help='JSON, e.g. {"family": "ring"}')
    parser.add_argument("--output", required=True, help="network file (.npz)")


def run(arguments):
    """Do the step."""
    build_network(arguments.options).save(arguments.output)
