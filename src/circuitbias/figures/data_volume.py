"""Error against the volume of data: what more spikes cure, what they do not, and how many an error takes."""

from string import ascii_lowercase

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from circuitbias.component import Picture
from circuitbias.experiments.data_volume import complete_windows, with_noise
from circuitbias.figures import fewer_pairs, shared, style
from circuitbias.figures.demand import demand_handles, draw_demand

MOST_ESTIMATORS = 4
"""Estimators with a row of panels; the slopes and the demand are drawn of all."""

_ROW_MM = 54
_SHARE_MAP = "cividis"


class DataVolume(Picture):
    """What more data cure.

    A row of panels an estimator (the first four). Left: total error against the volume of data, at the
    lowest, a middle and the highest strength; dots are windows of the recording, lines their means,
    dashed lines the error that is left with any amount of data, from the bias without noise; dash-dotted
    and dotted lines the floors that estimates of a directed network, and of weights known to be
    symmetric, cannot get below (Cramér-Rao); crosses are windows whose errors are over fewer pairs than
    there are. Middle: squared variance error, with the fitted power laws; little data shrink every
    coupling, and the noise with them, so that the fits leave out the smallest volumes. Right: the share
    of the bias, from 0 (all error is variance) to 1 (all is bias), over strength and volume; the white
    line marks equal parts. Bottom: slopes of the fits with 95 % confidence limits, -1 if the variance
    falls as one over the volume; and the spikes that it takes to get the total error down to the level
    given, pale where that is beyond our data and predicted, open triangles where only a bound is known
    (upward: at least so many; downward: at most), filled ones at the top where the error that is left
    with any amount of data is larger. Volume is the sum of the counts that a method sees: spikes, or, if
    it tells only whether a neuron fired in a bin, such bins. Open markers: published. **What to
    conclude**: where a line still falls, record longer. Where it runs along its dashed line, nothing is
    left to gain from data: only another method helps. In the panels of shares the white line parts the
    two.
    """

    title = "Error against data volume"
    compared = (
        ("total", r".*\d spikes"),
        ("volume_slope", ""),
        ("volume_log10_intercept", ""),
        ("log10_data_demand", ".*"),
    )
    table = "experiments/data_volume"
    inputs = ("network", "comparison", "floor", "table", "summary")


