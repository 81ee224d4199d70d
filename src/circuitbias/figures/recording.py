"""A recording and its couplings: matrix ordered by structure, anatomy, a minute of spikes, rates."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform
from scipy.stats import norm

from circuitbias.figures import style

PIECE_S = 60.0
"""Longest piece of the recording that is drawn."""
_BEST_ORDER = 300  # units; the best order of leaves takes the cube of them
_FEWEST_FOR_LOG = 20  # pairs in the highest bar
_MOST_SPIKES, _MOST_EDGES, _MOST_NAMED = 50_000, 60, 40
_RATE_COLOR = "#8a8a8a"


class Piece(NamedTuple):
    """Spikes that are drawn: times from the start of the piece (s), and their units, by number."""

    times_s: np.ndarray
    units: np.ndarray
    start_s: float


@style.styled
def draw(
    units: list[str],
    values: np.ndarray,
    errors: np.ndarray,
    rates_hz: np.ndarray,
    piece: Piece,
    title: str,
    positions: np.ndarray | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    units : list of str
        Ids.
    values : ndarray, shape (n, n)
        Couplings [pre, post]; NaN where there is none.
    errors : ndarray, shape (n, n)
        Their standard errors; NaN where not known.
    rates_hz : ndarray, shape (n,)
    piece : Piece
    title : str
        Of the matrix.
    positions : ndarray, shape (n, 2), optional
        Of the units on the anatomy, in any unit of length; NaN where not known.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value: the order of the units, their rates and, if drawn,
        their places. Couplings themselves are a table of their own.
    """
    order = order_by_structure(values)
    place = np.argsort(order)
    with_map = positions is not None and np.isfinite(positions).all(1).sum() > 1
    figure, numbers = style.new_figure(150), style.Numbers()
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    matrix, other = top.subplots(1, 2)
    _matrix(top, matrix, values[np.ix_(order, order)], [units[k] for k in order], title)
    if with_map:
        _map(other, values, errors, positions)
        numbers.add("map", "position", positions[:, 0], positions[:, 1], value=np.arange(len(units)))
    else:
        _histogram(other, values, errors)
    raster, rates = bottom.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    raster.plot(piece.times_s, place[piece.units], "|", markersize=2, markeredgewidth=0.4, color=style.INK)
    raster.set(
        xlabel=f"time from {piece.start_s:.4g} s on (s)",
        ylabel="unit, in the order above",
        title="spikes",
        ylim=(len(units) - 0.5, -0.5),
    )
    if len(units) <= _MOST_NAMED:
        raster.set_yticks(range(len(units)), [units[k] for k in order], fontsize=5)
    else:
        raster.set_yticks([])
    height = 0.8 if len(units) <= _MOST_NAMED else 1.0  # gaps between thin bars would make patterns
    rates.barh(np.arange(len(units)), rates_hz[order], height=height, color=_RATE_COLOR, linewidth=0)
    rates.set(xlabel="rate (Hz)", title="rates")
    numbers.add("rates", "rate_hz", rates_hz[order], np.arange(len(units)), value=order)
    figure.draw_without_rendering()  # names of units are as wide as they are: saving lays it out once more
    return figure, numbers.table()


def order_by_structure(values: np.ndarray) -> np.ndarray:
    """Order units so that those with alike couplings, to others and from others, lie beside each other.

    Parameters
    ----------
    values : ndarray, shape (n, n)
        NaN counts as no coupling.

    Returns
    -------
    ndarray of int, shape (n,)
        Leaves of an average linkage, by one minus the correlation of rows and columns; units without any
        coupling
        come last.
    """
    known = np.nan_to_num(values)
    profile = np.hstack([known, known.T])
    coupled = np.flatnonzero(profile.std(axis=1) > 0)
    rest = np.setdiff1d(np.arange(len(values)), coupled)
    if len(coupled) < 3:
        return np.concatenate([coupled, rest])
    distance = squareform(np.clip(1 - np.corrcoef(profile[coupled]), 0, 2), checks=False)
    tree = linkage(distance, "average")
    if len(coupled) <= _BEST_ORDER:
        tree = optimal_leaf_ordering(tree, distance)
    return np.concatenate([coupled[leaves_list(tree)], rest])


