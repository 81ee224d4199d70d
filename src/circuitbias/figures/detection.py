"""Curves of detection: who is connected, excitation and inhibition apart."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import shared, style

_SIGNS = {"excitatory": "excitation", "inhibitory": "inhibition"}
_PANEL_MM, _REST_MM = 46, 22


class Detection(Picture):
    """Who is connected: ROC curves and precision against recall, excitation and inhibition apart.

    A column for each of up to three strengths. Connections that excite are looked for from the largest
    coupling down, those that inhibit from the lowest up, among all other pairs. First of each: share of
    the connections that are found against share of the other pairs that are taken for one; second: share
    of the list that are connections, against the share that is found. Grey: a list by chance. Where a
    graph's list ends, a straight line leads on by chance. Of the first seed. Methods that tell no signs
    are dashed where all connections are of one sign, and only named elsewhere; ``detection.csv`` has their
    curves, as ``either``. **What to conclude**: a curve on the grey line is no better than guessing. As
    long as precision stays near 1, the head of a method's list can be believed; where it falls, phantoms
    follow. If excitation does well and inhibition badly, believe the one list and not the other.
    """

    title = "Who is connected"
    table = "detection"
    inputs = ("network", "table")


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.detection_curves.curve_table`.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    numbers = style.Numbers()
    table = table[table.seed == table.groupby(["estimator", "r"]).seed.transform("min")]
    signs = [sign for sign in _SIGNS if (table.sign == sign).any()]
    if not signs:
        figure = style.new_figure(40)
        shared.say(figure.subplots(), "No estimate tells excitation or inhibition from other pairs.")
        return figure, numbers.table()
    unsigned = _unsigned(table)
    if len(signs) == 1:
        table = table.assign(sign=table.sign.where(~table.estimator.isin(unsigned), signs[0]))
    table = table[table.sign.isin(signs)]
    strengths = style.chosen_strengths(table.r)
    looks = style.estimator_styles(table.estimator.unique())
    figure = style.new_figure(2 * _PANEL_MM * len(signs) + _REST_MM)
    grid = figure.subplots(2 * len(signs), len(strengths), sharey=True, squeeze=False)
    letters = iter(ascii_lowercase)
    for k, row in enumerate(grid):
        sign, precision = signs[k // 2], bool(k % 2)
        for axes, r in zip(row, strengths, strict=True):
            letter, here = next(letters), table[(table.r == r) & (table.sign == sign)]
            title = f"{_SIGNS[sign]}, r = {r:g}" if not precision else ""
            axes.set(title=style.lettered(letter, title), xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
            _panel(axes, numbers, letter, here, looks, unsigned, precision)
        row[0].set_ylabel("precision" if precision else "recall")
    handles = [
        Line2D([], [], label=style.pretty(name), **_line(look, name in unsigned))
        for name, look in looks.items()
    ]
    handles += [
        Line2D([], [], linestyle="", label=f"({style.pretty(name)} tells no signs)")
        for name in sorted(unsigned - set(looks))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=5)
    return figure, numbers.table()


def _unsigned(table) -> set:
    """Estimators that have curves of either sign alone."""
    found = table[table.sign.isin([*_SIGNS, "either"])].groupby("estimator").sign.agg(set)
    return set(found.index[found.map(lambda signs: signs == {"either"}).astype(bool)])


def _line(look, dashed):
    return {name: look[name] for name in ("color", "linewidth")} | {"linestyle": "--" if dashed else "-"}


def _panel(axes, numbers, letter, rows, looks, unsigned, precision):
    if precision:
        for chance in rows.chance.unique()[:1]:
            axes.axhline(chance, color=style.GUIDE, linewidth=0.8)
    else:
        axes.plot((0, 1), (0, 1), color=style.GUIDE, linewidth=0.8)
    for name, look in looks.items():
        ours = rows[rows.estimator == name]
        x, y = (ours.recall, ours.precision) if precision else (ours.false_positive_rate, ours.recall)
        if not precision and len(ours):
            x, y = np.append(0.0, x), np.append(0.0, y)  # the empty list
        axes.plot(x, y, **_line(look, name in unsigned))
        numbers.add(letter, name, x, y)
    axes.set_xlabel("recall" if precision else "false positive rate")
