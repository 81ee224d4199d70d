"""Correlograms on the page to explore: coarse, of all pairs or of those with the largest couplings."""

import base64
from typing import NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS
from bokeh.plotting import figure as new_figure

from circuitbias.spikes.correlograms import count_pairs
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow

BIN_MS, LAGS = 5.0, 10
"""Width of a bin, and bins on each side of the middle one."""
_MOST_SPIKES = 1_000_000
_LEVELS = 255
_MOST_BYTES = 1_900_000  # of all of them, as text


class Lagged(NamedTuple):
    """Pairs of spikes by lag, over what their rates would give by chance: 1 is none.

    Attributes
    ----------
    ratios : ndarray, shape (n, n, LAGS + 1)
        ``[i, j, l]``: j fires l bins after i. NaN if one of them is silent.
    n_spikes : int
        That were looked at.
    """

    ratios: np.ndarray
    n_spikes: int


def lagged(source: SpikeSource) -> Lagged:
    """Count pairs of spikes of a recording, of its beginning if it is long."""
    if source.n_spikes > _MOST_SPIKES:
        n_steps = int(source.trial_steps.sum() * (_MOST_SPIKES / source.n_spikes))
        source = StepWindow(source, 0, n_steps)
    bin_steps = max(1, round(BIN_MS / source.dt_ms))
    pairs, spikes = count_pairs(source, bin_steps, LAGS)
    n_bins = source.trial_steps // bin_steps
    products = np.array([np.maximum(n_bins - lag, 0).sum() for lag in range(LAGS + 1)])
    rates = spikes / max(n_bins.sum(), 1)
    chance = rates[:, None, None] * rates[None, :, None] * products
    by_first = pairs.transpose(1, 0, 2)
    ratios = np.full(by_first.shape, np.nan)
    np.divide(by_first, chance, out=ratios, where=chance > 0)
    return Lagged(ratios, int(spikes.sum()))


def packed(by_strength: dict[float, Lagged], importance: np.ndarray) -> tuple[dict, list[str], int]:
    """Make texts of correlograms, of a byte a bin.

    Parameters
    ----------
    by_strength : dict of float to Lagged
    importance : ndarray, shape (n, n)
        Pairs with the largest values are kept, if not all fit. NaN is least.

    Returns
    -------
    store : dict
        By strength as text: ``values``, ``tops`` (largest ratio of each pair in thousandths) and, of all,
        ``pairs`` (numbers i n + j of both directions), or None if all are there.
    left_out : list of str
        What did not fit, in sentences.
    n_bytes : int
        As text.
    """
    if not by_strength:
        return {}, [], 0
    n = len(importance)
    a_pair = 2 * (LAGS + 1) * 4 / 3 + 2 * 2 * 4 / 3  # both directions
    most = int(_MOST_BYTES / len(by_strength) / a_pair)
    first, second = np.triu_indices(n, 1)
    left_out, codes = [], None
    if most < len(first):
        strength = np.nan_to_num(np.fmax(importance, importance.T)[first, second], nan=-1.0)
        chosen = np.sort(np.argsort(-strength, kind="stable")[: max(1, most - most // 8)])
        first, second = first[chosen], second[chosen]
        left_out = [
            f"correlograms are shown of the {len(chosen)} pairs with the largest estimates: those of all "
            f"{n * (n - 1) // 2} would make the page larger than 10 MB"
        ]
        codes = _text(np.concatenate([first * n + second, second * n + first]).astype("<u4"))
    places = np.concatenate([first, second]), np.concatenate([second, first])
    store = {"pairs": codes, "by_strength": {}}
    for r, one in by_strength.items():
        ratios = one.ratios[places]
        tops = np.fmax.reduce(ratios, axis=1)
        whole = np.rint(np.clip(np.nan_to_num(tops), 0, 65.5) * 1000)
        step = np.maximum(whole, 1)[:, None] / 1000 / _LEVELS
        levels = np.clip(np.rint(np.nan_to_num(ratios) / step), 0, _LEVELS)
        store["by_strength"][f"{r:g}"] = {
            "values": _text(levels.astype("u1")), "tops": _text(whole.astype("<u2")),
            "n_spikes": one.n_spikes,
        }  # fmt: skip
    n_bytes = sum(len(one["values"]) + len(one["tops"]) for one in store["by_strength"].values())
    return store, left_out, n_bytes + len(codes or "")


def drawn_correlogram(store: dict, slider, strengths: list[float], n: int, code: str, size: tuple):
    """Draw the correlogram of the pair under the pointer; return the figure and its pair of neurons."""
    lags = np.arange(-LAGS, LAGS + 1) * BIN_MS
    bars = ColumnDataSource({"lag": lags, "ratio": np.full(len(lags), np.nan)}, name="correlogram")
    pair = ColumnDataSource({"pre": [-1], "post": [-1]}, name="pair")
    drawn = new_figure(
        title="correlogram: hover over a coupling",
        width=size[0],
        height=size[1],
        x_axis_label="lag (ms): right of 0, the second neuron fires later",
        y_axis_label="pairs of spikes / chance",
        tools="reset,save",
        name="lags",
    )
    drawn.y_range.start = 0
    drawn.vbar(x="lag", top="ratio", width=0.9 * BIN_MS, source=bars, color="#9a9a9a")
    drawn.line([lags[0] - BIN_MS, lags[-1] + BIN_MS], [1, 1], color="#D55E00")
    draw = CustomJS(
        args={
            "store": store, "bars": bars, "pair": pair, "slider": slider, "strengths": strengths,
            "n": n, "lags": LAGS, "title": drawn.title,
        },
        code=code,
    )  # fmt: skip
    pair.js_on_change("data", draw)
    slider.js_on_change("value", draw)
    return drawn, pair


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()
