"""Draw a figure from the results of the other steps, with the numbers behind its panels."""

import importlib

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.catalogue import meet, pictures
from circuitbias.comparison import published_network
from circuitbias.errors.of_estimate import run_of
from circuitbias.estimators.couplings import Couplings
from circuitbias.figures import FIGURES, notes
from circuitbias.files import read_arrays
from circuitbias.networks.network import Network
from circuitbias.outcome import trait_notes
from circuitbias.places import drawing_into_files
from circuitbias.tables import KNOWN_BY, check_kind, read_table, split_usable

EXAMPLES = """
circuitbias figure methods --network ring.npz --table errors.csv --output methods
circuitbias figure profiles --network ring.npz --table profiles.csv --examples 0.01 --output profiles
"""

_ARGUMENTS = {
    "network": {"help": "network file", "required": True},
    "activity": {"help": "activity files (.npz)", "required": True, "nargs": "+"},
    "errors": {"help": "errors of each run (.csv)", "required": True},
    "profiles": {"help": "mean profiles of each run (.csv)", "required": True},
    "couplings": {
        "help": "files of couplings; those of the examples are drawn",
        "required": True,
        "nargs": "+",
    },
    "table": {"help": "table of results (.csv)", "required": True},
    "summary": {"help": "its summary, a row a condition (.csv)"},
    "arrays": {"help": "arrays of recordings (.npz); of the last", "nargs": "+"},
    "comparison": {"help": "comparison with the published numbers (.csv)"},
    "floor": {"help": "least errors of each recording (.csv)"},
}
"""What figures are drawn from."""


def add_arguments(parser):
    """Declare the arguments of the step."""
    figures = parser.add_subparsers(dest="figure", required=True, metavar="NAME", help=", ".join(FIGURES))
    for name, picture in pictures().items():
        add = figures.add_parser(name, help=picture.says()).add_argument
        for one in picture.inputs:
            add(f"--{one}", **_ARGUMENTS[one])
        if picture.in_full:
            add("--examples", required=True, nargs="+", type=float, help="strengths r to show in full")
        add("--output", required=True, help="path without suffix: .svg, .pdf, .png and .csv are written")


def run(arguments):
    """Do the step."""
    # Only the figure asked for: an error in another one is none of our business.
    with drawing_into_files():
        module = importlib.import_module(f"circuitbias.figures.{arguments.figure}")
        shared, style = (
            importlib.import_module(f"circuitbias.figures.{name}") for name in ("shared", "style")
        )
    read = _READERS.get(arguments.figure, _read_tables)
    try:
        inputs, footnotes = read(module, arguments)
        drawn = module.draw(**inputs)
    except NothingToDraw as nothing:
        drawn, footnotes = shared.empty_figure(str(nothing)), []
    style.save(*drawn, arguments.output, footnotes=footnotes)


class NothingToDraw(Exception):
    """The results hold nothing that the figure could show; says why."""


def _read_figure1(module, arguments) -> tuple[dict, list[str]]:
    network = Network.load(arguments.network)
    runs, patterns, seeds, silent = [], [], [], []
    needed = (*module.Activity._fields, "seed", "pattern_window_spikes", "pattern_strength")
    for path in arguments.activity:
        part = read_arrays(path, "activity file", needed)
        fields = {name: part[name] for name in module.Activity._fields}
        runs.append(module.Activity(**fields | {"r": float(part["r"])}))
        seeds.append(int(part["seed"]))
        silent.append({"r": float(part["r"]), "note": str(part.get("unusable", "")) or None})
        patterns.append(
            pd.DataFrame(
                {
                    "r": float(part["r"]),
                    "n_spikes": part["pattern_window_spikes"],
                    "pattern_strength": part["pattern_strength"],
                }
            )
        )
    _check_examples(arguments.examples, {run.r for run in runs})
    inputs = {
        "weights": network.dense_weights(),
        "circulant": network.circulant,
        "runs": [runs[i] for i in np.lexsort((seeds, [one["note"] is not None for one in silent]))],
        "examples": arguments.examples,
        "patterns": pd.concat(patterns, ignore_index=True),
        "published": published.pattern_strength() if published_network(network) == "ring" else None,
    }
    return inputs, notes.not_drawn(pd.DataFrame(silent))


