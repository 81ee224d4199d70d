"""Couplings from cross-correlograms: see `circuitbias.spikes.correlograms`."""

from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import resolve_device
from circuitbias.estimators.couplings import Couplings, FlatBackgroundWarning, warn, warn_constant
from circuitbias.memory import MemoryLimitError
from circuitbias.options import bin_width, binarised, longest_lag
from circuitbias.spikes.correlograms import counted_correlogram


class CrossCorrelation(Estimator):
    """The correlogram of a pair: its peak, its value at lag zero, or its peak as a z-score.

    Lags up to ``far_ms`` can hold the effect of a coupling; those beyond it, on both sides, are the
    background. The measure ``zero_lag`` is C_ij(0), symmetric. ``peak`` is the value, with its sign, at the
    lag in (0, far_ms] where ``|C_ij|`` is largest; directed. ``z_score`` is the same after subtracting the
    mean and dividing by the standard deviation of the background of the pair. The other two have no use for
    the background, whose lags they do not count.
    """

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

    def estimate(self, source, *, memory_mb, device):
        """Read couplings off cross-correlograms, on the CPU.

        Returns
        -------
        Couplings
            Diagnostics: ``n_bins``, ``n_counts``, ``lag_bins``. Arrays: ``correlogram`` (lags, n, n) of
            float32, up to ``far_ms`` or, of the z-score, ``window_ms``; ``lags_ms`` (lags,), ``peak_lag_ms``
            (n, n).

        Warns
        -----
        ConstantNeuronWarning
            Couplings of a neuron with the same count in every bin are NaN.
        FlatBackgroundWarning
            A z-score of a pair without variation in the background is NaN.

        Raises
        ------
        ValueError
            If the lags do not fit each other or the recording.
        """
        resolve_device(device)  # it has no use for one, and takes none that others would refuse
        bin_steps, window_ms = self.bin_steps, self.window_ms
        far_ms = window_ms / 2 if self.far_ms is None else self.far_ms
        bin_ms = bin_steps * source.dt_ms
        longest, near = int(window_ms / bin_ms + 1e-9), int(far_ms / bin_ms + 1e-9)
        if not 1 <= near < longest:
            raise ValueError(
                f"window_ms={window_ms:g} and far_ms={far_ms:g} give {longest} and {near} bins of "
                f"{bin_ms:g} ms: at least one bin must lie within far_ms, and one between both"
            )
        longest = longest if self.measure == "z_score" else near
        needed_mb = 4 * 8 * source.n_neurons**2 * (longest + 1) / 1e6
        if needed_mb > memory_mb:
            raise MemoryLimitError(
                f"correlograms of {source.n_neurons} neurons at {longest + 1} lags need {needed_mb:.0f} MB, "
                f"but memory_mb={memory_mb:g}: shorten window_ms={window_ms:g} or far_ms={far_ms:g}, or "
                "raise memory_mb",
                f"correlograms of {source.n_neurons} neurons at {longest + 1} lags",
                needed_mb,
            )

        curves, spikes = counted_correlogram(source, bin_steps, longest, self.binarise)
        constant = np.isnan(curves[0].diagonal())
        warn_constant(constant)
        values, peak_lag = read_off(curves, near, self.measure)
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


def read_off(curves: np.ndarray, near: int, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Read couplings off correlograms, by one of the options of `measure`.

    Parameters
    ----------
    curves : ndarray, shape (n_lags, n, n)
        At lags 0, 1 ...: ``[l, i, j]`` where j fires l bins after i.
    near : int
        Lags up to this one can hold the effect of a coupling; those beyond it are the background.
    measure : str

    Returns
    -------
    values : ndarray, shape (n, n)
    peak_lag : ndarray of int, shape (n, n)
        The lag of the largest absolute value, less 1.
    """
    causal = curves[1 : near + 1]
    peak_lag = np.abs(np.nan_to_num(causal)).argmax(axis=0)
    if measure == "zero_lag":
        return curves[0].copy(), peak_lag
    values = np.take_along_axis(causal, peak_lag[None], axis=0)[0]
    if measure == "z_score":
        background = np.concatenate([curves[near + 1 :], curves[near + 1 :].transpose(0, 2, 1)])
        flat = np.ptp(background, axis=0) == 0  # exact, where rounding would leave a standard deviation
        np.fill_diagonal(flat, False)
        if flat.any():
            says = f"{flat.sum()} pairs of neurons have a background without variation: they are NaN"
            warn(FlatBackgroundWarning(says))
        spread = np.where(flat, np.nan, background.std(axis=0, ddof=1))
        with np.errstate(invalid="ignore", divide="ignore"):  # of the diagonal
            values = (values - background.mean(axis=0)) / spread
    return values, peak_lag
