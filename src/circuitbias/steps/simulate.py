"""Simulate a model on a network and write its spikes."""

import os
import time

import numpy as np

from circuitbias.dynamics.checkpoint import Checkpoint, fingerprint, folder_of
from circuitbias.dynamics.device import simulation_device
from circuitbias.dynamics.generator import NoRecordingError
from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.recording import record
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import FIRST_SPIKE, Simulation
from circuitbias.exceptions import UnusableDataError
from circuitbias.networks.network import Network
from circuitbias.progress import Countdown, report_line
from circuitbias.provenance import describe
from circuitbias.spikes.activity import warn_of_rates
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes
from circuitbias.steps import add_keep_going, json_object, whole_number
from circuitbias.steps.threshold import read_threshold

EXAMPLES = """
circuitbias simulate --network ring.npz --threshold theta.json --parameters '{"r": 0.01}' \\
  --seed 1 --n-spikes 2e4 --output spikes.h5
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--parameters", required=True, help='JSON, e.g. {"r": 0.01, "theta": 0.001033}')
    parser.add_argument(
        "--threshold", help="threshold file that theta is read from (see circuitbias threshold)"
    )
    parser.add_argument("--seed", type=whole_number, required=True)
    parser.add_argument(
        "--n-spikes", type=whole_number, required=True, help="spikes to record, of all neurons"
    )
    parser.add_argument(
        "--trials", type=whole_number, default=1, help="independent runs the spikes are divided over"
    )
    parser.add_argument(
        "--burn-in",
        default=FIRST_SPIKE,
        type=lambda text: text if text == FIRST_SPIKE else whole_number(text),
        help="first_spike, or a number of steps",
    )
    parser.add_argument("--max-silent-steps", type=whole_number, default=1_000_000)
    parser.add_argument("--threads", type=whole_number, default=1, help="trials that run side by side")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; auto: cuda for many trials")
    add_keep_going(parser)
    parser.add_argument("--output", required=True, help="spike file (.h5)")


def run(arguments):
    """Do the step."""
    network = Network.load(arguments.network)
    given, unusable = json_object("--parameters", arguments.parameters), ""
    if arguments.threshold:
        if "theta" in given:
            raise ValueError("theta is given twice: in --parameters and by --threshold")
        try:
            given["theta"] = read_threshold(arguments.threshold)
        except UnusableDataError as refusal:
            if not arguments.keep_going:
                raise
            unusable, given["theta"] = str(refusal), 0.0
    model = NamedModel.of(given)
    recording = {name: getattr(arguments, name) for name in ("seed", "n_spikes", "trials", "burn_in")}
    options = recording | {"max_silent_steps": arguments.max_silent_steps}
    metadata = describe(network=network.provenance, model=model.told(network.n_neurons), **recording)
    kind = network.n_neurons, model.dt_ms
    if unusable:
        report_line(f"no spikes are recorded: {unusable}", always=True)
        metadata["parameters"]["model"]["theta"] = None
        write_spikes(arguments.output, (), *kind, metadata | {"unusable": unusable})
        return
    checkpoint, engine = None, model.engine(network)
    if engine is None:  # no state of it could be kept
        segments = record(model.generator, network, r=model.r, theta=model.theta, **options)
    elif simulation_device(arguments.device, network.n_neurons, arguments.trials, engine) == "cpu":
        checkpoint = Checkpoint(folder_of(arguments.output), fingerprint(network, metadata, *model.modules))
        segments = checkpoint.run(Simulation(network, engine, **options, threads=arguments.threads))
    else:  # without checkpoints: the device is ahead of what has been recorded
        segments = simulate(network, engine, **options, device="cuda")
    resumed = checkpoint.n_spikes if checkpoint else 0
    totals = np.zeros(network.n_neurons, dtype=np.int64)
    progress = Countdown(arguments.n_spikes, "spikes", resumed=resumed).add
    try:
        counted = _counted(segments, totals)
        write_spikes(arguments.output, counted, *kind, metadata, progress=progress, repeats=model.repeats)
    except NoRecordingError as refusal:
        if not arguments.keep_going:
            raise
        report_line(f"no spikes are recorded: {refusal}", always=True)
        write_spikes(arguments.output, (), *kind, metadata | {"unusable": str(refusal)})
    else:
        spikes = SpikeFile(arguments.output)
        seconds = spikes.trial_steps.sum() * spikes.dt_ms / 1000
        warn_of_rates(totals / seconds, spikes.dt_ms, network.drive_scale > 0)
    if not checkpoint:
        return
    inputs = [path for path in (arguments.network, arguments.threshold) if path]
    newest = max(os.stat(path).st_mtime for path in inputs)
    if (late := newest - time.time()) > 0:
        # Snakemake removes what looks older than its input: then it need not be simulated again.
        report_line(f"the clock is {late:.0f} s behind its input: the checkpoint stays", always=True)
    else:
        checkpoint.remove()


def _counted(segments, totals):
    """Pass segments on, and add up the spikes of each neuron."""
    for segment in segments:
        totals += np.bincount(segment.neurons, minlength=len(totals))
        yield segment
