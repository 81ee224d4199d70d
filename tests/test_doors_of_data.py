"""Networks, models, events and segments are checked where they are made: nothing impossible gets in."""

import json
import math

import numpy as np
import pytest

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.estimators import Couplings, estimate
from circuitbias.networks import Network, build_network, ring_network, sparse_network
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.coincidences import WindowCorrelations
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.views import ObservedNeurons, StepWindow, first_spikes
from circuitbias.spikes.writing import write_spikes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ring_network(True), "n_neurons = True"),
        (lambda: ring_network("20"), "n_neurons = '20'"),
        (lambda: ring_network(20.5), "n_neurons = 20.5"),
        (lambda: ring_network(10**6), "n_neurons = 1000000: must be a whole number >= 2 and <= 10000"),
        (lambda: ring_network(20, pinned="false"), "pinned = 'false': must be true or false"),
        (lambda: ring_network(20, pinned=1), "pinned = 1"),
        (lambda: ring_network(20, sigma1=-1), "sigma1 = -1.0"),
        (lambda: ring_network(20, a1=math.nan), "a1 = nan"),
        (lambda: sparse_network(10, 3, seed=1.5), "seed = 1.5"),
        (lambda: sparse_network(10, 3, excitatory="0.8"), "excitatory = '0.8'"),
        (lambda: build_network({"family": "Ring"}), r"family = 'Ring': must be .*did you mean ring\?"),
        (lambda: Network([["0", "1"], ["1", "0"]], [0, 1], [1, 1], "a", False, {}), "weights: dtype is <U1"),
        (lambda: Network(np.eye(2), ["0", "1"], [1, 1], "a", False, {}), "positions: dtype is <U1"),
        (lambda: Network(np.eye(2), [0, 1], [1j, 1], "a", False, {}), "drive_scale: dtype is complex"),
        (
            lambda: Network(np.eye(2), [0, 1], [1, 1], "a", "false", {}),
            "circulant = 'false': must be True or F",
        ),
        (lambda: Couplings(np.eye(2) * 1j), "couplings must be real numbers"),
        (lambda: Couplings([["1", "2"], ["3", "4"]]), "couplings must be real numbers"),
        (lambda: ThresholdParameters(0.01, "1e-3"), "theta = '1e-3'"),
        (lambda: ThresholdParameters(0.01, 10**400), "theta = 1000"),
        (lambda: ThresholdParameters(np.array([0.01]), 1), "r = array"),
        (lambda: ThresholdParameters.from_dict("r=1"), "parameters = 'r=1': must be a mapping"),
    ],
)
def test_networks_and_models(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_scalars_of_numpy_make_the_same_network():
    given = ring_network(np.float64(20), sigma1=np.float32(1.5), pinned=np.bool_(True))
    assert given.provenance == ring_network(20, sigma1=1.5, pinned=True).provenance
    json.dumps(sparse_network(np.int32(10), 3.0, seed=np.uint8(3)).provenance)


def test_a_simulation_is_refused_when_it_is_asked_for_not_when_it_is_read():
    network, parameters = ring_network(20, 1.4, 1.41), ThresholdParameters(0.01, 0.0013)
    for given, message in (
        (
            (network, parameters, {"seed": 1, "n_spikes": "100"}),
            "n_spikes = '100': must be a whole number >= 1",
        ),
        ((network, parameters, {"seed": 1, "n_spikes": True}), "n_spikes = True"),
        ((network, {"r": 0.01, "theta": 0.0013}, {"seed": 1, "n_spikes": 10}), "must be ThresholdParameters"),
        ((network.weights, parameters, {"seed": 1, "n_spikes": 10}), "must be a Network"),
        ((network, parameters, {"seed": 1, "n_spikes": 10, "device": "tpu"}), "device = 'tpu'"),
    ):
        with pytest.raises(ValueError, match=message):
            simulate(*given[:2], **given[2])
    as_float = simulate(network, parameters, seed=np.float64(1), n_spikes=1e3)
    as_int = simulate(network, parameters, seed=1, n_spikes=1000)
    for one, other in zip(as_float, as_int, strict=True):
        assert one.steps.tolist() == other.steps.tolist() and one.neurons.tolist() == other.neurons.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate_hz": "62.5"}, "rate_hz = '62.5': must be a finite number"),
        ({"rate_hz": True}, "rate_hz = True"),
        ({"rate_hz": -1}, "rate_hz = -1"),
        ({"rate_hz": math.nan}, "rate_hz = nan"),
        ({"rate_hz": 1e4}, "rate_hz = 10000.0: must be above 0 and below one spike a step, 10000"),
        ({"precision": 0}, "precision = 0: must be a finite number >= 0.0005 and <= 0.1"),
        ({"parameters": {"r": 0.01}}, "parameters = .*: must be ThresholdParameters"),
        ({"seed": 0.5}, "seed = 0.5"),
        ({"threads": 0}, "threads = 0"),
    ],
)
def test_a_search_for_a_threshold(arguments, message):
    given = {"parameters": ThresholdParameters(0.01, 0), "rate_hz": 62.5} | arguments
    with pytest.raises(ValueError, match=message):
        threshold_for_rate(ring_network(20, 1.4, 1.41), **given)


