"""What the activity looks like: rates, pattern strength, and a piece of it to draw."""

import warnings

import numpy as np
from numba import njit

from circuitbias.checks import MOST_WHOLE, whole
from circuitbias.exceptions import SaturatedActivityWarning, SilentNeuronsWarning
from circuitbias.spikes.correlograms import normalised
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


class WindowCorrelations:
    """Correlations of single-step counts in windows of so many spikes, from segments as they come.

    A window ends with the step in which it reaches its number; an incomplete one is dropped.

    Parameters
    ----------
    n_neurons : int
    n_spikes : int
        In a window, of all neurons.
    most : int, optional
        Windows that are wanted: what follows them is not looked at.

    Attributes
    ----------
    found : list of ndarray, shape (n, n)
        One of each complete window; NaN where a neuron is silent.
    """

    def __init__(self, n_neurons: int, n_spikes: int, most: int = MOST_WHOLE):
        self._n, self._n_spikes, self._most = n_neurons, whole("n_spikes", n_spikes, least=1), most
        self.found: list[np.ndarray] = []
        self._begin()

    def _begin(self):
        self._missing, self._n_steps = self._n_spikes, 0
        self._pairs = np.zeros((self._n, self._n), dtype=np.int64)
        self._spikes = np.zeros(self._n, dtype=np.int64)

    def add(self, segment: Segment) -> None:
        """Go on with the next segment of the same trial."""
        while len(self.found) < self._most and segment.steps.size >= self._missing:
            piece, segment = _split(segment, int(segment.steps[self._missing - 1]) + 1)
            self._count(piece)
            pairs = self._pairs + self._pairs.T
            self.found.append(normalised(pairs[None], self._spikes, np.array([self._n_steps]))[0])
            self._begin()
        if len(self.found) < self._most:
            self._count(segment)

    def _count(self, piece):
        _add_coincidences(self._pairs, self._spikes, piece.steps, piece.neurons)
        self._missing -= piece.steps.size
        self._n_steps += piece.n_steps


@njit(nogil=True, cache=True)
def _add_coincidences(pairs, spikes, steps, neurons):
    """Add each event to the spikes, and each two of one step to the pairs: ``[later, earlier]``."""
    first = 0
    for event in range(len(steps)):
        if steps[event] != steps[first]:
            first = event
        spikes[neurons[event]] += 1
        for earlier in range(first, event):
            pairs[neurons[event], neurons[earlier]] += 1


def _split(segment: Segment, step: int) -> tuple[Segment, Segment]:
    """Cut a segment before a step."""
    cut, length = np.searchsorted(segment.steps, step), step - segment.first_step
    return (
        segment._replace(n_steps=length, steps=segment.steps[:cut], neurons=segment.neurons[:cut]),
        segment._replace(
            first_step=step,
            n_steps=segment.n_steps - length,
            steps=segment.steps[cut:],
            neurons=segment.neurons[cut:],
        ),
    )


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
