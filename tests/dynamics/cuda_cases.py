"""What the CUDA engine keeps to, at sizes that the simulator of numba-cuda can bear.

Not collected by itself: `test_simulate_cuda` runs this file in a process of its own, in the simulator
everywhere and on a GPU where there is one.
"""

import sys
from dataclasses import replace

import numpy as np
import pytest
from numba.core import config
from scipy.sparse import csr_array
from scipy.special import ndtr, ndtri

from circuitbias.cli import main
from circuitbias.dynamics import RHO_PAPER, ThresholdParameters, simulate_cuda, trials
from circuitbias.dynamics.engines.cuda import NEURON_BITS, DeviceTrials
from circuitbias.dynamics.engines.philox import uniforms
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import SilentNetworkError
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network

if config.ENABLE_CUDASIM:
    sys.setswitchinterval(1e-4)  # threads of Python play those of the GPU, and wait for each other

pytestmark = pytest.mark.filterwarnings("error::circuitbias.dynamics.simulate_cuda.LastBitWarning")

SMALL = ring_network(12, 0.83, 0.84)
PINNED = ring_network(12, 0.83, 0.84, pinned=True)


def mixed(n):
    """A dense network with cells that excite and cells that inhibit, asymmetric."""
    rng = np.random.default_rng(4)
    sign = np.where(np.arange(n) < n // 2, 1.0, -1.5)[:, None]
    return Network(sign * rng.exponential(1e-3, (n, n)), np.arange(n), np.ones(n), "test", False, {})


def unconnected(n):
    return Network(np.zeros((n, n)), np.arange(n), np.ones(n), "none", False, {})


SPARSE = mixed(8)
SPARSE = replace(SPARSE, weights=csr_array(np.where(np.eye(8, k=1) + np.eye(8, k=-3), SPARSE.weights, 0)))


def by_trial(segments):
    return sorted(segments, key=lambda segment: (segment.trial, segment.first_step))


def assert_same(segments, others):
    segments, others = by_trial(segments), by_trial(others)
    assert [segment[:3] for segment in segments] == [other[:3] for other in others]
    for segment, other in zip(segments, others, strict=True):
        assert segment.steps.dtype == other.steps.dtype and np.array_equal(segment.steps, other.steps)
        assert segment.neurons.dtype == other.neurons.dtype and np.array_equal(segment.neurons, other.neurons)


# Network; r, theta and noise; what is recorded; between which limits spikes a neuron and step lie.
CASES = {
    "ring": (SMALL, {"r": 0.025, "theta": 0.00115}, {"n_steps": 150, "trials": 2}, (0.003, 0.1)),
    "pinned": (PINNED, {"r": 0.025, "theta": 0.0011}, {"n_steps": 100}, (0.005, 0.1)),
    "drive above theta": (SMALL, {"r": 0.001, "theta": 0.0009}, {"n_steps": 60}, (0.02, 0.98)),
    "always noisy": (
        mixed(5),
        {"r": 0.02, "theta": 0.0014, "rho": 1.0},
        {"n_steps": 300, "trials": 3},
        (0.02, 0.9),
    ),
    "never noisy": (mixed(7), {"r": 0.02, "theta": 0.00095, "rho": 0.0}, {"n_steps": 200}, (0.02, 0.98)),
    "no amplitude": (mixed(5), {"r": 0.02, "theta": 0.00101, "sigma": 0.0}, {"n_steps": 40}, (0.02, 0.98)),
    "two words": (mixed(33), {"r": 0.01, "theta": 0.0011, "rho": 0.7}, {"n_steps": 120}, (0.05, 0.95)),
    "sparse": (SPARSE, {"r": 0.02, "theta": 0.0012, "rho": 0.5}, {"n_steps": 80}, (0.01, 0.9)),
    "everybody": (unconnected(33), {"r": 0.0, "theta": 0.0}, {"n_steps": 12}, (1.0, 1.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_segments_are_those_of_the_cpu(case):
    network, values, recording, (least, most) = CASES[case]
    parameters = ThresholdParameters(**values)
    options = {"seed": 3, "burn_in": 0, "chunk_steps": 40} | recording
    expected = list(simulate(network, parameters, **options))
    rate = np.mean([len(s.steps) / s.n_steps / network.n_neurons for s in expected])
    assert least <= rate <= most
    assert_same(simulate(network, parameters, **options, device="cuda"), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"n_spikes": 21, "trials": 3},  # each from its first spike to its share
        {"n_spikes": 9, "burn_in": 30, "seed": 2**64 - 1},
        {"n_steps": 40, "burn_in": 37},  # ends, and starts, within a block of random numbers
    ],
)
def test_recording_starts_and_ends_as_on_the_cpu(options):
    options = {"seed": 1, "chunk_steps": 16} | options
    parameters = ThresholdParameters(0.025, 0.00113)
    expected = list(simulate(SMALL, parameters, **options))
    assert_same(simulate(SMALL, parameters, **options, device="cuda"), expected)


@pytest.mark.parametrize("events_a_launch", [1, 2**20])
def test_segments_end_when_they_are_full(events_a_launch, monkeypatch):
    for module in (trials, simulate_cuda):
        monkeypatch.setattr(module, "EVENTS_A_SEGMENT", 10)
    monkeypatch.setattr(simulate_cuda, "_EVENTS_A_LAUNCH", events_a_launch)
    options = {"seed": 1, "n_steps": 24, "chunk_steps": 20, "burn_in": 0}
    parameters = ThresholdParameters(0.02, 0.00101, rho=1.0)
    expected = list(simulate(mixed(5), parameters, **options))
    assert len(expected) > 2 and max(len(segment.steps) for segment in expected) > 10
    assert_same(simulate(mixed(5), parameters, **options, device="cuda"), expected)


def test_recordings_of_a_batch_are_those_made_alone():
    networks = [mixed(6), unconnected(6), mixed(6)]
    parameters = [
        ThresholdParameters(0.02, 0.0014, rho=0.5),
        ThresholdParameters(0.0, 0.0012, sigma=0.5, tau_ms=5.0),
        ThresholdParameters(0.03, 0.0013),
    ]
    seeds, options = [5, 2**63 + 1, 5], {"n_spikes": 20, "trials": 2, "chunk_steps": 24}
    segments = [[], [], []]
    for index, segment in simulate_cuda.simulate_batch(networks, parameters, seeds, **options):
        segments[index].append(segment)
    for network, p, seed, batched in zip(networks, parameters, seeds, segments, strict=True):
        assert_same(batched, simulate(network, p, seed=seed, **options))


def test_a_silent_network_is_an_error():
    options = {"seed": 1, "n_spikes": 5, "max_silent_steps": 40, "chunk_steps": 20, "device": "cuda"}
    message = r"no neuron has fired for 40 steps .* step 0 of trial 0 on: theta=1 .*r=0\.025 \(now 0 ... 0\)"
    with pytest.raises(SilentNetworkError, match=message):
        list(simulate(unconnected(3), ThresholdParameters(0.025, 1.0), **options))


def test_networks_of_a_batch_have_one_size():
    parameters = [ThresholdParameters(0.0, 1.0)] * 2
    with pytest.raises(ValueError, match=r"n_neurons = \[3, 4\]: .* same"):
        list(simulate_cuda.simulate_batch([unconnected(3), unconnected(4)], parameters, [1, 2], n_steps=1))


def test_the_step_writes_the_file_of_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate_cuda, "_EVENTS_A_LAUNCH", 80)
    SMALL.save(tmp_path / "network.npz")
    for device in ("cpu", "cuda"):
        options = ["--parameters", '{"r": 0.025, "theta": 0.00113}', "--n-spikes", "20", "--trials", "2"]
        files = ["--network", str(tmp_path / "network.npz"), "--output", str(tmp_path / f"{device}.h5")]
        main(["simulate", *options, *files, "--seed", "1", "--device", device])
    assert (tmp_path / "cuda.h5").read_bytes() == (tmp_path / "cpu.h5").read_bytes()


# --- the kernel ---------------------------------------------------------------------------------


def device_trials(n, margin, n_trials=1, rho=RHO_PAPER, noise_sd=0.0, most_steps=8, seed=7):
    """Trials of one recording, without weights and from h = 0."""
    shape = (1, n)
    return DeviceTrials(
        np.zeros((n_trials, n)),
        [0] * n_trials,
        range(n_trials),
        np.zeros((1, n, n)),
        np.full(shape, margin),
        np.full(shape, noise_sd),
        [0.99],
        [rho],
        [seed],
        most_steps,
    )


def test_a_trial_stops_when_its_buffer_has_no_room_for_a_step_of_all():
    # 4 + 8 places; everybody fires: after two steps there are 4 left, after three none
    device = device_trials(4, -1.0, n_trials=2)
    device.launch([1, 0], [1, 8])
    device.launch([1], [3])
    outcomes, events = device.collect()
    assert outcomes.tolist() == [[1, 4, 0], [3, 12, 0]]
    assert events[1].tolist() == [step << NEURON_BITS | i for step in range(3) for i in range(4)]
    outcomes, events = device.collect()
    assert outcomes.tolist() == [[3, 12, 0]]
    assert device.n_under_way == 0
    device.launch([0], [1])
    assert device.collect()[0].tolist() == [[1, 4, 0]]


def test_decisions_that_hang_on_the_last_bits_are_counted():
    # one neuron, h = 0, noise of sd 1: it decides by Q(margin) > V, V being the first number of the trial
    v = uniforms(7, 0, 0, 1, 1)[0, 0]
    margins = {"doubtful": -ndtri(v), "fires": -ndtri(v * (1 + 1e-9)), "does not": -ndtri(v * (1 - 1e-9))}
    outcomes = {}
    for name, margin in margins.items():
        device = device_trials(1, margin, rho=1.0, noise_sd=1.0)
        device.launch([0], [1])
        outcomes[name] = device.collect()[0][0].tolist()
    assert abs(ndtr(-margins["doubtful"]) / v - 1) < 2**-50
    assert outcomes["doubtful"] in ([1, 0, 1], [1, 1, 1])
    assert outcomes["fires"] == [1, 1, 0]
    assert outcomes["does not"] == [1, 0, 0]


def test_such_a_decision_is_reported():
    v = uniforms(7, 0, 0, 1, 1)[0, 0]
    parameters = ThresholdParameters(r=0.0, theta=1.0 - ndtri(v), b=1.0, sigma=1.0, rho=1.0)
    options = {"seed": 7, "n_steps": 1, "burn_in": 0, "device": "cuda"}
    with pytest.warns(simulate_cuda.LastBitWarning, match=r"trial 0 of seed 7: \d decisions"):
        list(simulate(unconnected(2), parameters, **options))
