"""Cross-correlograms of all pairs of neurons, straight from the events, and couplings from them.

The correlogram of a pair at lag l (bins) is

    C_ij(l) = ( 1/(T - l) sum_t x_i(t) x_j(t + l)  -  m_i m_j ) / (sd_i sd_j),

x being counts in bins, m their means and sd their standard deviations. A positive lag means that i (pre)
fires before j (post); C_ij(-l) = C_ji(l). The sum is a number of pairs of spikes, so it is counted over
pairs of nearby spikes: the cost grows with these, not with bins.
"""

import warnings
from typing import Literal

import numpy as np
from numba import njit

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.estimators.couplings import ConstantNeuronWarning, Couplings, FlatBackgroundWarning
from circuitbias.exceptions import UnusableDataError
from circuitbias.memory import DEFAULT_MB, MemoryLimitError
from circuitbias.options import bin_width, binarised, longest_lag
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource

MEASURES = ("zero_lag", "peak", "z_score")


@njit(nogil=True, cache=True)
def _count_pairs(pairs, bins, neurons, cells, order, oldest):
    """Add each pair of spikes that ends with a new one: ``pairs[later, earlier * lags + lag]``.

    One neuron's spikes after the other: what they add to is then small enough to stay near the processor.

    Parameters
    ----------
    pairs : ndarray of int64, shape (n, n * lags)
    bins, neurons : ndarray of int
        Of the events, sorted by bin.
    cells : ndarray of int
        Of the events, the cell of a row of ``pairs`` less the bin of the later spike.
    order, oldest : ndarray of int
        Indices of the new events, sorted by neuron; for each, that of the first event within the lags.
    """
    for event, first in zip(order, oldest):  # noqa: B905 (numba's zip knows no strict)
        ending, now = pairs[neurons[event]], bins[event]
        for past in range(first, event):
            ending[cells[past] + now] += 1


def _add_events(pairs, codes, first_new):
    """Add the pairs that end with one of ``codes[first_new:]``: sorted, each a bin times n plus a neuron."""
    n, _, n_lags = pairs.shape
    if first_new == len(codes):
        return
    bins = codes // n
    neurons = codes - bins * n
    bins -= bins[0]
    if bins[-1] + n * n_lags < 2**31:
        bins, neurons = bins.astype(np.int32), neurons.astype(np.int32)
    keys = neurons[first_new:].astype(np.min_scalar_type(n - 1))  # 8 and 16 bits are sorted by counting
    order = np.argsort(keys, kind="stable") + first_new
    oldest = np.searchsorted(bins, bins[first_new:] - bins.dtype.type(n_lags - 1))[order - first_new]
    _count_pairs(pairs.reshape(n, -1), bins, neurons, neurons * n_lags - bins, order, oldest)


def _events_at_once(n_neurons):
    """So many that one neuron's are some, but that all of them stay near the processor if they can."""
    return min(max(2 * n_neurons**2, 2**14), 2**21)


