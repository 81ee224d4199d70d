"""Selection, observed time, and the rule by which times become steps; oracles are loops over spikes."""

import math

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.exceptions import UnusableDataError
from circuitbias.memory import MemoryLimitError
from circuitbias.recordings.intervals import common, merged
from circuitbias.recordings.recording import Recording
from circuitbias.recordings.steps import CommonTimeWarning, to_spikes


def events(spikes):
    """Trial, step and unit of every event."""
    return [
        (one.trial, int(step), int(unit))
        for one in spikes.segments()
        for step, unit in zip(one.steps, one.neurons, strict=True)
    ]


def test_a_border_belongs_to_the_later_step():
    dt = 1e-4
    below, at, almost = 5 * dt - 1e-3 * dt, 5 * dt, 5 * dt - 1e-8 * dt
    spikes, _ = to_spikes(Recording(("a", "b", "c"), ([0.0, below], [at], [almost])))
    assert events(spikes) == [(0, 0, 0), (0, 4, 0), (0, 5, 1), (0, 5, 2)]
    # Times that no binary fraction is: every multiple of a tenth of a millisecond is its own step.
    steps = np.arange(100_000)
    spikes, _ = to_spikes(Recording(("a", "b"), (steps / 10_000, [])))
    assert np.array_equal(spikes.pieces[0].steps, steps)


def test_spikes_of_one_step_are_one_event_and_counted():
    recording = Recording(("a", "b"), ([0.0, 1e-5, 2e-5, 0.01], [0.0, 0.0005, 0.002]))
    spikes, report = to_spikes(recording, refractory_ms=1.0)
    assert events(spikes) == [(0, 0, 0), (0, 0, 1), (0, 5, 1), (0, 20, 1), (0, 100, 0)]
    assert report.merged.tolist() == [2, 0]
    assert report.refractory_violations.tolist() == [2, 1]
    assert spikes.trial_steps.tolist() == [101]  # with the step of the last spike
    assert "2 spikes share a step" in " ".join(report.sentences())


def test_times_at_random_as_a_loop_has_them():
    rng = np.random.default_rng(1)
    trains = [np.sort(rng.uniform(2, 8, n)) for n in (50, 0, 300, 5)]
    observed = [
        np.array([[0, 4.0], [5, 9]]),
        np.array([[1, 7.5]]),
        np.array([[2.5, 9.0]]),
        np.array([[0, 9.0]]),
    ]
    spikes, report = to_spikes(Recording(tuple("abcd"), tuple(trains), tuple(observed)), 0.7)
    expected, outside = [], [0] * 4
    trials = [(2.5, 4.0), (5.0, 7.5)]
    for unit, train in enumerate(trains):
        for time in train:
            for number, (start, end) in enumerate(trials):
                step = math.floor((time - start) / 0.7e-3 + 1e-6)
                if start <= time < end and step < math.floor((end - start) / 0.7e-3 + 1e-6):
                    expected.append((number, step, unit))
                    break
            else:
                outside[unit] += 1
    assert events(spikes) == sorted(set(expected))
    assert report.outside.tolist() == outside
    assert np.allclose(report.trials_s, trials)
    assert report.spikes.sum() == len(set(expected))
    assert report.silent == ("b",)
    assert report.rare == ("d",)
    assert np.allclose(report.own_s, [8, 6.5, 6.5, 9])
    # Without b the trials would be 2.5 to 4 and 5 to 9; without c 1 to 4 and 5 to 7.5; without a 2.5 to 7.5.
    assert np.allclose(report.cost_s, [1.0, 1.5, 1.5, 0.0])


def test_common_time_is_what_a_fine_grid_says():
    rng = np.random.default_rng(5)
    for _ in range(20):
        observed = [merged(np.sort(rng.integers(0, 30, (3, 2)), axis=1), "x") for _ in range(4)]
        grid = np.arange(30) + 0.5
        seen = np.array([[((one[:, 0] < t) & (t < one[:, 1])).any() for t in grid] for one in observed])
        together, cost = common(observed)
        assert np.diff(together).sum() == seen.all(0).sum()
        assert all(seen[:, int(start)].all() for start, _ in together)
        for unit in range(4):
            rest = np.delete(seen, unit, 0).all(0)
            assert cost[unit] == (rest & ~seen[unit]).sum()


