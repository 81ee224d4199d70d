"""Compare couplings with the true weights: errors, mean profiles behind them, curves of detection."""

from circuitbias.errors.detection_curves import curve_table
from circuitbias.errors.tables import error_table, profile_table, repetition_table
from circuitbias.estimators.couplings import Couplings
from circuitbias.files import atomic_path
from circuitbias.networks.network import Network

EXAMPLES = """
circuitbias errors --network ring.npz --couplings couplings.npz lagged.npz \\
  --output errors.csv --profiles profiles.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--couplings", required=True, nargs="+", help="files of couplings")
    parser.add_argument("--output", required=True, help="errors of each run (.csv)")
    parser.add_argument("--profiles", help="mean profiles of each run (.csv)")
    parser.add_argument("--repetitions", help="bias and variance over seeds (.csv)")
    parser.add_argument("--detection", help="ROC and precision-recall curves of each run (.csv)")


def run(arguments):
    """Do the step."""
    network = Network.load(arguments.network)
    runs = [Couplings.load(path) for path in arguments.couplings]
    for path, table in (
        (arguments.output, error_table),
        (arguments.profiles, profile_table),
        (arguments.repetitions, repetition_table),
        (arguments.detection, curve_table),
    ):
        if path:
            with atomic_path(path) as aside:
                table(network, runs).to_csv(aside, index=False, float_format="%.8g")
