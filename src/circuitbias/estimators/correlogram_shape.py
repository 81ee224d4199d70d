"""What the correlogram of a pair looks like: its peak, and how it jumps from bin to bin."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from circuitbias.estimators.couplings import warn_constant
from circuitbias.memory import Budget, MemoryLimitError
from circuitbias.spikes.correlograms import counted_correlogram
from circuitbias.spikes.views import ObservedNeurons


def two_sided(curves: np.ndarray, i: int) -> np.ndarray:
    """Correlograms of a neuron with all others at negative and positive lags.

    Parameters
    ----------
    curves : ndarray, shape (L + 1, n, n)
        As from `circuitbias.spikes.correlograms.correlogram`.
    i : int

    Returns
    -------
    ndarray, shape (2 L + 1, n)
        ``[L + l, j]`` is C_ij(l): j fires l bins after i.
    """
    return np.concatenate([curves[:0:-1, :, i], curves[:, i, :]])


def shapes_of_all_pairs(source, bin_steps: int, longest: int, rule: str, budget: Budget):
    """Measure the correlogram of every pair.

    Parameters
    ----------
    source : SpikeSource
    bin_steps, longest : int
        Steps in a bin, and largest lag in bins.
    rule : {"peak_lag", "zero_jump", "largest_jump"}
    budget : Budget

    Returns
    -------
    n_counts : int
        Sum of the counts.
    peak_lag, peak, decisive : ndarray, shape (n, n)
        Lag of the peak (bins), C there, and what the rule decides by: that lag, the z-score of the jump at
        lag zero, or the lag of the largest jump (bins); NaN where undefined.
    """
    n = source.n_neurons
    # As many neurons as the counts of pairs and the copies that are made of them leave room for.
    most = int((budget.kept / (8 * (longest + 1))) ** 0.5)
    if most < 2:
        raise MemoryLimitError(
            f"correlograms of a pair of neurons at {longest + 1} lags need "
            f"{4 * 4 * 8 * (longest + 1) / 1e6:.2g} MB, but memory_mb={budget.memory_mb:g}: shorten "
            "window_ms or raise memory_mb",
            f"correlograms of a pair at {longest + 1} lags",
            4 * 4 * 8 * (longest + 1) / 1e6,
        )
    decide = {"peak_lag": None, "zero_jump": _zero_jump, "largest_jump": _largest_jump}[rule]
    # What is measured once for a pair i < j: swapping the neurons turns the sign of a lag and of a jump.
    peak_lag, peak, decisive = (np.full((n, n), np.nan) for _ in range(3))
    constant, n_counts = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64)
    for neurons in _sets_with_all_pairs(n, most):
        view = source if len(neurons) == n else ObservedNeurons(source, neurons)
        curves, n_counts[neurons] = counted_correlogram(view, bin_steps, longest)
        constant[neurons] = np.isnan(curves[0].diagonal())
        for k, i in enumerate(neurons[:-1]):
            others = neurons[k + 1 :]
            of_neuron = two_sided(curves, k)[:, k + 1 :]
            lags, heights = _peak(of_neuron)
            decided = lags if decide is None else decide(of_neuron)
            peak_lag[i, others], peak_lag[others, i] = lags, -lags
            peak[i, others] = peak[others, i] = heights
            decisive[i, others], decisive[others, i] = decided, -decided
        del curves  # before those of the next set are made
    warn_constant(constant)
    return int(n_counts.sum()), peak_lag, peak, decisive


def _sets_with_all_pairs(n, most) -> Iterator[np.ndarray]:
    """Rising sets of at most ``most`` neurons, every pair in one of them."""
    if n <= most:
        yield np.arange(n)
        return
    groups = np.array_split(np.arange(n), -(-n // (most // 2)))
    for first, second in combinations(groups, 2):
        yield np.concatenate([first, second])


def _peak(curves):
    """Lag (bins) of the largest size of each column of (2 L + 1, k), the shortest of several; value there."""
    lags = np.arange(len(curves)) - len(curves) // 2
    order = np.argsort(np.abs(lags) - 0.5 * (lags > 0))  # 0, 1, -1, 2, ...
    ordered = curves[order]
    at = np.abs(np.nan_to_num(ordered)).argmax(axis=0)
    heights = np.take_along_axis(ordered, at[None], axis=0)[0]
    return np.where(np.isnan(heights), np.nan, lags[order][at]), heights


def _zero_jump(curves):
    """z-score of the larger of both differences at lag 0 of each column of (2 L + 1, k)."""
    jumps = np.diff(curves, axis=0)
    centre = len(jumps) // 2
    before, after = jumps[centre - 1], jumps[centre]
    at = np.where(np.abs(before) > np.abs(after), centre - 1, centre)
    background = np.abs(np.arange(len(jumps))[:, None] - at) > 1
    n = background.sum(axis=0)
    mean = np.where(background, jumps, 0.0).sum(axis=0) / n
    spread = np.sqrt(np.where(background, (jumps - mean) ** 2, 0.0).sum(axis=0) / (n - 1))
    highest = np.where(background, jumps, -np.inf).max(axis=0)
    flat = highest == np.where(background, jumps, np.inf).min(axis=0)  # exact, where rounding leaves a spread
    z = (np.take_along_axis(jumps, at[None], axis=0)[0] - mean) / np.where(flat, np.nan, spread)
    # As much up as down (C(-1) = C(1)): a jump that has no direction, whichever of both is taken.
    return np.where(before == -after, np.where(np.isnan(z), np.nan, 0.0), z)


def _largest_jump(curves):
    """Lag (bins, halves) of the largest difference of each column of (2 L + 1, k), or the shortest."""
    jumps = np.diff(curves, axis=0)
    lags = np.arange(len(jumps)) - (len(jumps) - 1) / 2
    order = np.argsort(np.abs(lags), kind="stable")
    at = np.abs(np.nan_to_num(jumps[order])).argmax(axis=0)
    return np.where(np.isnan(jumps[0]), np.nan, lags[order][at])
