"""The figure of a trust report: what to believe, how good the promise is, and what more data would give."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from circuitbias.figures import style
from circuitbias.figures.recording import order_by_structure
from circuitbias.trust.calibration import PROMISES
from circuitbias.trust.report import TrustReport

_VARIANT_MARKERS = {"plain": "o", "common": "s", "hidden": "^"}
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


@style.styled
def draw(report: TrustReport) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    report : TrustReport

    Returns
    -------
    figure : Figure
    numbers : DataFrame
    """
    figure, numbers = style.new_figure(115), style.Numbers()
    figure.get_layout_engine().set(wspace=0.08)
    axes = figure.subplots(2, 3)
    couplings = report.estimates[report.first].values
    order = order_by_structure(couplings)
    _couplings(axes[0, 0], couplings[np.ix_(order, order)], report)
    _phantoms(axes[0, 1], report.phantom[np.ix_(order, order)], report, order)
    _twins(axes[0, 2], report, numbers)
    _delivered(axes[1, 0], report, numbers)
    _spectrum(axes[1, 1], report, numbers)
    _volume(axes[1, 2], report, numbers)
    return figure, numbers.table()


def _couplings(axes, values, report):
    known = np.abs(values[np.isfinite(values)])
    limit = float(np.quantile(known, 0.99)) if known.size else 1.0
    image = style.show_matrix(axes, values, limit)
    axes.set(title=style.lettered("a", f"couplings, {style.pretty(report.first)}"), ylabel="from unit")
    axes.set_xlabel("to unit")
    style.add_color_bar(image, "")


def _phantoms(axes, phantom, report, order):
    axes.set_facecolor(style.GAP)
    image = axes.imshow(phantom, cmap="magma", vmin=0, vmax=1)
    axes.set(title=style.lettered("b", "chance of a phantom"), xlabel="to unit")
    if report.refused:
        axes.text(0.5, 0.5, "no promise", ha="center", va="center", transform=axes.transAxes)
    else:
        pre, post = np.nonzero(report.lists[PROMISES[1]][np.ix_(order, order)])
        axes.plot(post, pre, ".", markersize=1.2, color="#29c7ac")
        axes.set_xlim(-0.5, len(phantom) - 0.5)
        axes.set_ylim(len(phantom) - 0.5, -0.5)
    style.add_color_bar(image, "")


def _simulators(report):
    return list(dict.fromkeys(twin.plan.simulator for twin in report.twins))


def _twins(axes, report, numbers):
    """Correlation of each twin beside that of the recording."""
    wanted, error = report.traits.correlation, report.traits.correlation_se
    axes.axhspan(0.85 * wanted, 1.15 * wanted, color=style.tint(style.TRUTH, 0.15), lw=0)
    axes.axhline(wanted, color=style.TRUTH, linewidth=1)
    names = _simulators(report)
    for k, twin in enumerate(report.twins):
        if twin.traits is None:
            continue
        look = {"color": _COLORS[names.index(twin.plan.simulator)], "linestyle": ""}
        look["marker"] = _VARIANT_MARKERS[twin.plan.variant]
        look["markerfacecolor"] = "none" if twin.refused else look["color"]
        axes.errorbar(k, twin.traits.correlation, twin.traits.correlation_se, **look, linewidth=0.8)
        numbers.add("twins", twin.plan.words, k, twin.traits.correlation)
    for name, color in zip(names, _COLORS, strict=False):
        axes.plot([], [], "o", color=color, label=name)
    if names:
        axes.legend(loc="lower right", fontsize=6.5)
    axes.set(title=style.lettered("c", "twins"), ylabel="correlation of pairs", xlabel="twin", ylim=(0, None))
    numbers.add("twins", "recording", 0, wanted, wanted - error, wanted + error)


def _delivered(axes, report, numbers):
    """Promised and delivered false discovery rates on twins that had no part in the calibration."""
    promised = np.array(PROMISES)
    axes.plot([0, 0.25], [0, 0.25], color=style.GUIDE, linewidth=0.8)
    axes.fill_between([0, 0.25], [-0.03, 0.22], [0.03, 0.28], color=style.tint(style.TRUTH, 0.12), lw=0)
    names = _simulators(report)
    for twin in report.twins:
        found = report.delivered.get(twin.plan.words)
        if not found:
            continue
        color = _COLORS[names.index(twin.plan.simulator)]
        values = np.array([found[p] for p in PROMISES])
        marker = _VARIANT_MARKERS[twin.plan.variant]
        axes.plot(promised, values, marker=marker, color=color, linewidth=0.7, markersize=3)
        numbers.add("delivered", twin.plan.words, promised, values)
    axes.set(
        title=style.lettered("d", "promise kept on other twins"),
        xlabel="promised phantoms",
        ylabel="delivered",
        xlim=(0, 0.25),
        ylim=(0, 0.35),
    )


def _spectrum(axes, report, numbers):
    """Largest eigenvalues of the correlations, of the recording and of its twins."""
    names = _simulators(report)
    for twin in report.twins:
        if twin.traits is None or twin.refused:
            continue
        spectrum = twin.traits.spectrum
        axes.plot(
            np.arange(1, len(spectrum) + 1), spectrum, color=_COLORS[names.index(twin.plan.simulator)], lw=0.6
        )
    spectrum = report.traits.spectrum
    place = np.arange(1, len(spectrum) + 1)
    axes.plot(place, spectrum, "o-", color=style.INK, markersize=3, label="recording")
    numbers.add("spectrum", "recording", place, spectrum)
    axes.legend(loc="upper right")
    axes.set(title=style.lettered("e", "modes of the correlations"), xlabel="mode", ylabel="eigenvalue")
    axes.set_ylim(0, None)


def _volume(axes, report, numbers):
    """Total error with more data."""
    looks = style.estimator_styles(report.expected) if report.expected else {}
    for name, one in report.expected.items():
        times = np.array([*one.with_more, 1.0])
        values = np.array([*one.with_more.values(), one.total])
        at = np.argsort(times)
        axes.plot(times[at], values[at], label=style.pretty(name), **looks[name])
        axes.axhline(one.at_best, color=looks[name]["color"], linewidth=0.6, linestyle=":")
        numbers.add("volume", name, times[at], values[at])
    axes.axvline(1, color=style.GUIDE, linewidth=0.8)
    axes.set(
        title=style.lettered("f", "error expected"),
        xscale="log",
        xlabel="times as much data",
        ylabel="total error",
        ylim=(0, 1),
    )
    if report.expected:
        axes.legend(loc="upper right")
