"""Estimates that may come to nothing: where the data allow none, the result says why."""

import warnings

import numpy as np

from circuitbias.catalogue import name_of
from circuitbias.estimators.blocks import estimate_with_blocks
from circuitbias.estimators.couplings import Couplings, EstimationWarning, NoCouplingsWarning
from circuitbias.estimators.registry import component, estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.segments import SpikeSource

_NO_OPTIONS = ("memory_mb", "device", "weights")  # arguments of `estimate`


def attempt(method: str, source: SpikeSource, *, blocks: bool = False, **arguments) -> Couplings:
    """Estimate couplings; where the data allow none, say so in the result.

    Parameters
    ----------
    method, source, **arguments
        As for `estimate`.
    blocks : bool, optional
        Estimate from parts of the recording, too: see `estimate_with_blocks`.

    Returns
    -------
    Couplings
        Its diagnostic ``note`` is empty, or names the warnings that were given. Where no pair has a coupling,
        all values are NaN and the note is the reason, in words; where that is a refusal, ``refused`` is true.

    Raises
    ------
    ValueError, OSError
        What `estimate` raises, but for `UnusableDataError`.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EstimationWarning)
        try:
            couplings = (estimate_with_blocks if blocks else estimate)(method, source, **arguments)
            kinds = {w.category.__name__: str(w.message) for w in caught if _of_estimation(w)}
            note = ", ".join(sorted(kinds))
            if not np.isfinite(couplings.values).any():
                note = kinds.get(NoCouplingsWarning.__name__) or "; ".join(kinds.values())
        except UnusableDataError as refusal:
            note = str(refusal)
            options = {key: value for key, value in arguments.items() if key not in _NO_OPTIONS}
            chosen = component(method, options)
            name = name_of("estimators", type(chosen))
            told = {"method": name, "options": chosen.options(), "traits": chosen.traits()}
            told["refused"] = True
            couplings = Couplings(np.full((source.n_neurons,) * 2, np.nan), told)
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    couplings.diagnostics["note"] = note
    return couplings


def _of_estimation(warning) -> bool:
    return issubclass(warning.category, EstimationWarning)
