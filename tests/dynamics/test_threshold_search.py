"""Thresholds for a rate: the published ones, and networks for which there is none."""

import numpy as np
import pytest
from scipy.stats import norm

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.threshold_search import NoThresholdError, threshold_for_rate
from circuitbias.networks import ring_network
from circuitbias.networks.network import Network
from circuitbias.published import thresholds

# The authors tuned by hand, to intervals of 15.9 to 16.4 ms between spikes where they wanted 16; how far a
# threshold may then be off follows from how the rate falls with it: by so many Hz for 1 %, measured.
HZ_A_PERCENT = {0.0005: 4.6, 0.005: 2.1, 0.0125: 1.0, 0.0175: 1.0, 0.025: 0.7}


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("r", HZ_A_PERCENT)
def test_published_thresholds_are_found(r, pinned):
    network = ring_network(pinned=pinned)
    wanted = 62.5 * (0.99 if pinned else 1)  # of all 100 neurons; one is silent if pinned
    found = threshold_for_rate(network, ThresholdParameters(r, 0.0), wanted)
    assert abs(found.rate_hz - wanted) <= 0.005 * wanted and found.rate_se_hz <= 0.005 * wanted
    off = abs(found.theta / thresholds(network.name)[r] - 1)
    assert off <= 0.01 * (1000 / 15.9 - 1000 / 16.4) / 2 / HZ_A_PERCENT[r] + 0.003


def test_the_same_seed_finds_the_same_and_another_hardly_another():
    parameters = ThresholdParameters(0.01, 0.0)
    one, again, other = (threshold_for_rate(ring_network(30), parameters, 20, seed=s) for s in (1, 1, 2))
    assert one == again != other
    assert one.theta == pytest.approx(other.theta, rel=0.01)
    half_percent, one_percent = (
        threshold_for_rate(ring_network(30), parameters, 20, seed=1, precision=precision)
        for precision in (0.005, 0.01)
    )
    assert one == half_percent != one_percent


def test_neurons_without_input_follow_the_noise_alone():
    # P(spike in a step) = rho Q((theta - b) / (b sigma)), whose inverse is known: Q(1) = 0.158655.
    network = Network(np.zeros((5, 5)), np.arange(5), np.ones(5), "none", False, {})
    parameters = ThresholdParameters(0.0, 0.0, rho=0.5)
    found = threshold_for_rate(network, parameters, 0.5 * 0.158655 * 10_000, precision=0.002)
    assert found.theta == pytest.approx(1e-3 * 1.3, rel=2e-3)


@pytest.mark.parametrize("rate_hz", [0.33, 0.16])
def test_two_neurons_that_hardly_fire_have_a_threshold(rate_hz):
    """Runs of the first length have ten spikes or five of them, so that no threshold gives just this rate."""
    network = Network(np.zeros((2, 2)), np.arange(2), np.ones(2), "none", False, {})
    parameters = ThresholdParameters(0.0, 0.0)
    found = threshold_for_rate(network, parameters, rate_hz, precision=0.1)
    assert found.rate_hz == pytest.approx(rate_hz, rel=0.1) and found.rate_se_hz <= 0.1 * rate_hz
    # rate = rho Q((theta - b) / (b sigma)) 10 000 Hz, whose inverse scipy knows.
    lower, upper = (1e-3 * (1 + 0.3 * norm.isf(rate_hz * off / 1e4 / parameters.rho)) for off in (1.4, 0.6))
    assert lower < found.theta < upper


def test_a_jump_over_the_rate_is_said():
    # No noise: all fire in every step, or nobody does.
    network = Network(np.zeros((3, 3)), np.arange(3), np.ones(3), "none", False, {})
    with pytest.raises(NoThresholdError, match=r"jumps from 1e\+04 Hz below theta = 0.001 to 0 Hz above"):
        threshold_for_rate(network, ThresholdParameters(0.0, 0.0, sigma=0.0), 62.5)


def test_rates_out_of_reach_are_refused():
    parameters = ThresholdParameters(0.01, 0.0)
    for rate in (0, -1, 10_000, float("nan")):
        with pytest.raises(
            ValueError,
            match=r"rate_hz = .*: must be (a finite number|above 0 and below one spike a step, 10000)",
        ):
            threshold_for_rate(ring_network(10), parameters, rate)
    with pytest.raises(ValueError, match=r"parameters = 0\.01: must be ThresholdParameters"):
        threshold_for_rate(ring_network(10), 0.01, 62.5)
    with pytest.raises(NoThresholdError, match="without a drive"):
        threshold_for_rate(ring_network(10), ThresholdParameters(0.01, 0.0, b=0.0), 62.5)