def _matrix(figure, axes, values, names, title):
    finite = np.abs(values[np.isfinite(values)])
    limit = float(np.quantile(finite, 0.99)) if finite.size else 1.0  # a few outliers would bleach all others
    axes.set_facecolor(style.GAP)
    image = axes.imshow(values, cmap=style.WEIGHTS_MAP, vmin=-(limit or 1.0), vmax=limit or 1.0)
    axes.set(title=title, xlabel="to unit", ylabel="from unit")
    if len(names) <= _MOST_NAMED:
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=5)
        axes.set_yticks(range(len(names)), names, fontsize=5)
    else:
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(f"to unit ({len(names)}, ordered by structure)")
    figure.colorbar(image, ax=axes, extend="both")


def _histogram(axes, values, errors):
    """How couplings are spread: in standard errors beside what chance gives, where these are known."""
    known = np.isfinite(values) & (errors > 0)
    if not known.any():
        finite = values[np.isfinite(values)]
        spread = np.ptp(finite) > 1e-9 * np.abs(finite).max() if finite.size else False
        axes.hist(finite, bins=60 if spread else 1, color=_RATE_COLOR)  # between equal ones there is no room
        axes.set(title="couplings", xlabel="coupling", ylabel="pairs")
        return
    z = values[known] / errors[known]
    limit = max(4.0, min(float(np.abs(z).max()), 12.0))
    edges = np.linspace(-limit, limit, 81)
    counts, *_ = axes.hist(np.clip(z, -limit, limit), bins=edges, color=_RATE_COLOR)
    middles = (edges[1:] + edges[:-1]) / 2
    axes.plot(middles, len(z) * np.diff(norm.cdf(edges)), color=style.INK, linewidth=1, label="chance alone")
    beyond = f" (ends: beyond {limit:g})" if np.abs(z).max() > limit else ""
    axes.set(title=f"in standard errors{beyond}", xlabel="coupling / standard error", ylabel="pairs")
    if counts.max() >= _FEWEST_FOR_LOG:
        axes.set_yscale("log")
        axes.set_ylim(0.5, 3 * counts.max())
    else:
        axes.set_ylim(0, 1.3 * counts.max())
        axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend()


def _map(axes, values, errors, positions):
    """Couplings that stand out most from their errors, which those of rare units do not; else the largest."""
    with_error = bool((np.isfinite(values) & (errors > 0)).any())
    scale = np.where(errors > 0, errors, np.inf) if with_error else 1.0
    strength = np.abs(np.nan_to_num(values)) / scale
    strength[~np.isfinite(positions).all(1), :] = strength[:, ~np.isfinite(positions).all(1)] = 0
    edges = np.argsort(-strength, axis=None, kind="stable")[: min(_MOST_EDGES, 2 * len(values))]
    pre, post = np.unravel_index(edges[strength.ravel()[edges] > 0], strength.shape)
    colors = np.where(values[pre, post] > 0, "#b2182b", "#2166ac")
    lines = np.stack([positions[pre], positions[post]], axis=1)
    widths = 0.2 + 1.4 * strength[pre, post] / (strength.max() or 1.0)
    axes.add_collection(LineCollection(lines, colors=colors, linewidths=widths, alpha=0.7))
    axes.plot(*positions.T, "o", markersize=3, color=style.INK, markeredgewidth=0)
    axes.set(title=f"the {len(pre)} that stand out most, on the anatomy", xlabel="x", ylabel="y")
    axes.set_aspect("equal", adjustable="datalim")


def piece_of(spikes, start_s: float) -> Piece:
    """Return the first piece of a recording, as long as can be drawn.

    Parameters
    ----------
    spikes : SpikeSource
        Its first trial is taken.
    start_s : float
        When that starts.
    """
    last = int(PIECE_S * 1000 / spikes.dt_ms)
    times, units = [], []
    left = _MOST_SPIKES
    for segment in spikes.segments(0, 0, last):
        times.append(segment.steps[:left])
        units.append(segment.neurons[:left])
        left -= len(times[-1])
    steps = np.concatenate(times) if times else np.empty(0, int)
    numbers = np.concatenate(units) if units else np.empty(0, int)
    return Piece(steps * spikes.dt_ms / 1000, numbers, start_s)
