"""Structure and dynamics of the network: weights, example spikes, pattern strength."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from circuitbias.component import Picture
from circuitbias.errors.decomposition import offset_profile
from circuitbias.figures import shared, style

_PATTERN_COLORS = ("#9A6FB0", "#3B2E7E")
_RATE_COLOR = "#8a8a8a"
_MOST_ALIKE = 10
"""Largest rates at the example strengths, relative to each other, up to which they share an axis."""


class Activity(NamedTuple):
    """Spikes and rates of one simulation."""

    r: float
    raster_ms: np.ndarray
    """Times of the spikes of the piece that is drawn (ms)."""
    raster_neurons: np.ndarray
    """Their neurons."""
    rates_hz: np.ndarray
    """Rate of each neuron over the whole recording, shape (n,); NaN if there is none."""


class Figure1(Picture):
    """Structure and dynamics.

    **a**, **b**: the true weights, as the profile around the ring (for other networks: the distribution
    of the non-zero weights) and as a matrix. **c**: how regular the pattern of activity is, from 0 (none)
    to 1, against weight strength; mean and range over windows with the number of spikes given; open
    circles are the published values. Networks without a ring show the mean rate and the range over
    neurons instead. **d**: half a second of spikes at the example strengths, with the rate of each neuron
    in that time beside it (each on an axis of its own if some are ten times as fast): even at weak
    strengths, gathered in bumps once the pattern has formed. **What to conclude**: from the strength on
    at which the curve of c rises, neurons fire together that are not connected. There correlation stops
    being connection, and inference gets hard: compare the errors of Figure 2 at that strength.
    """

    title = "1  Structure and dynamics"
    compared = (("pattern_strength", ""),)
    inputs = ("network", "activity")
    in_full = True


@style.styled
def draw(
    weights: np.ndarray,
    circulant: bool,
    runs: list[Activity],
    examples: list[float],
    patterns: pd.DataFrame,
    published: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    weights : ndarray, shape (n, n)
        True weights [pre, post].
    circulant : bool
        Whether there is one weight profile to draw; if not, a histogram of the weights takes its place.
    runs : list of Activity
        Every simulation; of several with one strength the first is the example.
    examples : list of float
        Strengths r whose spikes are shown.
    patterns : DataFrame
        Columns r, n_spikes (of a window), pattern_strength; a row a window. If empty, the rates of the
        neurons against r take its place.
    published : DataFrame, optional
        Published pattern strengths, columns r, n_spikes, pattern_strength.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(112), style.Numbers()
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.05), hspace=0.04)
    profile, matrix, summary = top.subplots(1, 3, width_ratios=(1, 1, 1))
    (_profile if circulant else _histogram)(profile, numbers, weights)
    _matrix(matrix, numbers, weights)
    if patterns.empty:
        _rates(summary, numbers, runs)
    else:
        _patterns(summary, numbers, patterns, published)
    summary.set(xlabel="weight strength r", xlim=(0, None))
    summary.xaxis.set_major_locator(MaxNLocator(3))
    shown = [next(run for run in runs if np.isclose(run.r, r)) for r in examples]
    _spikes(bottom, numbers, shown)
    return figure, numbers.table()


def _profile(axes, numbers, weights):
    offsets = np.arange(len(weights))
    offsets = np.where(offsets > len(weights) // 2, offsets - len(weights), offsets)
    order = np.argsort(offsets)
    x, y = offsets[order], offset_profile(weights)[order]
    y[x == 0] = np.diag(weights).mean()
    factor, unit = style.power_of_ten(np.abs(weights).max())
    axes.axhline(0, color=style.GUIDE, linewidth=0.6)
    axes.plot(x, factor * y, color=style.INK)
    axes.set(title=style.lettered("a", "weight profile"), ylabel=f"weight $W_0$ ({unit})")
    style.offset_ticks(axes)
    numbers.add("a", "weight", x, y)


def _histogram(axes, numbers, weights):
    values = weights[~np.eye(len(weights), dtype=bool) & (weights != 0)]
    factor, unit = style.power_of_ten(np.abs(values).max(initial=0.0))
    equal = (
        len(values) and np.ptp(values) <= 1e-9 * np.abs(values).max()
    )  # one bar, not far wider than its value
    counts, edges = np.histogram(
        values, 30, range=sorted((0.5 * values[0], 1.5 * values[0])) if equal else None
    )
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.stairs(counts, factor * edges, color=style.TRUTH, fill=True)
    axes.set(title=style.lettered("a", "non-zero weights"), xlabel=f"weight $W_0$ ({unit})", ylabel="pairs")
    numbers.add("a", "pairs", (edges[:-1] + edges[1:]) / 2, counts, edges[:-1], edges[1:])


def _matrix(axes, numbers, weights):
    factor, unit = style.power_of_ten(np.abs(weights).max())
    image = style.show_matrix(axes, factor * weights, factor * np.abs(weights).max())
    axes.set(title=style.lettered("b", "weight matrix"), ylabel="from neuron")
    style.add_color_bar(image, f"$W_0$ ({unit})")
    numbers.add_matrix("b", "weight", weights)


def _patterns(axes, numbers, patterns, published):
    axes.axhline(0, color=style.GUIDE, linewidth=0.6)
    axes.set(title=style.lettered("c", "pattern strength"), ylim=(-0.06, 1.02), yticks=(0, 0.5, 1))
    for color, (n_spikes, windows) in zip(_PATTERN_COLORS, patterns.groupby("n_spikes"), strict=False):
        ours = windows.groupby("r").pattern_strength.agg(["mean", "min", "max"]).reset_index()
        label = f"{style.count_text(n_spikes)} spikes"
        axes.fill_between(ours.r, ours["min"], ours["max"], color=style.tint(color, 0.25), linewidth=0)
        axes.plot(ours.r, ours["mean"], ".-", color=color, label=label)
        numbers.add("c", f"ours, {n_spikes} spikes", ours.r, ours["mean"], ours["min"], ours["max"])
        if published is None:
            continue
        paper = published[(published.n_spikes == n_spikes) & (published.r <= 1.001 * patterns.r.max())]
        if len(paper):
            axes.plot(paper.r, paper.pattern_strength, "o", color=color, **style.OPEN)
            numbers.add("c", f"published, {n_spikes} spikes", paper.r, paper.pattern_strength)
    if published is not None:
        axes.plot([], [], "o", color=style.INK, label="published", **style.OPEN)
    axes.legend(loc="center right", bbox_to_anchor=(1.02, 0.32), handlelength=1.2)


def _rates(axes, numbers, runs):
    table = pd.DataFrame(
        [(run.r, run.rates_hz.mean(), run.rates_hz.min(), run.rates_hz.max()) for run in runs],
        columns=["r", "mean", "low", "high"],
    )
    table = table.dropna()
    if table.empty:
        axes.set_title(style.lettered("c", "firing rates"))
        axes.text(0.5, 0.5, "no spikes", transform=axes.transAxes, ha="center", color=style.TRUTH)
        return
    table = table.groupby("r").agg({"mean": "mean", "low": "min", "high": "max"}).reset_index()
    color = _PATTERN_COLORS[1]
    axes.fill_between(table.r, table.low, table.high, color=style.tint(color, 0.25), label="all neurons")
    axes.plot(table.r, table["mean"], ".-", color=color, label="mean")
    axes.set(title=style.lettered("c", "firing rates"), ylabel="rate (Hz)")
    shared.from_zero(axes)
    axes.legend()
    numbers.add("c", "rate", table.r, table["mean"], table.low, table.high)


def _spikes(figure, numbers, shown):
    # The piece ends somewhere after its last spike: round up to whole 10 ms.
    duration_ms = 10 * np.ceil(max(run.raster_ms.max(initial=1.0) for run in shown) / 10)
    n = len(shown[0].rates_hz)
    rates = [np.bincount(run.raster_neurons, minlength=n) / (duration_ms / 1000) for run in shown]
    fastest = [max(1.0, rate.max()) for rate in rates]
    if max(fastest) <= _MOST_ALIKE * min(fastest):  # a frozen network would hide the rates of all others
        fastest = [max(fastest)] * len(shown)
    axes = figure.subplots(1, 2 * len(shown), width_ratios=(4, 1) * len(shown), sharey=True)
    for run, rate, most, raster, beside in zip(shown, rates, fastest, axes[::2], axes[1::2], strict=True):
        series = f"r = {run.r:g}"
        raster.set(title=style.lettered("d", series) if raster is axes[0] else series)
        # Some thousands of dots are not for vector graphics.
        raster.plot(
            run.raster_ms,
            run.raster_neurons,
            ".",
            color=style.INK,
            markersize=1.5,
            markeredgewidth=0,
            rasterized=True,
        )
        raster.set(xlim=(0, duration_ms), ylim=(-0.5, n - 0.5), xlabel="time (ms)")
        raster.xaxis.set_major_locator(MaxNLocator(2))
        if not len(run.raster_ms):
            raster.text(0.5, 0.5, "no spikes", transform=raster.transAxes, ha="center", color=style.TRUTH)
        edges = np.arange(n + 1) - 0.5
        beside.stairs(rate, edges, orientation="horizontal", fill=True, color=_RATE_COLOR)
        beside.set(xlim=(0, 1.05 * most), xlabel="Hz")
        beside.tick_params(left=False)
        beside.xaxis.set_major_locator(MaxNLocator(1, prune="lower"))
        numbers.add("d", f"spikes, {series}", run.raster_ms, run.raster_neurons)
        numbers.add("d", f"rates (Hz), {series}", rate, np.arange(n))
    axes[0].set_ylabel("neuron")
