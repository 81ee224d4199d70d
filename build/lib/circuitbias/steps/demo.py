"""Write a small recording to try everything on, with the true weights behind it.

Twenty neurons on a ring that inhibit their neighbours, 40 000 spikes, strongly coupled (r = 0.01).
"""

import gzip
from importlib.resources import files
from pathlib import Path

from circuitbias.files import atomic_path
from circuitbias.steps.infer import check_folder

EXAMPLES = """
circuitbias demo
circuitbias infer demo/spikes.csv --method cross_correlation --output demo/answer
circuitbias score demo/answer/couplings.csv --network demo/weights.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument(
        "--output", default="demo", help="folder for spikes.csv and weights.csv; default: demo"
    )


def run(arguments):
    """Do the step."""
    folder = Path(arguments.output)
    check_folder(folder)
    for name in ("spikes.csv", "weights.csv"):
        held = files("circuitbias.recordings.demo").joinpath(f"{name}.gz").read_bytes()
        with atomic_path(folder / name) as aside:
            aside.write_bytes(gzip.decompress(held))
    print(f"{folder}/spikes.csv: 40 000 spikes of 20 neurons; {folder}/weights.csv: true weights [pre, post]")
    print("next:")
    print(f"  circuitbias infer {folder}/spikes.csv --output {folder}/answer")
    print(f"  circuitbias score {folder}/answer/couplings.csv --network {folder}/weights.csv")
