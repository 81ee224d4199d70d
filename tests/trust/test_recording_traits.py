"""Traits and checks of spikes whose traits are known."""

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.trust.checks import check_fit, held_out_parts
from circuitbias.trust.traits import traits

STEPS = 1_000_000


def spikes_of(trains):
    """A record of sets of steps."""
    at = [np.unique(train) for train in trains]
    return SpikeRecord.from_events(
        np.concatenate(at), np.repeat(np.arange(len(at)), [len(one) for one in at]), len(at), STEPS
    )


def poisson(rng, chance):
    return np.flatnonzero(rng.random(STEPS) < chance)


def test_correlation_of_units_that_share_spikes():
    """Of spikes of which a share c is common: counts correlate by c."""
    rng = np.random.default_rng(0)
    common = poisson(rng, 0.002)
    found = traits(spikes_of([np.append(common, poisson(rng, 0.006)) for _ in range(8)]))
    assert found.correlation == pytest.approx(0.25, abs=0.01)
    assert found.correlation_se < 0.01
    assert found.rank == pytest.approx(8 / (1 + 7 / 16), rel=0.06)
    assert found.rates_hz == pytest.approx(80 * np.ones(8), rel=0.04)
    assert found.slowest_ms == 0
    assert found.slow == pytest.approx(0.25, abs=0.04)


def test_independent_units_do_not_correlate():
    rng = np.random.default_rng(1)
    found = traits(spikes_of([poisson(rng, 0.004) for _ in range(10)]))
    assert found.correlation < 0.006
    assert (np.abs(found.drift_z) < 4).all()


def test_drift_and_slow_modes_are_seen():
    rng = np.random.default_rng(2)
    rising = np.linspace(0.5, 1.5, STEPS)
    phase = np.repeat(rng.random(STEPS // 5000) < 0.5, 5000)  # half seconds
    trains = [np.flatnonzero(rng.random(STEPS) < 0.004 * rising)]
    trains += [np.flatnonzero(rng.random(STEPS) < 0.004 * (0.5 + phase)) for _ in range(4)]
    found = traits(spikes_of(trains))
    assert found.drift[0] == pytest.approx(1.0, abs=0.1) and found.drift_z[0] > 10
    assert found.slow > 3 * found.correlation
    assert 250 < found.slowest_ms < 500  # the correlation of such phases is a triangle of 500 ms


def test_delayed_synchrony_has_a_direction():
    rng = np.random.default_rng(3)
    first = poisson(rng, 0.002)
    later = first[first < STEPS - 200] + 100
    found = traits(spikes_of([first, later, poisson(rng, 0.002)]))
    assert found.delayed[0, 1] > 0.9 and abs(found.delayed[1, 0]) < 0.05


def checked(trains):
    source = spikes_of(trains)
    options = {"bin_steps": 10, "filter_ms": 10.0}
    fits = [
        estimate("glm_history", part, memory_mb=500, device="cpu", **options)
        for part in (source, held_out_parts(source)[0])
    ]
    return check_fit(source, *fits)


def test_poisson_units_are_explained():
    rng = np.random.default_rng(4)
    found = checked([poisson(rng, 0.003) for _ in range(4)])
    assert found.distance.max() < 0.03 and found.rejected <= 0.5
    assert found.residual == pytest.approx(np.ones(len(found.residual)), abs=0.6)
    assert abs(found.bits) < 0.01


def test_rhythms_and_common_spikes_are_not():
    rng = np.random.default_rng(5)
    clock = np.cumsum(rng.integers(380, 420, STEPS // 500))
    common = poisson(rng, 0.001)
    found = checked([clock, *(np.append(common + lag, poisson(rng, 0.002)) % STEPS for lag in (0, 5))])
    assert found.distance[0] > 0.2 > 5 * found.distance[2]
    assert found.residual[0] > 3
