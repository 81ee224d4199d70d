"""What came of a run: the parts that could not be used, with the reason, and what its reader should know."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from circuitbias.errors.decomposition import off_diagonal
from circuitbias.networks.network import Network
from circuitbias.spikes.activity import SATURATED_SHARE
from circuitbias.tables import split_usable

SPARSE_SHARE = 0.9
"""An estimate of a smaller share of all pairs is spoken of as one of some pairs only."""
ASYMMETRY = 0.05
"""Least error of any estimate without a trait from which methods without it are spoken of."""


class Recording(NamedTuple):
    """What the activity step says of one recording."""

    r: float
    seed: int
    unusable: str
    """Why there is none; else empty."""
    rates_hz: np.ndarray
    dt_ms: float


class Outcome(NamedTuple):
    """Sentences about a run."""

    unusable: list[str]
    """Parts without a result, each with the reason: the run has failed if there are any."""
    notes: list[str]
    """What is to be known beside the numbers."""


def outcome(
    network: Network,
    recordings: Iterable[Recording],
    errors: pd.DataFrame,
    experiments: dict[str, pd.DataFrame],
) -> Outcome:
    """Find the parts of a run without a result, and what must be said of the others.

    Parameters
    ----------
    network : Network
    recordings : iterable of Recording
    errors : DataFrame
        As from `circuitbias.errors.tables.error_table`.
    experiments : dict of str to DataFrame
        The table of each experiment, all recordings together.

    Returns
    -------
    Outcome
        What has no result because its recording has none is not told again. Errors that are not defined
        (a network without weights) are a note: such a network is a control, and its estimates are there.
    """
    recordings = list(recordings)
    silent = {(one.r, one.seed): one.unusable for one in recordings if one.unusable}
    unusable = [f"recording at r = {r:g}, seed {seed}: {why}" for (r, seed), why in silent.items()]
    tables = {"errors": errors} | experiments
    for name, table in tables.items():
        kind = "estimate" if name == "errors" else f"experiment {name}"
        unusable += [
            f"{kind}{who} at r = {r:g}, seed {seed:g}: {why}"
            for (who, r, seed), why in _without_result(table)
            if (r, seed) not in silent
        ]
    notes = [_saturated(one) for one in recordings if not one.unusable]
    notes += [*_some_pairs(network, errors), *_without_error(tables.values())]
    notes += trait_notes(network, errors)
    return Outcome(unusable, [note for note in notes if note])


def undirected_note(network: Network, errors: pd.DataFrame) -> str:
    """Say which estimators cannot tell directions apart where W0 has some, and what that costs at least.

    The nearest symmetric matrix to W0 is (W0 + W0') / 2, so that no symmetric estimate, however scaled, has a
    smaller total error than the norm of (W0 - W0') / 2 relative to that of W0.

    Parameters
    ----------
    network : Network
    errors : DataFrame
        Columns estimator and, unless it does not say, directed.

    Returns
    -------
    str
        Empty if there is nothing to say.
    """
    names, floor = _without("directed", errors), symmetric_floor(network)
    if not names or not floor > ASYMMETRY:
        return ""
    return (
        f"W0 is not symmetric, but {', '.join(names)} cannot tell directions apart: no symmetric estimate "
        f"has a total error below {floor:.2f}. Directed methods (such as a GLM with lags: [1]) can"
    )


def unsigned_note(network: Network, errors: pd.DataFrame) -> str:
    """Say which estimators cannot tell excitation from inhibition where W0 has both, and what that costs.

    The nearest matrix of one sign to W0 is its positive or its negative part, so that no such estimate,
    however scaled, has a smaller total error than the norm of the other part relative to that of W0.

    Parameters and result are those of `undirected_note`, with the column signed.
    """
    names, floor = _without("signed", errors), one_sign_floor(network)
    if not names or not floor > ASYMMETRY:
        return ""
    return (
        f"W0 excites and inhibits, but {', '.join(names)} cannot tell these apart: no estimate of one sign "
        f"has a total error below {floor:.2f}"
    )


def trait_notes(network: Network, errors: pd.DataFrame) -> list[str]:
    """Say what the traits of the methods cost on this network; empty where they cost nothing."""
    return list(filter(None, (undirected_note(network, errors), unsigned_note(network, errors))))


def _without(trait: str, errors: pd.DataFrame) -> list[str]:
    """Names of the estimators that say that they lack a trait."""
    lacking = errors.get(trait, pd.Series(True, errors.index)).isin([False, "False"])
    return list(dict.fromkeys(errors.estimator[lacking]))


def one_sign_floor(network: Network) -> float:
    """Total error of the matrix of one sign that is nearest to W0; NaN if W0 is zero."""
    weights, _ = off_diagonal(network.dense_weights(), network.dense_weights())
    norm = np.sqrt(np.nansum(weights**2))
    parts = [np.sqrt(np.nansum(np.maximum(sign * weights, 0) ** 2)) for sign in (1, -1)]
    return float(min(parts) / norm) if norm > 0 else float("nan")


def symmetric_floor(network: Network) -> float:
    """Total error of the symmetric matrix that is nearest to W0; NaN if W0 is zero."""
    weights, _ = off_diagonal(network.dense_weights(), network.dense_weights())
    norm = np.sqrt(np.nansum(weights**2))
    return float(np.sqrt(np.nansum((weights - weights.T) ** 2)) / 2 / norm) if norm > 0 else float("nan")


def _without_result(table):
    """Name (of the estimator, if any), r and seed of what has no row with a result, and the reason."""
    keys = [key for key in ("estimator", "r", "seed") if key in table]
    for key, rows in table.groupby(keys, sort=False, dropna=False):
        if (rows.n_pairs > 0).any() if "n_pairs" in rows else "note" not in rows or rows.note.isna().any():
            continue
        named = dict(zip(keys, key, strict=True))
        reasons = rows.note.dropna().unique() if "note" in rows else ()
        who = f" {named['estimator']}" if isinstance(named.get("estimator"), str) else ""
        yield (who, named["r"], named["seed"]), reasons[0] if len(reasons) else "no pair has a coupling"


def _saturated(one):
    share = one.rates_hz * one.dt_ms / 1000
    saturated = int((share > SATURATED_SHARE).sum())
    if not saturated:
        return ""
    return (
        f"recording at r = {one.r:g}, seed {one.seed}: {saturated} of {len(share)} neurons fire in more than "
        f"{SATURATED_SHARE:.0%} of the steps, at up to {one.rates_hz.max():.0f} Hz. Couplings from such "
        "activity mean little: raise theta, or lower r or the weights"
    )


def _some_pairs(network, errors):
    pairs = network.n_neurons * (network.n_neurons - 1)
    few = errors[(errors.n_pairs > 0) & (errors.n_pairs < SPARSE_SHARE * pairs)]
    for row in few.itertuples():
        why = f" ({row.note})" if isinstance(row.note, str) and row.note else ""
        yield (
            f"{row.estimator} at r = {row.r:g}, seed {row.seed}: {row.n_pairs} of {pairs} pairs have a "
            f"coupling{why}. Its errors are of these alone, and not to be compared with those of all pairs"
        )


def _without_error(tables):
    """Estimators that have couplings but no error, by the reason."""
    found = {}
    for table in tables:
        if "n_pairs" in table:
            without = split_usable(table[table.n_pairs > 0])[1][["estimator", "note"]].dropna()
            for name, why in without.itertuples(index=False):
                found.setdefault(why, {})[name] = None
    return [f"no error for {', '.join(names)}: {why}" for why, names in found.items()]
