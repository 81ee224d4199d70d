import math

import numpy as np
import pytest

from circuitbias.errors import (
    ErrorPower,
    circulant_errors,
    expected_errors,
    noise_and_bias_power,
    predict_errors,
)

N = 100
MORE_DATA = 8


def ring(function):
    d = np.arange(N)
    distance = np.minimum(d, N - d)
    profile = function(distance)
    profile[0] = 0
    return profile[(d - d[:, None]) % N]


WEIGHTS = ring(lambda d: np.exp(-(d**2) / (2 * 6.98**2)) - 1.0005 * np.exp(-(d**2) / 98))
WEIGHTS /= np.linalg.norm(WEIGHTS)
SYSTEMATIC = ring(lambda d: np.cos(2 * np.pi * 4 * d / N))
SYSTEMATIC -= WEIGHTS * (WEIGHTS * SYSTEMATIC).sum()
SYSTEMATIC /= np.linalg.norm(SYSTEMATIC)


def measured_errors(power, n_runs, seed):
    """Total, bias and variance errors of repeated estimates with symmetric Gaussian noise."""
    rng = np.random.default_rng(seed)
    sigma = math.sqrt(power.noise / (N * (N - 1)))
    mean = WEIGHTS + math.sqrt(power.bias) * SYSTEMATIC
    runs = []
    for _ in range(n_runs):
        half = np.triu(sigma * rng.normal(size=(N, N)), 1)
        errors = circulant_errors(WEIGHTS, 7 * (mean + half + half.T))
        runs.append((errors.total, errors.bias, errors.variance))
    return np.array(runs)


def root_mean_square(runs):
    return np.sqrt((runs**2).mean(axis=0))


def assert_predicts(prediction, runs, power, predicted_se=0):
    """Four standard errors, and what the ring of even size adds to the noise left in the mean.

    The neuron opposite is counted once each way, so 1/N more of that noise is left.
    """
    predicted = np.array(prediction[:3])
    sampling = np.hypot(runs.std(axis=0) / math.sqrt(len(runs)), predicted_se)
    left = power.noise / (1 + power.bias + power.noise) ** 2 / N
    tolerance = 4 * sampling + left / N / (2 * predicted)
    assert (np.abs(root_mean_square(runs) - predicted) < tolerance).all()


@pytest.mark.parametrize("here", [ErrorPower(0, 0.35), ErrorPower(0.05, 0.35)])
def test_monte_carlo(here):
    """Errors measured at D0, and those predicted from them for 8 D0, in mean and spread."""
    n_runs = 300
    there = here._replace(noise=here.noise / MORE_DATA)
    runs_here, runs_there = measured_errors(here, n_runs, 1), measured_errors(there, n_runs, 2)

    assert_predicts(expected_errors(here, N), runs_here, here)
    assert_predicts(expected_errors(there, N), runs_there, there)

    def predict(runs):
        return predict_errors(*root_mean_square(runs)[1:], N, 1e6, MORE_DATA * 1e6)

    rng = np.random.default_rng(3)
    resampled = [predict(runs_here[rng.integers(n_runs, size=n_runs)])[:3] for _ in range(100)]
    prediction = predict(runs_here)
    assert_predicts(prediction, runs_there, there, np.std(resampled, axis=0))

    # the spread of 300 runs is itself known to 1 / sqrt(600) = 4 %; four of those
    np.testing.assert_allclose(runs_here.std(axis=0), expected_errors(here, N)[3:], rtol=0.16)
    np.testing.assert_allclose(runs_there.std(axis=0), prediction[3:], rtol=0.16)


def test_monte_carlo_of_mostly_noise():
    """Little data: the scale itself fluctuates and makes most of the spread."""
    power = ErrorPower(bias=0.05, noise=7)
    runs, expected = measured_errors(power, 300, 4), expected_errors(power, N)
    assert_predicts(expected, runs, power)
    np.testing.assert_allclose(runs.std(axis=0), expected[3:], rtol=0.16)


