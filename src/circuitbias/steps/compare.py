"""Set our errors, pattern strengths and experiments beside the published ones, and say which agree."""

import pandas as pd

from circuitbias.comparison import published_network, summary
from circuitbias.comparison.activity import (
    compare_diffusivities,
    compare_noise_correlations,
    compare_patterns,
    compare_substates,
)
from circuitbias.comparison.errors import compare_errors
from circuitbias.comparison.expectation import NEURONS
from circuitbias.comparison.experiments import (
    compare_bin_widths,
    compare_data_demand,
    compare_synchrony,
    compare_volume_curves,
    compare_volume_laws,
)
from circuitbias.experiments import COLUMNS
from circuitbias.files import atomic_path, read_arrays
from circuitbias.networks.network import Network
from circuitbias.tables import KNOWN_BY, check_kind, read_table, split_usable

# What the paper has of an experiment depends on the network.
_VOLUMES = {"ring": compare_volume_laws, "ring_pinned": compare_data_demand}
_PATTERNS = {"ring": compare_diffusivities, "ring_pinned": compare_noise_correlations}
_TABLES = ("data_volume", "data_volume_summary", "bin_width", "patterns", "synchrony", "substates")


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file: the ring of the paper, pinned or not")
    parser.add_argument("--errors", required=True, help="errors of each run (.csv)")
    parser.add_argument("--activity", nargs="+", default=[], help="activity files (.npz)")
    for name in _TABLES:
        parser.add_argument(f"--{name.replace('_', '-')}", help="table of this experiment (.csv)")
    parser.add_argument("--output", required=True, help="comparison (.csv)")
    parser.add_argument("--summary", help="what agrees and what differs, in words (.txt)")


def run(arguments):
    """Do the step."""
    network = Network.load(arguments.network)
    which = published_network(network)
    if which is None:
        raise ValueError(
            f"--network {arguments.network}: {network.name!r} is not a network of the published numbers, "
            "the ring of 100 neurons with equal drive, or with one neuron silenced, or that with sidebands"
        )
    errors = read_table(arguments.errors)
    check_kind(errors, f"--errors {arguments.errors}", "errors", KNOWN_BY["errors"])
    which = _with_generator(which, errors, arguments.errors)
    parts = [compare_errors(errors, which), *_experiments(arguments, which)]
    if which == "ring" and arguments.activity:
        parts.insert(1, compare_patterns(_patterns(arguments.activity)))
    # An empty table would make columns of text of all others.
    parts = [part for part in parts if len(part)] or parts[:1]
    comparison = pd.concat(parts, ignore_index=True)
    comparison.insert(0, "network", which)
    with atomic_path(arguments.output) as aside:
        comparison.to_csv(aside, index=False, float_format="%.6g")
    print(summary(comparison))
    if arguments.summary:
        with atomic_path(arguments.summary) as aside:
            aside.write_text(summary(comparison) + "\n", encoding="utf-8")


def _with_generator(which, errors, path) -> str:
    """Name of the network in the published tables, with the generator if it is not the threshold model."""
    of_steady = errors[errors.drive.isna()] if "drive" in errors else errors
    if len(errors) and of_steady.empty:
        raise ValueError(f"--errors {path}: the paper has no numbers of a drive that changes in time")
    found = set(errors.generator.dropna()) if "generator" in errors else set()
    names = [f"{which}_{name}" if name != "threshold" else which for name in sorted(found)] or [which]
    if unknown := [name for name in names if name not in NEURONS]:
        raise ValueError(f"--errors {path}: {unknown[0]} is not among {', '.join(NEURONS)}")
    if len(names) > 1:
        raise ValueError(f"--errors {path}: generators {', '.join(sorted(found))}; must be of one")
    return names[0]


def _experiments(arguments, which):
    """Comparisons of the experiments that have results, and that the paper did on this network."""
    given = {name: path for name in _TABLES if (path := getattr(arguments, name))}
    tables = {name: read_table(path) for name, path in given.items()}
    for name, table in tables.items():
        argument = f"--{name.replace('_', '-')} {given[name]}"
        check_kind(table, argument, name, COLUMNS[name])
    usable = {name: split_usable(table)[0] for name, table in tables.items()}
    tables = {name: table for name, table in usable.items() if len(table)}
    if "data_volume_summary" in tables and which in _VOLUMES:
        yield _VOLUMES[which](tables["data_volume_summary"])
    if "data_volume" in tables and which == "ring_pinned":
        yield compare_volume_curves(tables["data_volume"], which)
    if "bin_width" in tables and which == "ring":
        yield compare_bin_widths(tables["bin_width"])
    if "patterns" in tables and which in _PATTERNS:
        yield _PATTERNS[which](tables["patterns"])
    if "synchrony" in tables and which == "ring":
        yield compare_synchrony(tables["synchrony"])
    if "substates" in tables and which == "ring":
        yield compare_substates(tables["substates"])


def _patterns(paths) -> pd.DataFrame:
    """Pattern strengths of all windows of all activity files."""
    tables = []
    for path in paths:
        part = read_arrays(path, "activity file", ("r", "pattern_window_spikes", "pattern_strength"))
        tables.append(
            pd.DataFrame(
                {
                    "r": float(part["r"]),
                    "seed": int(part["seed"]) if "seed" in part else -1,
                    "n_spikes": part["pattern_window_spikes"],
                    "pattern_strength": part["pattern_strength"],
                }
            )
        )
    return pd.concat(tables)
