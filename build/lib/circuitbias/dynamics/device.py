"""Where to simulate."""

from importlib.util import find_spec

from circuitbias.checks import require
from circuitbias.progress import report_line

LEAST_TRIALS = 64
"""With fewer trials, ``auto`` stays on the CPU.

A trial is one block of threads whose steps follow one another: alone on a GPU it is no faster than on one
core of a CPU. A GPU runs about a thousand blocks at once; some dozens are what it takes to win.
"""


def simulation_device(device: str, n_neurons: int, trials: int, model=None) -> str:
    """Resolve ``auto`` to cpu or cuda; report the choice if there are enough trials for it to matter.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        ``auto`` takes a GPU only if numba-cuda is installed and sees one, and there are at least
        `LEAST_TRIALS` trials to fill it with.
    n_neurons, trials : int
    model : ThresholdParameters or Engine, optional
        What is simulated: an engine can be had for a CPU alone.

    Returns
    -------
    str
        ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ValueError
        If the device is unknown, or ``cuda`` cannot be had.
    """
    require(device in ("auto", "cpu", "cuda"), "device", device, "auto, cpu or cuda")
    if hasattr(model, "advance"):
        allowed = "auto or cpu: only the threshold model, under a constant drive, runs on a GPU"
        require(device != "cuda", "device", device, allowed)
        return "cpu"
    if device == "cpu" or (device == "auto" and trials < LEAST_TRIALS):
        return "cpu"
    obstacle = _obstacle(n_neurons)
    if device == "auto":
        chosen = f"cpu ({obstacle})" if obstacle else "cuda"
        report_line(f"device=auto: {trials} trials are simulated on {chosen}", always=True)
    elif obstacle:
        raise ValueError(f"device='cuda' was asked for, but {obstacle}; allowed: auto, cpu")
    return "cpu" if obstacle else "cuda"


def _obstacle(n_neurons) -> str:
    """Why there can be no simulation on a GPU; empty if there can."""
    if find_spec("numba_cuda") is None:
        return "numba-cuda is not installed (extra gpu: pip install -e '.[gpu]')"
    from numba import cuda

    if not cuda.is_available():
        return "numba-cuda sees no CUDA device"
    from circuitbias.dynamics.engines.cuda import MOST_NEURONS

    return f"{n_neurons} neurons are more than the {MOST_NEURONS} of a block" * (n_neurons > MOST_NEURONS)
