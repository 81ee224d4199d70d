"""The network of rates: kernel against reference, chaos where theory has it, noise and pulses."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import circuitbias as cb
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, fill_words, uniforms
from circuitbias.dynamics.models.chaotic import Chaotic
from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.network import Network


def gaussian(n, seed=3):
    weights = np.random.default_rng(seed).normal(0, 1 / np.sqrt(n), (n, n))
    return Network(weights, np.arange(n), np.ones(n), "test", False, {})


def states_of(net, engine, n_looks, seed=5, trial=1, **options):
    states = np.zeros((n_looks, net.n_neurons), dtype=bool)
    for segment in simulate(net, engine, seed=seed, n_steps=n_looks, trials=2, burn_in=0, **options):
        if segment.trial == trial:
            states[segment.steps, segment.neurons] = True
    return states


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_states_equal_those_of_the_reference(noise):
    net, model, n_looks = gaussian(12), Chaotic(dt_ms=0.5, noise=noise, b=0.1), 120
    words = np.zeros((n_looks * 5 // 2, 4, 12), dtype=np.uint32)
    for block, of_block in enumerate(words):
        fill_words(of_block, np.uint64(5), 1, block, 0)
    u = (words.reshape(-1, 2, 12) + 0.5) / 2**32
    normals = np.sqrt(-2 * np.log(u[:, 0])) * np.cos(2 * np.pi * u[:, 1])
    start = uniforms(5, 1, 0, 1, 12, STREAM_INITIAL_STATE)[0] - 0.5
    expected = model.reference(net, r=1.5, theta=0.05, normals=normals, h=start)
    engine = model.engine(net, r=1.5, theta=0.05)
    states = states_of(net, engine, n_looks)
    assert np.array_equal(states, expected) and 0.1 < states.mean() < 0.9
    assert np.array_equal(states, states_of(net, engine, n_looks, chunk_steps=7, threads=2))
    sparse = Network(csr_array(net.weights), net.positions, net.drive_scale, "test", False, {})
    sparse = states_of(sparse, model.engine(sparse, r=1.5, theta=0.05), n_looks)
    assert np.array_equal(states, sparse)


def lyapunov(r):
    """How fast two nearby states come apart, a time constant."""
    net, model = gaussian(200), Chaotic()
    engine = model.engine(net, r=r, theta=0.0)
    buffers = np.empty(10**6, np.int64), np.empty(10**6, np.int32)
    state = engine.start(1, 0)
    engine.advance(state, 1, 0, 0, 300, 2**62, *buffers)
    other = state + 1e-8 * np.random.default_rng(0).normal(size=200)
    first = np.linalg.norm(other - state)
    for one in (state, other):
        engine.advance(one, 1, 0, 0, 50, 2**62, *buffers)
    return np.log(np.linalg.norm(other - state) / first) / 50


def test_it_is_chaotic_where_its_weights_are_strong():
    """Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61:259 (1988): above a gain of 1."""
    assert lyapunov(0.5) < -0.2 and lyapunov(4.0) > 0.02


def test_noise_alone_has_its_variance():
    """Without weights h is autoregressive: variance noise^2 share^2 / (1 - (1 - share)^2)."""
    free = Network(np.zeros((500, 500)), np.arange(500), np.ones(500), "none", False, {})
    engine = Chaotic(noise=2.0).engine(free, r=0.0, theta=9.0)
    state = engine.start(1, 0)
    engine.advance(state, 1, 0, 0, 20, 2**62, np.empty(10**5, np.int64), np.empty(10**5, np.int32))
    assert state.std() == pytest.approx(2.0 * 0.01 / np.sqrt(1 - 0.99**2), rel=0.1)


def test_pulses_reach_the_neurons_they_are_for():
    net = Network(np.zeros((4, 4)), np.arange(4), np.ones(4), "none", False, {})
    drive = {"family": "pulses", "neurons": [2], "size": 0.8, "width_ms": 10, "rest_ms": 90}
    named = NamedModel.of({"r": 1.0, "theta": 0.1, "family": "chaotic", "drive": drive})
    states = states_of(net, named.engine(net), 400)[100:]
    assert states[:, 2].mean() == pytest.approx(0.2, abs=0.11) and not states[:, [0, 1, 3]].any()
    with pytest.raises(ValueError, match="no input that could be held"):
        cb.simulate(net, r=1.0, n_spikes=10, generator="chaotic", drive={"family": "clamp"})
