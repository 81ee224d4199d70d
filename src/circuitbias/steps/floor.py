"""Bound the errors of any estimate from a recording: the Cramer-Rao floor at the true weights."""

from dataclasses import replace

import numpy as np

from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.errors.floor import Floor, floor, floor_table
from circuitbias.errors.floor_driven import driven_floor
from circuitbias.exceptions import UnusableDataError
from circuitbias.files import atomic_path
from circuitbias.memory import MemoryLimitError
from circuitbias.networks.network import Network
from circuitbias.progress import report_line
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.views import count_spikes, first_spikes
from circuitbias.steps import add_keep_going, whole_number

EXAMPLES = """
circuitbias floor --network ring.npz --spikes spikes.h5 --output floor.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--spikes", required=True, help="spike file")
    parser.add_argument(
        "--most-spikes",
        type=whole_number,
        default=10_000_000,
        help="spikes that are gone over: the information of a longer recording is taken in proportion",
    )
    parser.add_argument("--memory-mb", type=float, default=1500.0)
    add_keep_going(parser)
    parser.add_argument("--output", required=True, help="table of one row (.csv)")


def run(arguments):
    """Do the step."""
    network, spikes = Network.load(arguments.network), SpikeFile(arguments.spikes)
    made, note = spikes.metadata["parameters"], ""
    try:
        if spikes.unusable:
            raise UnusableDataError(spikes.unusable)
        if family := made["model"].get("family"):
            raise UnusableDataError(f"the floor is known of the threshold model only, not of {family}")
        part = first_spikes(spikes, arguments.most_spikes)
        if drive := made["model"].get("drive"):
            found = _under(drive, made["model"], network, part, arguments.memory_mb)
        else:
            parameters = ThresholdParameters.from_dict(made["model"])
            found = floor(network, parameters, part, memory_mb=arguments.memory_mb)
        share = count_spikes(part) / spikes.n_spikes
        found = replace(
            found,
            n_spikes=spikes.n_spikes,
            n_steps=int(spikes.trial_steps.sum()),
            noise=found.noise * share,
            noise_symmetric=found.noise_symmetric * share,
        )
    except (UnusableDataError, MemoryLimitError) as refusal:
        if not arguments.keep_going:
            raise
        note = str(refusal)
        report_line(f"no result: {note}", always=True)
        steps = int(spikes.trial_steps.sum())
        found = Floor(spikes.n_spikes, steps, *[np.nan] * 4, n_pairs=0)
    table = floor_table(found, network.n_neurons, r=made["model"]["r"], seed=made["seed"])
    with atomic_path(arguments.output) as aside:
        table.assign(note=note).to_csv(aside, index=False, float_format="%.8g")


def _under(drive, model, network, spikes, memory_mb):
    """The floor under a drive that changes in time."""
    if "path" in drive:
        raise UnusableDataError("the floor is not known of a drive that is read from a file")
    told = {name: value for name, value in drive.items() if name != "cycle_steps"}
    named = NamedModel.of(model | {"drive": told})
    schedule = named.drive.schedule(network.n_neurons, named.dt_ms)
    return driven_floor(network, named.parameters, schedule, spikes, memory_mb=memory_mb)
