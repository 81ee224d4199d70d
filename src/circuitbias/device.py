"""Where the linear algebra runs: numpy on the CPU, torch on a CUDA device, by names that both share.

Code for both takes the library from an array, ``xp = namespace(array)``, and writes what numpy and torch call
alike (``xp.where``, ``xp.amax(x, 0)``, ``x.sum(0)``, ``xp.exp(x, out=x)``). What they do not is here.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from circuitbias.exceptions import MissingExtraError, naming_extra

Array = Any
"""An array of numpy or a tensor of torch."""

quietly = np.errstate(all="ignore")
"""Around fits: numbers that overflow are seen by what they come to, and torch says nothing of them either."""


def resolve_device(device: str):
    """Resolve ``auto`` to cuda where there is one.

    Returns
    -------
    str or torch.device
        ``"cpu"``, where arrays are those of numpy and torch is not imported, or a device of torch.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={device!r} is unknown, allowed are: auto, cpu, cuda")
    if device == "cpu" or (device == "auto" and not _has_driver()):
        return "cpu"
    try:
        with naming_extra("device='cuda'"):
            import torch
    except MissingExtraError:
        if device == "auto":
            return "cpu"
        raise
    if torch.cuda.is_available():
        return torch.device("cuda")
    if device == "cuda":
        raise ValueError("device='cuda' was asked for, but torch sees no CUDA device; allowed: auto, cpu")
    return "cpu"


def _has_driver() -> bool:
    """Whether there is a driver of CUDA: without one, torch, which is slow to load, need not be asked."""
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True


def namespace(array):
    """The library of an array: numpy or torch."""
    return np if isinstance(array, np.ndarray | np.generic) else sys.modules["torch"]


def placed(array: np.ndarray, device):
    """An array of numpy on a device."""
    if isinstance(device, str):
        return array
    return sys.modules["torch"].from_numpy(array).to(device)


def on_cpu(array) -> np.ndarray:
    """An array as one of numpy."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def single(array):
    """An array in single precision."""
    xp = namespace(array)
    return xp.asarray(array, dtype=xp.float32)


def double(array):
    """An array in double precision."""
    xp = namespace(array)
    return xp.asarray(array, dtype=xp.float64)


def parts(array, length: int) -> Iterator:
    """Cut an array into parts of a length along its first axis, the last one perhaps shorter."""
    return (array[first : first + length] for first in range(0, len(array), length))


def n_threads() -> int:
    """Threads that the work may take: ``OMP_NUM_THREADS``, or as many as there are cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def positive_inverses(matrices):
    """Inverses of symmetric matrices, (k, n, n); NaN for those that are not positive definite."""
    xp = namespace(matrices)
    if xp is not np:
        factors, wrong = xp.linalg.cholesky_ex(matrices)
        return xp.where(wrong[:, None, None] > 0, xp.nan, xp.cholesky_inverse(factors))
    from scipy.linalg import lapack  # slow to load, and many jobs do without

    inverses = np.full_like(matrices, np.nan)
    for place, matrix in zip(inverses, matrices, strict=True):
        # To Fortran the transpose of the matrix, which is the same.
        factor, wrong = lapack.dpotrf(matrix.T, lower=1)
        if not wrong:
            lower, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
            place[:] = np.tril(lower) + np.tril(lower, -1).T
    return inverses
