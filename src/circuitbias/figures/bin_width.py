"""Error against the width of the bins: too narrow misses the effect of a spike, too wide blurs it."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.experiments.sweep import mean_without_noise
from circuitbias.figures import fewer_pairs, shared, style

_TITLES = {"total": "total error", "bias": "bias error", "variance": "variance error"}
_ROW_MM, _LEGEND_MM = 50, 12


class BinWidth(Picture):
    """Error against the width of the bins in which spikes are counted.

    A row of panels for each strength: total, bias and variance error, mean over seeds, with bars for the
    range. Open markers are the published errors; dashed lines what these become with our number of
    spikes, and their bands ± 2 standard errors. Dotted: without sampling noise (the bias that stays with
    infinite data, and the spread on the scale that noise does not shrink). Crosses: errors over fewer
    pairs than there are. **What to conclude**: too narrow, and the effect of a spike falls outside its
    bin; too wide, and it is lost among others. Where the total error is flat about its lowest point, the
    width matters little. A dotted bias that stays at every width is not the bins' fault.
    """

    title = "Error against bin width"
    compared = (
        ("total", "bins of .*"),
        ("bias", "bins of .*"),
        ("variance", "bins of .*"),
    )
    table = "experiments/bin_width"
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
        As from `circuitbias.experiments.bin_width.run`, with columns r and seed. Its ``bin_ms`` is in the
        model's own time step. A row of panels a strength; of more than three the lowest, a middle and the
        highest one.
    comparison : DataFrame, optional
        Published numbers beside ours: rows with a condition such as "bins of 100 steps".

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value; x in ms.
    """
    styles = style.estimator_styles(table.estimator.unique())
    strengths = style.chosen_strengths(table.r)
    quantities = [quantity for quantity in _TITLES if table[quantity].notna().any()]
    figure, numbers = style.new_figure(_ROW_MM * len(strengths) + _LEGEND_MM), style.Numbers()
    grid = figure.subplots(len(strengths), max(len(quantities), 1), sharex=True, sharey=True, squeeze=False)
    if not quantities:
        shared.say(grid[0, 0], "No estimate has an error.")
        return figure, numbers.table()
    theirs = shared.under_condition(comparison, quantities, "bins of")
    theirs = theirs[theirs.estimator.isin(styles)]
    panels = [
        (axes, letter, quantity, r)
        for (axes, quantity, r), letter in zip(
            (
                (axes, quantity, r)
                for row, r in zip(grid, strengths, strict=True)
                for axes, quantity in zip(row, quantities, strict=True)
            ),
            ascii_lowercase,
            strict=False,
        )
    ]
    for axes, letter, quantity, r in panels:
        _ours(axes, numbers, letter, quantity, r, table, styles)
    step_ms = (table.bin_ms / table.bin_steps).iloc[0]
    for axes, letter, quantity, r in panels:
        rows = theirs[(theirs.quantity == quantity) & np.isclose(theirs.r.astype(float), r)]
        _theirs(axes, numbers, letter, rows, styles, step_ms)
    for axes in grid.flat:
        shared.log_errors(axes)
    for axes in grid[-1]:
        axes.set(xlabel="width of the bins (ms)", xlim=(0, None))
    for axes, r in zip(grid[:, 0], strengths, strict=True):
        axes.set_ylabel(f"error, r = {r:g}")
    handles = [Line2D([], [], label=style.pretty(name), **look) for name, look in styles.items()]
    handles += shared.published_handles(theirs, table.n_spikes) + fewer_pairs.fewer_handles(table)
    handles += [shared.without_noise_handle()] if "bias_corrected" in table else []
    fewer_pairs.say_pairs(figure, table)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
    return figure, numbers.table()


def _ours(axes, numbers, letter, quantity, r, table, styles):
    first_row = axes.get_subplotspec().is_first_row()
    axes.set_title(style.lettered(letter, _TITLES[quantity] if first_row else ""))
    for name, look in styles.items():
        here = table[(table.estimator == name) & (table.r == r)]
        rows = here.groupby("bin_ms")[quantity].agg(["mean", "min", "max"]).dropna()
        axes.vlines(rows.index, rows["min"], rows["max"], color=look["color"], linewidth=1.0)
        axes.plot(rows.index, rows["mean"], **look)
        numbers.add(letter, name, rows.index, rows["mean"], rows["min"], rows["max"])
        if f"{quantity}_corrected" in here:
            left = here.groupby("bin_ms").apply(mean_without_noise, include_groups=False)
            left = left[f"{quantity}_corrected"]
            shared.draw_without_noise(axes, numbers, letter, name, left.index, left, look["color"])
        fewer_pairs.mark_fewer(axes, numbers, letter, name, here, "bin_ms", quantity)
    axes.set_yscale("log")
    axes.margins(y=0.08)


def _theirs(axes, numbers, letter, rows, styles, step_ms):
    if rows.empty:
        return
    steps = rows.condition.str.extract(r"bins of (\d+)")[0].astype(float)
    rows = rows.assign(width_ms=step_ms * steps).sort_values("width_ms")
    for name, points in rows.groupby("estimator", sort=False):
        shared.draw_published(axes, numbers, letter, name, points.width_ms, points, styles[name])
