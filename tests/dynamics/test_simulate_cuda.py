"""The CUDA engine, in the simulator of numba-cuda everywhere, and on a GPU where there is one."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from circuitbias.dynamics import ThresholdParameters, device
from circuitbias.dynamics.device import LEAST_TRIALS, simulation_device
from circuitbias.dynamics.simulate import simulate
from circuitbias.published import thresholds

CASES = Path(__file__).with_name("cuda_cases.py")


@pytest.fixture
def numba_cuda():
    return pytest.importorskip("numba_cuda", reason="needs numba-cuda, of the extra gpu or test")


def run_cases(**environment):
    """Run the cases in a process of their own: the simulator is chosen before numba is imported."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 15


def test_the_engine_in_the_simulator(numba_cuda):
    run_cases(NUMBA_ENABLE_CUDASIM="1")


@pytest.mark.gpu
def test_the_engine_on_a_gpu(numba_cuda):
    run_cases(NUMBA_ENABLE_CUDASIM="0")


def spikes_of(segments):
    """Per trial: steps and neurons of all its spikes, having checked that its segments follow on."""
    trials = {}
    for segment in sorted(segments, key=lambda segment: (segment.trial, segment.first_step)):
        trials.setdefault(segment.trial, []).append(segment)
    for trial in trials.values():
        assert all(one.first_step + one.n_steps == other.first_step for one, other in pairwise(trial))
    return {
        number: (np.concatenate([s.steps for s in trial]), np.concatenate([s.neurons for s in trial]))
        for number, trial in trials.items()
    }


@pytest.mark.gpu
@pytest.mark.parametrize("r", [0.0025, 0.0125, 0.025])
def test_spikes_of_a_gpu_equal_those_of_the_cpu(numba_cuda, ring, r):
    parameters = ThresholdParameters(r, thresholds("ring")[r])
    options = {"seed": 11, "n_spikes": 3_000_000, "trials": 100}
    gpu = spikes_of(simulate(ring, parameters, **options, device="cuda"))
    cpu = spikes_of(simulate(ring, parameters, **options))
    assert gpu.keys() == cpu.keys()
    for trial, (steps, neurons) in cpu.items():
        assert np.array_equal(gpu[trial][0], steps) and np.array_equal(gpu[trial][1], neurons)


# --- where to run -------------------------------------------------------------------------------


@pytest.fixture
def gpu_found(monkeypatch):
    monkeypatch.setattr(device, "_obstacle", lambda n_neurons: "")


@pytest.fixture
def no_numba_cuda(monkeypatch):
    monkeypatch.setattr(device, "find_spec", lambda name: None)


def test_auto_takes_a_gpu_for_many_trials_and_says_so(gpu_found, capsys):
    assert simulation_device("auto", 100, LEAST_TRIALS) == "cuda"
    assert "device=auto: 64 trials are simulated on cuda" in capsys.readouterr().err
    assert simulation_device("auto", 100, LEAST_TRIALS - 1) == "cpu"


def test_auto_does_without_a_gpu_and_says_why(no_numba_cuda, capsys):
    assert simulation_device("auto", 100, 10_000) == "cpu"
    assert "10000 trials are simulated on cpu (numba-cuda is not installed" in capsys.readouterr().err


def test_what_is_asked_for_is_done(gpu_found, capsys):
    assert simulation_device("cuda", 100, 1) == "cuda"
    assert simulation_device("cpu", 100, 10_000) == "cpu"
    assert not capsys.readouterr().err


def test_cuda_that_cannot_be_had_is_an_error(no_numba_cuda, ring):
    with pytest.raises(ValueError, match=r"device='cuda' .*numba-cuda is not installed.*allowed: auto, cpu"):
        list(simulate(ring, ThresholdParameters(0.0, 1.0), seed=1, n_steps=1, device="cuda"))
    with pytest.raises(ValueError, match="device = 'gpu': must be auto, cpu or cuda"):
        simulation_device("gpu", 100, 1)


def test_a_machine_without_a_device_is_told_apart(numba_cuda, monkeypatch):
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="numba-cuda sees no CUDA device"):
        simulation_device("cuda", 100, 1)
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    assert simulation_device("cuda", 1024, 1) == "cuda"
    with pytest.raises(ValueError, match="1025 neurons are more than the 1024 of a block"):
        simulation_device("cuda", 1025, 1)
