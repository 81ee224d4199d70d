"""Adaptive integrate-and-fire neurons: kernel against reference, and spikes that are known by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import circuitbias as cb
from circuitbias.config import load_config
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, uniforms
from circuitbias.dynamics.models.adaptive_lif import AdaptiveLif
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.validation import ConfigError, add_contradictions


def network(weights, drive_scale=None):
    n = len(weights)
    return Network(
        weights, np.arange(n), np.ones(n) if drive_scale is None else drive_scale, "test", False, {}
    )


def mixed(n=20):
    rng = np.random.default_rng(4)
    sign = np.where(np.arange(n) < n // 2, 0.7, -1.5)[:, None]
    return network(sign * rng.exponential(1e-3, (n, n)) * (rng.random((n, n)) < 0.4), np.linspace(0, 1.5, n))


def raster(model, net, r, theta, n_steps, seed=5, trial=1, **options):
    spikes = np.zeros((n_steps, net.n_neurons), dtype=bool)
    engine = model.engine(net, r=r, theta=theta)
    for segment in simulate(net, engine, seed=seed, n_steps=n_steps, trials=2, burn_in=0, **options):
        if segment.trial == trial:
            spikes[segment.steps, segment.neurons] = True
    return spikes


CASES = {
    "mixed": (AdaptiveLif(), mixed(), 0.05, 6e-4),
    "ring": (AdaptiveLif(kick=0.2), ring_network(30, 2.09, 2.1), 0.02, 6e-4),
    "no rest, one delay": (AdaptiveLif(rest_ms=0.0, delay_ms=0.1, delay_spread_ms=0.0), mixed(2), 0.3, 2e-4),
    "fast": (AdaptiveLif(membrane_ms=2.0, tau_ms=3.0, adaptation_ms=20.0, jump=0.5), mixed(7), 0.2, 5e-4),
}


@pytest.mark.parametrize("case", CASES)
def test_spikes_equal_those_of_the_reference(case):
    model, net, r, theta = CASES[case]
    n = net.n_neurons
    start = theta * uniforms(5, 1, 0, 1, n, STREAM_INITIAL_STATE)[0]
    u = uniforms(5, 1, 0, 1500, n)
    expected = model.reference(net, r=r, theta=theta, uniforms=u, potential=start)
    spikes = raster(model, net, r, theta, 1500)
    assert np.array_equal(spikes, expected) and spikes.sum() > 10
    assert np.array_equal(spikes, raster(model, net, r, theta, 1500, chunk_steps=7, threads=2))
    sparse = Network(csr_array(net.weights), net.positions, net.drive_scale, "test", False, {})
    assert np.array_equal(spikes, raster(model, sparse, r, theta, 1500))
    assert not np.array_equal(spikes, raster(model, net, r, theta, 1500, trial=0))


def test_a_neuron_alone_fires_when_its_potential_says():
    """Without noise and adaptation v = b (1 - q^k) after k steps; b / 2 is crossed at k = 69."""
    model = AdaptiveLif(kick=0.0, jump=0.0, rest_ms=1.0)
    steps = np.flatnonzero(raster(model, network(np.zeros((2, 2))), 0.0, 5e-4, 2000)[:, 0])
    k = int(np.ceil(np.log(0.5) / np.log(0.99)))  # the first k with 1 - 0.99^k > 1/2
    assert set(np.diff(steps)) == {k + 10}  # ten steps of rest


def test_adaptation_makes_intervals_longer():
    model = AdaptiveLif(kick=0.0, jump=0.3)
    steps = np.flatnonzero(raster(model, network(np.zeros((2, 2))), 0.0, 4e-4, 4000)[:, 0])
    intervals = np.diff(steps)[:4]
    assert (np.diff(intervals) > 0).all()


def test_a_spike_arrives_after_its_delay():
    """Neuron 1 has no drive: a spike of neuron 0 takes it over its threshold as it arrives."""
    net = network(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.0]))
    model = AdaptiveLif(kick=0.0, jump=0.0, delay_ms=1.3, delay_spread_ms=0.0, rest_ms=0.5, tau_ms=0.2)
    spikes = raster(model, net, 0.1, 5e-4, 3000)
    first, second = (np.flatnonzero(column) for column in spikes.T)
    after = [min(second[second > step]) - step for step in first[1:-1]]
    assert set(after) == {13}


def test_the_background_is_as_told():
    """Of neurons that never fire: the variance of v is rate k^2 / (1 - q^2), both kinds of kicks together."""
    model, free = AdaptiveLif(b=0.001, kick=0.1, jump=0.0), network(np.zeros((400, 400)), np.zeros(400))
    engine = model.engine(free, r=0.0, theta=1.0)
    state, buffers = engine.start(1, 0), (np.empty(1000, np.int64), np.empty(1000, np.int32))
    done, found = engine.advance(state, 1, 0, 0, 3000, 10, *buffers)
    assert (done, found) == (3000, 0)
    assert state[:400].std() == pytest.approx(1e-4 * np.sqrt(2 * 0.1 / (1 - 0.99**2)), rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"membrane_ms": 0.1}, "dt_ms = 0.1: must be < membrane_ms = 0.1"),
        ({"adaptation_ms": 0.05}, "dt_ms = 0.1: must be < adaptation_ms = 0.05"),
        (
            {"kicks_hz": 5001},
            "kicks_hz = 5001.0: must be <= 5000: a step of 0.1 ms has a kick of either sign",
        ),
        ({"kicks_hz": 600, "dt_ms": 1}, "kicks_hz = 600.0: must be <= 500"),
    ],
)
def test_steps_too_wide_for_what_happens_in_them_are_refused(options, message):
    """A factor of decay below 0, and kicks of one sign that take the place of those of the other."""
    with pytest.raises(ConfigError, match=message):
        AdaptiveLif(**options)
    with pytest.raises(ConfigError, match=rf"generator\.{message}"):
        load_config({"generator": {"family": "adaptive_lif"} | options, "thresholds": {"rate_hz": 10}})
    assert AdaptiveLif(kicks_hz=5000).kicks_hz == 5000


def test_rates_are_found_and_wiring_is_seen():
    ring = ring_network(40, 2.79, 2.8)
    spikes = cb.simulate(ring, r=0.02, rate_hz=30.0, n_spikes=200_000, generator="adaptive_lif")
    assert spikes.n_spikes / (40 * spikes.trial_steps.sum() * 1e-4) == pytest.approx(30.0, rel=0.03)
    assert BinnedCounts(spikes, 100).all().max() <= 5  # rest and adaptation
    couplings = cb.infer(spikes, "glm").values
    near = [couplings[i, (i + 4) % 40] for i in range(40)]
    far = [couplings[i, (i + 20) % 40] for i in range(40)]
    assert np.mean(near) < -0.02 < np.mean(far)


def test_kicks_of_a_model_of_somebody_else_may_be_anything():
    for others in ({"kicks_hz": 1e9}, {"kicks_hz": "many", "dt_ms": 0.1}, {"kicks_hz": None, "dt_ms": 0.1}):
        problems = {}
        add_contradictions(problems, others, (), others)
        assert not problems
