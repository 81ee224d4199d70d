"""The panel of data demands: how many spikes a total error takes."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from circuitbias.figures import shared, style

_TOP = 0.95
_BOUNDS = {"above": "^", "below": "v"}
_WORDS = {"above": "at least", "below": "at most"}


def draw_demand(axes, numbers: style.Numbers, letter: str, summary: pd.DataFrame, theirs, styles) -> None:
    """Draw the spikes that it takes to get the total error down to a level, over strength.

    Parameters
    ----------
    axes : Axes
    numbers : Numbers
    letter : str
        Of the panel.
    summary : DataFrame
        As from `circuitbias.experiments.data_volume.summarise`.
    theirs : DataFrame
        Published demands: estimator, r, published.
    styles : dict
        Look of each estimator.
    """
    axes.set_yscale("log")
    anywhere = False
    for name, look in styles.items():
        rows = summary[summary.estimator == name].sort_values("r")
        axes.plot(rows.r, 10**rows.log10_demand, **look)
        for origin, marker in _BOUNDS.items():
            bound = rows[(rows.demand_from == origin) & rows.log10_bound.notna()]
            axes.plot(bound.r, 10**bound.log10_bound, **look | style.OPEN | {"marker": marker})
            if len(bound):
                numbers.add(letter, f"{name}, {_WORDS[origin]}", bound.r, bound.log10_bound)
        beyond = rows[rows.demand_from == "beyond"]
        axes.plot(beyond.r, 10**beyond.log10_demand, **look | _beyond(look["color"]))
        never = rows[rows.demand_from == "never"]
        place = {"transform": axes.get_xaxis_transform()}
        axes.plot(never.r, np.full(len(never), _TOP), **look | {"marker": "^", "linestyle": ""}, **place)
        anywhere |= len(never) > 0
        numbers.add(letter, name, rows.r, rows.log10_demand)
        paper = theirs[theirs.estimator == name].sort_values("r")
        if len(paper):
            axes.plot(paper.r, 10**paper.published, **look | style.OPEN)
            numbers.add(letter, f"{name}, published", paper.r, paper.published)
    axes.margins(y=0.2)
    if anywhere:
        axes.text(0.03, _TOP, "never", transform=axes.transAxes, va="center", color=style.TRUTH)
    shared.strength_axis(axes)


def _beyond(color):
    """Look of a demand beyond our data: paler."""
    return {"markerfacecolor": style.tint(color, 0.35), "linestyle": ""}


def demand_handles(summary: pd.DataFrame) -> list[Line2D]:
    """Legend of what `draw_demand` draws beside plain points."""
    handles = []
    if summary.demand_from.eq("beyond").any():
        label = "predicted beyond the data"
        handles.append(Line2D([], [], marker="o", markeredgewidth=0.0, label=label, **_beyond(style.INK)))
    for origin, marker in _BOUNDS.items():
        if summary.demand_from.eq(origin).any():
            label = f"{_WORDS[origin]} so many (a bound)"
            handles.append(Line2D([], [], color=style.INK, label=label, **style.OPEN | {"marker": marker}))
    return handles
