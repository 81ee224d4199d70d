"""Errors where the method is the generator's own model, and where it is not, beside the published ones."""

from string import ascii_lowercase

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import notes, shared, style
from circuitbias.published import errors_of_generators

_ROWS = {"total": "total error", "bias": "bias error"}
_OWN = {("ising", "mpf"): "its own model", ("glm_exp", "glm"): "nearly its own"}
_NAMES = {"lnp": "LNP", "glm_exp": "GLM-exp", "glm_relu": "GLM-relu", "ising": "Ising"}
_MOST = 6  # columns that can be read
_PANEL_MM, _REST_MM = 45, 34


class MatchedMismatched(Picture):
    """What a method does with data of its own model, and of others.

    Total error and bias against weight strength, a column for each generator on the ring. Filled: ours,
    mean over seeds, with bars for the range; open, dotted: published, with the same number of spikes but
    for the threshold model (1e8). The last published points of glm_relu (from r = 0.0175 on) and of
    glm_exp (r = 0.025) are of fits that broke down. **What to conclude**: a bias that stays small at
    every strength is that of a method whose model made the spikes; where it did not, spurious couplings
    come with the pattern of activity.
    """

    title = "Matched and mismatched generators"
    compared = (
        ("total", ""),
        ("bias", ""),
    )
    table = "errors"
    inputs = ("table",)
    together = "generator"


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure: a column for each circuit, the first six.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.error_table`, with a column circuit.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    numbers = style.Numbers()
    if not table.total.notna().any():
        figure = style.new_figure(40)
        shared.say(figure.subplots(), notes.why_empty(table))
        return figure, numbers.table()
    names = list(table.circuit.unique())[:_MOST]
    looks = style.estimator_styles(table.estimator.unique())
    figure = style.new_figure(_PANEL_MM * len(_ROWS) + _REST_MM)
    grid = figure.subplots(len(_ROWS), len(names), sharex="col", sharey="row", squeeze=False)
    letters, published = iter(ascii_lowercase), errors_of_generators()
    for row, (quantity, label) in zip(grid, _ROWS.items(), strict=True):
        for axes, name in zip(row, names, strict=True):
            letter, ours = next(letters), table[table.circuit == name]
            axes.set_title(style.lettered(letter, _title(name, ours) if quantity == "total" else ""))
            _curves(axes, numbers, letter, ours, quantity, looks, published)
        for axes in row:
            shared.log_errors(axes)
        row[0].set_ylabel(label)
    for axes in grid[-1]:
        shared.strength_axis(axes)
    handles = [Line2D([], [], label=style.pretty(name), **look) for name, look in looks.items()]
    look = {"color": style.INK, "marker": "o"} | style.OPEN | {"linestyle": ":"}
    handles.append(Line2D([], [], label="published", **look))
    figure.legend(handles=handles, loc="outside upper center", ncols=5)
    return figure, numbers.table()


def _title(name, rows) -> str:
    """Name of a circuit, and whether a method is its model."""
    own = sorted(_OWN.get(pair, "") for pair in zip(rows.generator, rows.method, strict=True))
    known = _NAMES.get(name, name) if (rows.generator == name).all() else name
    return f"{style.pretty(known)}\n{own[-1] or 'mismatched'}"


def _curves(axes, numbers, letter, rows, quantity, looks, published):
    (generator,) = rows.generator.unique()
    for name in [name for name in looks if name in set(rows.estimator)]:
        ours, look = rows[rows.estimator == name], looks[name]
        series = f"{rows.circuit.iloc[0]}, {name}"
        seeds = ours.groupby("r")[quantity].agg(["mean", "min", "max"]).dropna()
        axes.vlines(seeds.index, seeds["min"], seeds["max"], color=look["color"], linewidth=1.0)
        axes.plot(seeds.index, seeds["mean"], **look)
        numbers.add(letter, series, *(seeds.index, *seeds.to_numpy().T))
        theirs = published[(published.generator == generator) & (published.method == ours.method.iloc[0])]
        theirs = theirs[theirs.r.isin(ours.r)]
        if "drive" in ours and ours.drive.fillna("").ne("").any():
            continue  # the paper has none of these
        axes.plot(theirs.r, theirs[quantity], **look | style.OPEN | {"linestyle": ":"})
        numbers.add(letter, f"{series}, published", theirs.r, theirs[quantity])
    axes.set_yscale("log")
    axes.margins(y=0.08)
