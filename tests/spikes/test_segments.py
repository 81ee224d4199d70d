import numpy as np
import pytest

from circuitbias.spikes.segments import Segment, SpikeRecord, total_steps


def piece(trial, first_step, n_steps, spikes=()):
    steps, neurons = np.array(list(zip(*spikes, strict=True)) or [(), ()], dtype=np.int64)
    return Segment(trial, first_step, n_steps, steps, neurons)


def test_events_are_sorted_by_step_and_then_by_neuron():
    record = SpikeRecord.from_events([5, 2, 5, 0], [0, 1, 2, 1], n_neurons=3, n_steps=6)
    (segment,) = record.segments()
    assert segment[:3] == (0, 0, 6)
    assert segment.steps.tolist() == [0, 2, 5, 5]
    assert segment.neurons.tolist() == [1, 1, 0, 2]
    assert (record.n_spikes, record.trial_steps.tolist(), record.dt_ms) == (4, [6], 0.1)


def test_a_record_without_spikes():
    record = SpikeRecord.from_events([], [], n_neurons=3, n_steps=6)
    assert (record.n_spikes, record.trial_steps.tolist()) == (0, [6])
    nothing = SpikeRecord(3, 0.1)
    assert (nothing.n_spikes, nothing.trial_steps.tolist(), list(nothing.segments())) == (0, [], [])


@pytest.mark.parametrize(
    ("steps", "neurons", "message"),
    [
        ([0, 6], [0, 0], r"steps must lie in 0 \.\.\. 5, got 0 \.\.\. 6"),
        ([-1, 3], [0, 0], r"got -1 \.\.\. 3"),
        ([1, 2], [0, 3], r"neurons must lie in 0 \.\.\. 2, got 0 \.\.\. 3"),
        ([1, 2], [-1, 0], r"got -1 \.\.\. 0"),
        ([4, 1, 4], [2, 0, 2], "twice"),
        ([1, 2], [0], "one length"),
        ([[1, 2]], [[0, 0]], "one length"),
    ],
)
def test_impossible_events(steps, neurons, message):
    with pytest.raises(ValueError, match=message):
        SpikeRecord.from_events(steps, neurons, n_neurons=3, n_steps=6)


def test_pieces_come_back_trial_by_trial_in_order_of_time():
    pieces = [piece(1, 0, 4), piece(0, 0, 5, [(1, 2)]), piece(1, 4, 3, [(4, 0)]), piece(0, 5, 10)]
    record = SpikeRecord(3, 0.1, iter(pieces))
    assert [s[:3] for s in record.segments()] == [(0, 0, 5), (0, 5, 10), (1, 0, 4), (1, 4, 3)]
    assert [s.first_step for s in record.segments(1)] == [0, 4]
    assert record.trial_steps.tolist() == [15, 7]
    assert record.n_spikes == 2


def test_lengths_are_summed_by_trial():
    assert total_steps([(2, 10), (0, 1), (2, 5)]).tolist() == [1, 0, 15]
    assert total_steps([]).tolist() == []


@pytest.mark.parametrize("neurons", [(0, 3), (-1, 0), (3, 4)])
def test_one_neuron_out_of_range_is_enough_to_refuse_a_segment(neurons):
    """Of three neurons, 0 to 2; the other event may be sound."""
    with pytest.raises(
        ValueError, match=rf"neurons {neurons[0]} \.\.\. {neurons[1]} .*must lie in 0 \.\.\. 2"
    ):
        list(SpikeRecord(3, 0.1, [piece(0, 0, 6, [(1, neurons[0]), (4, neurons[1])])]).segments())
