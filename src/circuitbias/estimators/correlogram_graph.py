r"""Graphs of connections from the shape of correlograms.

The correlogram C_ij(l) is that of `circuitbias.spikes.correlograms`: j fires l bins after i, and
C_ji(l) = C_ij(-l). Das & Fiete (2020, doi:10.1038/s41593-020-0699-2, Extended Data Fig. 7, and the authors'
code) read connections off its curve from lag -L to L. A pair is connected

- by ``peak_lag`` (for the ring) if the largest \|C\| lies at a lag shorter than tau;
- by ``zero_jump`` (for sparse inhibition) if C jumps at lag 0, measured against its other jumps;
- by ``largest_jump`` (for rate networks) if the largest jump lies at a lag shorter than tau/3.
"""

import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.estimators.couplings import ConstantNeuronWarning, Couplings, FlatBackgroundWarning
from circuitbias.estimators.jitter import stands_out
from circuitbias.memory import DEFAULT_MB, MemoryLimitError, for_data
from circuitbias.options import correlogram_width, longest_lag
from circuitbias.spikes.correlograms import counted_correlogram
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import ObservedNeurons

RULES = ("peak_lag", "zero_jump", "largest_jump")
SIZES = ("peak", "binary")


class CorrelogramGraph(Estimator):
    """Whether the shape of a pair's correlogram shows a connection, and how strong."""

    bin_steps: int = correlogram_width()
    window_ms: float = longest_lag(30.0)
    rule: Literal["peak_lag", "zero_jump", "largest_jump"] = option(
        "peak_lag",
        "What connects a pair: the lag of the largest correlation, the z-score of the jump at lag zero, or "
        "the lag of the largest jump.",
    )
    connected_ms: float | None = option(
        None,
        "A pair is connected if the lag it is decided by is shorter (ms); null takes `generator.tau_ms` for "
        "`peak_lag`, a third of it for `largest_jump`.",
        above=0,
    )
    least_z: float = option(
        3.0, "Least z-score of a jump at lag zero (`zero_jump`) or of the jitter test.", above=0
    )
    size: Literal["peak", "binary"] = option(
        "peak", "Size of a connection: the correlation at its peak, or 1; `zero_jump` always gives z-scores."
    )
    jitter_ms: float | None = option(
        None,
        "Keep a connection only if its peak stands out from what spikes moved within windows of this length "
        "(ms) would give; null asks for no such test.",
        above=0,
    )

    cost = Cost(seconds=15, bin_steps=3)
    look = Look("correlations", {"correlogram_graph": ("#999933", "d")})
    examples = Examples(
        {},
        {"bin_steps": 10, "jitter_ms": 20.0, "window_ms": 60.0},
        {"rule": "zero_jump", "bin_steps": 20, "window_ms": 60.0, "least_z": 2.0},
        {"rule": "largest_jump", "bin_steps": 30},
    )

    @property
    def directed(self):
        """Only the jump at lag zero tells who acts on whom."""
        return self.rule == "zero_jump"

    @property
    def signed(self):
        """Peaks have a sign; jumps are made for inhibition alone, and binary graphs have none."""
        return self.rule != "zero_jump" and self.size == "peak"


