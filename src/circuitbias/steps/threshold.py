"""Find the spike threshold at which a network fires at a given mean rate."""

import json
from dataclasses import replace

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.files import atomic_path, damaged
from circuitbias.networks.network import Network
from circuitbias.provenance import describe
from circuitbias.steps import json_object, whole_number


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--parameters", required=True, help='JSON without theta, e.g. {"r": 0.01}')
    parser.add_argument("--rate-hz", type=float, required=True, help="mean over all neurons")
    parser.add_argument("--threads", type=whole_number, default=1, help="trials that run side by side")
    parser.add_argument("--output", required=True, help="threshold file (.json)")


def run(arguments):
    """Do the step."""
    network = Network.load(arguments.network)
    given = json_object("--parameters", arguments.parameters)
    if "theta" in given:
        raise ValueError(f"--parameters holds theta = {given['theta']!r}, which is what is looked for")
    parameters = ThresholdParameters.from_dict(given | {"theta": 0.0})
    found = threshold_for_rate(network, parameters, arguments.rate_hz, threads=arguments.threads)
    model = replace(parameters, theta=found.theta).to_dict()
    told = describe(network=network.provenance, model=model, rate_hz=arguments.rate_hz)
    with atomic_path(arguments.output) as aside:
        aside.write_text(json.dumps(found._asdict() | {"provenance": told}, indent=1), encoding="utf-8")


def read_threshold(path) -> float:
    """Read the threshold that this step has written.

    Raises
    ------
    DamagedFileError
        If it is not such a file.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return float(json.loads(text)["theta"])
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, "threshold file", error) from error
