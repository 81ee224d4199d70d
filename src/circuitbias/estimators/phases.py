"""Estimates from bins of one phase of a drive, or with offsets by phase: for methods of single bins."""

import warnings
from collections.abc import Callable

import numpy as np

from circuitbias.checks import require
from circuitbias.component import Estimator
from circuitbias.estimators.couplings import Couplings, EstimationWarning
from circuitbias.options import of_phases
from circuitbias.spikes.phases import PhasesAsNeurons, PhaseWindow, cycle_of
from circuitbias.spikes.segments import SpikeSource
from circuitbias.validation import checked


def split_phases(options: dict, what: str) -> tuple[dict, dict]:
    """Options of a method, and what an entry of a config says of phases: ``phase_ms`` or ``phase_offsets``.

    Parameters
    ----------
    options : dict
    what : str
        The words before the problems.

    Raises
    ------
    ConfigError
        If a value is not allowed.
    """
    known = of_phases()
    said = {name: options[name] for name in known if name in options}
    if not said:
        return options, {}
    said = checked({"type": "object", "additionalProperties": False, "properties": known}, said, what)
    if not said.get("phase_offsets", True):
        del said["phase_offsets"]
    return {name: value for name, value in options.items() if name not in known}, said


def in_phase(source: SpikeSource, said: dict, method: Estimator, name: str) -> SpikeSource:
    """Return the part of a recording that a method may see.

    Raises
    ------
    ValueError
        If the method looks across bins, the recording has no phases, or bins do not fit into them.
    """
    bin_steps, (key, value) = getattr(method, "bin_steps", None), next(iter(said.items()))
    require(
        bin_steps and not method.across_bins,
        key,
        value,
        f"left out: {name} with these options looks across bins, or at single steps",
    )
    cycle, _ = cycle_of(source)
    require(cycle, key, value, "left out: the drive of this recording does not repeat itself")
    if "phase_offsets" in said:
        require("phase_ms" not in said, "phase_offsets", True, "left out beside phase_ms: that is one phase")
        return PhasesAsNeurons(source, bin_steps)
    first, last = (round(time / source.dt_ms) for time in said["phase_ms"])
    require(first < last, "phase_ms", said["phase_ms"], "two times in rising order")
    off = np.abs(np.array([first, last]) * source.dt_ms - said["phase_ms"]).max()
    fits = off < 1e-6 and (last - first) % bin_steps == 0
    bin_ms = bin_steps * source.dt_ms
    require(fits, "phase_ms", said["phase_ms"], f"as long as a bin of {bin_ms:g} ms, or as several")
    within = f"within the cycle of the drive, 0 ... {cycle * source.dt_ms:g} ms"
    require(last <= cycle, "phase_ms", said["phase_ms"], within)
    return PhaseWindow(source, first, last - first)


def without_phases(estimate: Callable[[], Couplings], source: SpikeSource, n_neurons: int) -> Couplings:
    """Estimate, and leave out the neurons that stand for phases, with what is warned of them alone.

    Parameters
    ----------
    estimate : callable
    source : SpikeSource
        What it sees: as from `in_phase`.
    n_neurons : int
        Neurons of the recording.
    """
    if source.n_neurons == n_neurons:
        return estimate()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wider = estimate()
    values = wider.values[:n_neurons, :n_neurons]
    arrays = {
        name: array[..., :n_neurons, :n_neurons] if array.shape[-2:] == wider.values.shape else array
        for name, array in wider.arrays.items()
    }
    whole = np.isfinite(values).sum() == n_neurons * (n_neurons - 1)
    for warning in caught:
        if not (whole and issubclass(warning.category, EstimationWarning)):
            warnings.warn(warning.message, stacklevel=2)
    return Couplings(values, wider.diagnostics, arrays, wider.provenance)