def _read_figure2(module, arguments) -> tuple[dict, list[str]]:
    names = ("errors", "profiles", "comparison", "floor")
    given = {name: path for name in names if (path := getattr(arguments, name))}
    tables = dict.fromkeys(names) | {name: _table(arguments, name, path) for name, path in given.items()}
    errors = tables["errors"]
    meet(errors.method.unique())
    _check_examples(arguments.examples, set(errors.r))
    couplings: dict[float, dict] = {r: {} for r in arguments.examples}
    runs = [(run_of(found), found.values) for found in map(Couplings.load, arguments.couplings)]
    for key, values in sorted(runs, key=lambda run: run[0]["seed"]):  # the first that has any coupling
        for r in couplings:
            if np.isclose(key["r"], r):
                known = couplings[r].get(key["estimator"])
                if known is None or not np.isfinite(known).any():
                    couplings[r][key["estimator"]] = values
    for r, estimates in couplings.items():
        if missing := set(errors.estimator) - set(estimates):
            raise ValueError(f"--couplings: no file of {', '.join(sorted(missing))} at r = {r:g}")
    network = Network.load(arguments.network)
    inputs = {"weights": network.dense_weights(), "couplings": couplings, **tables}
    return inputs, _error_footnotes(network, errors)


def _table(arguments, argument, path) -> pd.DataFrame:
    """Read a table, and check that it is the one that this argument of this figure takes."""
    table = read_table(path)
    of_picture = pictures()[arguments.figure].table.rpartition("/")[2]
    kind = {"table": of_picture, "summary": f"{of_picture}_summary"}.get(argument, argument)
    check_kind(table, f"--{argument} {path}", kind, _columns(kind))
    return table


def _columns(kind) -> tuple[str, ...]:
    """Columns by which tables of a kind are known; experiments are loaded for their own figures alone."""
    if kind in KNOWN_BY:
        return KNOWN_BY[kind]
    from circuitbias.experiments import COLUMNS

    return COLUMNS[kind]


def _error_footnotes(network, errors) -> list[str]:
    lines = [*notes.not_drawn(errors), *notes.over_fewer_pairs(errors)]
    return [*lines, *(f"{note}." for note in trait_notes(network, errors))]


def _read_tables(module, arguments) -> tuple[dict, list[str]]:
    names = ("table", "summary", "comparison", "floor")
    inputs = {
        name: _table(arguments, name, path) for name in names if (path := getattr(arguments, name, None))
    }
    table, network = inputs["table"], Network.load(arguments.network)
    meet(table.method.unique() if "method" in table else ())
    footnotes = _error_footnotes(network, table) if "directed" in table else notes.not_drawn(table)
    usable = split_usable(table)[0]
    if "coupling" in table and not network.weight_arrays().popitem()[1].any():
        raise NothingToDraw("No mean profile: all weights are zero.")
    if len(table) and usable.empty:
        raise NothingToDraw(notes.why_empty(table))
    inputs["table"] = usable
    if "summary" in inputs:
        inputs["summary"] = split_usable(inputs["summary"])[0]
    if getattr(arguments, "arrays", None):
        arrays = (read_arrays(path) for path in reversed(arguments.arrays))
        inputs["arrays"] = next(found for found in arrays if len(found) > len(("r", "seed")))
        inputs["weights"] = network.dense_weights()
    if examples := getattr(arguments, "examples", None):
        if len(table):  # networks without a ring have no profiles
            _check_examples(examples, set(table.r))
        inputs["examples"] = examples
    return inputs, footnotes


def _read_circuits(module, arguments) -> tuple[dict, list[str]]:
    table = _table(arguments, "table", arguments.table)
    if len(table) and "circuit" not in table:
        raise ValueError(f"--table {arguments.table}: no column circuit; `gather --circuits` makes it")
    usable = split_usable(table)[0]
    if len(table) and usable.empty:
        raise NothingToDraw(notes.why_empty(table))
    lines = [
        f"{name}: {line}"
        for name, rows in table.groupby("circuit", sort=False)
        for line in (*notes.not_drawn(rows), *notes.over_fewer_pairs(rows))
    ]
    return {"table": usable}, lines


_READERS = {"figure1": _read_figure1, "figure2": _read_figure2}
_READERS |= {name: _read_circuits for name, picture in pictures().items() if picture.together}
"""What reads the inputs of a figure that takes more than tables."""


def _check_examples(examples, strengths):
    for r in examples:
        if not np.isclose(r, sorted(strengths)).any():
            allowed = ", ".join(f"{value:g}" for value in sorted(strengths))
            raise ValueError(
                f"--examples: {r:g} is not among the strengths of the data; choose from {allowed}"
            )
