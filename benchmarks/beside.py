"""What all benchmarks share: how each says what it did, and the one measure of how good a regression is."""

import os
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

_BLOCK_ROWS = 2**14


def need(*modules):
    """Skip unless these can be imported; return the first."""
    found = [pytest.importorskip(name, reason=f"{name} is not installed: make peers") for name in modules]
    return found[0]


def note(benchmark, task, program, *, case="", done=1, whole=1, unit="", dtype="float64", **more):
    """Say what was timed.

    Parameters
    ----------
    benchmark : fixture of pytest-benchmark
    task : str
        What is done; its rows are compared with the one of circuitbias.
    program : str
        Who does it: the name of an installed package, and perhaps how, after a comma.
    case : str, optional
        With which data, if there are several.
    done, whole : int, optional
        How much of the task was timed, and how much there is: 3 of 100 neurons.
    unit : str, optional
        Of what.
    dtype : str, optional
        In which numbers.
    **more
        Sizes, and the quality reached.
    """
    try:
        installed = version(program.partition(",")[0])
    except PackageNotFoundError:
        installed = ""
    affinity = getattr(os, "sched_getaffinity", None)
    benchmark.extra_info |= {
        "task": task,
        "case": case,
        "program": program,
        "version": installed,
        "done": done,
        "whole": whole,
        "unit": unit,
        "threads": len(affinity(0)) if affinity else os.environ.get("OMP_NUM_THREADS", ""),
        "dtype": dtype,
        "load": os.getloadavg()[0],  # what else the machine was doing: 1 is this process
    } | more


def largest_scaled_gradient(design, targets, coefficients, family="poisson"):
    """Largest gradient of the mean log-likelihood, in the units of our own certificates.

    Parameters
    ----------
    design : ndarray, shape (n_rows, n_columns)
        Any numbers; blocks of it are made float64.
    targets : ndarray of int, shape (n_fits,)
        Columns that are fitted by all others.
    coefficients : ndarray of float64, shape (n_columns + 1, n_fits)
        The intercept is last, that of the target itself 0.
    family : {"poisson", "logistic"}

    Returns
    -------
    float
        Per standard deviation of the covariate (1 for the intercept) and mean response (logistic: standard
        deviation of the response).
    """
    response = design[:, targets]
    return scaled_gradient(
        design, response if family == "poisson" else response > 0, coefficients, family, targets
    )


def scaled_gradient(design, responses, coefficients, family="poisson", held=None):
    """The same for any responses, shape (n_rows, n_fits); ``held`` are columns that each fit leaves out."""
    gradient = np.zeros_like(coefficients)
    for start in range(0, len(design), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        block = design[rows].astype(np.float64)
        linear = block @ coefficients[:-1] + coefficients[-1]
        means = np.exp(linear) if family == "poisson" else 1 / (1 + np.exp(-linear))
        residuals = means - responses[rows]
        gradient[:-1] += block.T @ residuals
        gradient[-1] += residuals.sum(0)
    if held is not None:
        gradient[held, np.arange(len(held))] = 0
    spread = np.append(design.std(axis=0, dtype=np.float64), 1)
    mean = responses.mean(axis=0, dtype=np.float64)
    scale = mean if family == "poisson" else np.sqrt(mean * (1 - mean))
    return float(np.abs(gradient / len(design) / spread[:, None] / scale).max())


def agreement(theirs, ours, tolerance=1e-4):
    """Largest difference of coefficients, which must be below the tolerance."""
    difference = float(np.abs(theirs - ours).max())
    assert difference <= tolerance
    return difference