def test_intervals_that_touch_or_overlap_are_one():
    assert merged([[3, 4], [0, 1], [1, 2], [1.5, 1.7], [5, 5]], "x").tolist() == [[0, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"from 2 s to 1 s ends before it starts"):
        merged([[0, 1], [2, 1]], "x")
    with pytest.raises(ValueError, match="pairs of finite numbers"):
        merged([[0, np.nan]], "x")


def test_units_that_were_never_seen_together_are_named():
    times = ([1.0], [1.0], [25.0])
    observed = ([[0, 10]], [[0, 10]], [[20, 30]])
    with pytest.raises(
        UnusableDataError,
        match=r"no time at which all 3 units.*without unit c there would be 10 "
        "s",
    ):
        to_spikes(Recording(tuple("abc"), times, observed))
    with pytest.raises(UnusableDataError, match=r"never observed: unit c"):
        to_spikes(Recording(tuple("abc"), times, (*observed[:2], [])))


def test_little_common_time_is_warned_of():
    times, observed = ([1.0, 2.0],) * 3, ([[0, 100]], [[0, 100]], [[0, 3]])
    with pytest.warns(CommonTimeWarning, match=r"observed for 3 s.*c \(97 s\)"):
        spikes, report = to_spikes(Recording(tuple("abc"), times, observed))
    assert spikes.trial_steps.tolist() == [30_000]
    assert any("c (97 s)" in line for line in report.sentences())


def test_times_on_another_clock_than_the_observed_time():
    with pytest.raises(ValueError, match=r"3 of 3 spikes .* from 100 s to 110 s\): .* not of one clock"):
        to_spikes(Recording(("a", "b"), ([1.0, 2.0], [3.0]), ([[100, 110]], [[100, 110]])))


def test_negative_times_need_a_window():
    recording = Recording(("a", "b"), ([-0.5, 1.0], [0.5]))
    with pytest.raises(
        ValueError,
        match=r"1 times are negative, 1 of them of unit a.*window_s = \(-0.5, "
        r"1\)",
    ):
        to_spikes(recording)
    spikes, _ = to_spikes(recording.select(window_s=(-0.5, 1.5)))
    assert events(spikes) == [(0, 0, 0), (0, 10_000, 1), (0, 15_000, 0)]


def test_a_window_is_half_open_and_can_be_longer_than_the_spikes():
    recording = Recording(("a", "b"), ([0.0, 1.0, 2.0], [1.5]))
    cut = recording.select(window_s=(1, 2))
    assert [train.tolist() for train in cut.times_s] == [[1.0], [1.5]]
    spikes, report = to_spikes(recording.select(window_s=(0, 10)))
    assert spikes.trial_steps.tolist() == [100_000]
    assert not report.assumed
    with pytest.raises(UnusableDataError, match=r"no spike is in it; the recording runs from 0 s to 2 s"):
        recording.select(window_s=(5, 6))
    with pytest.raises(ValueError, match=r"the first must be below the second"):
        recording.select(window_s=(2, 1))


def test_selection():
    recording = Recording(
        ("1", "2", "7"),
        ([0.0, 1.0, 10.0], [5.0], []),
        properties={"label": ["good", "mua", "good"], "isolation": [20.0, 5.0, np.nan]},
    )
    assert recording.select(units=[7, "1"]).units == ("7", "1")
    assert recording.select(units="2").units == ("2",)
    assert recording.select(where={"label": "good"}).units == ("1", "7")
    assert recording.select(where={"label": ["mua", "noise"]}).units == ("2",)
    assert recording.select(where={"label": "!= mua"}).units == ("1", "7")
    assert recording.select(where={"isolation": ">= 5"}).units == ("1", "2")
    assert recording.select(where={"label": "good", "isolation": ">5"}).units == ("1",)
    assert recording.select(least_rate_hz=0.2).units == ("1",)
    kept = recording.select(where={"label": "good"})
    assert kept.properties["isolation"][0] == 20
    assert kept.origin["notes"] == ["2 of 3 units have label = good"]
    with pytest.raises(ValueError, match=r"no unit '11'.*there are 1, 2, 7"):
        recording.select(units=["11"])
    with pytest.raises(ValueError, match=r"no column 'lable' \(did you mean label\?\)"):
        recording.select(where={"lable": "good"})
    with pytest.raises(UnusableDataError, match=r"0 of 3 units have label = bad"):
        recording.select(where={"label": "bad"})
    with pytest.raises(ValueError, match=r"isolation holds numbers, and 'x' is none"):
        recording.select(where={"isolation": "> x"})
    with pytest.raises(ValueError, match=r"label > 3: its values are no numbers"):
        recording.select(where={"label": "> 3"})


def test_rates_are_of_the_own_observed_time():
    recording = Recording(("a", "b"), ([1.0, 2.0], [1.0, 2.0]), ([[0, 4]], [[0, 10]]))
    assert recording.rates_hz().tolist() == [0.5, 0.2]
    assert recording.select(least_rate_hz=0.3).units == ("a",)


def test_what_no_recording_can_be():
    with pytest.raises(ValueError, match="there are no units"):
        Recording((), ())
    with pytest.raises(ValueError, match=r"two units have one id: 3"):
        Recording((3, "3", 4), ([], [], []))
    with pytest.raises(ValueError, match=r"times_s of unit a must be finite numbers in rising order"):
        Recording(("a",), ([2.0, 1.0],))
    with pytest.raises(ValueError, match=r"properties: label has shape \(2,\); must be \(1,\)"):
        Recording(("a",), ([1.0],), properties={"label": ["x", "y"]})
    with pytest.raises(UnusableDataError, match="none of the 2 units has a spike"):
        to_spikes(Recording(("a", "b"), ([], [])))


def test_a_thousand_units_and_the_bound_of_memory():
    rng = np.random.default_rng(0)
    trains = tuple(
        np.sort(rng.uniform(0, 100, rng.poisson(100 * rate))) for rate in rng.exponential(12, 1000)
    )
    recording = Recording(tuple(range(1000)), trains)
    spikes, report = to_spikes(recording)
    assert spikes.n_neurons == 1000
    assert report.spikes.sum() + report.merged.sum() == recording.n_spikes
    with pytest.raises(
        MemoryLimitError,
        match=r"memory_mb=12 is too small for \d+ spikes, which take about .* Raise it .* to more than \d+",
    ):
        to_spikes(recording, memory_mb=12)


def test_one_neuron_counted_twice_is_named():
    rng = np.random.default_rng(4)
    trains = [np.sort(rng.uniform(0, 60, n)) for n in (400, 300, 60, 25, 2400)]
    # Two thirds of the spikes of c are of a.
    trains[2] = np.sort(np.concatenate([trains[0][::5] + 2e-3, trains[2][:40]]))
    trains[3] = np.sort(np.concatenate([trains[0][:5], trains[3]]))
    _, report = to_spikes(Recording(tuple("abcde"), tuple(trains)))
    share = np.mean([np.abs(trains[0] - time).min() <= 3e-3 for time in trains[2]])
    assert [(pair[0], pair[1]) for pair in report.twins] == [("c", "a")]
    assert abs(report.twins[0][2] - share) < 0.02
    assert "c and a" in " ".join(report.sentences())
    # At 40 Hz, e comes within 3 ms of a fifth of all others' spikes by chance; a burst counts once.
    burst = np.concatenate([trains[1] + k * 1e-3 for k in range(3)])
    _, report = to_spikes(Recording(("a", "b"), (trains[1][:30], np.sort(burst[burst > 50]))))
    assert all(share <= 1 for *_, share in report.twins)


def test_a_time_far_from_all_others_is_said():
    rng = np.random.default_rng(0)
    trains = {k: np.sort(rng.uniform(0, 60, 300)) for k in range(3)}
    said = [line for line in cb.recording(trains).to_spikes()[1].sentences() if "no unit fires" in line]
    assert not said
    trains[2] = np.append(trains[2], 50_000.5)
    (said,) = [line for line in cb.recording(trains).to_spikes()[1].sentences() if "no unit fires" in line]
    assert "to 50000.5 s. If nothing was recorded then" in said


def test_gaps_of_sparse_units_are_chance():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        recording = cb.recording({0: np.sort(rng.uniform(0, 60, 5)), 1: np.sort(rng.uniform(0, 60, 50))})
        assert recording.to_spikes()[1].gap_s is None
