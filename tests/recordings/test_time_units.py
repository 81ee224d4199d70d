"""Wrong units of time are refused in words, and told ones are believed."""

import numpy as np
import pytest

import circuitbias as cb

RNG = np.random.default_rng(2)
SECONDS = {unit: np.sort(RNG.uniform(0, 80, 120)) for unit in "abcdefgh"}


def scaled(factor, whole=False):
    return {unit: np.round(train * factor) if whole else train * factor for unit, train in SECONDS.items()}


def test_seconds_need_no_word():
    read = cb.recording(SECONDS)
    assert "taken for seconds" in " ".join(read.origin["notes"])
    assert np.array_equal(read.times_s[0], SECONDS["a"])


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (scaled(1e3, whole=True), r"are whole numbers, such as \d+: say what they are: time_unit"),
        (scaled(30_000, whole=True), "are whole numbers"),
        (scaled(1e3), r"hardly any of the 952 intervals between spikes of a unit"),
        (scaled(1e6), r"the recording would be 92\d days long"),
        (scaled(1e-5), r"the most active unit would fire at 1.5e\+05 Hz"),
        ({"a": np.array([0.5, 3000.25]), "b": np.array([7.5])}, r"would fire at 0.000667 Hz"),
    ],
)
def test_what_can_be_no_seconds(times, message):
    with pytest.raises(ValueError, match=message) as caught:
        cb.recording(times)
    assert "--time-unit" in str(caught.value)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (scaled(1e3), {"time_unit": "ms"}),
        (scaled(1e6), {"time_unit": "us"}),
        (scaled(25_000), {"time_unit": "samples", "sampling_rate_hz": 25_000}),
        (scaled(1), {"time_unit": "s"}),
    ],
)
def test_what_is_said_counts(times, told):
    read = cb.recording(times, **told)
    for found, train in zip(read.times_s, SECONDS.values(), strict=True):
        np.testing.assert_allclose(found, train, rtol=1e-12)


def test_whole_seconds_can_be_said_to_be_seconds():
    assert cb.recording({"a": [1, 2], "b": [5]}, time_unit="s").times_s[0].tolist() == [1.0, 2.0]


def test_what_is_said_must_be_complete():
    with pytest.raises(ValueError, match="no sampling rate is known: give sampling_rate_hz"):
        cb.recording(scaled(25_000), time_unit="samples")
    with pytest.raises(ValueError, match=r"time_unit = 'minutes': must be one of s, ms, us, samples"):
        cb.recording(SECONDS, time_unit="minutes")
    with pytest.raises(ValueError, match=r"sampling_rate_hz = 0: must be"):
        cb.recording(SECONDS, time_unit="samples", sampling_rate_hz=0)


def test_times_that_are_none():
    with pytest.raises(ValueError, match=r"1 of the 3 times of unit b are no finite numbers .*number 2: nan"):
        cb.recording({"a": [0.1], "b": [0.5, np.nan, 0.7]})
    with pytest.raises(ValueError, match=r"unit a is a list, which holds no times"):
        cb.recording({"a": ["x"]})


def test_unsorted_times_are_sorted_and_said():
    read = cb.recording({"a": [0.7, 0.1], "b": [0.35]})
    assert read.times_s[0].tolist() == [0.1, 0.7]
    assert "times of unit a were not in order: they were sorted" in read.origin["notes"]
