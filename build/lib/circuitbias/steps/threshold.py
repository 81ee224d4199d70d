"""Find the spike threshold at which a network fires at a given mean rate."""

import json

from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.threshold_search import NoThresholdError, threshold_for_rate
from circuitbias.exceptions import UnusableDataError
from circuitbias.files import atomic_path, damaged
from circuitbias.networks.network import Network
from circuitbias.progress import report_line
from circuitbias.provenance import describe
from circuitbias.reading import opened
from circuitbias.steps import add_keep_going, json_object, whole_number

EXAMPLES = """
circuitbias threshold --network ring.npz --parameters '{"r": 0.01}' --rate-hz 30 --output theta.json
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--parameters", required=True, help='JSON without theta, e.g. {"r": 0.01}')
    parser.add_argument("--rate-hz", type=float, required=True, help="mean over all neurons")
    parser.add_argument("--threads", type=whole_number, default=1, help="trials that run side by side")
    add_keep_going(parser)
    parser.add_argument("--output", required=True, help="threshold file (.json)")


def run(arguments):
    """Do the step."""
    network = Network.load(arguments.network)
    given = json_object("--parameters", arguments.parameters)
    if "theta" in given:
        raise ValueError(f"--parameters holds theta = {given['theta']!r}, which is what is looked for")
    model = NamedModel.of(given | {"theta": 0.0})
    try:
        search = threshold_for_rate(
            network, model.searched(network), arguments.rate_hz, threads=arguments.threads
        )
        found = search._asdict()
    except NoThresholdError as refusal:
        if not arguments.keep_going:
            raise
        report_line(f"no threshold: {refusal}", always=True)
        found = {"theta": None, "unusable": str(refusal)}
    of_model = model.told(network.n_neurons) | {"theta": found["theta"]}
    told = describe(network=network.provenance, model=of_model, rate_hz=arguments.rate_hz)
    with atomic_path(arguments.output) as aside:
        aside.write_text(json.dumps(found | {"provenance": told}, indent=1), encoding="utf-8")


def read_threshold(path) -> float:
    """Read the threshold that this step has written.

    Raises
    ------
    OSError
        If it is missing, or the system cannot read it.
    DamagedFileError
        If it is not such a file.
    UnusableDataError
        If no threshold gives the rate.
    """
    try:
        with opened(path) as file:
            found = json.loads(file.read())
        if found.get("unusable"):
            raise UnusableDataError(found["unusable"])
        return float(found["theta"])
    except UnusableDataError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(path, "threshold file", error) from error