@pytest.mark.parametrize("power", [ErrorPower(0, 0.5), ErrorPower(0.06, 2), ErrorPower(0.2, 0)])
def test_expected_errors_obey_the_identity_and_invert(power):
    expected = expected_errors(power, 20)
    assert expected.total**2 == pytest.approx(expected.bias**2 + 0.95 * expected.variance**2)
    assert expected.total**2 == pytest.approx(1 - 1 / (1 + power.bias + power.noise))
    inverted = noise_and_bias_power(expected.bias, expected.variance, 20)
    assert inverted == pytest.approx(power, abs=1e-12)


def test_weakest_ring_is_unbiased_but_shrunk():
    """Regression at r = 0.0005: 1e8 spikes, bias .262, variance .439 (Das & Fiete 2020)."""
    power = noise_and_bias_power(0.262, 0.439, N)
    # Delta^2 = .0686 + .1908 = .2594, k = .7406, 1/k - 1 = .350, and .439^2 / k^2 = .351
    assert power.bias == 0
    assert power.noise == pytest.approx(0.350, abs=5e-4)
    same = predict_errors(0.262, 0.439, N, 1e8, 1e8)
    assert same.bias == pytest.approx(0.262, abs=2 * same.bias_se)
    assert same.variance == pytest.approx(0.439, abs=2 * same.variance_se)
    assert same.total == pytest.approx(math.sqrt(0.2594), abs=1e-4)
    # four times the data: k = 1 / (1 + .0876) = .9195, bias^2 = .0805^2 + .9195^2 .000876
    more = predict_errors(0.262, 0.439, N, 1e8, 4e8)
    assert more.bias == pytest.approx(0.0850, abs=2e-4)
    assert more.variance == pytest.approx(0.9195 * math.sqrt(0.0876), abs=2e-4)


def test_strongest_ring_keeps_its_bias():
    """Regression at r = 0.025: bias .232, variance .0282 at 1e8 spikes (Das & Fiete 2020)."""
    more = predict_errors(0.232347, 0.0282068, N, 1e8, 1e12)
    power = noise_and_bias_power(0.232347, 0.0282068, N)
    # without noise the errors of W + B are beta / sqrt(1 + beta^2), all of it bias
    assert more.bias == pytest.approx(math.sqrt(power.bias / (1 + power.bias)), abs=1e-5)
    assert more.bias == pytest.approx(0.232, abs=1e-3)
    assert more.variance == pytest.approx(0.000282, rel=0.01)


@pytest.mark.filterwarnings("error")
def test_standard_errors_in_simple_limits():
    # little noise, no systematic error: both errors are noise alone
    free = expected_errors(ErrorPower(0, 1e-8), N)
    assert free.bias_se / free.bias == pytest.approx(1 / math.sqrt(N - 1), rel=1e-3)
    assert free.variance_se / free.variance == pytest.approx(1 / (N - 1), rel=1e-3)
    none = expected_errors(ErrorPower(0, 0), N)
    assert none == (0,) * 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5, 1.0, N, 1, 1), "below 1"),
        ((1.0, 0.0, N, 1, 1), "total error of 1; it must be below 1"),
        ((0.3, math.inf, N, 1, 1), "finite"),
        ((0.3, -0.1, N, 1, 1), ">= 0"),
        ((0.0, 0.3, N, 1, 1), "at least the squared total error"),
        ((math.nan, 0.3, N, 1, 1), "finite"),
        ((-0.1, 0.3, N, 1, 1), ">= 0"),
        ((0.2, 0.3, 2, 1, 1), "n_neurons"),
        ((0.2, 0.3, N, 0, 1), "n_spikes_published"),
        ((0.2, 0.3, N, 1, math.inf), "n_spikes must"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        predict_errors(*arguments)


def test_errors_at_the_limits_of_what_can_be():
    """The least bias that a scale can leave: 1/16 + 3/4 of 1/4 is 1/4, so k = 3/4 and all of it is noise."""
    assert noise_and_bias_power(0.25, 0.5, 4) == (0, pytest.approx(1 / 3))
    assert noise_and_bias_power(0.0, 0.0, 3) == (0, 0)
