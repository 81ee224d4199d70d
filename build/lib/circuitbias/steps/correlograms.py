"""Draw a picture book of correlograms: true connections, phantoms, unconnected pairs at every strength."""

import numpy as np

from circuitbias.errors.decomposition import fit_scale
from circuitbias.errors.of_estimate import run_of
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.evidence import pair_correlogram
from circuitbias.networks.network import Network
from circuitbias.places import drawing_into_files
from circuitbias.progress import report_line
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.views import ObservedNeurons, StepWindow

EXAMPLES = """
circuitbias correlograms --network ring.npz --spikes spikes.h5 --couplings couplings.npz --output book
"""

_MOST_SPIKES = 10_000_000  # of all neurons


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--spikes", required=True, nargs="+", help="spike files, one a strength")
    parser.add_argument(
        "--couplings", required=True, nargs="+", help="couplings from them by one method, in the same order"
    )
    parser.add_argument("--lag-bin-ms", type=float, default=1.0, help="width of a bin (ms); default: 1")
    parser.add_argument("--lags-ms", type=float, default=50.0, help="longest lag (ms); default: 50")
    parser.add_argument("--jitter-ms", type=float, default=40.0, help="jitter windows (ms); default: 40")
    parser.add_argument("--output", required=True, help="path without suffix")


def run(arguments):
    """Do the step."""
    with drawing_into_files():
        from circuitbias.figures import style
        from circuitbias.figures.correlograms import Shown, chosen_pairs, draw
    if len(arguments.spikes) != len(arguments.couplings):
        raise ValueError(
            f"--spikes names {len(arguments.spikes)} files and --couplings {len(arguments.couplings)}: "
            "needed are as many of each"
        )
    network = Network.load(arguments.network)
    weights, shown, methods = network.dense_weights(), [], set()
    lengths = {
        "bin_ms": arguments.lag_bin_ms,
        "window_ms": arguments.lags_ms,
        "jitter_ms": arguments.jitter_ms,
    }
    for spikes_path, path in zip(arguments.spikes, arguments.couplings, strict=True):
        couplings = Couplings.load(path)
        key = run_of(couplings)
        methods.add(key["estimator"])
        scaled = couplings.values * fit_scale(weights, couplings.values)
        report_line(f"r = {key['r']:g}", always=True)
        pairs = chosen_pairs(weights, network.wiring_known, scaled) if np.isfinite(scaled).any() else {}
        neurons = sorted({neuron for pair in pairs.values() for neuron in pair})
        events = _of(SpikeFile(spikes_path), neurons) if neurons else None
        for kind, (pre, post) in pairs.items():
            places = neurons.index(pre), neurons.index(post)
            found = pair_correlogram(events, places, **lengths)
            shown.append(Shown(key["r"], kind, (pre, post), weights[pre, post], scaled[pre, post], found))
    if len(methods) > 1:
        raise ValueError(f"--couplings are of {', '.join(sorted(methods))}: give those of one method")
    if not shown:
        from circuitbias.figures.shared import empty_figure

        style.save(*empty_figure("No correlograms: there are no couplings."), arguments.output)
        return
    (method,) = methods
    style.save(*draw(shown), arguments.output, footnotes=_conventions(method, shown[0].correlogram))


def _of(source, neurons: list[int]) -> SpikeRecord:
    """Events of some neurons, of the beginning of a recording if that is long."""
    if source.n_spikes > _MOST_SPIKES:
        n_steps = int(source.trial_steps.sum() * (_MOST_SPIKES / source.n_spikes))
        source = StepWindow(source, 0, n_steps)
    view = ObservedNeurons(source, np.array(neurons))
    return SpikeRecord(len(neurons), source.dt_ms, list(view.segments()))


def _conventions(method: str, one) -> list[str]:
    return [
        "Pairs of spikes by lag: bin of the second neuron's spike less bin of the first one's, bins of "
        f"{one.bin_ms:g} ms. A spike acts from the next step (0.1 ms) on: what the first does to the "
        "second lies at the right of 0. Grey: spikes moved within windows of "
        f"{one.jitter_ms:g} ms, their mean and the band in which all lags stay in 95 % of cases; dots lie "
        "outside.",
        f"True connection: of the strongest tenth of weights the pair with the median coupling by {method}. "
        "Phantom: the unconnected pair with the largest coupling. Unconnected: the one with the median. "
        "W0 and its estimate (est.: the coupling, scaled by least squares) are from the first neuron to the "
        "second.",
    ]
