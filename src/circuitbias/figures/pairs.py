"""Spurious couplings of pairs, against their correlation and their distance in the graph."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import shared, style


class Pairs(Picture):
    """What pairs without a connection are given: failure to explain correlations away.

    A column for each of up to three strengths. Top: spurious coupling of the pairs that are not
    connected, against their correlation (groups of equally many pairs, mean over seeds, bars from the
    10th to the 90th percentile of the pairs). A method that explains correlations away would lie on the
    line at 0. Couplings are of one half of a recording and correlations of the other, so that they share
    no noise. Bottom: error of pairs by their distance in the graph, root mean square of what both halves
    share, which holds no noise: connections that excite and that inhibit, pairs that are connected the
    other way round alone, pairs that are two, three and more connections apart, and pairs that no path
    joins. All in units of the root mean square of the weights of connected pairs. **What to conclude**:
    if the curve rises with correlation, the method takes correlation for connection, and its phantoms are
    among the most correlated pairs. Where the error of unconnected pairs is as large as that of connected
    ones, a coupling says little about a connection.
    """

    title = "Spurious couplings, pair by pair"
    table = "experiments/pairs"
    inputs = ("network", "table")


_MOST_APART = 4
_REVERSED = "other\nway"


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.pairs.run`, with columns r and seed.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(112), style.Numbers()
    strengths = style.chosen_strengths(table.r)
    looks = style.estimator_styles(table.estimator.unique())
    grid = figure.subplots(2, len(strengths), sharey="row", squeeze=False)
    letters = iter(ascii_lowercase)
    places = _places(table)
    for k, row in enumerate(grid):
        for axes, r in zip(row, strengths, strict=True):
            letter, here = next(letters), table[table.r == r]
            axes.set_title(style.lettered(letter, f"r = {r:g}" if k == 0 else ""))
            axes.axhline(0, color=style.GUIDE, linewidth=0.6)
            (_by_distance if k else _by_correlation)(axes, numbers, letter, here, looks, places)
    grid[0, 0].set_ylabel("spurious coupling / weight")
    grid[1, 0].set_ylabel("systematic error / weight")
    handles = [Line2D([], [], label=style.pretty(name), **look) for name, look in looks.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure, numbers.table()


def _by_correlation(axes, numbers, letter, rows, looks, _):
    rows = rows[(rows.against == "correlation") & (rows.kind == "unconnected")]
    for name, look in looks.items():
        ours = rows[rows.estimator == name].copy()
        ours["group"] = ours.groupby("seed").cumcount()
        found = ours.groupby("group")[["at", "mean", "low", "high"]].mean()
        axes.vlines(found["at"], found.low, found.high, color=look["color"], linewidth=0.8, alpha=0.6)
        axes.plot(found["at"], found["mean"], **look)
        numbers.add(letter, name, found["at"], found["mean"], found.low, found.high)
    axes.set_xlabel("correlation of the pair")
    if rows.empty:
        shared.say(axes, "All pairs are connected.")


def _by_distance(axes, numbers, letter, rows, looks, places):
    rows = rows[rows.against == "distance"]
    for name, look in looks.items():
        ours = rows[rows.estimator == name]
        squares = (ours.n_pairs * ours.systematic**2).groupby(_place(ours)).sum()
        error = np.sqrt(squares / ours.n_pairs.groupby(_place(ours)).sum())
        x = [places.index(place) for place in error.index]
        order = np.argsort(x)
        x, y = np.asarray(x)[order], error.to_numpy()[order]
        axes.plot(x, y, **look | {"linestyle": ":"})
        numbers.add(letter, name, x, y)
    axes.set(xticks=range(len(places)), xticklabels=places, xlabel="connections apart")
    axes.set_xlim(-0.5, len(places) - 0.5)


def _place(rows) -> pd.Series:
    """Label of the group that each row of distances is drawn at."""
    signs = rows.kind.map({"excitatory": "exc.", "inhibitory": "inh."})
    apart = rows["at"].map(
        lambda at: "none" if np.isinf(at) else _REVERSED if at == 1 else _apart(at), na_action="ignore"
    )
    return signs.fillna(apart)


def _apart(distance) -> str:
    return f"{distance:.0f}" if distance < _MOST_APART else f"{_MOST_APART}+"


def _places(table) -> list[str]:
    """Labels in order, those that any row has."""
    found = set(_place(table[table.against == "distance"]))
    numbers = [_apart(distance) for distance in range(2, _MOST_APART + 1)]
    return [label for label in ("exc.", "inh.", _REVERSED, *numbers, "none") if label in found]
