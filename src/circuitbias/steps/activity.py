"""Describe the activity of a simulation: rates, pattern strength, and a piece to draw."""

import numpy as np

from circuitbias.files import atomic_path
from circuitbias.networks.network import Network
from circuitbias.progress import Countdown
from circuitbias.spikes.activity import (
    bump_period,
    pattern_strength,
    snapshot,
    warn_of_rates,
)
from circuitbias.spikes.coincidences import WindowCorrelations
from circuitbias.spikes.segments import Segment
from circuitbias.spikes.storage import SpikeFile

# The published values are of single-step counts of about this many spikes: the measure depends on it.
PATTERN_WINDOWS = (1_000_000, 10_000_000)
_MOST_WINDOWS = 10
_SNAPSHOT_MS = 500.0


EXAMPLES = """
circuitbias activity --network ring.npz --spikes spikes.h5 --output activity.npz
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--spikes", required=True, help="spike file")
    parser.add_argument("--output", required=True, help="activity file (.npz)")


def run(arguments):
    """Do the step."""
    network, spikes = Network.load(arguments.network), SpikeFile(arguments.spikes)
    parameters = spikes.metadata["parameters"]
    period = bump_period(network.dense_weights()) if network.circulant else np.nan
    windows = {
        n_spikes: WindowCorrelations(spikes.n_neurons, n_spikes, _MOST_WINDOWS)
        for n_spikes in PATTERN_WINDOWS
        if np.isfinite(period)
    }
    counts, n_steps = np.zeros(spikes.n_neurons, dtype=np.int64), int(spikes.trial_steps.sum())
    progress = Countdown(float(n_steps), "steps looked at")
    for segment in spikes.segments():
        counts += np.bincount(segment.neurons, minlength=spikes.n_neurons)
        for of_size in windows.values() if segment.trial == 0 else ():
            of_size.add(segment)
        progress.add(segment.n_steps)
    patterns = [(n, pattern_strength(one, period)) for n, of_size in windows.items() for one in of_size.found]
    duration_s = n_steps * spikes.dt_ms / 1000
    if spikes.unusable:
        rates, piece = np.full(network.n_neurons, np.nan), Segment(0, 0, 0, *np.empty((2, 0), dtype=np.int64))
    else:
        rates, piece = counts / duration_s, snapshot(spikes, int(_SNAPSHOT_MS / spikes.dt_ms))
        warn_of_rates(rates, spikes.dt_ms, network.drive_scale > 0)
    with atomic_path(arguments.output) as aside, open(aside, "wb") as file:
        np.savez_compressed(
            file,
            r=parameters["model"]["r"],
            theta=np.nan if parameters["model"]["theta"] is None else parameters["model"]["theta"],
            seed=parameters["seed"],
            unusable=spikes.unusable,
            n_spikes=spikes.n_spikes,
            dt_ms=spikes.dt_ms,
            duration_s=duration_s,
            rates_hz=rates,
            pattern_window_spikes=np.array([n for n, _ in patterns], dtype=np.int64),
            pattern_strength=np.array([strength for _, strength in patterns], dtype=np.float64),
            raster_ms=piece.steps * spikes.dt_ms,
            raster_neurons=piece.neurons,
        )
