"""Errors of every method against weight strength, family by family."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from circuitbias.catalogue import looks
from circuitbias.component import Picture
from circuitbias.figures import fewer_pairs, notes, shared, style

_ROWS = {"total": "total error", "bias": "bias error", "variance": "variance error"}
_OLDER = "total_l1"
_UNTOLD = {"total": "no result"}
_PANEL_MM, _OLDER_MM = 43, 50
_LINE_MM, _REST_MM = 4.5, 16  # of a legend; of what stands below it


class Methods(Picture):
    """Errors of every method against weight strength: regressions, inverse Ising methods, correlations.

    From top to bottom: total error, bias and variance, a column for each family, mean over seeds, with
    bars for the range. Open markers are the published errors; dashed lines what these become with our
    number of spikes, and their bands ± 2 standard errors: there our lines should lie. Below them, the
    total error with the older scale, which brings the mean profile closest to that of the weights, for
    the methods whose published files used it; it can exceed 1. Dotted, with bars of one standard error:
    the bias that stays with infinite data, and the spread of one estimate, both without what sampling
    noise makes of them; the solid curves hold shrinkage, which goes with more data. |minus| marks
    couplings with excitation and inhibition the wrong way round. (Where bias and variance could not be
    told apart, the total error alone is shown.) Crosses: errors over less than 90 % of the pairs, not to
    be compared with those of all. **What to conclude**: a method whose bias stays low at every strength
    is not misled by recurrence; one whose bias alone is high wants another model, not more data. If the
    bias of all rises at one strength, it is the activity there that hides the wiring.
    """

    title = "3  Errors of every method"
    compared = (
        ("total", ""),
        ("bias", ""),
        ("variance", ""),
        ("total_l1", ""),
        ("bias_l1", ""),
        ("variance_l1", ""),
    )
    table = "errors"
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
        As from `circuitbias.errors.tables.error_table`. Quantities that are NaN throughout get no row.
    comparison : DataFrame, optional
        As from `circuitbias.comparison.errors.compare_errors`. Methods with rows of quantity "total_l1" are
        drawn once more with the older scale, in a panel of their own.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    numbers = style.Numbers()
    quantities = [quantity for quantity in _ROWS if table[quantity].notna().any()]
    if not quantities:
        figure = style.new_figure(40)
        shared.say(figure.subplots(), notes.why_empty(table))
        return figure, numbers.table()
    families = _families(table)
    paper = shared.under_condition(comparison, [*_ROWS, _OLDER], "")
    paper = paper[paper.estimator.isin(table.estimator)]
    styles = style.estimator_styles(table.estimator.unique())
    older = [name for name in styles if name in set(paper.estimator[paper.quantity == _OLDER])]
    legend_mm = _LINE_MM * (1 + max(map(len, families.values()))) + _REST_MM
    heights = _PANEL_MM * len(quantities), max(legend_mm, _OLDER_MM if older else 0)
    figure = style.new_figure(sum(heights))
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    grid = top.subplots(len(quantities), len(families), sharex=True, sharey="row", squeeze=False)
    letters = iter(ascii_lowercase)
    for row, quantity in zip(grid, quantities, strict=True):
        panels = {}
        for axes, (family, names) in zip(row, families.items(), strict=True):
            letter = next(letters)
            axes.set_title(style.lettered(letter, family if quantity == quantities[0] else ""))
            panels[letter] = axes, names
        _errors(panels, numbers, table, paper, quantity, styles)
        row[0].set_ylabel(_ROWS[quantity])
    for axes in grid[-1]:
        shared.strength_axis(axes)
    if older:
        axes, legend = bottom.subplots(1, 2, width_ratios=(1, max(2, len(families) - 1)))
        letter = next(letters)
        axes.set(title=style.lettered(letter, "the older scale"), ylabel=_ROWS["total"])
        _errors({letter: (axes, older)}, numbers, table, paper, _OLDER, styles)
        shared.strength_axis(axes)
    else:
        legend = bottom.subplots()
    _legend(legend, families, styles, table, paper)
    return figure, numbers.table()


def _families(table):
    """Names of the estimators of each family that has any; others share a last column."""
    methods = dict(zip(table.estimator, table.method, strict=True))
    family_of = {method: look.family for method, look in looks().items()}
    families = {family: [] for family in [*family_of.values(), "others"]}
    for name in style.estimator_styles(methods):
        families[family_of.get(methods[name], "others")].append(name)
    return {family: names for family, names in families.items() if names}


def _errors(panels, numbers, table, paper, quantity, styles):
    """Fill panels that share an axis of errors: first all that is ours, then what was published."""
    for letter, (axes, names) in panels.items():
        for name in names:
            over_seeds = table[table.estimator == name].groupby("r")[quantity]
            rows = over_seeds.agg(["mean", "min", "max"]).dropna()
            axes.vlines(rows.index, rows["min"], rows["max"], color=styles[name]["color"], linewidth=1.0)
            axes.plot(rows.index, rows["mean"], **styles[name])
            numbers.add(letter, name, rows.index, rows["mean"], rows["min"], rows["max"])
            ours, color = table[table.estimator == name], styles[name]["color"]
            shared.draw_strengths_without_noise(axes, numbers, letter, name, ours, quantity, color)
            shared.mark_inverted(axes, ours, quantity)
            some = fewer_pairs.of_some_pairs(ours)
            fewer_pairs.mark_fewer(axes, numbers, letter, name, some, "r", quantity)
    for axes, _ in panels.values():
        axes.set_yscale("log")
        axes.margins(y=0.08)
    for letter, (axes, names) in panels.items():
        for name in names:
            rows = paper[(paper.estimator == name) & (paper.quantity == quantity)].sort_values("r")
            if len(rows):
                shared.draw_published(axes, numbers, letter, name, rows.r, rows, styles[name])
    for axes, names in panels.values():
        shared.log_errors(axes)
        if not table[table.estimator.isin(names)][quantity].notna().any():
            shared.say_within(axes, _UNTOLD.get(quantity, "bias and variance\nare not told apart"))


def _legend(axes, families, styles, table, paper):
    axes.axis("off")
    # As wide as their words, and what stands before these.
    widths = np.array([9 + max(map(len, [family, *names])) for family, names in families.items()])
    lefts = (np.cumsum(widths) - widths) / widths.sum()
    for left, (family, names) in zip(lefts, families.items(), strict=True):
        handles = [Line2D([], [], label=style.pretty(name), **styles[name]) for name in names]
        place = {"loc": "upper left", "bbox_to_anchor": (left, 1.0)}
        labels = [handle.get_label() for handle in handles]
        axes.add_artist(Legend(axes, handles, labels, title=family, alignment="left", **place))
    handles = shared.published_handles(paper, table.n_spikes)
    if not handles:
        handles = [Line2D([], [], linestyle="", label=f"estimates from {style.counts_text(table.n_spikes)}")]
    handles += shared.extra_handles(table)
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
