"""Errors over fewer pairs than there are: which they are, crossed out and said above a figure."""

from textwrap import wrap

import pandas as pd
from matplotlib.lines import Line2D

from circuitbias.figures.style import INK, TRUTH, Numbers
from circuitbias.outcome import SPARSE_SHARE

FEWER = {"color": INK, "marker": "x", "linestyle": "", "markersize": 4.5, "markeredgewidth": 0.9}
"""Look of errors over fewer pairs than there are: crossed out."""


def over_fewer_pairs(table: pd.DataFrame) -> pd.Series:
    """Rows whose errors are over fewer pairs than there are, as a mask; none if the table does not say.

    Parameters
    ----------
    table : DataFrame
        Columns n_pairs and n_all_pairs, and total.
    """
    if not {"n_pairs", "n_all_pairs"} <= set(table):
        return pd.Series(False, table.index)
    return table.total.notna() & (table.n_pairs < table.n_all_pairs)


def of_some_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Rows whose estimates are of less than `SPARSE_SHARE` of the pairs; see `over_fewer_pairs`."""
    fewer = table[over_fewer_pairs(table)]
    return fewer[fewer.n_pairs < SPARSE_SHARE * fewer.n_all_pairs] if len(fewer) else fewer


def say_pairs(figure, table: pd.DataFrame) -> None:
    """Write above a figure over how many of the pairs its errors are, if that is not all of them.

    Parameters
    ----------
    figure : Figure
    table : DataFrame
        As for `over_fewer_pairs`, with a column r: a row an error that is shown.
    """
    fewer = over_fewer_pairs(table)
    if not fewer.any():
        return
    rows = table[fewer]
    shares = 100 * rows.n_pairs / rows.n_all_pairs
    least, most = f"{shares.min():.3g}", f"{shares.max():.3g}"
    where = ", ".join(f"{r:g}" for r in sorted(rows.r.unique())) if "r" in rows else ""
    everywhere = fewer.sum() == table.total.notna().sum()
    which = "All" if everywhere else f"{fewer.sum()} of {table.total.notna().sum()}"
    share = least if least == most else f"{least} to {most}"
    place = f", at r = {where}" if where and not everywhere else ""
    text = f"{which} errors are over {share} % of the pairs that there are{place}: others have no estimate."
    figure.suptitle("\n".join(wrap(text, 120)), x=0.01, ha="left", fontsize=7.5, color=TRUTH)


def mark_fewer(axes, numbers: Numbers, panel: str, name: str, rows: pd.DataFrame, x: str, y: str) -> None:
    """Cross out the points whose errors are over fewer pairs than there are.

    Parameters
    ----------
    axes : Axes
    numbers : Numbers
    panel, name : str
        The series is "NAME, over fewer pairs".
    rows : DataFrame
        As for `over_fewer_pairs`.
    x, y : str
        Columns of the place of a point.
    """
    fewer = rows[over_fewer_pairs(rows)]
    if len(fewer):
        axes.plot(fewer[x], fewer[y], **FEWER)
        numbers.add(panel, f"{name}, over fewer pairs", fewer[x], fewer[y])


def fewer_handles(table: pd.DataFrame) -> list[Line2D]:
    """Legend of what `mark_fewer` draws; none if there is nothing of it."""
    return [Line2D([], [], label="over fewer pairs", **FEWER)] if over_fewer_pairs(table).any() else []
