"""Graphs of connections from the shape of correlograms."""

from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import resolve_device
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.estimators.correlogram_shape import shapes_of_all_pairs
from circuitbias.estimators.couplings import Couplings, FlatBackgroundWarning, warn
from circuitbias.estimators.jitter import stands_out
from circuitbias.memory import Budget
from circuitbias.options import correlogram_width, longest_lag


class CorrelogramGraph(Estimator):
    r"""Whether the shape of a pair's correlogram shows a connection, and how strong.

    The correlogram C_ij(l) is that of `circuitbias.spikes.correlograms`: j fires l bins after i, and C_ji(l)
    = C_ij(-l). Das & Fiete (2020, doi:10.1038/s41593-020-0699-2, Extended Data Fig. 7, and the authors' code)
    read connections off its curve from lag -L to L, by one of these rules:

    ``peak_lag`` (for the ring): connected if \|C\| is largest at a lag shorter than ``connected_ms``;
    symmetric.

    ``zero_jump`` (for sparse inhibition): of the two differences C(0) - C(-1) and C(1) - C(0), the larger in
    size is turned into a z-score by the mean and standard deviation of all other differences but its two
    neighbours. If i inhibits j, C_ij falls as the lag becomes positive: z_ij < ``-least_z`` gives the
    coupling z_ij from i to j. A rise, z_ij > ``least_z``, is a fall of C_ji and gives -z_ij from j to i: the
    authors' rule, said once for both directions. Directed, but at most one way for a pair, and never
    positive: a rise of C_ij might also be excitation from i to j, and the rule, made for networks of
    inhibition alone, takes it for inhibition from j to i. If C(-1) = C(1), the jump has no direction, and z
    is 0.

    ``largest_jump`` (for rate networks): connected if the largest difference of C lies at a lag (the middle
    between its two bins) shorter than ``connected_ms``; symmetric.

    The default of ``connected_ms`` is tau for ``peak_lag``, a third of it for ``largest_jump``, but no more
    than ``window_ms``; tau is the synaptic time constant of the model that made the recording, or 10 ms. With
    ``jitter_ms``, a connection is kept only if the number of pairs of spikes at its peak differs from the one
    expected under jitter by more than ``least_z`` standard deviations (`circuitbias.estimators.jitter`).
    """

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

    def estimate(self, source, *, memory_mb, device):
        r"""Decide whether each pair is connected, on the CPU.

        If correlograms of all pairs exceed the memory, neurons are worked on in groups, with a pass over the
        spikes for each pair of groups.

        Returns
        -------
        Couplings
            0 where there is no connection. Diagnostics: ``n_bins``, ``n_counts``, ``lag_bins``,
            ``connected_ms``, ``n_connected`` (pairs of neurons). Arrays: ``peak_lag_ms`` (n, n), the lag at
            which \|C_ij\| is largest, with its sign: the shortest of several, and of two of one length that
            at which the neuron of lower number is first; ``connected`` (n, n) of bool, directed as the rule
            is.

        Warns
        -----
        ConstantNeuronWarning
            Couplings of a neuron with the same count in every bin are NaN.
        FlatBackgroundWarning
            A z-score of a pair whose other differences are all the same is NaN.

        Raises
        ------
        ValueError
            If the lags do not fit each other, the recording or the memory.
        """
        resolve_device(device)
        bin_ms = self.bin_steps * source.dt_ms
        longest = int(self.window_ms / bin_ms + 1e-9)
        if longest < 3:
            raise ValueError(f"window_ms={self.window_ms:g} must hold at least 3 bins of {bin_ms:g} ms")
        connected_ms = self.connected_ms
        if connected_ms is None:
            tau_ms = synaptic_tau_ms(source)
            connected_ms = min(tau_ms if self.rule == "peak_lag" else tau_ms / 3, self.window_ms)
        if not 0 < connected_ms <= self.window_ms:
            raise ValueError(
                f"connected_ms={connected_ms:g} must be above 0 and at most window_ms={self.window_ms:g}"
            )
        jitter_bins = None if self.jitter_ms is None else int(self.jitter_ms / bin_ms + 1e-9)
        if jitter_bins is not None and jitter_bins < 2:
            raise ValueError(f"jitter_ms={self.jitter_ms:g} must hold at least 2 bins of {bin_ms:g} ms")

        n_counts, peak_lag, peak, decisive = shapes_of_all_pairs(
            source, self.bin_steps, longest, self.rule, Budget(memory_mb)
        )
        flat = int((np.isnan(decisive) & ~np.isnan(peak)).sum()) // 2
        if flat:
            says = f"{flat} pairs of neurons have correlograms whose other differences are all the same: NaN"
            warn(FlatBackgroundWarning(says))
        # Comparisons with NaN are false.
        if self.rule == "zero_jump":
            connected, values = decisive < -self.least_z, decisive
        else:
            # A lag of exactly connected_ms, as far as floating point can tell, is not shorter.
            connected = np.abs(decisive) * bin_ms < connected_ms - 1e-9
            values = peak if self.size == "peak" else np.ones_like(peak)
        if jitter_bins is not None:
            connected &= stands_out(
                source, self.bin_steps, jitter_bins, np.nan_to_num(peak_lag), self.least_z
            )
        return Couplings(
            np.where(np.isnan(decisive), np.nan, np.where(connected, values, 0.0)),
            diagnostics={
                "n_bins": int((source.trial_steps // self.bin_steps).sum()),
                "n_counts": n_counts,
                "lag_bins": longest,
                "connected_ms": connected_ms,
                "n_connected": int(np.triu(connected | connected.T).sum()),
            },
            arrays={"peak_lag_ms": peak_lag * bin_ms, "connected": connected},
        )
