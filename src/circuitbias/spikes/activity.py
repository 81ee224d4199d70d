"""What the activity looks like: rates, pattern strength, and a piece of it to draw."""

import warnings

import numpy as np

from circuitbias.exceptions import SaturatedActivityWarning, SilentNeuronsWarning
from circuitbias.spikes.segments import Segment, SpikeSource

SATURATED_SHARE = 0.1
"""A neuron that fires in more than this share of all steps is saturated: 1 kHz with steps of 0.1 ms."""


def warn_of_rates(rates_hz: np.ndarray, dt_ms: float, driven: np.ndarray | None = None) -> None:
    """Warn of neurons that fire nearly all the time, or never: couplings cannot be learned from them.

    Parameters
    ----------
    rates_hz : ndarray, shape (n,)
    dt_ms : float
        Length of a step, in which a neuron fires at most once.
    driven : ndarray of bool, shape (n,), optional
        Neurons that are meant to fire; default: all.

    Warns
    -----
    SaturatedActivityWarning, SilentNeuronsWarning
        At the caller.
    """
    highest = 1000 / dt_ms
    saturated = np.flatnonzero(rates_hz > SATURATED_SHARE * highest)
    if saturated.size:
        warnings.warn(
            f"{saturated.size} of {len(rates_hz)} neurons ({_listed(saturated)}) fire in more than "
            f"{SATURATED_SHARE:.0%} of the steps, at up to {rates_hz.max():.0f} Hz (a spike in every step: "
            f"{highest:.0f} Hz): activity runs away, or the drive exceeds the threshold. Couplings from it "
            "mean little: raise theta, or lower r or the weights",
            SaturatedActivityWarning,
            stacklevel=2,
        )
    silent = np.flatnonzero((rates_hz == 0) & (True if driven is None else driven))
    if silent.size:
        warnings.warn(
            f"{silent.size} of {len(rates_hz)} neurons ({_listed(silent)}) never fire: nothing can be "
            "inferred to or from them. Lower theta, or record for longer",
            SilentNeuronsWarning,
            stacklevel=2,
        )


def _listed(neurons, most=10) -> str:
    names = ", ".join(map(str, neurons[:most]))
    return names if len(neurons) <= most else f"{names}, ..."


def firing_rates_hz(source: SpikeSource) -> np.ndarray:
    """Mean firing rate of each neuron in Hz, shape (n,)."""
    spikes = np.zeros(source.n_neurons, dtype=np.int64)
    for segment in source.segments():
        spikes += np.bincount(segment.neurons, minlength=source.n_neurons)
    return spikes / (source.trial_steps.sum() * source.dt_ms / 1000)


def pattern_strength(correlations: np.ndarray, period: float) -> float:
    """How far the correlations repeat themselves around the ring: 0 for no pattern, 1 for a perfect one.

    The mean over rows of the correlation matrix (its diagonal set to 0) and over shifts by one, two, ...
    periods of the Pearson correlation of a row with itself shifted.

    Parameters
    ----------
    correlations : ndarray, shape (n, n)
        Correlations of spike counts.
    period : float
        Distance between bumps in neurons.

    Returns
    -------
    float
        NaN if a neuron has no correlations, or if there is a single bump, which has nothing to repeat.

    References
    ----------
    Das & Fiete, Nat. Neurosci. 23:1286 (2020), where n = 100 and the shifts are 25, 50 and 75.
    """
    n = len(correlations)
    shifts = np.round(np.arange(period, n - period / 2, period)).astype(int)
    if not len(shifts) or not np.isfinite(correlations[~np.eye(n, dtype=bool)]).all():
        return float("nan")
    rows = np.where(np.eye(n, dtype=bool), 0.0, correlations)
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return float(np.mean([(rows * np.roll(rows, shift, axis=1)).sum(axis=1).mean() for shift in shifts]))


def bump_period(weights: np.ndarray) -> float:
    """Distance between the bumps that circulant weights favour, in neurons; NaN if they favour none.

    The spatial Fourier mode with the largest positive eigenvalue wins.
    """
    offsets = np.arange(len(weights))
    profile = weights[offsets[:, None], (offsets[:, None] + offsets) % len(weights)].mean(axis=0)
    eigenvalues = np.fft.rfft(profile).real[1:]
    mode = int(eigenvalues.argmax()) + 1
    return len(weights) / mode if eigenvalues[mode - 1] > 0 else float("nan")


def snapshot(source: SpikeSource, n_steps: int) -> Segment:
    """The last ``n_steps`` of the first trial, for a raster plot; steps count from the snapshot's start."""
    length = int(source.trial_steps[0])
    start = max(length - n_steps, 0)
    late = list(source.segments(0, first_step=start))
    steps = np.concatenate([segment.steps for segment in late]) - start
    neurons = np.concatenate([segment.neurons for segment in late])
    return Segment(0, 0, length - start, steps, neurons)
