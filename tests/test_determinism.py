"""The same inputs give the same bits, whatever the circumstances.

What may differ between two runs: cores, threads, segments, the bound of memory, the order of jobs, hashing,
and whether compiled kernels come from a cache. The exception is written where it is tested: a fit whose bound
of memory decides over the size of its blocks, or of its subsample, ends within its tolerance and not at the
same bits.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import METHODS, estimate
from circuitbias.networks.ring import ring_network
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes

PARAMETERS = ThresholdParameters(0.025, 0.00115)
N = 8

ONLY_TO_TOLERANCE = {"glm_spatiotemporal"}
"""Of the methods, for all bounds that a config allows: its subsample is as large as the memory lets it be."""

SUMS_OF_REALS = {
    "glm",
    "glm_history",
    "glm_masked",
    "indirect",
    "logistic",
    "matched",
    "mpf",
} | ONLY_TO_TOLERANCE
"""Methods that sum numbers that are not whole over blocks: other blocks, other rounding."""

OPTIONS = {
    "glm_history": {"bin_steps": 20},
    "glm_spatiotemporal": {"bin_steps": 20, "n_basis": 3},
    "logistic": {"l1": 3.0},
    "correlogram_graph": {"bin_steps": 10, "jitter_ms": 20.0},
    "glm_masked": {"correlogram_bin_steps": 10},
}


def bits(couplings) -> bytes:
    """The whole file of an estimate: numbers, diagnostics and all."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "couplings.npz"
        couplings.save(path)
        return path.read_bytes()


@pytest.fixture(scope="module")
def network():
    return ring_network(N, 1.39, 1.4)


@pytest.fixture(scope="module")
def record(network):
    """Enough bins of 20 steps that 2.2 MB do not hold the counts."""
    segments = simulate(network, PARAMETERS, seed=5, n_steps=800_000, trials=2)
    return SpikeRecord(N, 0.1, list(segments))


# --- spikes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trials", [1, 3, 40])
def test_threads_do_not_change_a_byte_of_the_spike_file(network, tmp_path, trials):
    contents = set()
    for threads in (1, 2, 8):
        path = tmp_path / f"{threads}.h5"
        segments = simulate(network, PARAMETERS, seed=1, n_spikes=20_000, trials=trials, threads=threads)
        write_spikes(path, segments, N, 0.1, {})
        contents.add(path.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("chunk_steps", [5000, 2**16, 2**18])
def test_segments_do_not_change_a_bit_of_an_estimate(network, tmp_path, record, chunk_steps):
    """The file holds other segments, and the same spikes: every number that comes of them is the same."""
    path = tmp_path / "spikes.h5"
    segments = simulate(network, PARAMETERS, seed=5, n_steps=800_000, trials=2, chunk_steps=chunk_steps)
    write_spikes(path, segments, N, 0.1, {})
    for method, options in (("glm", {}), ("glm_history", {"bin_steps": 20}), ("cross_correlation", {})):
        assert bits(estimate(method, SpikeFile(path), **options)) == bits(estimate(method, record, **options))


# --- memory -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(METHODS))
def test_no_memory_that_a_config_allows_changes_a_bit(record, method):
    """Blocks are as long as a core's cache likes, which takes far less than the least ``memory_mb``, 100.

    With hundreds of neurons the blocks would be shorter for want of memory. Then either all sums are of whole
    numbers, which are exact, or the fit is refused (see `circuitbias.memory`).
    """
    options = OPTIONS.get(method, {})
    least = estimate(method, record, memory_mb=100, device="cpu", **options)
    most = estimate(method, record, memory_mb=4000, device="cpu", **options)
    if method in ONLY_TO_TOLERANCE:
        np.testing.assert_allclose(least.values, most.values, rtol=1e-6, atol=1e-8)
    else:
        assert bits(least) == bits(most)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_counts_that_are_read_again_in_each_pass_are_the_same(record, method):
    """Below what a config allows, at two bounds: whether counts are kept, and shorter blocks."""
    options = OPTIONS.get(method, {})
    kept, again, short = (
        estimate(method, record, memory_mb=memory_mb, device="cpu", **options)
        for memory_mb in (1000, 2.2, 0.5)
    )
    if method not in ONLY_TO_TOLERANCE:
        assert bits(again) == bits(kept)
    if method in SUMS_OF_REALS:
        np.testing.assert_allclose(short.values, kept.values, rtol=1e-6, atol=1e-8)
    else:
        assert bits(short) == bits(kept)


def test_the_bounds_above_do_what_they_are_there_for(record):
    kept, again, short = (BinnedCounts(record, 20, memory_mb=memory_mb) for memory_mb in (1000, 2.2, 0.5))
    assert kept.block_bins == again.block_bins > short.block_bins
    for counts, in_memory in ((kept, True), (again, False), (short, False)):
        list(counts.blocks())
        assert counts._complete == in_memory
    # As many neurons as have the same blocks at the least bound of a config as at any other.
    wide = SpikeRecord.from_events([0, 5], [0, 1], 380, 10**6)
    assert BinnedCounts(wide, 100, memory_mb=100).block_bins == kept.block_bins


# --- processes --------------------------------------------------------------------------------------

FLOW = """
import json, sys
from pathlib import Path
from circuitbias.cli import main
folder = Path(sys.argv[1])
data = ["--network", f"{folder}/network.npz", "--spikes", f"{folder}/spikes.h5"]
def step(*words):
    assert main([str(word) for word in words]) == 0
step("network", "--options", '{"family": "ring", "n_neurons": 20, "sigma1": 1.4, "sigma2": 1.41}',
     "--output", folder / "network.npz")
step("simulate", *data[:2], "--parameters", '{"r": 0.01, "theta": 0.0013}', "--seed", 1, "--n-spikes", 20_000,
     "--trials", 2, "--output", folder / "spikes.h5")
methods = sys.argv[2].split(",")
for method in methods:
    step("estimate", *data, "--method", method, "--device", "cpu", "--output", folder / f"{method}.npz")
step("activity", *data, "--output", folder / "activity.npz")
step("errors", *data[:2], "--couplings", *(folder / f"{method}.npz" for method in sorted(methods)),
     "--output", folder / "errors.csv", "--profiles", folder / "profiles.csv")
step("experiment", "partial_observation", *data, "--estimators", '{"mean_field": {"method": "mean_field"}}',
     "--options", json.dumps({"n_observed": [10], "coverage": 0.9, "fixed_half": True, "decades": 0.5,
                              "n_spikes": None}), "--output", folder / "experiment.csv")
"""
FEW = ("glm", "mean_field", "mpf")


def results_of(folder, methods=FEW, **environment) -> dict:
    """Go through the flow in a new process; hash the files that it made."""
    folder.mkdir()
    command = [sys.executable, "-c", FLOW, str(folder), ",".join(methods)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a process with the usual surroundings makes."""
    hashes = results_of(tmp_path_factory.mktemp("flow") / "usual", PYTHONHASHSEED="0")
    assert len(hashes) == 9
    return hashes


@pytest.mark.slow
def test_neither_hashing_nor_the_order_of_jobs_changes_a_bit(tmp_path, expected):
    assert results_of(tmp_path / "again", methods=FEW[::-1], PYTHONHASHSEED="12345") == expected


@pytest.mark.slow
def test_kernels_compiled_anew_or_from_a_cache_give_the_same_bits(tmp_path, expected):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert results_of(tmp_path / "cold", **cache) == expected
    assert list((tmp_path / "cache").rglob("*.nbc"))
    assert results_of(tmp_path / "warm", **cache) == expected
    shutil.rmtree(tmp_path / "cache")
