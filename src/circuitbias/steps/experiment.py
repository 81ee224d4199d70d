"""Run an experiment on one recording: many estimates, one table."""

import importlib
from pathlib import Path

import numpy as np

from circuitbias.config_schema import checked_section
from circuitbias.exceptions import MissingInputError, UnusableDataError
from circuitbias.experiments import EXPERIMENTS, WITH_ARRAYS, WITH_ESTIMATORS
from circuitbias.experiments.sweep import refused_rows
from circuitbias.files import atomic_path
from circuitbias.memory import DEFAULT_MB
from circuitbias.networks.network import Network
from circuitbias.progress import report_line
from circuitbias.spikes.storage import SpikeFile
from circuitbias.steps import add_keep_going, json_object

EXAMPLES = """
circuitbias experiment data_volume --network ring.npz --spikes spikes.h5 \\
  --estimators '{"glm": {"method": "glm"}}' \\
  --options '{"decades": 0.5, "n_windows": 2}' --output data_volume.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--spikes", required=True, help="spike file")
    parser.add_argument(
        "--estimators",
        default="{}",
        help='JSON, e.g. {"glm": {"method": "glm"}}; needed by ' + ", ".join(WITH_ESTIMATORS),
    )
    parser.add_argument("--options", default="{}", help="JSON: the section of the config")
    parser.add_argument("--memory-mb", type=float, default=DEFAULT_MB)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_keep_going(parser)
    parser.add_argument("--output", required=True, help="table (.csv); arrays, if any, go beside it (.npz)")


def _check_need(experiment, entries):
    """Check that there are estimators where the experiment tries any, and none where it has its own."""
    if experiment in WITH_ESTIMATORS and not entries:
        example = '{"glm": {"method": "glm"}}'
        raise MissingInputError(
            f"{experiment} needs --estimators: a name for each, its method and options, such as "
            f"'{example}'; `circuitbias list` has all methods"
        )
    if experiment not in WITH_ESTIMATORS and entries:
        others = ", ".join(WITH_ESTIMATORS)
        raise ValueError(f"--estimators: {experiment} has its own; those of one's choice are for {others}")


def run(arguments):
    """Do the step."""
    module = importlib.import_module(f"circuitbias.experiments.{arguments.experiment}")
    network, spikes = Network.load(arguments.network), SpikeFile(arguments.spikes)
    made = spikes.metadata["parameters"]
    section = f"experiments.{arguments.experiment}"
    options = checked_section(section, json_object("--options", arguments.options), "--options")
    entries = json_object("--estimators", arguments.estimators)
    _check_need(arguments.experiment, entries)
    entries = {
        name: checked_section("estimators", entry, f"--estimators {name}") for name, entry in entries.items()
    }
    options |= {"estimators": entries}
    try:
        if spikes.unusable:
            raise UnusableDataError(spikes.unusable)
        table, arrays = module.run(
            network,
            spikes,
            seed=made["seed"],
            resources={"memory_mb": arguments.memory_mb, "device": arguments.device},
            **options,
        )
    except UnusableDataError as refusal:
        if not arguments.keep_going:
            raise
        report_line(f"no result: {refusal}", always=True)
        table, arrays = refused_rows(network, entries, str(refusal)), {}
    for column, value in (("r", made["model"]["r"]), ("seed", made["seed"])):
        table.insert(0, column, value)
    with atomic_path(arguments.output) as aside:
        table.to_csv(aside, index=False, float_format="%.8g")
    if arguments.experiment in WITH_ARRAYS:
        with atomic_path(Path(arguments.output).with_suffix(".npz")) as aside, open(aside, "wb") as file:
            np.savez_compressed(file, r=made["model"]["r"], seed=made["seed"], **arrays)
