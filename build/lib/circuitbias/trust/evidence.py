"""What speaks for and against each coupling: the same numbers for a recording and for its twins."""

from collections.abc import Mapping

import numpy as np

from circuitbias.estimators.couplings import Couplings
from circuitbias.trust.traits import Traits

_MOST_Z = 50.0


def evidence(
    estimates: Mapping[str, Couplings], first: str, traits: Traits
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Put together the evidence on every ordered pair.

    All signed numbers are times the sign of the first estimator's coupling: large and positive speaks for a
    coupling of that sign.

    Parameters
    ----------
    estimates : mapping of str to Couplings
        By name of the estimator.
    first : str
        The one whose couplings are judged.
    traits : Traits

    Returns
    -------
    features : ndarray, shape (n (n - 1), n_features)
        NaN where there is none.
    signs : ndarray, shape (n (n - 1),)
        Of the couplings that are judged; 0 where there is none.
    names : list of str
    """
    n = len(traits.rates_hz)
    pre, post = pairs(n)
    sign = np.sign(np.nan_to_num(estimates[first].values))[pre, post]
    columns: dict[str, np.ndarray] = {"sign": sign}
    strengths = []
    for name, couplings in estimates.items():
        values = couplings.values
        scale = np.sqrt(np.nanmean(values**2)) or 1.0
        relative = values / scale
        strengths.append(np.nan_to_num(relative))
        errors = couplings.standard_errors / scale
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.clip(values / couplings.standard_errors, -_MOST_Z, _MOST_Z)
        columns |= {
            f"{name}: coupling": sign * relative[pre, post],
            f"{name}: coupling back": sign * relative[post, pre],
            f"{name}: z": sign * z[pre, post],
            f"{name}: z back": sign * z[post, pre],
            f"{name}: log error": np.log(np.maximum(errors[pre, post], 1e-12)),
            f"{name}: rank": _ranks(np.abs(values[pre, post])),
            f"{name}: indirect": sign * (strengths[-1] @ strengths[-1])[pre, post] / np.sqrt(n),
            f"{name}: shared input": sign * (strengths[-1].T @ strengths[-1])[pre, post] / np.sqrt(n),
        }
    if len(strengths) > 1:
        columns["smallest of all"] = np.min([sign * one[pre, post] for one in strengths], axis=0)
    chance = 1 / np.sqrt(traits.n_bins)
    synchrony = traits.synchrony - np.diag(np.diag(traits.synchrony))
    columns |= {
        "synchrony": sign * synchrony[pre, post] / chance,
        "after": sign * traits.delayed[pre, post] / chance,
        "before": sign * traits.delayed[post, pre] / chance,
        "over others": sign * (np.nan_to_num(strengths[0]) @ synchrony)[pre, post],
        "log rate pre": np.log(np.maximum(traits.rates_hz, 1e-6))[pre],
        "log rate post": np.log(np.maximum(traits.rates_hz, 1e-6))[post],
    }
    return np.column_stack(list(columns.values())), sign, list(columns)


def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pre and post of all ordered pairs, in the order of all tables."""
    return np.nonzero(~np.eye(n, dtype=bool))


def _ranks(sizes):
    """Share of pairs with smaller couplings."""
    order = np.argsort(np.argsort(np.nan_to_num(sizes, nan=-1.0), kind="stable"), kind="stable")
    return order / max(len(sizes) - 1, 1)
