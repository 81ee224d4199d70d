"""What each difference between the model of an estimator and that of the data costs: the walk as a tree."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import shared, style

_KINDS = {
    "link": ("#D55E00", "link"),
    "time": ("#0072B2", "time resolution"),
    "lags": ("#009E73", "which bins count"),
    "filter": ("#E69F00", "filter"),
    "counts": ("#8C6D31", "binarised counts"),
    "hidden": ("#CC79A7", "hidden neurons"),
    "common": ("#56B4E9", "common input"),
}
_ROW_MM, _REST_MM = 4.6, 26


class Mismatch(Picture):
    """What each difference between the model of an estimator and that of the data costs.

    Bias without sampling noise (total error where it is not known), mean over seeds with bars for the
    range, a row an estimate. Each changes one thing in its parent, above it and one indent to the left;
    the line leads from the parent's error to its own, its colour tells what is changed. **What to
    conclude**: the longest line to the right is what costs most in a parent's model; a line to the left
    is a repair. Costs do not add: the same change can cost much in one row and nothing in another, so
    look at the one whose parent is like your method.
    """

    title = "What makes the bias"
    table = "experiments/mismatch"
    inputs = ("network", "table")


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.mismatch.run`, with columns r and seed. A panel a strength; of more
        than three the lowest, a middle and the highest one.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    strengths, names = style.chosen_strengths(table.r), list(dict.fromkeys(table.estimator))
    figure, numbers = style.new_figure(_ROW_MM * len(names) + _REST_MM), style.Numbers()
    grid = figure.subplots(1, len(strengths), sharex=True, sharey=True, squeeze=False)[0]
    quantity = "bias_corrected" if table.bias_corrected.notna().any() else "total"
    if not table[quantity].notna().any():
        shared.say(grid[0], "No estimate has an error.")
        return figure, numbers.table()
    first = table.drop_duplicates("estimator").set_index("estimator")
    depth = _depths(first.parent)
    for axes, letter, r in zip(grid, "abc", strengths, strict=False):
        found = table[table.r == r].groupby("estimator")[quantity].agg(["mean", "min", "max"])
        _walk(axes, numbers, letter, names, first, found)
        axes.set_title(style.lettered(letter, f"r = {r:g}"))
        axes.set_xlabel("bias without noise" if quantity == "bias_corrected" else "total error")
        axes.tick_params(axis="y", length=0)
    grid[0].set_xlim(0, None)  # now that all panels, which share it, are drawn
    indent = "\u2003"
    told = [f"{indent * depth[name]}{first.change[name]}" for name in names]
    grid[0].set_yticks(range(len(names)), told, ha="left")
    longest = max(len(first.change[name]) + 2 * depth[name] for name in names)
    grid[0].tick_params(axis="y", pad=3.6 * longest + 14, length=0)
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    kinds = [kind for kind in _KINDS if (first.kind == kind).any()]
    handles = [Line2D([], [], color=_KINDS[k][0], marker="o", label=_KINDS[k][1]) for k in kinds]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure, numbers.table()


def _depths(parents: pd.Series) -> dict[str, int]:
    """Changes that lead to each step from the first."""
    depth = {}
    for name, parent in parents.fillna("").items():
        depth[name] = depth[parent] + 1 if parent in depth else 0
    return depth


def _walk(axes, numbers, letter, names, first, found):
    for place, name in enumerate(names):
        if name not in found.index or np.isnan(found["mean"][name]):
            continue
        mean, low, high = found.loc[name]
        color = _KINDS.get(first.kind[name], (style.INK,))[0]
        parent = first.parent[name]
        if parent in found.index and not np.isnan(found["mean"][parent]):
            above = found["mean"][parent]
            axes.plot(
                [above, above], [names.index(parent), place], color=style.GUIDE, linewidth=0.6, zorder=0
            )
            axes.plot(
                [above, mean], [place, place], color=color, linewidth=2.2, solid_capstyle="butt", alpha=0.6
            )
        axes.plot([low, high], [place, place], color=style.INK, linewidth=0.8)
        axes.plot(mean, place, "o", color=color, markersize=4.5)
        numbers.add(letter, name, mean, place, low, high)
    axes.grid(axis="x", color=style.GUIDE, linewidth=0.4)
    axes.set_axisbelow(True)
