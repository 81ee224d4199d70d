"""Mean coupling at each offset around the ring, for every method, and how it departs from the weights."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from circuitbias.component import Picture
from circuitbias.figures import shared, style
from circuitbias.spikes.activity import bump_period

MOST_IN_A_ROW = 5
_SHADE = style.tint(style.TRUTH, 0.25)
_ROW_MM, _FEATURES_MM = 34, 50
_REACH = 0.6  # of the axis of couplings above 0, at most, in depths of the dip; below 0, 1.5


class Profiles(Picture):
    """What the inferred wiring looks like around the ring.

    **a**: mean coupling at each offset, scaled to the weights, for each method at the example strengths;
    dotted: on the scale that sampling noise does not shrink; grey: the true profile; |minus| beside a
    name: at some strength the couplings had excitation and inhibition the wrong way round. Solid guides
    mark the offsets of other bumps of activity (25 and 50 neurons away in the ring of 100), dotted ones
    the places between them. **b**–**d**: the coupling at three offsets against weight strength, relative
    to the depth of the true dip, mean of both sides: in the dip itself, where -1 is right; one spacing of
    the bumps away, where spurious excitation grows; and one and a half spacings away, between bumps,
    where spurious inhibition does. Grey lines: the true weights. **What to conclude**: a method is right
    where its curve lies on the grey one. Peaks at the guides, where the true weights are 0, are phantoms:
    they sit where activity repeats, and do not fade with data if the dotted line has them, too.
    """

    title = "4  Mean coupling profiles"
    table = "profiles"
    inputs = ("network", "table")
    in_full = True


@style.styled
def draw(
    table: pd.DataFrame,
    examples: list[float] | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.profile_table`; empty for networks without one profile, which gives
        a figure that says so.
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
        figure = style.new_figure(30)
        shared.say(
            figure.subplots(), "No mean profile: the weights of this network depend on more than the offset."
        )
        return figure, numbers.table()
    examples = style.chosen_strengths(table.r) if examples is None else examples
    styles = style.estimator_styles(table.estimator.unique())
    n_rows = -(-len(styles) // MOST_IN_A_ROW)
    legends_mm = 10 + 5 * -(-len(styles) // 5)
    heights = 19 + _ROW_MM * n_rows, _FEATURES_MM + legends_mm
    figure = style.new_figure(sum(heights))
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    n_columns = max(-(-len(styles) // n_rows), 3)
    panels = top.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    _profiles(top, panels, numbers, table, examples, styles)
    _features(bottom, numbers, table, styles)
    return figure, numbers.table()


def features(table: pd.DataFrame, column: str = "coupling") -> pd.DataFrame:
    """Main dip, side lobe and what lies between the bumps, of each estimator at each strength.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.profile_table`, not empty.
    column : str
        Of the couplings: "coupling_corrected" has the scale without shrinkage.

    Returns
    -------
    DataFrame
        A row an estimator, r and seed, and one with estimator "true weights". ``main_dip``, ``side_lobe`` and
        ``between``: the coupling where the weights are most negative, one spacing of the bumps away, and one
        and a half. Each is the mean of both sides of the ring, relative to the depth of the dip of the
        weights; NaN where the weights favour no bumps.
    """
    truth = weights_by_offset(table)
    n, spacing = len(truth), bump_spacing(truth)
    dip = 1 + int(np.argmin(truth[1 : n // 2 + 1]))
    places = {"main_dip": dip, "side_lobe": spacing, "between": 1.5 * spacing}

    def measured(profile):
        both_sides = {
            name: (profile[round(at) % n] + profile[-round(at) % n]) / 2 if np.isfinite(at) else np.nan
            for name, at in places.items()
        }
        return {name: value / abs(truth[dip]) for name, value in both_sides.items()}

    rows = [{"estimator": "true weights"} | measured(truth)]
    for key, run in table.groupby(["estimator", "r", "seed"], sort=False):
        coupling = run.set_index("offset")[column].reindex(range(n)).to_numpy()
        rows.append(dict(zip(("estimator", "r", "seed"), key, strict=True)) | measured(coupling))
    return pd.DataFrame(rows)


def weights_by_offset(table):
    """Weights by offset; at the neuron itself, which has none, 0."""
    n = int(table.offset.max()) + 1
    return table.groupby("offset").weight.first().reindex(range(n)).fillna(0.0).to_numpy()


def bump_spacing(truth):
    """Distance between the bumps that the weights favour."""
    offsets = np.arange(len(truth))
    return bump_period(truth[(offsets - offsets[:, None]) % len(truth)])


def _profiles(figure, panels, numbers, table, examples, styles):
    truth = weights_by_offset(table)
    n, half = len(truth), len(truth) // 2
    offsets = np.arange(-half, half + 1)
    colors = style.strength_colors(examples)
    factor, unit = style.power_of_ten(np.abs(truth).max())
    numbers.add("a", "true weights", offsets[offsets != 0], truth[offsets % n][offsets != 0])
    for axes, name in zip(panels.flat, styles, strict=False):
        _guides(axes, bump_spacing(truth), half)
        axes.fill_between(offsets, 0, factor * truth[offsets % n], color=_SHADE, linewidth=0)
        here = table[table.estimator == name]
        for r, color in colors.items():
            rows = here[np.isclose(here.r, r)]
            # The neuron itself has no offset; both ends of the axis are the neuron across the ring.
            y = rows.groupby("offset").coupling.mean().reindex(range(n)).to_numpy()[offsets % n]
            axes.plot(offsets, factor * y, color=color, linewidth=0.9)
            numbers.add("a", f"{name}, r = {r:g}", offsets, y)
            if "coupling_corrected" in rows:
                y = rows.groupby("offset").coupling_corrected.mean().reindex(range(n)).to_numpy()[offsets % n]
                axes.plot(offsets, factor * y, color=color, **shared.WITHOUT_NOISE)
                numbers.add("a", f"{name}, r = {r:g}, without shrinkage", offsets, y)
        mark = r"  $\ominus$" if "inverted" in here and here.inverted.eq(True).any() else ""
        axes.set_title(style.pretty(name) + mark, fontsize=8)
        axes.set_xlim(-half, half)
        style.offset_ticks(axes)
    _tidy(panels, len(styles))
    depth = factor * np.abs(truth).max()
    low, high = panels[0, 0].get_ylim()
    panels[0, 0].set_ylim(max(low, -1.5 * depth), min(high, _REACH * depth))
    figure.supxlabel("offset (neurons)", fontsize=8)
    figure.supylabel(f"mean coupling ({unit})", fontsize=8)
    handles = [Patch(color=_SHADE, label="true weights")]
    handles += [Line2D([], [], color=color, label=f"r = {r:g}") for r, color in colors.items()]
    if "coupling_corrected" in table:
        handles.append(Line2D([], [], color=style.INK, label="without shrinkage", **shared.WITHOUT_NOISE))
    handles.append(Line2D([], [], color=style.GUIDE, linewidth=0.8, label="spacing of the bumps"))
    handles.append(Line2D([], [], color=style.GUIDE, linewidth=0.8, linestyle=":", label="between bumps"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3 + len(handles) % 2)
    panels[0, 0].set_title(style.lettered("a", panels[0, 0].get_title(loc="left")), fontsize=8)


def _guides(axes, spacing, half):
    """Mark the places of bumps that are active with the one at 0, and the middle of those between."""
    axes.axhline(0, color=style.GUIDE, linewidth=0.6)
    if not np.isfinite(spacing):
        return
    for number in range(1, 2 * int(half / spacing) + 1):
        at = (1 + number) / 2 * spacing
        if at <= half:
            for side in (-at, at):
                axes.axvline(side, color=style.GUIDE, linewidth=0.8, linestyle="-" if number % 2 else ":")


def _tidy(panels, n_used):
    """Take away the places that are not used, and label each column at its lowest panel."""
    for axes in panels.flat[n_used:]:
        axes.axis("off")
    for i, axes in enumerate(panels.flat[:n_used]):
        axes.tick_params(labelbottom=i + panels.shape[1] >= n_used)
        axes.set_xlabel("")


def _features(figure, numbers, table, styles):
    found = features(table)
    unshrunk = features(table, "coupling_corrected") if "coupling_corrected" in table else found[:0]
    titles = {
        "main_dip": "in the main dip",
        "side_lobe": "at the spacing of the bumps",
        "between": "between bumps",
    }
    panels = figure.subplots(1, 3)
    for letter, axes, (column, title) in zip("bcd", panels, titles.items(), strict=True):
        truth = found[column][0]
        axes.axhline(truth, color=style.TRUTH, linewidth=0.8)
        numbers.add(letter, "true weights", np.nan, truth)
        for name, look in styles.items():
            rows = found[found.estimator == name].groupby("r")[column].agg(["mean", "min", "max"])
            axes.vlines(rows.index, rows["min"], rows["max"], color=look["color"], linewidth=1.0)
            axes.plot(rows.index, rows["mean"], **look)
            numbers.add(letter, name, rows.index, rows["mean"], rows["min"], rows["max"])
            means = unshrunk[unshrunk.estimator == name].groupby("r")[column].mean()
            axes.plot(means.index, means, color=look["color"], **shared.WITHOUT_NOISE)
            numbers.add(letter, f"{name}, without shrinkage", means.index, means)
        axes.set_title(style.lettered(letter, title))
        shared.strength_axis(axes)
    panels[0].set_ylabel("coupling / depth of the true dip")
    handles = [Line2D([], [], color=style.TRUTH, linewidth=0.8, label="true weights")]
    handles += [Line2D([], [], label=style.pretty(name), **look) for name, look in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.0, fontsize=7.5)
