"""Set our errors and pattern strengths beside the published ones, and say which agree."""

import numpy as np
import pandas as pd

from circuitbias.comparison import compare_errors, compare_patterns, is_published_ring, summary
from circuitbias.files import atomic_path
from circuitbias.networks.network import Network


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file: the ring of the paper")
    parser.add_argument("--errors", required=True, help="errors of each run (.csv)")
    parser.add_argument("--activity", required=True, nargs="+", help="activity files (.npz)")
    parser.add_argument("--output", required=True, help="comparison (.csv)")
    parser.add_argument("--summary", help="what agrees and what differs, in words (.txt)")


def run(arguments):
    """Do the step."""
    network = Network.load(arguments.network)
    if not is_published_ring(network):
        raise ValueError(
            f"--network {arguments.network}: {network.name!r} is not the network of the published numbers, "
            "the ring of 100 neurons with equal drive"
        )
    comparison = pd.concat(
        [
            compare_errors(pd.read_csv(arguments.errors), network.n_neurons),
            compare_patterns(_patterns(arguments.activity)),
        ],
        ignore_index=True,
    )
    with atomic_path(arguments.output) as aside:
        comparison.to_csv(aside, index=False, float_format="%.6g")
    print(summary(comparison))
    if arguments.summary:
        with atomic_path(arguments.summary) as aside:
            aside.write_text(summary(comparison) + "\n", encoding="utf-8")


def _patterns(paths) -> pd.DataFrame:
    """Pattern strengths of all windows of all activity files."""
    tables = []
    for path in paths:
        with np.load(path) as file:
            tables.append(
                pd.DataFrame(
                    {
                        "r": float(file["r"]),
                        "n_spikes": file["pattern_window_spikes"],
                        "pattern_strength": file["pattern_strength"],
                    }
                )
            )
    return pd.concat(tables)
