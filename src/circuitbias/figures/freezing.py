"""Networks that freeze: when, which neurons go on, and the error that rises with data."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import shared, style


class Freezing(Picture):
    """When a network freezes, and what that does to inference.

    **a**: total error of naive mean field against the volume of data, each strength from the beginning of
    its recordings; filled where part of the data is of the frozen network. Once it is frozen, the error
    rises with data. **b**: neurons that take part, (sum of rates)² / sum of squared rates, before (dots)
    and after the network freezes (crosses). **c**: mean rate before and after. **d**: time at which it
    freezes; triangles at the end of recordings that did not. **What to conclude**: a frozen network shows
    one state, and tells little of its wiring; the longer it is frozen, the more such data outweigh the
    rest. Leave out what was recorded after the time in d, or reset the network in between.
    """

    title = "Networks that freeze"
    table = "experiments/freezing"
    inputs = ("network", "table")


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.freezing.run`, with columns r and seed.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(62), style.Numbers()
    panels = figure.subplots(1, 4)
    panels[0].set(title=style.lettered("a", "total error"), yscale="log")
    panels[1].set(title=style.lettered("b", "active neurons"))
    panels[2].set(title=style.lettered("c", "firing rate"), ylabel="Hz")
    panels[3].set(title=style.lettered("d", "freezes after"), ylabel="s")
    strengths = sorted(table.r.unique())
    for k, r in enumerate(strengths):
        color = style.tint("#3B2E7E", 0.35 + 0.65 * (k + 1) / len(strengths))
        for seed, rows in table[table.r == r].groupby("seed"):
            rows = rows.sort_values("n_spikes")
            label = f"r = {r:g}" if seed == table[table.r == r].seed.min() else None
            panels[0].plot(rows.n_spikes, rows.total, color=color, linewidth=1.0, label=label)
            for frozen, face in ((False, "white"), (True, color)):
                part = rows[(rows.frozen_share > 0) == frozen]
                panels[0].plot(
                    part.n_spikes, part.total, "o", color=color, markerfacecolor=face, markersize=3.4
                )
            numbers.add("a", f"r = {r:g}, seed {seed}", rows.n_spikes, rows.total)
    shared.volume_axis(panels[0].xaxis)
    shared.log_errors(panels[0])
    once = table.drop_duplicates(["r", "seed"])
    for axes, letter, name in ((panels[1], "b", "active"), (panels[2], "c", "rate")):
        unit = "_hz" if name == "rate" else ""
        for when, mark in (("before", "o"), ("after", "x")):
            values = once[f"{name}_{when}{unit}"]
            axes.plot(once.r, values, mark, color="#3B2E7E", markersize=4)
            numbers.add(letter, f"{name} {when}", once.r, values)
        shared.from_zero(axes)
    froze = once.frozen_from_s.notna()
    stayed = ~froze & once.active_before.notna()  # of others nothing is known: they are too short
    panels[3].plot(once.r[froze], once.frozen_from_s[froze], "o", color="#3B2E7E", markersize=4)
    panels[3].plot(once.r[stayed], once.duration_s[stayed], "^", color="#3B2E7E", **style.OPEN)
    shared.log_errors(panels[3])
    numbers.add("d", "freezes after", once.r, once.frozen_from_s)
    for axes in panels[1:]:
        shared.strength_axis(axes)
    handles, _ = panels[0].get_legend_handles_labels()
    handles += _marks(table.frozen_share > 0, froze, stayed)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    return figure, numbers.table()


def _marks(frozen, froze, stayed) -> list[Line2D]:
    """What the marks mean that are drawn."""
    marks = {
        "partly frozen data": ("o", {"markersize": 3.4}, frozen.any()),
        "after freezing": ("x", {"markersize": 4}, froze.any()),
        "end of a recording that did not freeze": ("^", style.OPEN, stayed.any()),
    }
    return [
        Line2D([], [], marker=marker, color="#3B2E7E", label=label, **{"linestyle": ""} | look)
        for label, (marker, look, shown) in marks.items()
        if shown
    ]
