"""Parts of a recording hold exactly the spikes that they should."""

import numpy as np
import pytest

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.views import ObservedNeurons, StepWindow, count_spikes, first_spikes


@pytest.fixture
def record():
    """Two trials of 10 and 6 steps; the first comes in two segments."""
    return SpikeRecord(
        3,
        0.1,
        [
            Segment(0, 0, 4, np.array([0, 3]), np.array([0, 2])),
            Segment(0, 4, 6, np.array([4, 4, 9]), np.array([1, 2, 0])),
            Segment(1, 0, 6, np.array([2, 5]), np.array([1, 1])),
        ],
    )


def events(source):
    return [
        (segment.trial, int(step), int(neuron))
        for segment in source.segments()
        for step, neuron in zip(segment.steps, segment.neurons, strict=True)
    ]


def test_the_whole_recording_is_a_window_of_itself(record):
    window = StepWindow(record, 0, 16)
    assert window.trial_steps.tolist() == [10, 6]
    assert events(window) == events(record)


def test_a_window_over_two_trials_begins_each_anew(record):
    window = StepWindow(record, 4, 9)  # steps 4 ... 9 of trial 0, steps 0 ... 2 of trial 1
    assert window.trial_steps.tolist() == [6, 3]
    assert events(window) == [(0, 0, 1), (0, 0, 2), (0, 5, 0), (1, 2, 1)]
    assert [event for event in events(window) if event[0] == 1] == [
        (s.trial, int(s.steps[0]), int(s.neurons[0])) for s in window.segments(1)
    ]


def test_segments_of_a_window_follow_each_other_from_its_start(record):
    window = StepWindow(record, 1, 12)
    assert [segment[:3] for segment in window.segments()] == [(0, 0, 3), (0, 3, 6), (1, 0, 3)]
    after = StepWindow(record, 5, 8)  # nothing of the first segment
    assert [segment[:3] for segment in after.segments()] == [(0, 0, 5), (1, 0, 3)]


def test_trials_outside_the_window_are_left_out(record):
    window = StepWindow(record, 12, 4)
    assert window.trial_steps.tolist() == [4]
    assert events(window) == [(0, 0, 1), (0, 3, 1)]


def test_bins_of_a_window_are_those_of_the_recording(ring_record):
    whole = BinnedCounts(ring_record, 100).all()
    part = BinnedCounts(StepWindow(ring_record, 5_000, 20_000), 100).all()
    np.testing.assert_array_equal(part, whole[50:250])


@pytest.mark.parametrize(("first", "n"), [(17, 3), (0, 0), (0, 17), (16, 1)])
def test_a_window_outside_is_refused(record, first, n):
    with pytest.raises(ValueError, match=f"first_step={first}, n_steps={n}: .* 16 steps"):
        StepWindow(record, first, n)


def test_observed_neurons_get_new_labels_and_stay_sorted(record):
    view = ObservedNeurons(record, np.array([2, 1]))
    assert (view.n_neurons, view.dt_ms) == (2, 0.1)
    assert events(view) == [(0, 3, 0), (0, 4, 0), (0, 4, 1), (1, 2, 1), (1, 5, 1)]
    assert view.trial_steps.tolist() == [10, 6]


def test_counts_of_observed_neurons_are_columns(ring_record):
    neurons = np.array([5, 90, 33])
    np.testing.assert_array_equal(
        BinnedCounts(ObservedNeurons(ring_record, neurons), 100).all(),
        BinnedCounts(ring_record, 100).all()[:, neurons],
    )


@pytest.mark.parametrize("neurons", [[], [1, 1], [3], [-1]])
def test_neurons_that_are_not_there_are_refused(record, neurons):
    with pytest.raises(ValueError, match=r"neurons=\["):
        ObservedNeurons(record, np.array(neurons, dtype=int))


@pytest.mark.parametrize(("n", "steps"), [(1, 1), (2, 4), (3, 5), (4, 5), (5, 10), (6, 13), (7, 16), (8, 16)])
def test_the_first_spikes_end_with_the_step_that_completes_them(record, n, steps):
    """The third and the fourth spike are of one step."""
    part = first_spikes(record, n)
    assert part.trial_steps.sum() == steps
    assert count_spikes(part) == (4 if n == 3 else min(n, 7))


def test_no_number_of_spikes_is_all_of_them(record):
    assert first_spikes(record, None) is record
