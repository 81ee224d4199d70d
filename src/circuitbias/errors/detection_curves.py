"""ROC curves and curves of precision against recall: all that couplings say of who is connected.

Excitation and inhibition are apart: a list of the largest couplings is held against the connections that
excite, a list of the lowest against those that inhibit.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from circuitbias.errors.decomposition import off_diagonal
from circuitbias.errors.detection import connected_pairs
from circuitbias.errors.of_estimate import is_signed, run_of, why_no_error
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks.network import Network

SIGNS = ("excitatory", "inhibitory", "either")

MOST_POINTS = 100
"""Points of a curve in a table: as many as a figure can show."""


class Curve(NamedTuple):
    """What lists of the pairs with the highest scores hold, from the shortest list to that of all pairs.

    Attributes
    ----------
    threshold : ndarray, shape (n_points,)
        Lowest score of a list; equal scores are listed together.
    n_listed : ndarray of int, shape (n_points,)
    recall : ndarray, shape (n_points,)
        Share of the connections that are listed (the true positive rate).
    false_positive_rate : ndarray, shape (n_points,)
        Share of the other pairs that are listed.
    precision : ndarray, shape (n_points,)
        Share of the list that are connections.
    """

    threshold: np.ndarray
    n_listed: np.ndarray
    recall: np.ndarray
    false_positive_rate: np.ndarray
    precision: np.ndarray


def detection_curve(truth, score) -> Curve | None:
    """Lists of every length that the scores allow.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
        Which pairs are connections.
    score : ndarray, shape (n,)
        Finite.

    Returns
    -------
    Curve or None
        None if all pairs are connections, or none is.
    """
    truth, score = np.asarray(truth, dtype=bool), np.asarray(score)
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    found, listed = np.cumsum(truth[order])[ends], ends + 1
    return Curve(
        score[order][ends],
        listed,
        found / truth.sum(),
        (listed - found) / (~truth).sum(),
        found / listed,
    )


def thinned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """Some points of a curve, the last one too; close together where the lists are short."""
    n = len(curve.threshold)
    if n <= most:
        return curve
    kept = np.unique(np.round(np.geomspace(1, n, most)).astype(int)) - 1
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
