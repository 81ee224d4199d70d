"""How well the size of a coupling tells connected from unconnected pairs."""

import math

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from circuitbias.errors.decomposition import off_diagonal


def detection_scores(weights, couplings, min_weight_fraction=0.01):
    """Score |J| as a detector of connections.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and couplings, both [pre, post]. The diagonal and pairs that are not finite
        in both are left out.
    min_weight_fraction : float
        A pair is connected if |W| exceeds this fraction of the largest |W| off the diagonal;
        0 counts every non-zero weight. In [0, 1).

    Returns
    -------
    dict
        ``roc_auc`` (0.5 is chance) and ``average_precision`` (chance is the fraction of connected
        pairs); both NaN if all observed pairs are connected or none is.

    Raises
    ------
    ValueError
        If shapes do not match or `min_weight_fraction` is out of range.
    """
    if not 0 <= min_weight_fraction < 1:
        raise ValueError(f"min_weight_fraction must be in [0, 1), got {min_weight_fraction}")
    weights, couplings = off_diagonal(weights, couplings)
    size = np.abs(weights)
    connected = size > min_weight_fraction * np.nan_to_num(size).max()
    observed = np.isfinite(weights) & np.isfinite(couplings)
    truth, score = connected[observed], np.abs(couplings[observed])
    if truth.all() or not truth.any():
        return {"roc_auc": math.nan, "average_precision": math.nan}
    return {
        "roc_auc": float(roc_auc_score(truth, score)),
        "average_precision": float(average_precision_score(truth, score)),
    }
