"""Estimate couplings from a spike file by one method."""

import time

from circuitbias.checks import number
from circuitbias.estimators import attempt
from circuitbias.estimators.deviations import with_deviations
from circuitbias.exceptions import UnusableDataError
from circuitbias.memory import DEFAULT_MB
from circuitbias.networks.network import Network
from circuitbias.progress import report_line
from circuitbias.provenance import describe
from circuitbias.spikes.slowness import Overheard
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.views import StepWindow
from circuitbias.steps import add_keep_going, json_object

EXAMPLES = """
circuitbias estimate --network ring.npz --spikes spikes.h5 --method glm --output couplings.npz
circuitbias estimate --spikes spikes.h5 --method glm --name lagged \\
  --options '{"bin_steps": 50, "lags": [1]}' --output lagged.npz
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--spikes", required=True, help="spike file")
    parser.add_argument("--method", required=True, help="method, e.g. glm")
    parser.add_argument("--options", default="{}", help='JSON, e.g. {"bin_steps": 100}')
    parser.add_argument(
        "--network",
        help="network file: shown to methods that are an oracle of the true weights; unless its positions "
        "are equivalent, blocks of the recording are estimated, too, to tell bias from variance",
    )
    parser.add_argument("--name", help="name of the estimator in tables and figures; default: the method")
    parser.add_argument(
        "--share", type=float, default=1.0, help="part of the recording, from its start on; default: 1"
    )
    parser.add_argument("--memory-mb", type=float, default=DEFAULT_MB)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--sampling-errors",
        action="store_true",
        help="leave out blocks of the recording in turn, so that errors get standard errors",
    )
    add_keep_going(parser)
    parser.add_argument("--output", required=True, help="file of couplings (.npz)")


def run(arguments):
    """Do the step."""
    options = json_object("--options", arguments.options)
    if taken := sorted({"method", "source", "memory_mb", "device", "weights"} & set(options)):
        raise ValueError(f"--options must not hold {taken}: these are arguments of their own")
    share = number("--share", arguments.share, above=0, most=1)
    spikes = SpikeFile(arguments.spikes)
    network = Network.load(arguments.network) if arguments.network else None
    repeated = network is None or network.equivalent_positions
    started = time.perf_counter()
    steps = max(1, round(share * int(spikes.trial_steps.sum())))
    source = spikes if share == 1 else StepWindow(spikes, 0, steps)
    source = Overheard(source) if arguments.sampling_errors else source
    how = {
        "memory_mb": arguments.memory_mb,
        "device": arguments.device,
        "weights": network and network.dense_weights(),
    } | options
    couplings = attempt(arguments.method, source, blocks=not repeated, **how)
    if arguments.sampling_errors and not couplings.diagnostics.get("refused"):
        width = couplings.diagnostics["options"].get("bin_steps", 100)
        couplings = with_deviations(couplings, arguments.method, source, bins=width, **how)
    if couplings.diagnostics.get("refused") and not arguments.keep_going:
        raise UnusableDataError(couplings.diagnostics["note"])
    # The log may hold a time; the result must not: its bytes follow from its input alone.
    report_line(f"{arguments.method} took {time.perf_counter() - started:.3g} s", always=True)
    couplings.provenance = describe(
        name=arguments.name or arguments.method,
        method=arguments.method,
        options=couplings.diagnostics["options"],
        n_spikes=spikes.n_spikes,
        recorded_s=float(spikes.trial_steps.sum() * spikes.dt_ms / 1000),
        spikes=spikes.metadata,
        **({} if share == 1 else {"share": share}),
    )
    couplings.save(arguments.output)
