"""A picture book of correlograms: a true connection, a phantom and an unconnected pair at every strength."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from circuitbias.errors.detection import connected_pairs
from circuitbias.estimators.evidence import PairCorrelogram
from circuitbias.figures import style
from circuitbias.figures.pair import correlogram

KINDS = ("true connection", "phantom", "unconnected")


class Shown(NamedTuple):
    """A correlogram of the book.

    Attributes
    ----------
    r : float
    kind : str
        One of `KINDS`.
    pair : (int, int)
        Presynaptic and postsynaptic neuron.
    weight, coupling : float
        True weight, and estimate in units of the true weights.
    correlogram : PairCorrelogram
    """

    r: float
    kind: str
    pair: tuple[int, int]
    weight: float
    coupling: float
    correlogram: PairCorrelogram


def chosen_pairs(weights: np.ndarray, wiring_known, couplings: np.ndarray) -> dict[str, tuple[int, int]]:
    """Choose a pair of each kind, by rules without a look at its correlogram.

    Of the strongest tenth of connections the one with the median coupling; of the unconnected pairs that with
    the largest coupling, and that with the median size of coupling.

    Parameters
    ----------
    weights : ndarray, shape (n, n)
    wiring_known : bool or None
        See `circuitbias.errors.detection.connected_pairs`.
    couplings : ndarray, shape (n, n)

    Returns
    -------
    dict of str to (int, int)
        By kind; without those of which the network has none.
    """
    known = np.isfinite(couplings) & ~np.eye(len(weights), dtype=bool)
    connected = connected_pairs(weights, wiring_known)
    strong, apart = np.argwhere(connected & known), np.argwhere(~connected & known)
    found = {}
    if len(strong):
        size = np.abs(weights[tuple(strong.T)])
        strong = strong[size >= np.quantile(size, 0.9)]
        found["true connection"] = _middle(strong, couplings[tuple(strong.T)])
    if len(apart):
        size = np.abs(couplings[tuple(apart.T)])
        found["phantom"] = tuple(apart[int(np.argmax(size))].tolist())
        found["unconnected"] = _middle(apart, size)
    return found


def _middle(pairs: np.ndarray, values: np.ndarray) -> tuple[int, int]:
    return tuple(pairs[np.argsort(values, kind="stable")[len(values) // 2]].tolist())


@style.styled
def draw(shown: list[Shown]) -> tuple[Figure, pd.DataFrame]:
    """Draw the book: a row a strength, a column a kind.

    Parameters
    ----------
    shown : list of Shown

    Returns
    -------
    figure : Figure
    numbers : DataFrame
    """
    strengths = sorted({one.r for one in shown})
    figure, numbers = style.new_figure(20 + 42 * len(strengths)), style.Numbers()
    axes = figure.subplots(len(strengths), len(KINDS), squeeze=False)
    for row, r in enumerate(strengths):
        for column, kind in enumerate(KINDS):
            one = next((one for one in shown if (one.r, one.kind) == (r, kind)), None)
            if one is None:
                axes[row, column].set_axis_off()
                continue
            pre, post = map(str, one.pair)
            title = f"{kind}, {pre} to {post}\nW0 {one.weight:+.1g}, est. {one.coupling:+.1g}"
            correlogram(axes[row, column], one.correlogram, numbers, pre, post, title)
            axes[row, column].get_legend().remove()
            if row < len(strengths) - 1:
                axes[row, column].set_xlabel("")
            if column:
                axes[row, column].set_ylabel("")
        axes[row, 0].set_ylabel(f"r = {r:g}\n{axes[row, 0].get_ylabel()}")
    return figure, numbers.table()
