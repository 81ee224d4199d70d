"""The evidence for one coupling: correlogram with what loosely timed spikes give, every method, rates."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from circuitbias.figures import style

_FEWER = "#2166ac"
_MORE = "#b2182b"
_BAND = "#d9d9d9"
_LONGEST = 11  # characters of an id


@style.styled
def draw(found) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    found : circuitbias.estimators.evidence.Evidence

    Returns
    -------
    figure : Figure
    numbers : DataFrame
    """
    a, b = short_names(found.units)
    figure, numbers = style.new_figure(110), style.Numbers()
    rows = figure.add_gridspec(2, 2, height_ratios=(1.8, 1), width_ratios=(1.35, 1))
    correlogram(figure.add_subplot(rows[0, 0]), found.correlogram, numbers, a, b)
    _methods(figure.add_subplot(rows[:, 1]), found, numbers)
    _rates(figure.add_subplot(rows[1, 0]), found, numbers)
    figure.draw_without_rendering()  # names of units are as wide as they are: saving lays it out once more
    return figure, numbers.table()


def short_names(units) -> tuple[str, str]:
    """Ids of two units, of long ones as much from the end as tells them apart."""
    for kept in range(_LONGEST, max(map(len, units))):
        names = tuple(one if len(one) <= kept + 1 else f"…{one[-kept:]}" for one in units)
        if names[0] != names[1]:
            return names
    return tuple(units)


def correlogram(axes, found, numbers, a: str, b: str, title: str = "") -> None:
    """Draw a correlogram with the band that loosely timed spikes stay in, as counts of pairs of spikes."""
    half, spread = found.bin_ms / 2, found.band * np.sqrt(found.expected)
    edges = np.append(found.lags_ms - half, found.lags_ms[-1] + half)
    low, high = np.maximum(found.expected - spread, 0), found.expected + spread
    axes.stairs(high, edges, baseline=low, fill=True, color=_BAND, linewidth=0, label="jittered, 95 %")
    axes.stairs(found.expected, edges, color=style.TRUTH, linewidth=0.8)
    axes.stairs(found.pairs, edges, color=style.INK, linewidth=1, label="recorded", baseline=None)
    outside = found.outside
    colors = np.where(found.z > 0, _MORE, _FEWER)
    axes.scatter(found.lags_ms[outside], found.pairs[outside], s=9, c=colors[outside], zorder=3, linewidth=0)
    axes.axvline(0, color=style.GUIDE, linewidth=0.7, zorder=0)
    top = max(float(found.pairs.max()), float(high.max()), 1.0)
    bottom = min(float(found.pairs.min()), float(low.min()))
    room = 0.08 * (top - bottom) or 1.0
    axes.set(xlim=(edges[0], edges[-1]), ylim=(max(bottom - room, 0), top + 3 * room))
    between = "\n" if len(a + b) > _LONGEST else " "
    axes.set(
        xlabel=f"lag (ms); right:{between}{b} fires after {a}",
        ylabel=f"pairs of spikes in {found.bin_ms:g} ms",
    )
    axes.set_title(title or f"correlogram, spikes jittered within {found.jitter_ms:g} ms")
    axes.legend(loc="upper right", ncols=2, fontsize=7)
    numbers.add(f"correlogram {a}, {b}", "recorded", found.lags_ms, found.pairs, low, high, found.expected)


def _methods(axes, found, numbers) -> None:
    """Couplings of both directions, each in units of the typical coupling of its method."""
    shown = [one for one in found.methods if "unusable" not in one and one["spread"]]
    a, b = short_names(found.units)
    low, high = -2.0, 2.0
    for row, one in enumerate(shown):
        for way, shift, marker, color in (
            ("a_to_b", -0.13, ">", style.INK),
            ("b_to_a", 0.13, "<", "#D55E00"),
        ):
            value, error = one[way]["coupling"], one[way]["standard_error"]
            if value is None:
                axes.text(0, row + shift, " none", fontsize=6.5, va="center", color=color)
                continue
            if one[way]["masked"]:
                axes.text(0, row + shift, " cut by the mask", fontsize=6.5, va="center", color=color)
                continue
            x, dx = value / one["spread"], (error or 0.0) / one["spread"]
            low, high = min(low, x - 2 * dx), max(high, x + 2 * dx)
            axes.errorbar(
                x, row + shift, xerr=2 * dx or None, marker=marker, color=color, linewidth=1, capsize=0
            )
            numbers.add("methods", f"{one['method']}, {way}", x, row, x - 2 * dx, x + 2 * dx, value)
    axes.axvline(0, color=style.GUIDE, linewidth=0.7, zorder=0)
    axes.axvspan(-1, 1, color="#f2f2f2", zorder=-1, linewidth=0)
    axes.set_yticks(range(len(shown)), [one["method"].replace("_", "\n", 1) for one in shown])
    axes.set(
        ylim=(max(len(shown), 1) - 0.4, -0.6), xlim=(low - 0.06 * (high - low), high + 0.06 * (high - low))
    )
    axes.set(xlabel="coupling / median size of the method's", title="couplings, with two standard errors")
    axes.plot([], [], ">", color=style.INK, label=f"{a} to {b}")
    axes.plot([], [], "<", color="#D55E00", label=f"{b} to {a}")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.14), ncols=1 if len(a + b) > _LONGEST else 2)
    if not shown:
        axes.text(0, 0, "no method gives couplings", ha="center")


def _rates(axes, found, numbers) -> None:
    minutes = (np.arange(found.rates_hz.shape[1]) + 0.5) * found.piece_s
    for name, rates, color in zip(
        short_names(found.units), found.rates_hz, (style.INK, "#D55E00"), strict=True
    ):
        axes.plot(minutes, rates, color=color, label=name, linewidth=1)
        numbers.add("rates", name, minutes, rates)
    axes.set(xlabel="time, trials one after the other (s)", ylabel="rate (Hz)", title="rates")
    axes.set_ylim(0, 1.5 * max(float(found.rates_hz.max()), 1e-9))
    axes.legend(loc="upper right", ncols=2 if max(map(len, found.units)) <= _LONGEST else 1, fontsize=7)