@style.styled
def draw(
    table: pd.DataFrame,
    summary: pd.DataFrame,
    comparison: pd.DataFrame | None = None,
    floor: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table, summary : DataFrame
        As from `circuitbias.experiments.data_volume.run`, with columns r and seed, and ``summarise``.
    comparison : DataFrame, optional
        Published numbers beside ours: quantities "volume_slope" and "log10_data_demand", and "total" with a
        condition such as "10^6.50 spikes".
    floor : DataFrame, optional
        As from `circuitbias.errors.floor.floor_table`, to draw the least total errors.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    if table.total.isna().all():
        figure = style.new_figure(30)
        shared.say_why(figure.subplots(), "No window of the recordings has an error.", summary)
        return figure, style.Numbers().table()
    styles = style.estimator_styles(summary.estimator.unique())
    shown, known = list(styles)[:MOST_ESTIMATORS], with_noise(table[table.total.notna()])
    colors = style.strength_colors(style.chosen_strengths(known.r))
    figure, numbers = style.new_figure(_ROW_MM * (1 + len(shown))), style.Numbers()
    grid = figure.subplots(1 + len(shown), 3, squeeze=False)
    letters = iter(ascii_lowercase)
    totals_published = shared.under_condition(comparison, ["total"], "10^")
    for (left, middle, right), name in zip(grid, shown, strict=False):
        here = known[known.estimator == name]
        laws = summary[summary.estimator == name]
        title = f"{style.pretty(name)}: total error"
        letter = _titled(left, next(letters), title)
        _totals(left, numbers, letter, name, here, laws, colors)
        _published_totals(left, numbers, letter, name, totals_published, colors)
        if floor is not None:
            _floors(left, numbers, letter, name, here, floor, colors)
        letter = _titled(middle, next(letters), "variance error², one scale")
        _variances(middle, numbers, letter, name, here, laws, colors)
        letter = _titled(right, next(letters), "share of the bias, without noise")
        _shares(right, numbers, letter, name, here)
    slopes, demand, legend = grid[-1]
    slopes_published = shared.under_condition(comparison, ["volume_slope"], "")
    demand_published = shared.under_condition(comparison, ["log10_data_demand"], "total error")
    letter = _titled(slopes, next(letters), "slope of the variance")
    _slopes(slopes, numbers, letter, summary, slopes_published, styles)
    level = summary.error_level.iloc[0]
    letter = _titled(demand, next(letters), f"spikes for a total error of {level:g}")
    draw_demand(demand, numbers, letter, summary, demand_published, styles)
    n_published = len(slopes_published) + len(demand_published) + len(totals_published)
    for axes in (slopes, demand):
        axes.set_xlim(0, 1.05 * summary.r.max())
    _legend(legend, styles, colors, n_published, summary, table, floor)
    fewer_pairs.say_pairs(figure, known)
    return figure, numbers.table()


def _titled(axes, letter, title):
    axes.set_title(style.lettered(letter, title))
    return letter


def _totals(axes, numbers, letter, name, here, laws, colors):
    for r, color in colors.items():
        windows = here[here.r == r].sort_values("n_counts")
        means = _complete(windows).groupby("fraction")[["n_counts", "total"]].mean()
        means = means.sort_values("n_counts")
        fewer_pairs.mark_fewer(axes, numbers, letter, f"{name}, r = {r:g}", windows, "n_counts", "total")
        axes.plot(windows.n_counts, windows.total, ".", color=color, markeredgewidth=0, alpha=0.6)
        axes.plot(means.n_counts, means.total, color=color)
        numbers.add(letter, f"{name}, r = {r:g}, windows", windows.n_counts, windows.total)
        numbers.add(letter, f"{name}, r = {r:g}, mean", means.n_counts, means.total)
        law = laws[laws.r == r]
        floor = law.bias_corrected.iloc[0] if len(law) and "bias_corrected" in law else np.nan
        if floor > 0:
            axes.axhline(floor, color=color, linewidth=0.8, linestyle="--")
            numbers.add(letter, f"{name}, r = {r:g}, error left with all data", np.nan, floor)
    shared.volume_axis(axes.xaxis)
    axes.set_ylabel("error relative to $W_0$")
    shared.log_errors(axes)


def _complete(windows):
    """Windows whose errors are over the most pairs: the same that the summary is of."""
    return complete_windows(windows) if "n_pairs" in windows else windows


def _published_totals(axes, numbers, letter, name, rows, colors):
    for r, color in colors.items():
        points = rows[(rows.estimator == name) & np.isclose(rows.r, r)].sort_values("n_spikes_published")
        if len(points):
            axes.plot(points.n_spikes_published, points.published, "o", color=color, **style.OPEN)
            numbers.add(letter, f"{name}, r = {r:g}, published", points.n_spikes_published, points.published)


def _floors(axes, numbers, letter, name, here, floor, colors):
    for r, color in colors.items():
        windows = here[here.r == r].drop_duplicates("n_counts").sort_values("n_counts")
        for row in floor[np.isclose(floor.r, r)].itertuples():
            for end, (label, look) in shared.FLOORS.items():
                noise = getattr(row, f"noise{end}") * row.n_spikes / windows.n_spikes
                least = np.sqrt(noise / (1 + noise))
                if least.notna().any():
                    axes.plot(windows.n_counts, least, color=color, **look | {"linewidth": 0.7})
                    numbers.add(letter, f"{name}, r = {r:g}, {label}", windows.n_counts, least)


def _variances(axes, numbers, letter, name, here, laws, colors):
    if here.variance.isna().all():
        shared.say(axes, "bias and variance\nare not told apart")
        return
    for r, color in colors.items():
        windows = here[(here.r == r) & np.isfinite(here.noise)].sort_values("n_counts")
        axes.plot(windows.n_counts, windows.noise**2, ".", color=color, markeredgewidth=0, alpha=0.6)
        numbers.add(letter, f"{name}, r = {r:g}, windows", windows.n_counts, windows.noise**2)
    shared.volume_axis(axes.xaxis)
    axes.set_yscale("log")
    limits = axes.get_ylim()
    for law in laws.itertuples():
        volumes = here.n_counts[here.r == law.r]
        if law.r in colors and np.isfinite(law.slope) and len(volumes):
            ends = np.array([volumes.min(), volumes.max()])
            line = 10 ** (law.slope * np.log10(ends) + law.log10_intercept)
            axes.plot(ends, line, color=colors[law.r], linewidth=0.9)
            numbers.add(letter, f"{name}, r = {law.r:g}, fit", ends, line)
    axes.set_ylim(limits[0], 2 * limits[1])
    if limits[1] < 100 * limits[0]:
        shared.log_errors(axes)
    else:
        axes.yaxis.set_minor_formatter(NullFormatter())


def _shares(axes, numbers, letter, name, here):
    share = "bias_proportion_corrected"
    here = here.assign(share=here.get(share, here.bias_proportion))
    plane = here.groupby(["fraction", "r"])[["share", "n_counts"]].mean().reset_index()
    if plane.share.isna().all():
        shared.say(axes, "bias and variance\nare not told apart")
        return
    share = plane.pivot_table(index="fraction", columns="r", values="share")
    volume = plane.groupby("fraction").n_counts.mean().loc[share.index].to_numpy()
    image = axes.pcolormesh(
        _edges(share.columns.to_numpy()),
        10 ** _edges(np.log10(volume)),
        share,
        cmap=_SHARE_MAP,
        vmin=0,
        vmax=1,
        rasterized=True,
    )
    if min(share.shape) > 1 and share.min(axis=None) < 0.5 < share.max(axis=None):
        axes.contour(share.columns, volume, share, levels=[0.5], colors="white", linewidths=0.8)
    shared.volume_axis(axes.yaxis)
    axes.set_xlabel("weight strength r")
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.set_facecolor(style.GAP)
    style.add_color_bar(image, "")
    numbers.add(letter, name, plane.r, plane.n_counts, value=plane.share)


def _edges(centres):
    """Borders between cells around these places, which rise."""
    if len(centres) == 1:
        return centres[0] * np.array([0.9, 1.1])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(
        [[1.5 * centres[0] - 0.5 * centres[1]], middles, [1.5 * centres[-1] - 0.5 * centres[-2]]]
    )


def _slopes(axes, numbers, letter, summary, theirs, styles):
    axes.axhline(-1, color=style.GUIDE, linewidth=0.6)
    for name, look in styles.items():
        rows = summary[(summary.estimator == name) & summary.slope.notna()].sort_values("r")
        axes.vlines(rows.r, rows.slope_low, rows.slope_high, color=look["color"], linewidth=1.0)
        axes.plot(rows.r, rows.slope, **look)
        numbers.add(letter, name, rows.r, rows.slope, rows.slope_low, rows.slope_high)
        paper = theirs[theirs.estimator == name].sort_values("r")
        if len(paper):
            axes.plot(paper.r, paper.published, **look | style.OPEN)
            numbers.add(letter, f"{name}, published", paper.r, paper.published)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -1.1), max(high, -0.9))
    axes.set_ylabel(r"d log $\Delta_v^2$ / d log $D$")
    shared.strength_axis(axes)


def _legend(axes, styles, colors, n_published, summary, table, floor=None):
    axes.axis("off")
    handles = [Line2D([], [], color=color, label=f"r = {r:g}") for r, color in colors.items()]
    handles.append(
        Line2D([], [], color=style.INK, linestyle="--", linewidth=0.8, label="error left with all data")
    )
    handles.append(Line2D([], [], color="#b0b0b0", linewidth=0.8, label="equal bias and variance"))
    handles += [Line2D([], [], label=style.pretty(name), **look) for name, look in styles.items()]
    handles += (
        demand_handles(summary) + shared.floor_handles(floor, "noise") + fewer_pairs.fewer_handles(table)
    )
    if n_published:
        handles.append(Line2D([], [], color=style.INK, marker="o", label="published", **style.OPEN))
    axes.legend(handles=handles, loc="center left")