# --- events -------------------------------------------------------------------------------------


def from_events(steps, neurons=None, n_neurons=3, n_steps=100, **options):
    neurons = np.zeros(len(steps), int) if neurons is None else neurons
    return SpikeRecord.from_events(steps, neurons, n_neurons, n_steps, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: from_events([0.0012, 0.9991, 12.7]),
            r"steps = \[0.0012, 0.9991, 12.7\] of dtype float64: must",
        ),
        (lambda: from_events([1.0, 2.0]), r"np\.rint\(milliseconds / 0\.1\)\.astype\(int\)"),
        (lambda: from_events(np.array([1, 2], np.float32), dt_ms=1), r"np\.rint\(seconds \* 1000 / 1\)"),
        (lambda: from_events([True, False]), "steps = .* of dtype bool"),
        (lambda: from_events(["1", "2"]), "steps = .* of dtype <U1"),
        (lambda: from_events([1, None]), "steps = .* of dtype object"),
        (lambda: from_events([2**70]), "steps = .* of dtype object"),
        (lambda: from_events(np.array([2**63 + 1], np.uint64)), "steps: 9223372036854775809 is too large"),
        (lambda: from_events([1, 2], [0.0, 1.0]), "neurons = .* of dtype float64"),
        (lambda: from_events([1, 2], [0, -1]), "neurons must lie in 0"),
        (lambda: from_events([1], n_neurons=2.5), "n_neurons = 2.5: must be a whole number >= 1"),
        (lambda: from_events([1], n_neurons=True), "n_neurons = True"),
        (lambda: from_events([1], n_steps=10.5), "n_steps = 10.5"),
        (lambda: from_events([1], n_steps="100"), "n_steps = '100'"),
        (lambda: from_events([1], dt_ms=0), "dt_ms = 0: must be a finite number > 0"),
        (lambda: from_events([1], dt_ms=math.nan), "dt_ms = nan"),
        (lambda: BinnedCounts(from_events([1]), 2.5), "bin_steps = 2.5: must be a whole number >= 1"),
        (lambda: BinnedCounts(from_events([1]), True), "bin_steps = True"),
        (lambda: BinnedCounts(from_events([1]), 10, "false"), "binarise = 'false': must be True or False"),
        (lambda: BinnedCounts(from_events([1]), 10, memory_mb=math.inf), "memory_mb = inf"),
        (lambda: StepWindow(from_events([1]), 0.5, 10), "first_step = 0.5"),
        (lambda: StepWindow(from_events([1]), 0, "10"), "n_steps = '10'"),
        (lambda: ObservedNeurons(from_events([1]), [0.9]), "neurons = .* of dtype float64"),
        (
            lambda: ObservedNeurons(from_events([1]), [True, False, True]),
            r"of a mask: np\.flatnonzero\(mask\)",
        ),
        (lambda: first_spikes(from_events([1]), 1.5), "n_spikes = 1.5"),
        (lambda: first_spikes(from_events([1]), -1), "n_spikes = -1"),
        (lambda: WindowCorrelations(3, 0), "n_spikes = 0"),
    ],
)
def test_events_and_views_of_them(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def piece(steps, neurons, trial=0, first_step=0, n_steps=10, dtype=np.int64):
    return Segment(trial, first_step, n_steps, np.array(steps, dtype), np.array(neurons, np.int64))


IMPOSSIBLE = {
    "unsorted": ([piece([5, 3], [0, 1])], "sorted by step and then by neuron"),
    "unsorted within a step": ([piece([5, 5], [1, 0])], "sorted by step and then by neuron"),
    "twice": ([piece([5, 5], [1, 1])], "each there once"),
    "late": ([piece([5, 10], [0, 1])], r"steps 5 \.\.\. 10 .* must lie in 0 \.\.\. 9"),
    "early": ([piece([], []), piece([9], [0], first_step=10)], r"must lie in 10 \.\.\. 19"),
    "negative": ([piece([-1, 5], [0, 1])], r"steps -1 \.\.\. 5"),
    "no such neuron": ([piece([5], [3])], r"neurons 3 \.\.\. 3 .* must lie in 0 \.\.\. 2"),
    "a neuron that would wrap around": ([piece([5], [256])], "neurons 256"),
    "a negative neuron": ([piece([5], [-1])], "neurons -1"),
    "seconds": ([piece([0.1, 0.5], [0, 1], dtype=float)], r"steps = \[0.1, 0.5\] of dtype float64"),
    "neurons of another length": ([piece([1, 2], [0])], "differ in shape"),
    "a gap": ([piece([1], [0]), piece([21], [0], first_step=20)], "first_step = 20 .*: must be 10"),
    "an overlap": ([piece([1], [0]), piece([6], [0], first_step=5)], "first_step = 5 .*: must be 10"),
    "a late beginning": ([piece([21], [0], first_step=20)], "first_step = 20 .*: must be 0"),
    "a negative length": ([piece([], [], n_steps=-1)], "n_steps = -1"),
    "a length in seconds": ([piece([], [], n_steps=0.5)], "n_steps = 0.5"),
    "a negative trial": ([piece([], [], trial=-1)], "trial = -1"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_segments_are_refused_when_they_are_written_or_kept(tmp_path, case):
    segments, message = IMPOSSIBLE[case]
    with pytest.raises(ValueError, match=message):
        SpikeRecord(3, 0.1, segments)
    path = tmp_path / "spikes.h5"
    path.write_bytes(b"of before")
    with pytest.raises(ValueError, match=message):
        write_spikes(path, segments, 3, 0.1, {})
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"of before"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.1, {}), "n_neurons = 0: must be a whole number >= 1 and <= 1048576"),
        ((2**20 + 1, 0.1, {}), "n_neurons = 1048577"),
        ((3.5, 0.1, {}), "n_neurons = 3.5"),
        ((3, 0, {}), "dt_ms = 0"),
        ((3, "0.1", {}), "dt_ms = '0.1'"),
        ((3, 0.1, {"rate": math.nan}), "metadata: cannot be written as JSON"),
        ((3, 0.1, [1]), "metadata = .*: must be a mapping"),
    ],
)
def test_files_that_could_not_be_read_are_not_written(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_spikes(tmp_path / "spikes.h5", [piece([1], [0])], *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_every_type_of_whole_numbers_is_written_and_kept(tmp_path, dtype):
    steps, neurons = np.array([0, 0, 3, 9], dtype), np.array([0, 2, 1, 0], dtype)
    segments = [Segment(0, 0, 10, steps, neurons), Segment(0, 10, 10, steps + dtype(10), neurons)]
    write_spikes(tmp_path / "spikes.h5", segments, 3, 0.1, {})
    for source in (SpikeFile(tmp_path / "spikes.h5"), SpikeRecord(3, 0.1, segments)):
        events = [(s.steps.tolist(), s.neurons.tolist()) for s in source.segments()]
        assert events == [([0, 0, 3, 9], [0, 2, 1, 0]), ([10, 10, 13, 19], [0, 2, 1, 0])]


@pytest.fixture(scope="module")
def record():
    segments = simulate(
        ring_network(20, 1.4, 1.41), ThresholdParameters(0.01, 0.0013), seed=1, n_spikes=20_000
    )
    return SpikeRecord(20, 0.1, segments)


class Foreign:
    """A source of spikes of a user's own make."""

    def __init__(self, segments, n_neurons=3, dt_ms=0.1, lengths=(20,)):
        self.pieces, self.n_neurons, self.dt_ms, self.trial_steps = segments, n_neurons, dt_ms, lengths

    def segments(self, trial=None):
        return (segment for segment in self.pieces if trial is None or segment.trial == trial)


def test_a_source_of_somebody_elses_make_is_checked_as_it_is_read(record):
    same = Foreign(record.pieces, 20, lengths=record.trial_steps.tolist())
    found, expected = (estimate("glm", source) for source in (same, record))
    assert found.values.tobytes() == expected.values.tobytes()
    for case, (segments, message) in IMPOSSIBLE.items():
        if case != "a negative trial":  # which nobody asks for
            with pytest.raises(ValueError, match=message):
                estimate("mean_field", Foreign(segments), bin_steps=5)
            with pytest.raises(ValueError, match=message):
                BinnedCounts(ObservedNeurons(Foreign(segments), [0, 1, 2]), 5).all()
    with pytest.raises(ValueError, match=r"n_neurons = 3\.5"):
        estimate("mean_field", Foreign([], 3.5))
    with pytest.raises(ValueError, match=r"trial_steps = \[20.5\] of dtype float64"):
        estimate("mean_field", Foreign([], lengths=[20.5]))
