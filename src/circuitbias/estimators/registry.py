"""The methods, by the name that a config gives them."""

import importlib
import inspect
import time

from circuitbias.estimators.couplings import Couplings
from circuitbias.spikes.segments import SpikeSource

METHODS = {
    "bethe": "ising_mean_field.bethe",
    "cross_correlation": "cross_correlation.estimate",
    "glm": "glm.estimate",
    "independent_pair": "ising_mean_field.independent_pair",
    "logistic": "logistic.estimate",
    "mean_field": "mean_field.estimate",
    "mpf": "mpf.estimate",
    "sessak_monasson": "ising_mean_field.sessak_monasson",
    "tap": "ising_mean_field.tap",
}
"""Module and function of each method, a ``function(source, *, memory_mb, device, **options)``."""


def module_of(method: str) -> str:
    """Full name of the module in which a method lives."""
    return f"{__package__}.{METHODS[method].partition('.')[0]}"


def estimate(
    method: str, source: SpikeSource, *, memory_mb: float = 1500.0, device: str = "auto", **options
) -> Couplings:
    """Estimate couplings from spikes.

    Parameters
    ----------
    method : str
        A key of `METHODS`.
    source : SpikeSource
        Spikes, in memory or on disk.
    memory_mb : float, optional
        Bound of the memory for counts and blocks, in 1e6 bytes.
    device : {"auto", "cpu", "cuda"}, optional
        Where the linear algebra runs.
    **options
        Of the method: see its function, which `METHODS` names.

    Returns
    -------
    Couplings
        With the method, all its options and ``run_time_s`` among the diagnostics.

    Raises
    ------
    ValueError
        If the method is unknown, or its options or the data do not allow an estimate.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown, allowed are: {', '.join(sorted(METHODS))}")
    function = getattr(importlib.import_module(module_of(method)), METHODS[method].partition(".")[2])
    parameters = inspect.signature(function).parameters
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in ("source", "memory_mb", "device")
    }
    if unknown := sorted(set(options) - set(defaults)):
        raise ValueError(f"options {unknown} of {method} are unknown, allowed are: {', '.join(defaults)}")
    options = defaults | options
    started = time.perf_counter()
    couplings = function(source, memory_mb=memory_mb, device=device, **options)
    couplings.diagnostics |= {
        "method": method,
        "options": options,
        "run_time_s": round(time.perf_counter() - started, 3),
    }
    return couplings
