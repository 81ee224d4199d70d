"""Say what came of a run: which parts could not be used, and why; end as failed if there are any."""

from pathlib import Path

from circuitbias.files import atomic_path, read_arrays
from circuitbias.networks.network import Network
from circuitbias.outcome import Recording, outcome
from circuitbias.tables import read_table

EXAMPLES = """
circuitbias outcome --network ring.npz --errors errors.csv --activity activity.npz --output outcome.txt
"""


class UnusablePartsError(RuntimeError):
    """Some parts of a run have no result."""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--errors", required=True, help="errors of each run (.csv)")
    parser.add_argument("--activity", required=True, nargs="+", help="activity files (.npz)")
    parser.add_argument("--experiments", nargs="*", default=[], help="tables of experiments (.csv)")
    parser.add_argument("--output", required=True, help="what is to be known of the run (.txt)")


def run(arguments):
    """Do the step."""
    found = outcome(
        Network.load(arguments.network),
        [_recording(path) for path in arguments.activity],
        read_table(arguments.errors),
        {Path(path).stem: read_table(path) for path in arguments.experiments},
    )
    for note in found.notes:
        print(f"Note: {note}.")
    for part in found.unusable:
        print(f"Without a result: {part}")
    if found.unusable:
        n = len(found.unusable)
        raise UnusablePartsError(
            f"{n} {'part' if n == 1 else 'parts'} of the run could not be used, for the reasons above. "
            "All others are finished: tables and figures are there, and say what they lack"
        )
    with atomic_path(arguments.output) as aside:
        lines = [f"Note: {note}." for note in found.notes]
        aside.write_text("\n".join(["Every part has a result.", *lines, ""]), encoding="utf-8")


def _recording(path) -> Recording:
    part = read_arrays(path, "activity file")
    return Recording(
        float(part["r"]), int(part["seed"]), str(part["unusable"]), part["rates_hz"], float(part["dt_ms"])
    )
