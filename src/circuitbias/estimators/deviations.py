"""How much an estimate differs if a block of the recording is left out: what sampling errors are made of.

Blocks are longer than the slowest correlation time of the recording, so that they are independent samples,
however the noise of different pairs hangs together within one. Each is left out of a part of the recording
in turn; this is nearly linear in what the block brings, also for methods that are not, which an estimate
from one block alone is not (at r = 0.025, with 24 blocks, it would make errors of mean field five times too
large).
"""

import warnings

import numpy as np

from circuitbias.estimators.couplings import Couplings, EstimationWarning
from circuitbias.estimators.registry import estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.slowness import correlation_time_s
from circuitbias.spikes.views import Joined, StepWindow

N_BLOCKS = 8
"""Each costs one more fit of a part of the recording; a standard error from them is good to 1 / sqrt(14)."""

BLOCK_TIMES = 10.0
"""A block is at least so many correlation times long."""

ROWS_A_NEURON = 40
"""Bins in a block, at least, for each neuron: with fewer, leaving one out is no small change for a
regression."""


TOLERANCE = 1e-5
"""Of fits without a block, at most so fine: a hundredth of the sampling errors of 1e5 bins and more."""


def with_deviations(
    couplings: Couplings, method: str, source: SpikeSource, *, bins: int = 100, **arguments
) -> Couplings:
    """Add to an estimate how the blocks of its recording deviate from each other.

    Parameters
    ----------
    couplings : Couplings
        Estimate from the whole recording.
    method, source, **arguments
        As for `circuitbias.estimators.estimate`.
    bins : int
        Width of the method's bins (steps): blocks are made of whole ones.

    Returns
    -------
    Couplings
        The same, with an array ``deviations`` (blocks, n, n) of float32, which add up to 0: block b's
        estimate less the mean, as leaving it out shows it; and among the diagnostics ``correlation_s``, the
        slowest correlation time, ``block_s``, the length of a block, and ``n_blocks``, how many such blocks
        make up the recording (more than were looked at, if it is long). Where blocks cannot be had,
        ``blocks_refused`` is the reason.
    """
    steps = int(source.trial_steps.sum())
    slow_s = correlation_time_s(source)
    slow_steps = slow_s * 1000 / source.dt_ms
    least = max(BLOCK_TIMES * slow_steps, ROWS_A_NEURON * source.n_neurons * bins)
    length = int(min(steps // N_BLOCKS, least)) // bins * bins  # bins are those of the whole
    told = {
        "correlation_s": slow_s,
        "block_s": length * source.dt_ms / 1000,
        "n_blocks": steps / max(length, 1),
    }
    couplings.diagnostics |= told
    if not length > 2 * slow_steps:  # also if that is NaN
        reason = f"an eighth of the recording is no longer than two correlation times, {slow_s:.3g} s each"
        couplings.diagnostics["blocks_refused"] = reason
        return couplings
    if "tolerance" in (options := couplings.diagnostics["options"]):
        arguments |= {"tolerance": max(options["tolerance"], TOLERANCE)}
    try:
        left_out = _left_out(method, source, length, bins, arguments)
    except UnusableDataError as refusal:
        couplings.diagnostics["blocks_refused"] = str(refusal)
        return couplings
    # The scale of couplings is fitted in any case: how it differs between blocks is no error.
    mean = left_out.mean(axis=0)
    along = np.nansum(left_out * mean, axis=(1, 2))
    scaled = (
        left_out
        * np.divide(np.nansum(mean**2), along, where=along != 0, out=np.ones(N_BLOCKS))[:, None, None]
    )
    deviations = -(N_BLOCKS - 1) * (scaled - scaled.mean(axis=0))
    couplings.arrays["deviations"] = deviations.astype(np.float32)
    return couplings


def _left_out(method, source, length, bins, arguments) -> np.ndarray:
    """Estimates from eight blocks, spread evenly, one of which is left out in turn: (blocks, n, n)."""
    steps = int(source.trial_steps.sum())
    gap = (steps - N_BLOCKS * length) // (N_BLOCKS - 1) // bins * bins
    blocks = [StepWindow(source, k * (length + gap), length) for k in range(N_BLOCKS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return np.stack(
            [
                estimate(method, Joined([b for b in blocks if b is not one]), **arguments).values
                for one in blocks
            ]
        )
