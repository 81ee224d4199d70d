"""Recordings that the benchmarks share, made once; one core for everybody."""

import os

import numpy as np
import pytest

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks import build_network
from circuitbias.published import thresholds
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes

N_SPIKES = int(float(os.environ.get("BENCH_SPIKES", "1e7")))


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_generate_json(benchmarks):
    """Leave out what has no time, as it failed while it was timed: the plugin could not write it down."""
    benchmarks[:] = [one for one in benchmarks if one.stats.data]


@pytest.fixture(autouse=True)
def one_core(request):
    """Keep threads that start from here on to one core: libraries differ in how they are told to."""
    if hasattr(os, "sched_setaffinity") and "gpu" not in request.keywords:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@pytest.fixture(scope="session")
def ring():
    return build_network({"family": "ring"})


@pytest.fixture(scope="session")
def parameters():
    """Parameters of the paper's ring at a strength."""
    return lambda r: ThresholdParameters(r=r, theta=thresholds("ring")[r])


@pytest.fixture(scope="session")
def recording(ring, parameters, tmp_path_factory):
    """Spike file of the ring at a strength, with ``N_SPIKES`` spikes."""
    made = {}

    def get(r):
        if r not in made:
            made[r] = tmp_path_factory.mktemp("spikes") / f"r{r}.h5"
            segments = simulate(ring, parameters(r), seed=1, n_spikes=N_SPIKES)
            write_spikes(made[r], segments, ring.n_neurons, 0.1, {})
        return SpikeFile(made[r])

    return get


@pytest.fixture(scope="session")
def counts(recording):
    """Its counts in bins of 10 ms as float64, which other libraries start from."""
    return lambda r: BinnedCounts(recording(r), 100).all().astype(np.float64)
