"""Error against the number of observed neurons, and against the volume of data with half of them observed."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from circuitbias.component import Picture
from circuitbias.figures import fewer_pairs, shared, style

MOST_ESTIMATORS = 4
"""Estimators that are drawn, each a row of panels."""

_TITLES = {"total": "total error", "bias": "bias error", "variance": "variance error"}
_ROW_MM, _IN_A_ROW = 50, 5


class PartialObservation(Picture):
    """What an estimate becomes if some neurons are not observed.

    A row of panels an estimator (the first four). Total, bias and variance error of the observed pairs
    against the number of observed neurons, mean over random subsets; the band is the standard deviation
    over subsets of the total error. Dashed: all subsets merged, each pair the mean over the subsets that
    hold it. Fewer than 20 pairs have no error; crosses: some subsets have fewer pairs than there are.
    Last column: one random half of the neurons is observed while the volume of data grows; dotted is the
    bias without sampling noise, which is left when the variance has gone; so are bias and variance in the
    other columns. **What to conclude**: if bias rises as fewer neurons are seen, couplings stand for
    paths through the hidden ones. If it stays while data grow (last column), longer recordings do not
    help, and recording more neurons does.
    """

    title = "Error with some neurons unseen"
    table = "experiments/partial_observation"
    inputs = ("network", "table", "summary")


@style.styled
def draw(
    table: pd.DataFrame,
    summary: pd.DataFrame,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table, summary : DataFrame
        As from `circuitbias.experiments.partial_observation.run`, with columns r and seed, and ``summarise``.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    if summary.total.isna().all():
        figure = style.new_figure(30)
        shared.say_why(figure.subplots(), "No choice of neurons has an error.", summary)
        return figure, style.Numbers().table()
    shown = list(style.estimator_styles(summary.estimator.unique()))[:MOST_ESTIMATORS]
    quantities = [quantity for quantity in _TITLES if summary[quantity].notna().any()]
    half = table[(table.experiment == "fixed_half") & table.total.notna()]
    colors = style.strength_colors(summary.r)
    n_columns = len(quantities) + (len(half) > 0)
    figure, numbers = (
        style.new_figure(_ROW_MM * len(shown) + 9 + 5 * (len(colors) // _IN_A_ROW)),
        style.Numbers(),
    )
    grid = figure.subplots(len(shown), max(n_columns, 1), sharex="col", sharey=True, squeeze=False)
    if not n_columns:
        shared.say(grid[0, 0], "No estimate has an error.")
        return figure, numbers.table()
    letters = iter(ascii_lowercase)
    for row, name in zip(grid, shown, strict=True):
        first_row = name == shown[0]
        rows = summary[summary.estimator == name]
        for axes, quantity in zip(row, quantities, strict=False):
            letter = next(letters)
            axes.set_title(style.lettered(letter, _TITLES[quantity] if first_row else ""))
            _subsets(axes, numbers, letter, name, quantity, rows, colors)
        if len(half):
            letter = next(letters)
            n_half = int(half.n_observed.iloc[0])
            row[-1].set_title(style.lettered(letter, f"{n_half} observed" if first_row else ""))
            _half(row[-1], numbers, letter, name, half[half.estimator == name], colors)
        who = f"{style.pretty(name)}: " if len(shown) > 1 else ""
        row[0].set_ylabel(f"{who}error relative to $W_0$")
    for axes in grid[-1, : len(quantities)]:
        axes.set_xlabel("observed neurons")
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 5, 10]))
    if len(half):
        shared.volume_axis(grid[-1, -1].xaxis)
    for axes in grid.flat:
        shared.log_errors(axes)
    merged = summary.filter(like="merged_").rename(columns=lambda name: name.removeprefix("merged_"))
    fewer_pairs.say_pairs(figure, pd.concat([summary, merged.assign(r=summary.r), half], ignore_index=True))
    _legend(figure, colors, len(half) > 0, "bias_corrected" in summary, fewer_pairs.fewer_handles(summary))
    return figure, numbers.table()


def _subsets(axes, numbers, letter, name, quantity, rows, colors):
    banded = style.chosen_strengths(rows.r)  # more bands would hide each other
    for r, color in colors.items():
        here = rows[rows.r == r].sort_values("n_observed")
        low = high = pd.Series(np.nan, here.index)
        if quantity == "total":
            low, high = here.total - here.total_sd, here.total + here.total_sd
            if r in banded:
                axes.fill_between(here.n_observed, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(here.n_observed, here[quantity], ".-", color=color)
        subsets = f"{name}, r = {r:g}"
        if f"{quantity}_corrected" in here:
            left = here[f"{quantity}_corrected"]
            shared.draw_without_noise(axes, numbers, letter, subsets, here.n_observed, left, color)
        fewer_pairs.mark_fewer(axes, numbers, letter, subsets, here, "n_observed", quantity)
        merged = here[f"merged_{quantity}"]
        axes.plot(here.n_observed, merged, "--", color=color, linewidth=0.9)
        numbers.add(letter, subsets, here.n_observed, here[quantity], low, high)
        numbers.add(letter, f"{name}, r = {r:g}, merged", here.n_observed, merged)
    axes.set_yscale("log")
    axes.set_xlim(0, None)


def _half(axes, numbers, letter, name, rows, colors):
    for r, color in colors.items():
        rows = rows.assign(bias=rows.get("bias_corrected", rows.bias))
        here = rows[rows.r == r].groupby("fraction")[["n_spikes", "total", "bias"]].mean()
        here = here.sort_values("n_spikes")
        axes.plot(here.n_spikes, here.total, ".-", color=color)
        shown = here.bias.where(here.bias > 0)  # an axis of logarithms has no 0
        axes.plot(here.n_spikes, shown, ":", color=color, linewidth=0.9)
        numbers.add(letter, f"{name}, r = {r:g}, total", here.n_spikes, here.total)
        numbers.add(letter, f"{name}, r = {r:g}, bias", here.n_spikes, here.bias)
    axes.set_yscale("log")


def _legend(figure, colors, with_half, without_noise, more):
    handles = [Line2D([], [], color=color, marker=".", label=f"r = {r:g}") for r, color in colors.items()]
    thin = {"color": style.INK, "linewidth": 0.9}
    handles.append(Line2D([], [], linestyle="--", label="merged estimate", **thin))
    if with_half or without_noise:
        handles.append(Line2D([], [], linestyle=":", label="without sampling noise", **thin))
    handles += more
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), _IN_A_ROW))
