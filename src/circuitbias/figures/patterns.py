"""What recurrence does to the activity: patterns, shared noise, diffusion of the bumps, rates."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from circuitbias.component import Picture
from circuitbias.figures import shared, style

PATTERNED = 0.5
"""Pattern strength from which there are bumps whose diffusion can be spoken of."""

_COLOR = "#3B2E7E"
_LINE = {"color": _COLOR, "marker": "o", "markersize": 3.6, "markeredgewidth": 0.0, "linewidth": 1.2}
_FAINT = _LINE | {"color": style.tint(_COLOR, 0.35), "linestyle": "--", "linewidth": 0.9}


class Patterns(Picture):
    """What recurrence does to the activity.

    **a**: regularity of the pattern in the correlations of spike counts, from 0 (none) to 1. It depends
    on the width of the bins and the number of spikes, so that it is not the published one, which Figure 1
    shows. **b**: noise correlation of co-tuned neurons, one spacing of the bumps apart. **c**:
    diffusivity of the bumps; pale and dashed where there is no pattern yet to speak of. **d**: firing
    rate, mean and range over neurons with drive. Mean over seeds; bars in **b** and **c** are ± 2
    standard errors, from the scatter over five parts of a recording, in **a** the range over seeds. Open
    circles: published (in **b** of the pinned ring; in **c** over 20 ms instead of up to a second, in a
    unit that was found after ours were seen). **What to conclude**: where a and b rise, recurrence has made a
    pattern of its own: from there on neurons fire together that are not connected. The slower the bumps
    (c), the longer a recording must be until they have been everywhere.
    """

    title = "Patterns of activity"
    compared = (
        ("noise_correlation", ""),
        ("diffusivity", ".*"),
    )
    table = "experiments/patterns"
    inputs = ("network", "comparison", "table")


@style.styled
def draw(
    table: pd.DataFrame,
    comparison: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.patterns.run`, with columns r and seed.
    comparison : DataFrame, optional
        Published numbers beside ours: quantities "noise_correlation" and "diffusivity".

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(62), style.Numbers()
    panels = figure.subplots(1, 4)
    panels[0].set(title=style.lettered("a", "pattern strength"), ylim=(-0.06, 1.02), yticks=(0, 0.5, 1))
    panels[1].set(title=style.lettered("b", "noise correlation"))
    panels[2].set(title=style.lettered("c", "diffusivity"), ylabel="neurons²/s")
    panels[3].set(title=style.lettered("d", "firing rate"), ylabel="Hz")
    for axes in panels[:2]:
        axes.axhline(0, color=style.GUIDE, linewidth=0.6)
    rows = table.groupby("r").pattern_strength.agg(["mean", "min", "max"])
    panels[0].vlines(rows.index, rows["min"], rows["max"], color=_COLOR, linewidth=1.0)
    panels[0].plot(rows.index, rows["mean"], **_LINE)
    numbers.add("a", "pattern strength", rows.index, rows["mean"], rows["min"], rows["max"])
    ours = _measured(panels[1], numbers, "b", table, "noise_correlation")
    panels[1].plot(ours["mean"], **_LINE)
    _diffusivity(panels[2], numbers, table)
    theirs = shared.under_condition(comparison, ["noise_correlation"], "")
    _published(panels[1], numbers, "b", "published", theirs.r, theirs.get("published"))
    scaled = shared.under_condition(comparison, ["diffusivity"], "published times")
    factor = scaled.condition.iloc[0].removeprefix("published times ") if len(scaled) else ""
    # What `expected` holds is the published value in our unit.
    _published(panels[2], numbers, "c", f"published times {factor}", scaled.r, scaled.get("expected"))
    shared.log_errors(panels[2])
    _rates(panels[3], numbers, table)
    for axes in panels:
        shared.strength_axis(axes)
    _legend(figure, table, len(theirs) > 0, factor)
    return figure, numbers.table()


def _measured(axes, numbers, letter, table, column):
    """Draw bars of two standard errors about the mean over seeds, and give the mean and the bars."""
    over_seeds = table.assign(variance=table[f"{column}_se"] ** 2).groupby("r")
    mean = over_seeds[column].mean()
    reach = 2 * np.sqrt(over_seeds.variance.sum(min_count=1)) / over_seeds[column].count()
    rows = pd.DataFrame({"mean": mean, "low": mean - reach, "high": mean + reach}).dropna(subset="mean")
    axes.vlines(rows.index, rows.low, rows.high, color=_COLOR, linewidth=1.0)
    numbers.add(letter, column.replace("_", " "), rows.index, rows["mean"], rows.low, rows.high)
    return rows


def _diffusivity(axes, numbers, table):
    rows = _measured(axes, numbers, "c", table, "diffusivity")
    patterned = table.groupby("r").pattern_strength.mean().reindex(rows.index) > PATTERNED
    axes.plot(rows["mean"], **_FAINT)
    axes.plot(rows["mean"][patterned], **_LINE)


def _rates(axes, numbers, table):
    over_seeds = table.groupby("r")
    mean = over_seeds.mean_rate_hz.mean()
    low, high = over_seeds.lowest_rate_hz.min(), over_seeds.highest_rate_hz.max()
    axes.fill_between(mean.index, low, high, color=style.tint(_COLOR, 0.25), linewidth=0)
    axes.plot(mean, **_LINE)
    shared.from_zero(axes)
    numbers.add("d", "mean rate, and lowest and highest of the neurons", mean.index, mean, low, high)


def _published(axes, numbers, letter, name, x, y):
    if len(x):
        axes.plot(x, y, "o", color=_COLOR, **style.OPEN)
        numbers.add(letter, name, x, y)


def _legend(figure, table, with_published, factor):
    handles = [Line2D([], [], label=f"{style.counts_text(table.n_spikes)}, mean over seeds", **_LINE)]
    handles.append(Line2D([], [], label=f"no pattern yet (below {PATTERNED:g})", **_FAINT))
    handles.append(Patch(color=style.tint(_COLOR, 0.25), label="all neurons"))
    if with_published or factor:
        label = "published" + (f" (in c times {factor})" if factor else "")
        handles.append(Line2D([], [], color=_COLOR, marker="o", label=label, **style.OPEN))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
