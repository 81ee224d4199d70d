"""Rows of a comparison, and when a value counts as the published one."""

import numpy as np
import pandas as pd

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
    "verdict",
]
AGREEMENT_SE = 2.0
"""Values agree if they differ by at most so many standard errors, or ..."""
AGREEMENT_RATIO = {"total": 0.03, "bias": 0.03, "variance": 0.05, "noise_correlation": 0.03}
"""... by at most this fraction of what was expected (other quantities: 0; with either scale)."""
MOST_EXTRAPOLATION = 100
"""The prediction is of first order in the noise: it is not used over more than this factor of spikes."""


def with_verdicts(rows: list[dict]) -> pd.DataFrame:
    """Finish rows that hold a published and an expected value, a standard error and ours.

    Parameters
    ----------
    rows : list of dict
        Keys of `COLUMNS` up to ``ours``; ``condition`` (text) may be left out.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. Verdicts: "agrees", "differs", "no error known" (and the values differ), "too few
        spikes" (to be compared with so many more), "no value" (ours could not be had).
    """
    table = pd.DataFrame(rows, columns=COLUMNS)
    if table.empty:
        return table
    table["condition"] = table.condition.astype(object).fillna("")
    table["ratio"] = table.ours / table.expected
    table["z"] = (table.ours - table.expected) / table.standard_error
    allowed = table.quantity.str.removesuffix("_l1").map(AGREEMENT_RATIO).fillna(0.0)
    near = (table.ratio - 1).abs() <= allowed
    agrees = near | (table.z.abs() <= AGREEMENT_SE)
    unknown = table.standard_error.isna() & ~near
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
        lines.append(f"  {quantity:<17}{estimator:<22}{verdicts}")
    differing = comparison[comparison.verdict == "differs"]
    if len(differing):
        shown = differing[["quantity", "estimator", "r", "expected", "standard_error", "ours", "ratio", "z"]]
        lines += ["Rows that differ:", shown.to_string(index=False, float_format="{:.4g}".format)]
    return "\n".join(lines)
