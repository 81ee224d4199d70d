"""The slowest correlation time: of processes whose time is known."""

import numpy as np
import pytest

from circuitbias import api
from circuitbias.spikes.phases import cycle_of
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.spikes.slowness import Overheard, correlation_time_s, time_in_bins
from circuitbias.spikes.views import Joined, StepWindow, count_spikes


def autoregressive(n, time, rng):
    x, keep = np.empty(n), np.exp(-1 / time)
    x[0] = rng.standard_normal()
    for k, kick in enumerate(rng.standard_normal(n - 1) * np.sqrt(1 - keep**2), 1):
        x[k] = keep * x[k - 1] + kick
    return x


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize("time", [3.0, 30.0])
def test_of_a_process_with_one_time(time, noise):
    """Noise that is independent from bin to bin does not shorten it."""
    rng = np.random.default_rng(4)
    series = [autoregressive(20_000, time, rng) + noise * rng.standard_normal(20_000) for _ in range(4)]
    assert time_in_bins(series) == pytest.approx(time, rel=0.25)


def test_of_independent_noise():
    assert time_in_bins([np.random.default_rng(0).standard_normal(10_000)]) == 0


def test_bumps_that_drift_are_slower_than_those_that_do_not():
    """At r = 0.025 they stay for 2 to 4 s; without bumps nothing is slower than some synaptic times."""
    ring = api.network("ring")
    slow, fast = (
        correlation_time_s(api.simulate(ring, r=r, theta=theta, n_spikes=2_000_000, seed=3))
        for r, theta in ((0.025, 7.35e-4), (0.0025, 1.304e-3))
    )
    assert 1.5 < slow < 6 and fast < 0.1


def test_too_short_a_recording():
    spikes = api.simulate(api.network("ring"), r=0.0025, theta=1.304e-3, n_spikes=1000)
    assert np.isnan(correlation_time_s(StepWindow(spikes, 0, 900)))


def test_joined_recordings_are_trials_of_one():
    spikes = api.simulate(api.network("ring"), r=0.0025, theta=1.304e-3, n_spikes=4000, trials=2)
    parts = [StepWindow(spikes, 0, 100), StepWindow(spikes, 200, int(spikes.trial_steps.sum()) - 200)]
    joined = Joined(parts)
    assert joined.trial_steps.tolist() == [n for part in parts for n in part.trial_steps]
    assert count_spikes(joined) == sum(map(count_spikes, parts))
    by_trial = [sum(len(s.steps) for s in joined.segments(k)) for k in range(len(joined.trial_steps))]
    assert by_trial == [
        sum(len(s.steps) for s in part.segments(k)) for part in parts for k in range(len(part.trial_steps))
    ]
    with pytest.raises(ValueError, match="must be those of all"):
        Joined([])


class Counted:
    """A recording that counts how often it is read."""

    def __init__(self, source):
        self.source, self.n_neurons, self.dt_ms = source, source.n_neurons, source.dt_ms
        self.trial_steps, self.reads = source.trial_steps, 0

    def segments(self, *bounds):
        self.reads += 1
        return self.source.segments(*bounds)


def test_what_has_been_read_is_not_read_again():
    spikes = api.simulate(api.network("ring"), r=0.0025, theta=1.304e-3, n_spikes=60_000, trials=3)
    source = Counted(spikes)
    heard = Overheard(source)
    list(heard.segments(0, 10, 500)), list(heard.segments(1, 3)), next(heard.segments(2))  # no whole trial
    first, second = heard.segments(1), heard.segments(1)
    for pair in zip(first, second, strict=True):  # at the same time
        np.testing.assert_array_equal(pair[0].steps, pair[1].steps)
    before = source.reads
    assert correlation_time_s(heard) == correlation_time_s(spikes)
    assert source.reads == before + 2  # of the trials 0 and 2
    for trial, counts in enumerate(heard.counts()):
        events = np.concatenate([[s.steps, s.neurons] for s in spikes.segments(trial)], axis=1)
        whole = events[:, events[0] < len(counts) * 100]
        expected = np.zeros((spikes.trial_steps[trial] // 100, 100))
        np.add.at(expected, (whole[0] // 100, whole[1]), 1)
        np.testing.assert_array_equal(counts, expected)
    assert source.reads == before + 2


def test_long_recordings_have_wider_bins():
    spikes = SpikeRecord.from_events([5, 4_000_000], [0, 1], n_neurons=2, n_steps=6_000_000)
    assert Overheard(spikes).bin_steps == 300
    assert [np.argwhere(one).tolist() for one in Overheard(spikes).counts()] == [[[0, 0], [13_333, 1]]]


def test_cycles_of_the_drive_are_those_of_the_recording():
    spikes = SpikeRecord.from_events([5], [0], n_neurons=2, n_steps=600)
    spikes.cycle_steps = 70
    cycle, phases = cycle_of(StepWindow(Overheard(spikes), 100, 50))
    assert (cycle, phases.tolist()) == (70, [30])
