"""ROC curves and curves of precision against recall: all that couplings say of who is connected.

Excitation and inhibition are apart: a list of the largest couplings is held against the connections that
excite, a list of the lowest against those that inhibit.
"""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from circuitbias.errors.decomposition import off_diagonal
from circuitbias.errors.detection import Curve, connected_pairs, detection_curve
from circuitbias.errors.of_estimate import is_signed, run_of, why_no_error
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks.network import Network

SIGNS = ("excitatory", "inhibitory", "either")

MOST_POINTS = 100
"""Points of a curve in a table: as many as a figure can show."""


def thinned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """Some points of a curve, the last one too: half evenly, half close together where lists are short."""
    n = len(curve.threshold)
    if n <= most:
        return curve
    wanted = np.concatenate([np.geomspace(1, n, most // 2), np.linspace(1, n, most // 2)])
    kept = np.unique(np.round(wanted).astype(int)) - 1
    return Curve(*(column[kept] for column in curve))


def detection_curves(weights, couplings, connected=None, signed=True) -> dict[str, Curve]:
    """Curves of connections that excite, of those that inhibit, and of both.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and couplings, both [pre, post]. The diagonal and pairs that are not finite in both are
        left out.
    connected : (n, n) array_like of bool, optional
        Default: `connected_pairs`.
    signed : bool
        Whether the method tells excitation from inhibition.

    Returns
    -------
    dict of Curve
        By the words of `SIGNS`: "excitatory" (scores are the couplings) and "inhibitory" (minus the
        couplings), each against all other pairs, of methods that are signed; "either" (their size). Those
        of which there is nothing to tell apart are left out.
    """
    connected = connected_pairs(weights) if connected is None else np.asarray(connected, dtype=bool)
    weights, couplings = off_diagonal(weights, couplings)
    known = np.isfinite(weights) & np.isfinite(couplings)
    weights, couplings, connected = weights[known], couplings[known], connected[known]
    asked = {"either": (connected, np.abs(couplings))}
    if signed:
        asked["excitatory"] = connected & (weights > 0), couplings
        asked["inhibitory"] = connected & (weights < 0), -couplings
    curves = {sign: detection_curve(*asked[sign]) for sign in SIGNS if sign in asked}
    return {sign: curve for sign, curve in curves.items() if curve is not None}


def curve_table(network: Network, runs: Iterable[Couplings]) -> pd.DataFrame:
    """Curves of every run, thinned.

    Parameters
    ----------
    network : Network
    runs : iterable of Couplings
        With the provenance that the estimate step writes.

    Returns
    -------
    DataFrame
        Columns estimator, r, seed, ``sign`` (of `SIGNS`), the fields of `Curve`, ``chance`` (share of the
        pairs that are such connections: the precision of a list by chance), ``note``. A run without a curve
        has one row, with the reason as its note.
    """
    weights, tables = network.dense_weights(), []
    connected = connected_pairs(weights, network.wiring_known)
    for run in runs:
        key = {name: run_of(run)[name] for name in ("estimator", "r", "seed")}
        curves = detection_curves(weights, run.values, connected, is_signed(run))
        if not curves:
            told = run.diagnostics.get("note") or why_no_error(network, run)
            why = told or "all pairs are connected, or none is: there is nothing to tell apart"
            tables.append(pd.DataFrame([key | {"sign": "", "note": why}]))
        for sign, curve in curves.items():
            points = thinned(curve)._asdict() | {"chance": curve.precision[-1], "note": ""}
            tables.append(pd.DataFrame(key | {"sign": sign} | points))
    columns = ["estimator", "r", "seed", "sign", *Curve._fields, "chance", "note"]
    found = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return found.reindex(columns=columns, fill_value=math.nan)