def _codes(source, trial, n_bins, bin_steps, progress):
    """One number per event, its bin times n plus its neuron: sorted as the events are, many at a time."""
    at_once = _events_at_once(source.n_neurons)
    waiting, n_waiting = [], 0

    def pieces():
        codes = np.concatenate(waiting)
        return (codes[start : start + at_once] for start in range(0, len(codes), at_once))

    for segment in source.segments(trial):
        complete = segment.steps < n_bins * bin_steps
        waiting.append(segment.steps[complete] // bin_steps * source.n_neurons + segment.neurons[complete])
        n_waiting += len(waiting[-1])
        progress.add(segment.n_steps)
        if n_waiting >= at_once:
            yield from pieces()
            waiting, n_waiting = [], 0
    if n_waiting:
        yield from pieces()


def count_pairs(
    source: SpikeSource, bin_steps: int, longest_lag: int, binarise: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Count pairs of spikes by their lag; the sums over t above, but for pairs of a spike with itself.

    Parameters
    ----------
    source, bin_steps, longest_lag, binarise
        See `correlogram`.

    Returns
    -------
    pairs : ndarray of int64, shape (n, n, longest_lag + 1)
        ``[j, i, l]`` is how often j fires l bins after i.
    spikes : ndarray of int64, shape (n,)
        In complete bins.
    """
    n = source.n_neurons
    trial_bins = source.trial_steps // bin_steps
    pairs = np.zeros((n, n, longest_lag + 1), dtype=np.int64)
    spikes = np.zeros(n, dtype=np.int64)
    progress = Countdown(float(source.trial_steps.sum()), "steps correlated")
    for trial, n_bins in enumerate(trial_bins):
        past = np.empty(0, dtype=np.int64)  # codes that the next ones can look back at
        for codes in _codes(source, trial, n_bins, bin_steps, progress):
            new = np.setdiff1d(codes, past) if binarise else codes
            spikes += np.bincount(new % n, minlength=n)
            codes = np.concatenate([past, new])
            _add_events(pairs, codes, len(past))
            past = codes[codes // n >= codes[-1] // n - longest_lag]

    pairs[:, :, 0] += pairs[:, :, 0].T.copy()  # at lag 0 neither is the earlier one
    return pairs, spikes


def correlogram(source: SpikeSource, bin_steps: int, longest_lag: int, binarise: bool = False) -> np.ndarray:
    """Normalised cross-correlograms of all pairs at lags from 0 on.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Steps in a bin.
    longest_lag : int
        In bins.
    binarise : bool, optional
        Use ``count > 0`` in place of the count.

    Returns
    -------
    ndarray of float64, shape (longest_lag + 1, n, n)
        ``[l, i, j]`` is C_ij(l): j fires l bins after i. NaN where a neuron's count is constant.

    Raises
    ------
    ValueError
        If no trial is longer than ``longest_lag`` bins.
    """
    return counted_correlogram(source, bin_steps, longest_lag, binarise)[0]


def counted_correlogram(source, bin_steps, longest_lag, binarise=False) -> tuple[np.ndarray, np.ndarray]:
    """As `correlogram`, and the sum of the counts of each neuron, (n,)."""
    trial_bins = source.trial_steps // bin_steps
    if trial_bins.max(initial=0) <= longest_lag:
        raise UnusableDataError(
            f"a lag of {longest_lag} bins of {bin_steps} steps is longer than every trial "
            f"(longest: {source.trial_steps.max(initial=0)} steps)"
        )
    pairs, spikes = count_pairs(source, bin_steps, longest_lag, binarise)
    products = pairs.transpose(2, 1, 0).astype(np.float64)
    products[0] += np.diag(spikes)  # a spike also pairs with itself
    n_bins = trial_bins.sum()
    mean = spikes / n_bins
    variance = products[0].diagonal() / n_bins - mean**2
    sd = np.where(variance > 1e-12 * np.maximum(mean**2, 1e-300), np.sqrt(np.abs(variance)), np.nan)
    n_products = np.maximum(trial_bins - np.arange(longest_lag + 1)[:, None], 0).sum(axis=1)
    curves = (products / n_products[:, None, None] - np.outer(mean, mean)) / np.outer(sd, sd)
    return curves, spikes


class CrossCorrelation(Estimator):
    """The correlogram of a pair: its peak, its value at lag zero, or its peak as a z-score."""

    bin_steps: int = bin_width(10)
    binarise: bool = binarised()
    window_ms: float = longest_lag()
    far_ms: float | None = option(
        None,
        "Lags beyond this (ms) are the baseline; less than `window_ms`, null takes half of it.",
        above=0,
    )
    measure: Literal["zero_lag", "peak", "z_score"] = option("peak", "What is read off the correlogram.")

    cost = Cost(seconds=5, bin_steps=10)
    look = Look("correlations", {"cross_correlation": ("#009E73", "^")})
    examples = Examples(
        {},
        {"measure": "zero_lag", "bin_steps": 100, "window_ms": 50},
        {"measure": "z_score", "binarise": True, "far_ms": 8.0},
    )

    @property
    def directed(self):
        """Lags tell who came first."""
        return self.measure != "zero_lag"

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise


@CrossCorrelation.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    binarise: bool,
    window_ms: float,
    far_ms: float | None,
    measure: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    """Read couplings off cross-correlograms.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` in place of the count.
    window_ms : float, optional
        Longest lag.
    far_ms : float, optional
        Lags up to this one can hold the effect of a coupling; those beyond it, on both sides, are the
        background. Default: half of the window.
    measure : {"zero_lag", "peak", "z_score"}, optional
        ``zero_lag``: C_ij(0), symmetric. ``peak``: the value, with its sign, at the lag in (0, far_ms]
        where ``|C_ij|`` is largest; directed. ``z_score``: the same after subtracting the mean and
        dividing by the standard deviation of the background of the pair.
    memory_mb, device
        See `circuitbias.estimators.estimate`; the method runs on the CPU.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``lag_bins``. Arrays: ``correlogram`` (lags, n, n) of float32,
        ``lags_ms`` (lags,), ``peak_lag_ms`` (n, n).

    Warns
    -----
    ConstantNeuronWarning
        Couplings of a neuron with the same count in every bin are NaN.
    FlatBackgroundWarning
        A z-score of a pair without variation in the background is NaN.

    Raises
    ------
    ValueError
        If the measure is unknown or the lags do not fit each other or the recording.
    """
    if device not in ("auto", "cpu"):  # it has no use for one, and takes none that others would refuse
        from circuitbias.device import torch_device  # brings torch, which is slow to load

        torch_device(device)
    if measure not in MEASURES:
        raise ValueError(f"measure={measure!r} is unknown, allowed are: {', '.join(MEASURES)}")
    if bin_steps < 1:
        raise ValueError(f"bin_steps={bin_steps} must be at least 1")
    far_ms = window_ms / 2 if far_ms is None else far_ms
    bin_ms = bin_steps * source.dt_ms
    longest, near = int(window_ms / bin_ms + 1e-9), int(far_ms / bin_ms + 1e-9)
    if not 1 <= near < longest:
        raise ValueError(
            f"window_ms={window_ms:g} and far_ms={far_ms:g} give {longest} and {near} bins of {bin_ms:g} ms: "
            "at least one bin must lie within far_ms, and one between far_ms and window_ms"
        )
    needed_mb = 4 * 8 * source.n_neurons**2 * (longest + 1) / 1e6
    if needed_mb > memory_mb:
        raise MemoryLimitError(
            f"correlograms of {source.n_neurons} neurons at {longest + 1} lags need {needed_mb:.0f} MB, but "
            f"memory_mb={memory_mb:g}: shorten window_ms={window_ms:g} or raise memory_mb"
        )

    curves, spikes = counted_correlogram(source, bin_steps, longest, binarise)
    constant = np.isnan(curves[0].diagonal())
    if constant.any():
        warnings.warn(
            ConstantNeuronWarning(
                f"neurons {np.flatnonzero(constant).tolist()} have the same count in every bin: "
                "their couplings are NaN",
                neurons=np.flatnonzero(constant),
            ),
            stacklevel=4,
        )
    causal = curves[1 : near + 1]
    peak_lag = np.abs(np.nan_to_num(causal)).argmax(axis=0)
    values = curves[0].copy()
    if measure != "zero_lag":
        values = np.take_along_axis(causal, peak_lag[None], axis=0)[0]
    if measure == "z_score":
        background = np.concatenate([curves[near + 1 :], curves[near + 1 :].transpose(0, 2, 1)])
        flat = np.ptp(background, axis=0) == 0  # exact, where rounding would leave a standard deviation
        np.fill_diagonal(flat, False)
        if flat.any():
            warnings.warn(
                f"{flat.sum()} pairs of neurons have a background without variation: they are NaN",
                FlatBackgroundWarning,
                stacklevel=4,
            )
        spread = np.where(flat, np.nan, background.std(axis=0, ddof=1))
        with np.errstate(invalid="ignore", divide="ignore"):  # of the diagonal
            values = (values - background.mean(axis=0)) / spread
    return Couplings(
        values,
        diagnostics={
            "n_bins": int((source.trial_steps // bin_steps).sum()),
            "n_counts": int(spikes.sum()),
            "lag_bins": longest,
        },
        arrays={
            "correlogram": curves.astype(np.float32),
            "lags_ms": np.arange(longest + 1) * bin_ms,
            "peak_lag_ms": np.where(np.isnan(values), np.nan, (peak_lag + 1) * bin_ms),
        },
    )
