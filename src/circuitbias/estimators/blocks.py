"""Estimates from parts of a recording beside that of the whole: they show how much an estimate varies."""

import warnings

import numpy as np

from circuitbias.estimators.couplings import Couplings, EstimationWarning
from circuitbias.estimators.registry import estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow

N_BLOCKS = 4
"""More blocks tell the spread better, but each has fewer data, which harms nonlinear methods."""


def estimate_with_blocks(
    method: str, source: SpikeSource, *, n_blocks: int = N_BLOCKS, **arguments
) -> Couplings:
    """Estimate couplings from a recording and from each of its parts; takes about twice the time.

    Parameters
    ----------
    method, source
        As for `circuitbias.estimators.estimate`.
    n_blocks : int, optional
        Parts of equal length, one after the other.
    **arguments
        All else for `estimate`.

    Returns
    -------
    Couplings
        Those of the whole recording, with an array ``blocks`` (n_blocks, n, n), each NaN where that part did
        not allow it; without it, and with the reason among the diagnostics (``blocks_refused``), where the
        method refuses a part. What parts warn of is not shown.

    Raises
    ------
    UnusableDataError
        If the whole recording does not allow an estimate.
    """
    whole = estimate(method, source, **arguments)
    length = int(source.trial_steps.sum()) // n_blocks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            parts = [
                estimate(method, StepWindow(source, k * length, length), **arguments).values
                for k in range(n_blocks)
            ]
    except UnusableDataError as refusal:
        whole.diagnostics["blocks_refused"] = str(refusal)
    else:
        whole.arrays["blocks"] = np.stack(parts)
    return whole
