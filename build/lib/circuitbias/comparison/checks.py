"""Independent checks: rows of one measurement rise and fall together, and count once."""

import pandas as pd
from scipy.stats import norm

from circuitbias.comparison.verdicts import AGREEMENT_SE

ERRORS = ("total", "bias", "variance")
ESTIMATES = "errors of one estimate: total, bias and variance, with either scale; synchrony"
CURVES = "windows of one recording: error against volume, and the demand of data"
STATES = "joint states of ten neighbours, at one strength"
_SEVERAL = (CURVES, STATES)
"""Kinds whose rows are numbers of their own, though they are of one measurement."""


def measurement(row) -> tuple[str, tuple]:
    """Return what identifies the measurement behind a row: rows with equal identity are one test."""
    what = row.network, row.estimator, f"{row.r:g}"
    if row.condition.startswith("bins of"):
        return "errors of one estimate, of bins of another width", (*what, row.condition)
    if row.condition.startswith("10^") or row.quantity == "log10_data_demand":
        return CURVES, what
    if row.quantity.removesuffix("_l1") in ERRORS:
        return ESTIMATES, what
    if row.quantity.startswith("volume_"):
        return "slope and intercept of one fit", what
    if row.quantity in ("divergence", "entropy"):
        return STATES, (*what, row.quantity)
    return "activity", (*what, row.quantity, row.n_spikes)


def independent_checks(comparison: pd.DataFrame) -> pd.DataFrame:
    """Count the rows of one measurement once.

    A check of m numbers agrees if the largest of their deviations is one that as many independent numbers
    would have in 95.45 % of cases: as two standard errors are for a single number. Bias and variance of one
    estimate are two numbers; the total follows from them, and so do those with the older scale.

    Parameters
    ----------
    comparison : DataFrame
        Columns ``network`` and those of `circuitbias.comparison.COLUMNS`.

    Returns
    -------
    DataFrame
        A row a check: ``kind``, ``which`` (as from `measurement`), ``n_rows``, ``n_numbers``, ``largest``
        deviation and ``limit`` (standard errors), ``agrees``. Rows that could not be judged are in none.
    """
    judged = comparison[comparison.verdict.isin(["agrees", "differs"])]
    groups: dict[tuple, list] = {}
    for row in judged.itertuples():
        groups.setdefault(measurement(row), []).append(row)
    within = 2 * norm.cdf(AGREEMENT_SE) - 1
    checks = []
    for (kind, which), rows in groups.items():
        numbers = {(row.quantity.removesuffix("_l1"), row.condition) for row in rows}
        split = {number for number in numbers if number[0] in ("bias", "variance")}
        n_numbers = len(split) or (len(numbers) if kind in _SEVERAL else 1)
        limit = float(norm.ppf((1 + within ** (1 / n_numbers)) / 2))
        largest = max(abs(row.z) for row in rows)
        checks.append((kind, which, len(rows), n_numbers, largest, limit, largest <= limit))
    return pd.DataFrame(
        checks, columns=["kind", "which", "n_rows", "n_numbers", "largest", "limit", "agrees"]
    ).astype({"agrees": bool})
