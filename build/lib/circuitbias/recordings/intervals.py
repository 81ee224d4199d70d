"""Intervals of time: when units were observed, and when all of them were."""

from collections.abc import Sequence

import numpy as np


def merged(intervals, name: str) -> np.ndarray:
    """Sort intervals and join those that touch or overlap.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Start and end of each.
    name : str
        For messages.

    Returns
    -------
    ndarray of float64, shape (n_merged, 2)
        Apart from each other, in order; none of length 0.

    Raises
    ------
    ValueError
        If they are no pairs of finite numbers, or one ends before it starts.
    """
    found = np.asarray(intervals, dtype=np.float64)
    found = found.reshape(0, 2) if found.size == 0 else found
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():
        raise ValueError(f"{name}: must be pairs of finite numbers, got shape {found.shape}")
    if (found[:, 1] < found[:, 0]).any():
        start, end = found[np.argmax(found[:, 1] < found[:, 0])]
        raise ValueError(f"{name}: the interval from {start:g} s to {end:g} s ends before it starts")
    found = found[np.argsort(found[:, 0], kind="stable")]
    ends = np.maximum.accumulate(found[:, 1])
    opens = np.append(True, found[1:, 0] > ends[:-1])[: len(found)]
    closes = np.append(opens[1:], True)[: len(found)]
    joined = np.column_stack([found[opens, 0], ends[closes]])
    return joined[joined[:, 1] > joined[:, 0]]


def cut_to(intervals: np.ndarray, start: float, end: float) -> np.ndarray:
    """Intervals cut to a window."""
    inside = np.clip(intervals, start, end)
    return inside[inside[:, 1] > inside[:, 0]]


def common(observed: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """When all units were observed, and what each of them alone costs.

    Parameters
    ----------
    observed : sequence of ndarray, shape (n, 2)
        Merged intervals of each unit.

    Returns
    -------
    all_of_them : ndarray, shape (n_common, 2)
    cost : ndarray, shape (n_units,)
        Seconds in which all but this unit were observed.
    """
    n_units = len(observed)
    starts = np.sort(np.concatenate([one[:, 0] for one in observed]))
    ends = np.sort(np.concatenate([one[:, 1] for one in observed]))
    edges = np.union1d(starts, ends)
    # Between two edges nobody comes or goes.
    seen = np.searchsorted(starts, edges[:-1], "right") - np.searchsorted(ends, edges[:-1], "right")
    every = np.column_stack([edges[:-1], edges[1:]])
    cost = np.zeros(n_units)
    lonely = every[seen == n_units - 1]
    if len(lonely):
        for unit, one in enumerate(observed):
            started = np.searchsorted(one[:, 0], lonely[:, 0], "right")
            ended = np.searchsorted(one[:, 1], lonely[:, 0], "right")
            cost[unit] = np.diff(lonely[started == ended]).sum()
    return merged(every[seen == n_units], "common intervals"), cost
