"""Mean coupling at each offset around the ring, for every method, and how it departs from the weights."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.figures import style
from circuitbias.spikes.activity import bump_period

MOST_IN_A_ROW = 6
_SHADE = style.tint(style.TRUTH, 0.25)


@style.styled
def draw(
    table: pd.DataFrame,
    summary: pd.DataFrame | None = None,
    comparison: pd.DataFrame | None = None,
    examples: list[float] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.profile_table`; empty for networks without one profile, which gives
        a figure that says so.
    summary, comparison : None
        Not used.
    examples : list of float, optional
        Strengths r whose profiles are drawn; by default the lowest, a middle and the highest one.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    numbers = style.Numbers()
    if table.empty:
        figure = style.new_figure(40)
        style.say(figure, "This network has no mean profile: its weights do not depend on the offset alone.")
        return figure, numbers.table()
    examples = style.chosen_strengths(table.r) if examples is None else examples
    styles = style.estimator_styles(table.estimator.unique())
    n_rows = -(-len(styles) // MOST_IN_A_ROW)
    n_columns = -(-len(styles) // n_rows)
    figure = style.new_figure(75 + 34 * n_rows)
    top, bottom = figure.subfigures(2, 1, height_ratios=(34 * n_rows + 10, 65))
    panels = top.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    _profiles(panels.flat, numbers, table, examples, styles)
    _features(bottom, numbers, table, styles)
    return figure, numbers.table()


def features(table: pd.DataFrame) -> pd.DataFrame:
    """Main dip, side lobe and what lies between the bumps, of each estimator at each strength.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.profile_table`, not empty.

    Returns
    -------
    DataFrame
        A row an estimator, r and seed. ``main_dip``: coupling where the weights are most negative, relative
        to them. ``side_lobe`` and ``between``: coupling in excess of the weight, one and one and a half
        spacings of the bumps away, relative to the depth of the dip of the weights. Each is the mean of both
        sides of the ring; NaN where the weights favour no bumps.
    """
    truth = _truth(table)
    n, spacing = len(truth), _spacing(truth)
    dip = 1 + int(np.argmin(truth[1 : n // 2 + 1]))
    rows = []
    for key, rows_of in table.groupby(["estimator", "r", "seed"], sort=False):
        coupling = rows_of.set_index("offset").coupling.reindex(range(n)).to_numpy()
        at = dict(zip(("estimator", "r", "seed"), key, strict=True))
        at["main_dip"] = _both_sides(coupling, dip) / _both_sides(truth, dip)
        for name, shift in (("side_lobe", spacing), ("between", 1.5 * spacing)):
            excess = _both_sides(coupling - truth, round(shift)) if np.isfinite(shift) else np.nan
            at[name] = excess / abs(truth[dip])
        rows.append(at)
    return pd.DataFrame(rows)


def _truth(table):
    """Weights by offset; at the neuron itself, which has none, 0."""
    n = int(table.offset.max()) + 1
    return table.groupby("offset").weight.first().reindex(range(n)).fillna(0.0).to_numpy()


def _spacing(truth):
    """Distance between the bumps that the weights favour."""
    offsets = np.arange(len(truth))
    return bump_period(truth[(offsets - offsets[:, None]) % len(truth)])


def _both_sides(profile, offset):
    return (profile[offset % len(profile)] + profile[-offset % len(profile)]) / 2


def _profiles(panels, numbers, table, examples, styles):
    truth = _truth(table)
    n = len(truth)
    offsets = np.arange(-(n // 2), n // 2 + 1)
    factor, _ = style.power_of_ten(np.abs(truth).max())
    for axes, name in zip(panels, styles, strict=False):
        axes.fill_between(offsets, 0, factor * truth[offsets % n], color=_SHADE, linewidth=0)
        here = table[table.estimator == name]
        for r, color in style.strength_colors(examples).items():
            rows = here[np.isclose(here.r, r)]
            y = rows.groupby("offset").coupling.mean().reindex(range(n)).to_numpy()[offsets % n]
            axes.plot(offsets, factor * y, color=color)
            numbers.add("a", f"{name}, r = {r:g}", offsets, y)
        axes.set_title(style.pretty(name))
        style.offset_ticks(axes)
    numbers.add("a", "true weights", offsets, truth[offsets % n])


def _features(figure, numbers, table, styles):
    found = features(table)
    titles = {"main_dip": "main dip", "side_lobe": "one spacing away", "between": "between bumps"}
    for letter, axes, (column, title) in zip("bcd", figure.subplots(1, 3), titles.items(), strict=True):
        axes.axhline(float(column == "main_dip"), color=style.GUIDE, linewidth=0.6)
        for name, look in styles.items():
            over_seeds = found[found.estimator == name].groupby("r")[column]
            axes.plot(over_seeds.mean(), **look)
            mean = over_seeds.mean()
            numbers.add(letter, name, mean.index, mean, over_seeds.min(), over_seeds.max())
        axes.set_title(style.lettered(letter, title))
        style.strength_axis(axes)
    handles = [Line2D([], [], label=style.pretty(name), **look) for name, look in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
