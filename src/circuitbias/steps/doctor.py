"""Look at this installation and a folder of results: what is there, what is in the way, what to do."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

from circuitbias import __version__
from circuitbias.exceptions import EXTRAS
from circuitbias.files import left_overs

EXAMPLES = """
circuitbias doctor
circuitbias doctor results --no-benchmark --json
"""

_LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "scikit-learn",
    "h5py",
    "matplotlib",
    "torch",
    "snakemake",
    "numba-cuda",
    "neo",
    "bokeh",
)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_LEAST_FREE_GB, _BENCHMARK_S = 5.0, 5.0
_USUAL_MS = {"simulate": 60.0, "product": 60.0}
"""Of the benchmarks below, on one core of 2024's: three times as long is slow."""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument(
        "folder", nargs="?", help="folder of results, or that Snakemake runs in; default: here"
    )
    parser.add_argument("--no-benchmark", action="store_true", help="leave out the five seconds of work")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments):
    """Do the step."""
    folder = Path(arguments.folder or ".")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    parts = {
        "versions": versions(),
        "devices": devices(),
        "threads": threads(),
        "caches": caches(),
        "results": results(folder),
    }
    if not arguments.no_benchmark:
        parts["benchmark"] = benchmark()
    if arguments.json:
        print(
            json.dumps(
                {name: {"facts": facts, "advice": advice} for name, (facts, advice) in parts.items()},
                indent=1,
            )
        )
        return
    for name, (facts, advice) in parts.items():
        print(name)
        for key, value in facts.items():
            print(f"  {key:<22} {value}")
        for line in advice:
            print(f"  -> {line}")
    n = sum(len(advice) for _, advice in parts.values())
    print(f"{n} thing{'s' * (n > 1)} to look at, marked ->" if n else "nothing to do")


def versions() -> tuple[dict, list[str]]:
    """Return the versions of Python and of the installed libraries."""
    facts, advice = {"circuitbias": __version__, "python": platform.python_version()}, []
    for name in _LIBRARIES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = "not installed"
            if name in EXTRAS and name != "torch":  # fits on a GPU alone need it
                advice.append(f"{name} is needed for some steps: pip install 'circuitbias[{EXTRAS[name]}]'")
    return facts, advice


def devices() -> tuple[dict, list[str]]:
    """List cores, memory and CUDA devices."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts, advice = {"cores": usable, "machine": platform.machine()}, []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        facts["memory_gb"] = round(memory, 1)
        if memory < 4:
            advice.append("with less than 4 GB, set memory_mb below 1500 and run one job at a time")
    if importlib.util.find_spec("torch"):
        import torch

        facts["cuda"] = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
        if torch.cuda.is_available() and not importlib.util.find_spec("numba_cuda"):
            advice.append("simulations on this GPU take one more library: pip install 'circuitbias[gpu]'")
    return facts, advice


def threads() -> tuple[dict, list[str]]:
    """Say what the environment sets for threads."""
    facts = {name: os.environ.get(name, "not set") for name in _THREADS}
    advice = []
    cores = devices()[0]["cores"]
    if facts["OMP_NUM_THREADS"] == "not set" and cores > 1:
        advice.append(
            "if several jobs run side by side, set OMP_NUM_THREADS=1: threads that wait for cores are slow"
        )
    return facts, advice


def caches() -> tuple[dict, list[str]]:
    """Say where compiled kernels are kept, and whether that place can be written to."""
    place = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parents[1])
    kernels = list(place.rglob("*.nbi")) if place.is_dir() else []
    facts = {"kernels": str(place), "compiled": len(kernels)}
    advice = []
    try:
        with tempfile.TemporaryFile(dir=next(one for one in (place, *place.parents) if one.is_dir())):
            pass
    except OSError as error:
        advice.append(f"kernels cannot be kept ({error.strerror}): set NUMBA_CACHE_DIR to a folder of yours")
    facts["temporary"] = tempfile.gettempdir()
    return facts, advice


def results(folder: Path) -> tuple[dict, list[str]]:
    """Find what in a folder of results would stop a run."""
    free = shutil.disk_usage(folder).free / 1e9
    facts, advice = {"folder": str(folder.absolute()), "free_gb": round(free, 1)}, []
    if free < _LEAST_FREE_GB:
        advice.append(
            f"{free:.1f} GB are free: 1e8 spikes take about half of one; make room, or lower "
            "simulation.n_spikes"
        )
    if not os.access(folder, os.W_OK):
        advice.append(f"nothing can be written into {folder}: check its permissions")
    state = next(
        (one / ".snakemake" for one in (folder, *folder.absolute().parents) if (one / ".snakemake").is_dir()),
        None,
    )
    locks = sorted((state / "locks").glob("*")) if state else []
    unfinished = sorted((state / "incomplete").rglob("*")) if state else []
    facts |= {"locks": len(locks), "unfinished": sum(one.is_file() for one in unfinished)}
    if locks:
        advice.append(
            f"Snakemake has locked {state.parent}: if no run is at work there, `snakemake --unlock` in that "
            "folder"
        )
    if facts["unfinished"]:
        advice.append("a run was killed: `snakemake --rerun-incomplete --cores all` goes on where it stopped")
    left = [
        path
        for place in [folder, *filter(Path.is_dir, folder.rglob("*"))]
        if ".snakemake" not in place.parts
        for path in left_overs(place)
    ]
    facts["left_over"] = len(left)
    if left:
        advice.append(
            f"{left[0].name} and {len(left) - 1} more were left by writers that were killed: "
            f"`circuitbias check {folder} --delete`"
        )
    return facts, advice


def benchmark() -> tuple[dict, list[str]]:
    """Time a simulation and a product of matrices, for five seconds together at most, after compiling."""
    import numpy as np

    import circuitbias as cb

    ring, rng = cb.network("ring"), np.random.default_rng(0)
    matrix = rng.random((20_000, 300))

    def simulate():
        cb.simulate(ring, r=0.01, theta=0.00103, n_spikes=200_000, seed=1)

    simulate()  # compiled, or read from the cache
    facts, advice = {}, []
    for name, work in (("simulate", simulate), ("product", lambda: matrix.T @ matrix)):
        best, begun = np.inf, time.perf_counter()
        while time.perf_counter() - begun < _BENCHMARK_S / 4:
            started = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - started)
        facts[f"{name}_ms"] = round(1000 * best, 1)
        if 1000 * best > 3 * _USUAL_MS[name]:
            advice.append(
                f"{name} takes {1000 * best:.0f} ms, usual are {_USUAL_MS[name]:.0f}: is the machine busy? "
                "See threads above"
            )
    facts["what"] = "2e5 spikes of 100 neurons; X'X of 20 000 x 300"
    return facts, advice
