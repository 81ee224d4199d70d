"""Parts of a recording hold exactly the spikes that they should."""

import h5py
import numpy as np
import pytest

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.foreign import CheckedSource
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import LONGEST_SEGMENT, SpikeFile
from circuitbias.spikes.views import ObservedNeurons, Remembered, StepWindow, count_spikes, first_spikes
from circuitbias.spikes.writing import write_spikes


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


def test_neurons_of_a_step_are_sorted_whatever_their_new_labels():
    """Five to a step, in a random order; the record sorts what it is given."""
    rng = np.random.default_rng(1)
    steps = np.repeat(np.arange(0, 60, 3), 5)
    neurons = np.concatenate([rng.permutation(9)[:5] for _ in range(20)])
    order = rng.permutation(9)
    view = ObservedNeurons(SpikeRecord.from_events(steps, neurons, 9, 60), order)
    relabelled = [(0, int(step), int(np.argsort(order)[i])) for step, i in zip(steps, neurons, strict=True)]
    assert events(view) == sorted(relabelled)


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


# --- windows of steps ---------------------------------------------------------------------------


class WholeTrials:
    """Somebody's source that knows no windows."""

    def __init__(self, record):
        self.record, self.n_neurons, self.dt_ms = record, record.n_neurons, record.dt_ms
        self.trial_steps = record.trial_steps

    def segments(self, trial=None):
        return self.record.segments(trial)


def on_disk(record, folder):
    write_spikes(folder / "spikes.h5", record.segments(), record.n_neurons, record.dt_ms, {})
    return SpikeFile(folder / "spikes.h5")


@pytest.mark.parametrize(
    ("first", "last"), [(0, None), (3, None), (3, 4), (2, 9), (4, 10), (9, 40), (12, 12)]
)
@pytest.mark.parametrize(
    "kind", ["record", "file", "foreign", "observed", "window", "remembered", "too_large"]
)
def test_a_window_of_steps_has_the_events_inside_and_nothing_else(record, kind, first, last, tmp_path):
    source = {
        "record": lambda: record,
        "file": lambda: on_disk(record, tmp_path),
        "foreign": lambda: CheckedSource(WholeTrials(record)),
        "observed": lambda: ObservedNeurons(on_disk(record, tmp_path), np.array([2, 0])),
        "window": lambda: StepWindow(on_disk(record, tmp_path), 1, 14),
        "remembered": lambda: Remembered(on_disk(record, tmp_path), 1e6),
        "too_large": lambda: Remembered(on_disk(record, tmp_path), 10),
    }[kind]()
    inside = [
        (trial, step, neuron)
        for trial, step, neuron in events(source)
        if first <= step < (np.inf if last is None else last)
    ]
    found = list(source.segments(first_step=first, last_step=last))
    assert [
        (s.trial, int(k), int(i)) for s in found for k, i in zip(s.steps, s.neurons, strict=True)
    ] == inside
    for trial, length in enumerate(source.trial_steps):
        pieces = list(source.segments(trial, first, last))
        assert [piece.trial for piece in pieces] == [trial] * len(pieces)
        ends = [first, *(piece.first_step + piece.n_steps for piece in pieces)]
        assert [piece.first_step for piece in pieces] == ends[:-1]
        assert ends[-1] == max(first, length if last is None else min(length, last))


@pytest.mark.parametrize(("most_bytes", "times"), [(1e6, 1), (10, 4)])
def test_what_is_small_enough_is_read_once(record, most_bytes, times, tmp_path, monkeypatch):
    file, read = on_disk(record, tmp_path), []
    whole = SpikeFile.segments
    monkeypatch.setattr(SpikeFile, "segments", lambda *given: read.append(given) or whole(*given))
    remembered = Remembered(file, most_bytes)
    for _ in range(3):
        assert events(remembered) == events(record)
    assert len(read) == times  # of what is too large, a first look more


def test_a_window_of_a_file_reads_no_more_than_its_segments(tmp_path, monkeypatch):
    n_steps, length = 40 * LONGEST_SEGMENT, 2 * LONGEST_SEGMENT
    steps = np.arange(0, n_steps, 16)
    path = tmp_path / "spikes.h5"
    write_spikes(path, [Segment(0, 0, n_steps, steps, np.zeros_like(steps))], 1, 0.1, {})
    read, whole = [], h5py.Dataset.__getitem__

    def noting(dataset, item):
        values = whole(dataset, item)
        if dataset.name == "/gap":
            read.append(len(values))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noting)
    window = StepWindow(SpikeFile(path), n_steps // 2 + 5, length)
    assert count_spikes(window) == length // 16
    assert sum(read) == 3 * LONGEST_SEGMENT // 16  # it begins within one segment and ends within another
