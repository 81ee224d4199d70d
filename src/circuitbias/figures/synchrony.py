"""What correlograms tell of the wiring: examples, the graph read off them, and the weights it gives."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from circuitbias.component import Picture
from circuitbias.errors.decomposition import CIRCULANT_TOLERANCE, offset_profile
from circuitbias.experiments.sweep import mean_without_noise
from circuitbias.figures import fewer_pairs, style

_QUANTITIES = ("total", "bias", "variance")
_LAG_MAP = "YlGnBu_r"
_CURVE, _NEAR = "#404040", "#F3E3B3"
_LEFT = {"linestyle": ":", "linewidth": 1.0}
_SHADE = style.tint(style.TRUTH, 0.3)
_LINK, _NO_LINK = "#26456E", "#EDEDED"


class Synchrony(Picture):
    """What correlograms tell of the wiring.

    **a**: correlograms of example pairs, counts in bins of three steps, at positive lags if the second
    neuron fires later; the point is the peak, filled if it lies within the synaptic time constant τ of
    lag zero (shaded) and so connects the pair. **b**: the lag of the peak of every pair. **c**: the graph
    of the pairs that are connected by this rule (dark), and how many these are at each offset around the
    ring, over the size of the true weight (grey). Far from the band of true weights correlograms are
    nearly flat, and where their peak lies is chance. **d**: weights by the GLM, by the height of the peak
    where the graph connects, and by the GLM where the graph connects, scaled to the true weights; beside
    them their errors relative to the norm of the true weights, bars for the range over seeds, and the
    published total errors (open circles). **What to conclude**: the graph takes phantoms of the
    GLM away, and true weights as well. Where the masked GLM has the larger error, it took more of the true
    ones: who fires together shows who is connected only near the band.
    """

    title = "What correlograms tell"
    compared = (("total", "synchrony"),)
    table = "experiments/synchrony"
    inputs = ("network", "comparison", "table", "arrays")


@style.styled
def draw(
    weights: np.ndarray,
    table: pd.DataFrame,
    arrays: dict[str, np.ndarray],
    comparison: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    weights : ndarray, shape (n, n)
        True weights [pre, post].
    table : DataFrame
        As from `circuitbias.experiments.synchrony.run`; with a column r, the rows of the strength of the
        arrays are drawn, and with several seeds their mean and range.
    arrays : dict
        As from the same function, of one recording, and its strength ``r`` if the table has one.
    comparison : DataFrame, optional
        Published errors: columns estimator, published, n_spikes_published and, if there are rows of more than
        these, quantity, condition and r, as from `circuitbias.comparison.experiments.compare_synchrony`.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    if "r" in table:
        table = table[np.isclose(table.r, float(arrays["r"]))]
    if comparison is not None:
        comparison = _of_this_strength(comparison, table)
    styles = style.estimator_styles(table.estimator.unique())
    figure, numbers = style.new_figure(150), style.Numbers()
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(0.78, 0.95, 1.1), hspace=0.03)
    _examples(top.subplots(1, len(arrays["examples"]), squeeze=False)[0], numbers, arrays)
    lags, graph, beside = middle.subplots(1, 3, width_ratios=(1, 1, 1.75))
    _peak_lags(lags, numbers, arrays["peak_lag_ms"])
    _graph(graph, numbers, arrays["connected"])
    if _circulant(weights):
        _connected_share(beside, numbers, weights, arrays["connected"])
    else:
        beside.axis("off")
    *matrices, bars = bottom.subplots(1, 1 + len(styles), width_ratios=[1.0] * len(styles) + [1.25])
    _matrices(matrices, numbers, weights, arrays, styles)
    _errors(bars, numbers, table, comparison, styles)
    _legend(bottom, table, comparison, styles)
    fewer_pairs.say_pairs(figure, table)
    return figure, numbers.table()


def _of_this_strength(comparison, table):
    if "condition" in comparison:
        comparison = comparison[(comparison.condition == "synchrony") & (comparison.quantity == "total")]
    if "r" in comparison and "r" in table:
        comparison = comparison[np.isclose(comparison.r, table.r.iloc[0])]
    return comparison


def _examples(row, numbers, arrays):
    lags, neurons = arrays["lags_ms"], len(arrays["connected"])
    near = float(arrays["connected_ms"])
    for axes, pair, curve in zip(row, arrays["example_pairs"], arrays["examples"], strict=True):
        offset = (pair[1] - pair[0]) % neurons
        peak = arrays["peak_lag_ms"][tuple(pair)]
        axes.axvspan(-near, near, color=_NEAR, alpha=0.6, linewidth=0)
        axes.plot(lags, curve, color=_CURVE, linewidth=0.7)
        if np.isfinite(peak):
            at = np.abs(lags - peak).argmin()
            fill = _LINK if arrays["connected"][tuple(pair)] else "white"
            axes.plot(lags[at], curve[at], "o", color=_LINK, markerfacecolor=fill, markersize=4.5)
        axes.set(xlabel="lag (ms)", xlim=(lags[0], lags[-1]))
        axes.margins(y=0.15)
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 3, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(3))
        title = f"{offset} neurons apart"
        axes.set_title(style.lettered("a", title) if axes is row[0] else title)
        numbers.add("a", f"from {pair[0]} to {pair[1]}", lags, curve)
    row[0].set_ylabel("correlation")


def _peak_lags(axes, numbers, peak_lag_ms):
    size = np.abs(peak_lag_ms)
    image = axes.imshow(size, cmap=_LAG_MAP, vmin=0, vmax=np.nanmax(size, initial=0) or 1)
    _square(axes, len(size))
    axes.set(title=style.lettered("b", "lag of peak"), ylabel="from neuron")
    style.add_color_bar(image, "|lag| (ms)")
    numbers.add_matrix("b", "|lag of peak| (ms)", size)


def _graph(axes, numbers, connected):
    shown = np.where(np.eye(len(connected), dtype=bool), np.nan, connected)
    axes.imshow(shown, cmap=ListedColormap([_NO_LINK, _LINK]), vmin=0, vmax=1)
    _square(axes, len(connected))
    axes.set_title(style.lettered("c", r"connected: |lag| < $\tau$"))
    numbers.add_matrix("c", "connected", shown)


def _connected_share(axes, numbers, weights, connected):
    n = len(weights)
    half = n // 2
    offsets = np.arange(-half, half + 1)
    share = offset_profile(connected.astype(float))[offsets % n]
    profile = offset_profile(weights)[offsets % n]
    known = np.isfinite(profile)
    strongest = np.nanmax(np.abs(profile))
    axes.fill_between(offsets[known], 0, np.abs(profile[known]) / strongest, color=_SHADE, linewidth=0)
    axes.plot(offsets, share, color=_LINK, linewidth=1.1)
    axes.set(xlim=(-half, half), ylim=(0, 1.02), yticks=(0, 0.5, 1), ylabel="share of pairs")
    style.offset_ticks(axes)
    handles = [
        Line2D([], [], color=_LINK, linewidth=1.1, label="connected"),
        Patch(color=_SHADE, label="|true weight|, scaled"),
    ]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.03), ncols=2)
    numbers.add("c", "share of pairs connected", offsets, share)
    numbers.add("c", "|true weight|", offsets, np.abs(profile))


def _matrices(row, numbers, weights, arrays, styles):
    limit = np.abs(weights[~np.eye(len(weights), dtype=bool)]).max()
    factor, unit = style.power_of_ten(limit)
    for axes, name in zip(row, styles, strict=True):
        image = style.show_matrix(axes, factor * arrays[name], factor * limit)
        title = style.pretty(name)
        axes.set_title(style.lettered("d", title) if axes is row[0] else title)
        numbers.add_matrix("d", name, arrays[name])
    row[0].set_ylabel("from neuron")
    style.add_color_bar(image, f"weight ({unit})")


def _errors(axes, numbers, table, comparison, styles):
    quantities = [quantity for quantity in _QUANTITIES if table[quantity].notna().any()]
    width = 0.8 / len(styles)
    for k, (name, look) in enumerate(styles.items()):
        over_seeds = table.loc[table.estimator == name, quantities]
        x = np.arange(len(quantities)) + (k - (len(styles) - 1) / 2) * width
        mean, low, high = over_seeds.mean(), over_seeds.min(), over_seeds.max()
        axes.bar(x, mean, 0.88 * width, color=look["color"])
        if len(over_seeds) > 1:
            axes.vlines(x, low, high, color=style.INK, linewidth=0.8)
        numbers.add("d", f"{name}, errors", x, mean, low, high)
        of_name = table[table.estimator == name]
        for at, quantity in zip(x, quantities, strict=True):
            if (left := mean_without_noise(of_name).get(f"{quantity}_corrected", np.nan)) > 0:
                axes.hlines(left, at - 0.44 * width, at + 0.44 * width, color=style.INK, **_LEFT)
                numbers.add("d", f"{name}, {quantity} without noise", at, left)
        theirs = comparison[comparison.estimator == name] if comparison is not None else ()
        if len(theirs):
            published = theirs.published.iloc[0]
            axes.plot(x[0], published, "o", color=style.INK, **style.OPEN | {"markerfacecolor": "white"})
            numbers.add("d", f"{name}, published", x[0], published)
    axes.set(xticks=range(len(quantities)), xticklabels=quantities, ylabel="error relative to $W_0$")
    axes.set_title("errors")
    axes.tick_params(axis="x", length=0)


def _legend(figure, table, comparison, styles):
    ours = style.counts_text(table.n_spikes)
    handles = [Patch(color=look["color"], label=style.pretty(name)) for name, look in styles.items()]
    if table.get("bias_corrected", table.bias * np.nan).notna().any():
        handles.append(Line2D([], [], color=style.INK, label="without sampling noise", **_LEFT))
    if comparison is not None and len(comparison):
        theirs = style.counts_text(comparison.get("n_spikes_published", []))
        label = f"published{theirs and ', ' + theirs}"
        handles.append(Line2D([], [], color=style.INK, marker="o", label=label, **style.OPEN))
    figure.legend(
        handles=handles, title=f"estimates from {ours}", alignment="left", loc="outside lower center", ncols=4
    )


def _square(axes, n):
    axes.set_facecolor(style.GAP)
    axes.spines[:].set_visible(False)
    axes.set(xticks=(0, n // 2), yticks=(0, n // 2), xlabel="to neuron")


def _circulant(weights):
    n = len(weights)
    expected = np.asarray(weights)[0, (np.arange(n) - np.arange(n)[:, None]) % n]
    return np.abs(weights - expected).max() <= CIRCULANT_TOLERANCE * np.abs(weights).max()
