"""Sentences that go with figures: what they lack, and why. Nothing here draws, or needs what draws."""

import re
from collections.abc import Iterator

import pandas as pd

from circuitbias.tables import without_result

_MOST_TOLD = 5


def why_empty(table: pd.DataFrame) -> str:
    """Say why no row of a table has a result: the reasons in its column ``note``."""
    reasons = list(table.note.dropna().unique()) if "note" in table else []
    return f"No estimate has an error{': ' if reasons else ''}{'; '.join(filter(None, reasons))}."


def not_drawn(table: pd.DataFrame) -> list[str]:
    """Name what has no result in a table, a sentence for each reason.

    Parameters
    ----------
    table : DataFrame
        As for `circuitbias.tables.split_usable`.
    """
    lines = []
    for note, rows in without_result(table).groupby("note", sort=False):
        whose = _names(rows) if "estimator" in rows else ""
        why = f": {_clause(note)}" if note else ""
        lines.append(f"Not drawn: {whose}{' at ' if whose else ''}r = {_strengths(rows)}{why}.")
    return lines


def over_fewer_pairs(errors: pd.DataFrame) -> Iterator[str]:
    """Say over how many pairs errors are, where that is not all of them.

    Parameters
    ----------
    errors : DataFrame
        Columns estimator, r, total, n_pairs and, unless it says nothing of all pairs, n_all_pairs.
    """
    if "n_all_pairs" not in errors:
        return
    few = errors[errors.total.notna() & (errors.n_pairs < errors.n_all_pairs)]
    told = [
        f"{n} of {of} pairs: {_names(rows)} at r = {_strengths(rows)}"
        for (n, of), rows in few.groupby(["n_pairs", "n_all_pairs"])
    ]
    if told:
        more = [f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
        yield f"Errors over fewer pairs than there are: {'; '.join(told[:_MOST_TOLD] + more)}."


def _names(rows) -> str:
    from circuitbias.figures.style import pretty  # brings matplotlib

    return ", ".join(map(pretty, rows.estimator.dropna().unique()))


def _strengths(rows) -> str:
    return ", ".join(f"{r:g}" for r in rows.r.unique())


def _clause(note: str) -> str:
    """The beginning of a reason, up to where it begins to explain itself."""
    return re.split(r"[:;.](?:\s|$)", note, maxsplit=1)[0]
