"""How long a job of the workflow takes and how much memory: what a cluster is asked for.

Measured seconds of one core (docs/clusters.md) are scaled with spikes, neurons and options, with room to
spare. A job that needs more is killed by the cluster and asks for twice as much at its next attempt.
"""

import math
from functools import cache

from circuitbias.catalogue import EXPERIMENTS, declared, find
from circuitbias.declaration import told
from circuitbias.memory import regression_bytes

SECONDS = {"simulate": 8, "activity": 4, "floor": 17}
"""Measured for 1e7 spikes of 100 neurons, start of the program included: the slowest of eleven strengths.
What a method or an experiment takes is said where it is."""

MARGIN = 5
"""Cores may be slower, and shared."""

LEAST_MINUTES = 10

PROCESS_MB = 1000
"""Programs and libraries of a job, Snakemake's own included, before any data."""

_LEFT_OUT = 3.0
"""Spikes (1e7) of the parts from which blocks are left out: eight times seven blocks of 40 bins a neuron."""


def job_minutes(config: dict, step: str, part: str | None = None, attempt: int = 1) -> int:
    """Time to ask for.

    Parameters
    ----------
    config : dict
        Complete, as from `circuitbias.config.load_config`.
    step : str
        ``simulate``, ``activity``, ``floor``, ``estimate`` or ``experiment``.
    part : str, optional
        Name of the estimator or experiment, for the last two.
    attempt : int, optional
        1 for the first.

    Returns
    -------
    int
        Minutes, at least `LEAST_MINUTES`; twice as many at each further attempt.

    Raises
    ------
    ValueError
        If there is no such step.
    """
    volume = _volume(config, step, part) * (2 if _with_blocks(config, step, part) else 1)
    if step == "estimate" and config["sampling_errors"]:
        volume += min(8 * volume, _LEFT_OUT)
    seconds = MARGIN * _seconds(config, step, part) * volume * _width(config)
    return max(LEAST_MINUTES, math.ceil(seconds / 60)) * 2 ** (attempt - 1)


def job_memory_mb(config: dict, step: str, part: str | None = None, attempt: int = 1) -> int:
    """Memory to ask for, in 1e6 bytes; the parameters are those of `job_minutes`.

    What a fit takes for counts, blocks and matrices stays below the config's ``memory_mb``.
    """
    n_neurons, n_spikes = _n_neurons(config), 1e7 * _volume(config, step, part)
    if step == "simulate":
        data = 50 * config["simulation"]["trials"]  # as many threads, each with its own segments
    elif step == "activity":
        data = 200
    else:
        blocks = 2.5 * n_neurons + 16e-6 * n_spikes
        hessians = 1e-6 * regression_bytes(n_neurons, n_neurons + 1, math.inf)
        data = min(config["memory_mb"], blocks + hessians)
    return math.ceil(PROCESS_MB + data) * 2 ** (attempt - 1)


def _seconds(config, step, part) -> float:
    """Seconds of a job for 1e7 spikes of 100 neurons."""
    if step in ("simulate", "activity", "floor"):
        return SECONDS[step]
    if step == "estimate":
        return _fit_seconds(config["estimators"][part])
    if step != "experiment":
        raise ValueError(f"step={step!r} is none; must be simulate, activity, floor, estimate or experiment")
    section = config["experiments"][part]
    experiment = told(EXPERIMENTS[part]).of(section)
    if experiment.cost:
        return experiment.cost.seconds
    names = section["estimators"] or config["estimators"]
    return experiment.work([config["estimators"][name] for name in names], _fit_seconds)


def _fit_seconds(entry) -> float:
    """Seconds of one estimate from 1e7 spikes of 100 neurons."""
    options = {key: value for key, value in entry.items() if key != "method"}
    method = declared("estimators", entry["method"]).of(options)
    narrower = method.cost.bin_steps / options.get("bin_steps", method.cost.bin_steps)
    return method.cost.seconds * method.n_fits * max(1.0, narrower)


def _with_blocks(config, step, part) -> bool:
    """Whether blocks of the recording may be estimated beside it, which take as long as the whole.

    They are unless all neurons are alike and seen (`circuitbias.estimators.estimate_with_blocks`).
    """
    alike = _network(config).alike
    sweeps = step == "experiment" and not told(EXPERIMENTS[part]).cost
    return part == "partial_observation" or ((step == "estimate" or sweeps) and not alike)


def _volume(config, step, part) -> float:
    """Spikes that a job looks at, in 1e7."""
    n_spikes = config["simulation"]["n_spikes"]
    if step == "experiment":
        n_spikes = min(n_spikes, config["experiments"][part].get("n_spikes") or n_spikes)
    return n_spikes / 1e7


def _width(config) -> float:
    """Work for a spike, relative to 100 neurons: a spike meets all of them in every product of matrices."""
    return max(1.0, _n_neurons(config) / 100)


def _n_neurons(config) -> int:
    return _size(_network(config, find))  # of a file, which must be read


@cache
def _size(network) -> int:
    return network.size


def _network(config, class_of=declared):
    options = dict(config["network"])
    return class_of("networks", options.pop("family")).of(options)
