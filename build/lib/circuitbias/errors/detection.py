"""How well couplings tell connected from unconnected pairs, and excitation from inhibition."""

import math
from typing import NamedTuple

import numpy as np

from circuitbias.errors.decomposition import off_diagonal

MIN_WEIGHT_FRACTION = 0.01
"""A weight below this part of a typical neuron's largest one is no connection, if the wiring is not known."""

_ROUNDING = 1e-9  # of the same: what is left where a zero was meant


def connected_pairs(weights, wiring_known=None, min_weight_fraction=MIN_WEIGHT_FRACTION):
    """Say which pairs are connected.

    If the wiring is known, a zero is no connection, and all else is one, however weak. If it is not, as of a
    ring, whose weights fall off without an end, a pair is connected if |W| exceeds ``min_weight_fraction``
    of what is typical: the median over neurons of their largest |W|, over outputs or inputs, whichever is
    smaller. No single weight, and no single neuron's outputs or inputs, can move that far.

    Parameters
    ----------
    weights : (n, n) array_like
        True weights [pre, post].
    wiring_known : bool, optional
        As `circuitbias.networks.Network.wiring_known`. Default: whether any weight off the diagonal is
        exactly 0.
    min_weight_fraction : float
        In [0, 1).

    Returns
    -------
    (n, n) ndarray of bool
        False on the diagonal and where a weight is not finite.

    Raises
    ------
    ValueError
        If `min_weight_fraction` is out of range, or weights are not square.
    """
    if not 0 <= min_weight_fraction < 1:
        raise ValueError(f"min_weight_fraction must be in [0, 1), got {min_weight_fraction}")
    size = np.nan_to_num(np.abs(off_diagonal(weights, weights)[0]), posinf=0.0)
    if wiring_known is None:
        wiring_known = bool((size == 0).sum() > len(size))  # more zeros than the diagonal's
    typical = min(_typical(size.max(axis=axis)) for axis in (0, 1))
    return size > typical * (_ROUNDING if wiring_known else min_weight_fraction)


def detection_scores(weights, couplings, connected=None, signed=True):
    """Score couplings as detectors of connections.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and couplings, both [pre, post]. The diagonal and pairs that are not finite
        in both are left out.
    connected : (n, n) array_like of bool, optional
        Default: `connected_pairs`.
    signed : bool
        Whether the method tells excitation from inhibition.

    Returns
    -------
    dict
        ``roc_auc`` (0.5 is chance) and ``average_precision`` (chance is the fraction of connected
        pairs) of |J|, for connections of either sign; the same of J for those that excite
        (``..._excitatory``), and of -J for those that inhibit (``..._inhibitory``), against all other pairs;
        NaN if all observed pairs are such or none is. ``signs_right``: fraction of the connected pairs whose
        coupling has the sign of the weight (0 has none); NaN without any. ``n_excitatory``,
        ``n_inhibitory``: connected pairs of each sign that are observed. ``graph_sensitivity`` and
        ``graph_false_positive_rate``: of a method that leaves pairs out (a coupling of 0), the shares of the
        connected pairs, and of the others, that it does not; NaN if no coupling is 0. Couplings
        count as they are, not times the fitted scale, whose sign is known from the truth alone; of a method
        that is not signed, what would need a sign is NaN.

    Raises
    ------
    ValueError
        If shapes do not match.
    """
    connected = connected_pairs(weights) if connected is None else np.asarray(connected, dtype=bool)
    weights, couplings = off_diagonal(weights, couplings)
    if connected.shape != weights.shape:
        raise ValueError(
            f"connected must have the shape of the weights, {weights.shape}, got {connected.shape}"
        )
    observed = np.isfinite(weights) & np.isfinite(couplings)
    weights, couplings, connected = weights[observed], couplings[observed], connected[observed]
    excites, inhibits = connected & (weights > 0), connected & (weights < 0)
    scores = _scores(connected, np.abs(couplings))
    for truth, score, sign in ((excites, couplings, "excitatory"), (inhibits, -couplings, "inhibitory")):
        found = _scores(truth, score) if signed else dict.fromkeys(scores, math.nan)
        scores |= {f"{name}_{sign}": found[name] for name in ("roc_auc", "average_precision")}
    right = np.sign(couplings) == np.sign(weights)
    known = signed and connected.any()
    return scores | {
        "signs_right": float(right[connected].mean()) if known else math.nan,
        "n_excitatory": int(excites.sum()),
        "n_inhibitory": int(inhibits.sum()),
        "graph_sensitivity": _share_there(couplings, connected),
        "graph_false_positive_rate": _share_there(couplings, ~connected),
    }


def _share_there(couplings, pairs):
    """Share of some pairs whose coupling is not 0; NaN if none is 0 anywhere."""
    graph = (couplings == 0).any() and pairs.any()
    return float((couplings[pairs] != 0).mean()) if graph else math.nan


def _typical(largest):
    """Lower median of what is not 0; 0 without any."""
    largest = np.sort(largest[largest > 0])
    return float(largest[(len(largest) - 1) // 2]) if len(largest) else 0.0


def _scores(truth, score):
    curve = detection_curve(truth, score)
    if curve is None:
        return {"roc_auc": math.nan, "average_precision": math.nan}
    recall, false_positives = (np.append(0.0, x) for x in (curve.recall, curve.false_positive_rate))
    return {
        "roc_auc": float(np.trapezoid(recall, false_positives)),
        "average_precision": float(np.diff(recall) @ curve.precision),
    }


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
