"""Freezing, seen in recordings made by hand: who fires from when on is known."""

import warnings

import numpy as np
import pytest

from circuitbias import api
from circuitbias.experiments.freezing import run
from circuitbias.spikes.freezing import freezing
from circuitbias.spikes.segments import SpikeRecord


def poisson(rates_hz, seconds, rng):
    """Spikes of neurons with these rates, steps of 0.1 ms."""
    n_steps = int(seconds * 10_000)
    found = [np.flatnonzero(rng.random(n_steps) < rate * 1e-4) for rate in rates_hz]
    neurons = np.repeat(np.arange(len(rates_hz)), [len(steps) for steps in found])
    return np.concatenate(found), neurons, n_steps


def test_the_time_at_which_ten_neurons_take_over():
    rng = np.random.default_rng(1)
    steps, neurons, first = poisson(np.full(40, 20.0), 30, rng)
    later, who, last = poisson(np.r_[np.full(5, 300.0), np.zeros(35)], 30, rng)
    record = SpikeRecord.from_events(
        np.r_[steps, later + first], np.r_[neurons, who], n_neurons=40, n_steps=first + last
    )
    (found,) = freezing(record)
    assert found.frozen_from_s == pytest.approx(30, abs=0.5) and found.duration_s == 60
    # Counts of half a second are Poisson with mean 10: (sum)² / sum of squares is 40 / (1 + 1 / 10).
    assert found.active_before == pytest.approx(40 / 1.1, rel=0.05)
    assert found.active_after == pytest.approx(5, rel=0.02)
    assert found.rate_before_hz == pytest.approx(20, rel=0.05)
    assert found.rate_after_hz == pytest.approx(300 / 8, rel=0.05)


def test_what_comes_back_has_not_frozen():
    rng = np.random.default_rng(2)
    parts = [
        poisson(rates, 20, rng)
        for rates in (np.full(20, 20.0), np.r_[100.0, np.zeros(19)], np.full(20, 20.0))
    ]
    shift = [0, 200_000, 400_000]
    steps = np.concatenate([part[0] + at for part, at in zip(parts, shift, strict=True)])
    record = SpikeRecord.from_events(
        steps, np.concatenate([p[1] for p in parts]), n_neurons=20, n_steps=600_000
    )
    assert np.isnan(freezing(record)[0].frozen_from_s)


def test_bumps_are_not_frozen_and_short_recordings_unknown():
    ring = api.network("ring")
    assert np.isnan(freezing(api.simulate(ring, r=0.025, theta=7.35e-4, n_spikes=300_000))[0].frozen_from_s)
    assert np.isnan(freezing(api.simulate(ring, r=0.025, theta=7.35e-4, n_spikes=10_000))[0].active_before)


def test_the_experiment_says_what_it_cannot_know():
    rng = np.random.default_rng(3)
    steps, neurons, n_steps = poisson(np.full(6, 20.0), 9, rng)  # fewer than 20 bins of half a second
    short = SpikeRecord.from_events(steps, neurons, n_neurons=6, n_steps=n_steps)
    resources = {"memory_mb": 500, "device": "cpu"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for weights, why in ((np.ones((6, 6)), ""), (np.zeros((6, 6)), "all weights are zero: ")):
            rows, _ = run(api.network(weights), short, bin_steps=100, resources=resources)
            assert rows.frozen_share.isna().all()
            assert rows.note[0].startswith(why) and rows.note[0].endswith(
                "9 s are too short to see whether it freezes"
            )
            assert np.isfinite(rows.observed[0]) == np.isfinite(rows.total[0]) == (not why)


@pytest.mark.slow
def test_the_random_symmetric_network_freezes():
    """At r = 0.035 after some hundred seconds: few neurons go on, and fast."""
    network = api.network("random_symmetric")
    spikes = api.simulate(network, r=0.035, theta=7.12e-4, n_spikes=5_000_000, seed=1)
    (found,) = freezing(spikes)
    assert 900 < found.frozen_from_s < 1200 and found.duration_s > 1300
    assert found.active_after < 5 and found.active_before > 70
    assert 3 < found.rate_after_hz / found.rate_before_hz < 6  # the published jump is some 3.5
