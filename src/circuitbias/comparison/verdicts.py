"""Rows of a comparison, and when a value counts as the published one."""

import math
from functools import cache

import numpy as np
import pandas as pd

from circuitbias import published

COLUMNS = [
    "quantity",
    "estimator",
    "r",
    "condition",
    "n_spikes_published",
    "published",
    "n_spikes",
    "expected",
    "standard_error",
    "ours",
    "ratio",
    "z",
    "sees",
    "verdict",
    "expected_from",
    "error_from",
    "note",
]
AGREEMENT_SE = 2.0
"""Values agree if they differ by at most so many standard errors: that is also the power of a verdict, the
smallest deviation that it would have seen."""
MOST_EXTRAPOLATION = 100
"""The prediction is of first order in the noise: it is not used over more than this factor of spikes."""
ENOUGH_RECORDINGS = 8
"""So many know a standard error to 27 %, as eight blocks of one recording do."""
INDEPENDENT = "the error assumes independent noise"
"""Said where bumps of activity have formed: as they drift, the noise of different pairs is correlated."""

AS_PUBLISHED = "the method as published, slips included"
"""Said where an option of the method repeats what made the published numbers (``as_published``)."""


@cache
def strength_of_bumps() -> float:
    """Least published strength at which bumps have formed: a pattern strength above 1/2 in 1e7 spikes."""
    table = published.pattern_strength()
    return float(table.r[(table.n_spikes == 1e7) & (table.pattern_strength > 0.5)].min())


def error_from_scatter(values, length: float) -> dict:
    """Return the standard error of the difference from the scatter of our recordings, if they are enough.

    Parameters
    ----------
    values : Series
        One of each recording; ours is their mean.
    length : float
        Of one of them, relative to the published recording, which scatters as they do but for its length.

    Returns
    -------
    dict
        ``standard_error`` and ``error_from``; empty if there are fewer than `ENOUGH_RECORDINGS`.
    """
    if len(values) < ENOUGH_RECORDINGS:
        return {}
    error = values.std(ddof=1) * math.sqrt(1 / len(values) + length)
    return {"standard_error": error, "error_from": f"scatter of our {len(values)} recordings"}


def pairs_note(rows: pd.DataFrame, n_neurons: int) -> str:
    """Say how many pairs an error covers if it covers only some; empty if it covers all.

    Parameters
    ----------
    rows : DataFrame
        Column n_pairs, of the recordings that are averaged; without it, nothing is known.
    n_neurons : int
        Those that fire.
    """
    there = n_neurons * (n_neurons - 1)
    fewest = rows.n_pairs.min() if "n_pairs" in rows else there
    return f"over {fewest:.0f} of {there} pairs" if fewest < there else ""


def with_verdicts(rows: list[dict]) -> pd.DataFrame:
    """Finish rows that hold a published and an expected value, a standard error and ours.

    Parameters
    ----------
    rows : list of dict
        Keys of `COLUMNS` up to ``ours``, of which ``condition`` (text) may be left out; ``expected_from``,
        what the expectation is made of; ``error_from``, what the standard error is made of, where "model" is
        that of independent noise (`circuitbias.errors.sampling`); and, if there is one to make, ``note``.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. ``sees`` is the smallest deviation that the verdict would have seen, in the unit
        of the value. ``note`` also says where bumps have formed and the error is the model's. Verdicts:
        "agrees", "differs", "no error known", "too few spikes" (to be compared with so many more), "no value"
        (ours could not be had).
    """
    table = pd.DataFrame(rows, columns=COLUMNS)
    for text in ("condition", "expected_from", "error_from", "note"):
        table[text] = table[text].astype(object).fillna("")
    drifting = table.error_from.str.startswith("model") & (table.r >= strength_of_bumps() - 1e-9)
    also = np.where(drifting, INDEPENDENT, "")
    table["note"] = ["; ".join(filter(None, both)) for both in zip(table.note, also, strict=True)]
    table["ratio"] = table.ours / table.expected
    table["z"] = (table.ours - table.expected) / table.standard_error
    table["sees"] = AGREEMENT_SE * table.standard_error
    agrees = table.z.abs() <= AGREEMENT_SE
    unknown = table.standard_error.isna()
    too_far = table.n_spikes * MOST_EXTRAPOLATION < table.n_spikes_published
    table["verdict"] = np.select(
        [table.ours.isna(), too_far, unknown, agrees],
        ["no value", "too few spikes", "no error known", "agrees"],
        "differs",
    )
    return table


def summary(comparison: pd.DataFrame) -> str:
    """Say in a few lines how many rows agree, and list those that do not."""
    if comparison.empty:
        return "The paper has no numbers for this network and these estimators."
    lines = ["Published numbers beside ours (expected: the published value at our number of spikes):"]
    for (quantity, estimator), rows in comparison.groupby(["quantity", "estimator"], sort=False):
        counts = rows.verdict.value_counts()
        verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in counts.index)
        power = (rows.sees / rows.expected.abs()).median()
        seen = f"; would have seen {power:.1%}" if np.isfinite(power) else ""
        lines.append(f"  {quantity:<17}{estimator:<22}{verdicts}{seen}")
    drifting = comparison.note.str.contains(INDEPENDENT, regex=False)
    if drifting.any():
        lines.append(
            f"{drifting.sum()} rows at r >= {strength_of_bumps():g}: {INDEPENDENT}; bumps that drift "
            "correlate it, and recordings may scatter more."
        )
    fewer = comparison.note.str.contains("pairs", regex=False).sum()
    if fewer:
        lines.append(f"{fewer} rows are over fewer pairs than there are: see the column note.")
    differing = comparison[comparison.verdict == "differs"]
    if len(differing):
        shown = ["quantity", "estimator", "r", "expected", "standard_error", "ours", "ratio", "z", "note"]
        shown = differing[shown]
        lines += ["Rows that differ:", shown.to_string(index=False, float_format="{:.4g}".format)]
    return "\n".join(lines)