@CorrelogramGraph.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    window_ms: float,
    rule: str,
    connected_ms: float | None,
    least_z: float,
    size: str,
    jitter_ms: float | None,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    r"""Decide from the shape of its correlogram whether a pair of neurons is connected.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    window_ms : float, optional
        Longest lag.
    rule : {"peak_lag", "zero_jump", "largest_jump"}, optional
        ``peak_lag``: connected if \|C\| is largest at a lag shorter than ``connected_ms``; symmetric.

        ``zero_jump``: of the two differences C(0) - C(-1) and C(1) - C(0), the larger in size is turned into
        a z-score by the mean and standard deviation of all other differences but its two neighbours. If i
        inhibits j, C_ij falls as the lag becomes positive: z_ij < ``-least_z`` gives the coupling z_ij from i
        to j. A rise, z_ij > ``least_z``, is a fall of C_ji and gives -z_ij from j to i: the authors' rule,
        said once for both directions. Directed, but at most one way for a pair, and never positive: a rise
        of C_ij might also be excitation from i to j, and the rule, made for networks of inhibition alone,
        takes it for inhibition from j to i. If C(-1) = C(1), the jump has no direction, and z is 0.

        ``largest_jump``: connected if the largest difference of C lies at a lag (the middle between its two
        bins) shorter than ``connected_ms``; symmetric.
    connected_ms : float, optional
        Default: tau for ``peak_lag``, a third of it for ``largest_jump``, but no more than ``window_ms``; tau
        is the synaptic time constant of the model that made the recording, or 10 ms. No use for
        ``zero_jump``.
    least_z : float, optional
        Of ``zero_jump``, and of the test against jitter.
    size : {"peak", "binary"}, optional
        Coupling of a connected pair: C at its peak, with its sign, or 1. ``zero_jump`` gives z-scores.
    jitter_ms : float, optional
        Length of windows within which spikes are jittered: a connection is kept only if the number of pairs
        of spikes at its peak differs from the one expected then by more than ``least_z`` standard
        deviations (see `circuitbias.estimators.jitter`). Default: no such test.
    memory_mb : float, optional
        Bound of the memory for correlograms. If those of all pairs do not fit, neurons are worked on in
        groups, with a pass over the spikes for each pair of groups.
    device : {"auto", "cpu", "cuda"}, optional
        No use: the method runs on the CPU.

    Returns
    -------
    Couplings
        0 where there is no connection. Diagnostics: ``n_bins``, ``n_counts``, ``lag_bins``,
        ``connected_ms``, ``n_connected`` (pairs of neurons). Arrays: ``peak_lag_ms`` (n, n), the lag at which
        \|C_ij\| is largest, with its sign: the shortest of several, and of two of one length that at
        which the neuron of lower number is first; ``connected`` (n, n) of bool, directed as the rule is.

    Warns
    -----
    ConstantNeuronWarning
        Couplings of a neuron with the same count in every bin are NaN.
    FlatBackgroundWarning
        A z-score of a pair whose other differences are all the same is NaN.

    Raises
    ------
    ValueError
        If an option is unknown or out of its range, or the lags do not fit the recording or the memory.
    """
    for name, value, allowed in (("rule", rule, RULES), ("size", size, SIZES)):
        if value not in allowed:
            raise ValueError(f"{name}={value!r} is unknown, allowed are: {', '.join(allowed)}")
    torch_device(device)
    if bin_steps < 1:
        raise ValueError(f"bin_steps={bin_steps} must be at least 1")
    bin_ms = bin_steps * source.dt_ms
    longest = int(window_ms / bin_ms + 1e-9)
    if longest < 3:
        raise ValueError(f"window_ms={window_ms:g} must hold at least 3 bins of {bin_ms:g} ms")
    if connected_ms is None:
        tau_ms = synaptic_tau_ms(source)
        connected_ms = min(tau_ms if rule == "peak_lag" else tau_ms / 3, window_ms)
    if not 0 < connected_ms <= window_ms:
        raise ValueError(f"connected_ms={connected_ms:g} must be above 0 and at most window_ms={window_ms:g}")
    if not least_z > 0:
        raise ValueError(f"least_z={least_z:g} must be above 0")
    jitter_bins = None if jitter_ms is None else int(jitter_ms / bin_ms + 1e-9)
    if jitter_bins is not None and jitter_bins < 2:
        raise ValueError(f"jitter_ms={jitter_ms:g} must hold at least 2 bins of {bin_ms:g} ms")

    n_counts, peak_lag, peak, decisive = _of_all_pairs(source, bin_steps, longest, rule, memory_mb)
    flat = int((np.isnan(decisive) & ~np.isnan(peak)).sum()) // 2
    if flat:
        warnings.warn(
            f"{flat} pairs of neurons have correlograms whose other differences are all the same: NaN",
            FlatBackgroundWarning,
            stacklevel=4,
        )
    # Comparisons with NaN are false.
    if rule == "zero_jump":
        connected, values = decisive < -least_z, decisive
    else:
        # A lag of exactly connected_ms, as far as floating point can tell, is not shorter.
        connected = np.abs(decisive) * bin_ms < connected_ms - 1e-9
        values = peak if size == "peak" else np.ones_like(peak)
    if jitter_bins is not None:
        connected &= stands_out(source, bin_steps, jitter_bins, np.nan_to_num(peak_lag), least_z)
    return Couplings(
        np.where(np.isnan(decisive), np.nan, np.where(connected, values, 0.0)),
        diagnostics={
            "n_bins": int((source.trial_steps // bin_steps).sum()),
            "n_counts": n_counts,
            "lag_bins": longest,
            "connected_ms": connected_ms,
            "n_connected": int(np.triu(connected | connected.T).sum()),
        },
        arrays={"peak_lag_ms": peak_lag * bin_ms, "connected": connected},
    )


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


def _of_all_pairs(source, bin_steps, longest, rule, memory_mb):
    """Sum of the counts; (n, n) each: lag of the peak (bins), C there, what decides; NaN if undefined."""
    n = source.n_neurons
    # As many neurons as the counts of pairs and the copies that are made of them leave room for.
    most = int((for_data(memory_mb) / (8 * (longest + 1))) ** 0.5)
    if most < 2:
        raise MemoryLimitError(
            f"correlograms of a pair of neurons at {longest + 1} lags need "
            f"{4 * 4 * 8 * (longest + 1) / 1e6:.2g} MB, but memory_mb={memory_mb:g}: shorten window_ms "
            "or raise memory_mb"
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
    if constant.any():
        warnings.warn(
            ConstantNeuronWarning(
                f"neurons {np.flatnonzero(constant).tolist()} have the same count in every bin: "
                "their couplings are NaN",
                neurons=np.flatnonzero(constant),
            ),
            stacklevel=5,
        )
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
