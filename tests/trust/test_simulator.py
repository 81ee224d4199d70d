"""Twins' simulator: against closed forms, and against the package's own engine of the threshold model."""

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.trust.links import LINKS, link
from circuitbias.trust.simulator import Simulator, record
from circuitbias.trust.twins import _ceiling, _most_own

RATES = np.array([2e-4, 2e-3, 8e-3])


@pytest.mark.parametrize("name", LINKS)
def test_units_without_input_fire_as_often_as_their_operating_point_says(name):
    eta, _ = link(name).operating_point(RATES)
    steps = 400_000
    _, units = Simulator(link(name), np.zeros((3, 3)), eta, 0.99, 1).run(steps, 20_000)
    found = np.bincount(units, minlength=3)
    assert (
        np.abs(found - RATES * steps) == pytest.approx(0, abs=1)
        or (np.abs(found - RATES * steps) < 4 * np.sqrt(RATES * steps)).all()
    )


@pytest.mark.parametrize("name", LINKS)
def test_slope_is_that_of_the_log_hazard(name):
    eta, gain = link(name).operating_point(RATES)
    hazard = -np.log1p(-RATES)
    near = link(name).hazard(eta + 0.02 / gain)
    assert near / hazard == pytest.approx(np.exp(0.02) * np.ones(3), rel=2e-3)


def test_a_spike_is_felt_from_the_next_step_on_and_decays():
    """Of a driver at a constant rate: chance of a target's spike so many steps later, exponential link."""
    chance, weight, decay, steps = 0.004, 1.5, 0.9, 20_000_000
    shape = link("exponential")
    eta = np.log(-np.log1p(-np.array([chance, chance])))
    weights = np.array([[0.0, weight], [0.0, 0.0]])
    at, units = Simulator(shape, weights, eta, decay, 3).run(steps, 300_000)
    target = np.zeros(steps + 50, dtype=bool)
    target[at[units == 1]] = True
    driver = at[units == 0]
    mean = target.mean()
    assert abs(target[driver].mean() - mean) < 4 * np.sqrt(mean / len(driver))
    for later in (1, 2, 10):
        # Other spikes of the driver are too rare to matter: 0.04 in a time constant.
        expected = mean * np.exp(weight * decay ** (later - 1))
        assert abs(target[driver + later].mean() - expected) < 4 * np.sqrt(expected / len(driver))


def test_agrees_with_the_engine_of_the_threshold_model():
    rng = np.random.default_rng(4)
    weights = -5 * (rng.random((12, 12)) < 0.3)
    np.fill_diagonal(weights, 0)
    parameters = cb.ThresholdParameters(r=4e-5, theta=1.35e-3)
    network = cb.network(weights)
    theirs = cb.simulate(network, r=parameters.r, theta=parameters.theta, n_spikes=60_000, seed=2)
    sd = parameters.b * parameters.sigma
    constants = np.full(12, (parameters.b - parameters.theta) / sd)
    n_steps = int(theirs.trial_steps.sum())
    events = Simulator(link("threshold"), parameters.r * weights / sd, constants, parameters.decay, 5).run(
        n_steps, 200_000
    )
    ours = record(events, 12, [n_steps], 0.1)

    def rates_and_synchrony(spikes):
        counts = np.zeros((n_steps // 200 + 1, 12))
        for piece in spikes.pieces:
            np.add.at(counts, (piece.steps // 200, piece.neurons), 1)
        upper = np.triu_indices(12, 1)
        return counts.sum(axis=0), np.corrcoef(counts.T)[upper], len(counts)

    (theirs, synchrony, n), (ours, synchrony2, _) = map(rates_and_synchrony, (theirs, ours))
    assert (np.abs(ours - theirs) < 4.5 * np.sqrt(ours + theirs)).all()
    assert theirs.max() > 4 * theirs.min()
    assert np.std(synchrony - synchrony2) < 1.5 * np.sqrt(2 / n)
    assert np.std(synchrony) > 3 * np.sqrt(1 / n)


def test_same_seed_same_spikes_and_none_if_there_are_too_many():
    eta, _ = link("threshold").operating_point(np.full(4, 5e-3))
    weights = np.full((4, 4), 0.02)
    runs = [Simulator(link("threshold"), weights, eta, 0.99, 7).run(20_000, 5000) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))
    assert Simulator(link("threshold"), weights, eta, 0.99, 7).run(20_000, 10) is None


def test_trials_are_cut_where_they_end():
    events = np.array([0, 3, 4, 9]), np.array([0, 2, 1, 0])
    spikes = record(events, 2, np.array([4, 6]), 0.1)
    assert spikes.trial_steps.tolist() == [4, 6]
    assert [piece.steps.tolist() for piece in spikes.pieces] == [[0], [0, 5]]
    assert [piece.neurons.tolist() for piece in spikes.pieces] == [[0], [1, 0]]


def test_unknown_link_is_refused():
    with pytest.raises(ValueError, match="link = 'sigmoid': must be one of exponential, threshold"):
        link("sigmoid")


def test_units_whose_own_past_would_explode_end_their_bursts():
    """Twenty spikes a second, each of which raises the rate twelve times: capped, and bounded."""
    rates_hz, steps = 20.0, 2_000_000
    shape, chance = link("exponential"), np.full(4, rates_hz * 1e-4)
    eta, _ = shape.operating_point(chance)
    own = np.minimum(2.5, _most_own(np.full(4, rates_hz * 0.01)))
    assert (own < 1).all() and own == pytest.approx(_most_own(np.full(4, 0.2)))
    simulator = Simulator(shape, np.diag(own), eta, np.exp(-0.01), 1, _ceiling(chance))
    assert simulator.run(steps, int(4 * 4 * rates_hz * 1e-4 * steps)) is not None
    free = Simulator(shape, np.diag(np.full(4, 2.5)), eta, np.exp(-0.01), 1)
    assert free.run(steps, int(4 * 4 * rates_hz * 1e-4 * steps)) is None
