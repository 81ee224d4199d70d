"""Errors of several circuits side by side."""

from string import ascii_lowercase
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import fewer_pairs, notes, shared, style

_ROWS = {"total": "total error", "bias": "bias error", "variance": "variance error"}
_SCORES = {
    f"{score}_{sign}": f"{words}\n{sign}"
    for sign in ("excitatory", "inhibitory")
    for score, words in (("roc_auc", "area under ROC"), ("average_precision", "mean precision"))
}
"""Scores of detection, of excitation and of inhibition apart: 1 is perfect."""
_EMPTY = dict.fromkeys(_SCORES, "none to find,\nor no signs") | {
    "total": "no result",
    "bias": "not told\nfrom variance",
    "variance": "not told\nfrom bias",
}
_MOST = 6  # columns that can be read
_CHARACTERS = 66  # of all titles side by side
_PANEL_MM, _REST_MM = 42, 30


class Circuits(Picture):
    """Errors of several circuits side by side, against weight strength.

    A column each (the first six): total, bias and variance error, mean over seeds, with bars for the
    range. All axes of a row are the same. Dotted, with bars of one standard error: without sampling noise
    (the bias that stays with infinite data, and the spread of one estimate). |minus| marks couplings with
    excitation and inhibition the wrong way round. Crosses: errors over less than 90 % of the pairs. Bias
    and variance are shown where they can be told apart: of rings, and of networks with blocks of a
    recording. Below, how well couplings tell connections that excite, and those that inhibit, from all
    other pairs: area under the ROC curve (chance is 0.5), and mean precision (area under that of
    precision against recall; chance is the share of such connections), for methods that tell signs.
    **What to conclude**: compare a method along its row: if its bias grows with strength in one circuit
    and not in another, it is that circuit's activity which misleads it. An area or a precision at chance
    says that the method does not find such connections there, whatever its error.
    """

    title = "Circuits side by side"
    table = "errors"
    inputs = ("table",)
    together = "circuits"


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure: a column for each circuit, the first six.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.error_table`, with a column circuit. Quantities that are NaN
        throughout get no row.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    numbers = style.Numbers()
    labels = _ROWS | _SCORES
    quantities = [name for name in labels if name in table and table[name].notna().any()]
    if not quantities:
        figure = style.new_figure(40)
        shared.say(figure.subplots(), notes.why_empty(table))
        return figure, numbers.table()
    names = list(table.circuit.unique())
    shown = names[:_MOST]
    styles = style.estimator_styles(table.estimator.unique())
    figure = style.new_figure(_PANEL_MM * len(quantities) + _REST_MM)
    grid = figure.subplots(len(quantities), len(shown), sharex="col", sharey="row", squeeze=False)
    letters = iter([*ascii_lowercase, *(f"a{letter}" for letter in ascii_lowercase)])
    for k, (row, quantity) in enumerate(zip(grid, quantities, strict=True)):
        for axes, name in zip(row, shown, strict=True):
            letter = next(letters)
            title = fill(style.pretty(str(name)), _CHARACTERS // len(shown)) if k == 0 else ""
            axes.set_title(style.lettered(letter, title))
            rows = table[table.circuit == name]
            _errors(axes, numbers, letter, rows, quantity, styles)
            if not rows[quantity].notna().any():
                shared.say_within(axes, _EMPTY[quantity])
        for axes in row:
            if quantity in _ROWS:
                shared.log_errors(axes)
            else:
                axes.set_ylim(-0.03, 1.03)
        row[0].set_ylabel(labels[quantity])
    for axes in grid[-1]:
        shared.strength_axis(axes)
    handles = [Line2D([], [], label=style.pretty(name), **look) for name, look in styles.items()]
    handles += shared.extra_handles(table)
    title = f"The first {_MOST} of {len(names)} circuits." if len(names) > _MOST else None
    figure.legend(handles=handles, title=title, alignment="left", loc="outside upper center", ncols=4)
    return figure, numbers.table()


def _errors(axes, numbers, letter, rows, quantity, styles):
    for name in [name for name in styles if name in set(rows.estimator)]:
        ours, look = rows[rows.estimator == name], styles[name]
        seeds = ours.groupby("r")[quantity].agg(["mean", "min", "max"]).dropna()
        axes.vlines(seeds.index, seeds["min"], seeds["max"], color=look["color"], linewidth=1.0)
        axes.plot(seeds.index, seeds["mean"], **look)
        numbers.add(letter, f"{rows.circuit.iloc[0]}, {name}", *(seeds.index, *seeds.to_numpy().T))
        if quantity not in _ROWS:
            continue
        shared.draw_strengths_without_noise(
            axes, numbers, letter, f"{rows.circuit.iloc[0]}, {name}", ours, quantity, look["color"]
        )
        shared.mark_inverted(axes, ours, quantity)
        some = fewer_pairs.of_some_pairs(ours)
        fewer_pairs.mark_fewer(axes, numbers, letter, f"{rows.circuit.iloc[0]}, {name}", some, "r", quantity)
    if quantity in _ROWS:
        axes.set_yscale("log")
        axes.margins(y=0.08)
