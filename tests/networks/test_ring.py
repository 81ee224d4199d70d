import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitbias.config import load_config
from circuitbias.networks import build_network, is_circulant, ring_network, ring_weights

# W(d) of the authors' W100.mat, to ten digits
PUBLISHED_PROFILE = {
    0: -0.0005,
    1: -0.0005528875822,
    5: -0.001520948619,
    9: -0.002289390821,
    10: -0.002284833849,
    18: -0.0007073001321,
    25: -6.191876688e-05,
    37: -6.648032856e-08,
    50: -1.139694406e-12,
}


@pytest.fixture(scope="module")
def weights():
    return ring_weights()


@pytest.mark.parametrize(("distance", "value"), PUBLISHED_PROFILE.items())
def test_published_profile(weights, distance, value):
    # 1e-17: the two Gaussians cancel, so the far tail has absolute, not relative precision
    assert weights[3, 3 + distance] == pytest.approx(value, rel=1e-9, abs=1e-17)
    assert weights[3, 3 - distance] == weights[3, 3 + distance]


def test_published_summary(weights):
    assert weights[0].argmin() == 9
    assert (weights < 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), -0.058906, atol=5e-7)
    off_diagonal = weights[~np.eye(100, dtype=bool)]
    assert np.linalg.norm(off_diagonal) / np.abs(weights).max() == pytest.approx(42.9497, abs=5e-5)


def test_published_fourier_modes(weights):
    modes = np.fft.fft(weights[0]).real
    expected = [-0.058906, 0.011816, 0.020485, 0.016409]
    np.testing.assert_allclose(modes[[0, 3, 4, 5]], expected, atol=5e-7)
    assert modes[:51].argmax() == 4  # four bumps


def test_ring_of_fifty_is_every_second_neuron():
    small = ring_weights(50, sigma1=3.49, sigma2=3.5)
    np.testing.assert_allclose(small, ring_weights()[::2, ::2], atol=1e-16)


@given(n=st.integers(2, 30), a2=st.floats(0.5, 1.5))
def test_any_ring_is_circulant_and_symmetric(n, a2):
    weights = ring_weights(n, sigma1=2.0, sigma2=3.0, a2=a2)
    assert (weights == weights.T).all()
    assert (weights[1:, 1:] == weights[:-1, :-1]).all()
    assert is_circulant(weights)


def test_circulant_sees_offsets_not_distances_and_not_the_diagonal():
    pre = np.arange(5)[:, None]
    directed = np.array([0.0, 1.0, 2.0, 3.0, 4.0])[(np.arange(5) - pre) % 5]
    assert is_circulant(directed + np.diag([7, 8, 9, 10, 11]))
    directed[2, 3] += 1e-6
    assert not is_circulant(directed)


def test_the_network_is_by_default_the_published_ring(weights):
    assert np.array_equal(ring_network().weights, weights)
    assert np.array_equal(build_network({"family": "ring"}).weights, weights)


def test_pinned_ring_takes_the_drive_of_neuron_zero_only():
    free, pinned = ring_network(), ring_network(pinned=True)
    assert (free.name, pinned.name) == ("ring", "ring_pinned")
    assert (free.drive_scale == 1).all()
    assert pinned.drive_scale.tolist() == [0.0] + [1.0] * 99
    assert (free.weights == pinned.weights).all()
    assert free.circulant and pinned.circulant
    assert pinned.positions.tolist() == list(range(100))


def test_provenance_rebuilds_the_network():
    network = ring_network(20, sigma1=1.9, sigma2=2.0, pinned=True)
    again = build_network(network.provenance)
    assert (again.weights == network.weights).all()
    assert (again.drive_scale == network.drive_scale).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neurons": 1}, "n_neurons = 1: must be a whole number >= 2"),
        ({"n_neurons": 10.5}, "n_neurons = 10.5: "),
        ({"n_neurons": True}, "n_neurons = True: "),
        ({"sigma1": 0.0}, "sigma1 = 0.0: "),
        ({"sigma2": float("nan")}, "sigma2 = nan: "),
        ({"a2": float("inf")}, "a2 = inf: "),
        (
            {"sigma": 7.0},
            r"sigma = 7.0: unknown key \(did you mean sigma2\?\); allowed with family: ring: family, n_n",
        ),
        ({"family": "lattice"}, "family = 'lattice': must be one of `ring`, `file`"),
        ({"family": "file"}, "path: missing; must be text"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build_network({"family": "ring"} | options)


def test_without_options_it_is_the_ring_of_a_config_without_any():
    assert build_network({}).provenance == ring_network().provenance == load_config({})["network"]
