"""Score couplings against true weights: how wrong they are, and which connections they find."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias import api
from circuitbias.estimators.couplings import Couplings
from circuitbias.files import DamagedFileError, atomic_path
from circuitbias.networks import Network
from circuitbias.tables import read_table

EXAMPLES = """
circuitbias score couplings.npz --network ring.npz
circuitbias score answer/couplings.csv --network ring.npz --json
"""

_WORDS = {
    "total": "total error, after the best scale (0: perfect; 1: as bad as no coupling)",
    "bias": "of it bias, which more data do not remove",
    "variance": "of it variance, which they do",
    "roc_auc": "area under the ROC curve, connected or not (0.5: chance)",
    "average_precision": "average precision, connected or not",
    "roc_auc_excitatory": "area under the ROC curve of connections that excite, against all other pairs",
    "average_precision_excitatory": "their average precision",
    "roc_auc_inhibitory": "area under the ROC curve of connections that inhibit, against all other pairs",
    "average_precision_inhibitory": "their average precision",
    "signs_right": "share of connections with the right sign",
    "n_pairs": "pairs with a coupling",
}


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument(
        "couplings", metavar="FILE", help="couplings.npz, or a table with columns pre, post, coupling (.csv)"
    )
    parser.add_argument(
        "--network", required=True, help="network file, or a matrix of weights (.csv, .npy, .npz, .mat)"
    )
    parser.add_argument(
        "--first-id", type=int, default=0, help="id of the first neuron of the network; default: 0"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--output", help="the same as JSON, into a file")


def run(arguments):
    """Do the step."""
    couplings = _couplings(Path(arguments.couplings))
    network = _network(arguments.network)
    places = _places(couplings.units, arguments.first_id, network.n_neurons)
    if places != list(range(network.n_neurons)):
        weights = network.dense_weights()[np.ix_(places, places)]
        network = api.network(weights)
    scores = api.compare(network, couplings)
    told = {name: _plain(value) for name, value in scores.items()}
    told |= {"n_neurons": len(places), "method": couplings.diagnostics.get("method")}
    text = json.dumps(told, indent=1)
    if arguments.output:
        with atomic_path(Path(arguments.output)) as aside:
            aside.write_text(text + "\n", encoding="utf-8")
    if arguments.json:
        print(text)
        return
    for name, words in _WORDS.items():
        sign = name.rpartition("_")[2]
        if sign in ("excitatory", "inhibitory") and not told[f"n_{sign}"]:
            continue  # the network has none
        value = "not known" if told[name] is None else f"{told[name]:.4g}"
        print(f"{value:>12}  {name}: {words}")
    if told["split_by"] == "nothing":
        print(
            "Bias and variance cannot be told apart: rows are no repetitions, "
            "and there are no blocks (circuitbias estimate --network)"
        )


def _couplings(path: Path) -> Couplings:
    if path.suffix == ".npz":
        return Couplings.load(path)
    table = read_table(path)
    if missing := [name for name in ("pre", "post", "coupling") if name not in table]:
        raise ValueError(f"{path}: has no column {', '.join(missing)}; needed are pre, post and coupling")
    names = pd.unique(pd.concat([table.pre, table.post]))
    order = sorted(map(str, names), key=lambda one: (0, int(one)) if one.isdecimal() else (1, one))
    place = {name: k for k, name in enumerate(order)}
    values = np.full((len(order),) * 2, np.nan)
    pre, post = (table[name].astype(str).map(place).to_numpy() for name in ("pre", "post"))
    if len(set(zip(pre, post, strict=True))) < len(table):
        raise ValueError(f"{path}: a pair is there twice")
    values[pre, post] = table.coupling
    return Couplings(values, {}, {"units": np.array(order)})


def _network(path: str) -> Network:
    if Path(path).suffix == ".npz":
        try:
            return Network.load(path)
        except DamagedFileError:
            pass  # a matrix of somebody else's
    return api.network("file", path=path)


def _places(units: list[str], first: int, n_neurons: int) -> list[int]:
    """Neurons of the network that the units are."""
    if strange := [one for one in units if not one.isdecimal()]:
        raise ValueError(f"unit {strange[0]!r} is no number: which neuron of the network is it?")
    places = [int(one) - first for one in units]
    if outside := [one for one, place in zip(units, places, strict=True) if not 0 <= place < n_neurons]:
        raise ValueError(
            f"unit {outside[0]} is none of the {n_neurons} neurons of the network, {first} ... "
            f"{first + n_neurons - 1}; --first-id says what the first one is called"
        )
    return places


def _plain(value):
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
