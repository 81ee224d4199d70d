"""The methods, by the name that a config gives them."""

import importlib
import inspect
import time

from circuitbias.estimators.couplings import Couplings
from circuitbias.spikes.segments import SpikeSource

METHODS = {name: f"circuitbias.estimators.{name}" for name in ("cross_correlation", "glm", "mean_field")}
"""Module of each method. It has a function ``estimate(source, *, memory_mb, device, **options)``."""


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
        Of the method: see the function ``estimate`` of its module.

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
    module = importlib.import_module(METHODS[method])
    parameters = inspect.signature(module.estimate).parameters
    defaults = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in ("source", "memory_mb", "device")
    }
    if unknown := sorted(set(options) - set(defaults)):
        raise ValueError(f"options {unknown} of {method} are unknown, allowed are: {', '.join(defaults)}")
    options = defaults | options
    started = time.perf_counter()
    couplings = module.estimate(source, memory_mb=memory_mb, device=device, **options)
    couplings.diagnostics |= {
        "method": method,
        "options": options,
        "run_time_s": round(time.perf_counter() - started, 3),
    }
    return couplings
