"""The learned link against the links that it holds, its score against sums over steps, and what it finds."""

import numpy as np
import pytest
from matched_cases import PARAMETERS, Told, network, recording, rows_and_spikes, true_couplings
from scipy.optimize import minimize
from scipy.stats import norm

from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.likelihood.learned import scores_and_information
from circuitbias.likelihood.link import LearnedLink, look_up
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.spikes.segments import SpikeRecord

ETA = np.linspace(-2.5, 2.5, 11)


@pytest.mark.parametrize(
    "curvature, exponent, rate",
    [
        (1e-9, 0.7, np.exp),
        (0.3, 1.0, lambda x: (1.3 / 0.3) / (1 + np.exp(-1.3 * x) / 0.3)),
        (0.4, 0.0, lambda x: np.exp((1 - np.exp(-0.4 * x)) / 0.4)),
        (1.0, -1 + 1e-9, lambda x: 1 + x),
        (0.5, -0.5 + 1e-9, lambda x: (1 + x / 2) ** 2),
    ],
)
def test_links_of_the_family(curvature, exponent, rate):
    """Exponential, logistic, Gompertz, a rectified line and its square; tables are the function's."""
    link = LearnedLink(curvature, exponent)
    eta = ETA[max(link.lowest, -10) < ETA]
    np.testing.assert_allclose(np.exp(link.log_rate(eta)), rate(eta), rtol=1e-6)
    np.testing.assert_allclose(link.log_rate(link.eta_of(np.array([0.3, 2]))), np.log([0.3, 2]), rtol=1e-6)
    slopes = (np.log(rate(eta + 1e-6)) - np.log(rate(eta - 1e-6))) / 2e-6
    np.testing.assert_allclose(link.slope(eta), slopes, rtol=1e-5)
    np.testing.assert_allclose(link.information(eta), rate(eta) * slopes**2, rtol=1e-4)
    for place, slope in zip(eta, slopes, strict=True):
        np.testing.assert_allclose(look_up(link.log_odds, place), (np.log(rate(place)), slope), rtol=1e-4)
        expected = -rate(place), -rate(place) * slope
        np.testing.assert_allclose(look_up(link.log_silence, place), expected, rtol=1e-4)


def test_links_that_fall_to_zero_go_on_as_parabolas():
    link, step = LearnedLink(0.8, -0.5), 1e-4
    eta = np.linspace(link.lowest - 3, link.lowest + 1, 50)
    numbers = (link.log_rate(eta + step) - link.log_rate(eta - step)) / (2 * step)
    np.testing.assert_allclose(link.slope(eta), numbers, rtol=1e-3)
    assert (np.diff(link.slope(eta)) <= 1e-9).all()  # concave
    assert np.exp(link.log_rate(np.array(link.lowest))) == pytest.approx(1 / 16)
    assert look_up(link.log_silence, link.lowest - 2)[0] == pytest.approx(0, abs=1e-12)


def test_threshold_model_is_within_a_millionth_of_a_nat():
    """Its likelihood a spike, where inputs have a standard deviation of half the noise's."""
    x = np.linspace(-2, 1.4, 400)
    truth = np.log(PARAMETERS.rho) + norm.logcdf(x - 1.4)
    weights = np.exp(-2 * x**2 + truth)
    weights /= weights.sum()

    def lost(at, link):
        log_ratio = at[0] + link.log_rate(at[1] * x) - truth
        return weights @ (np.expm1(log_ratio) - log_ratio)

    def least(link):
        return minimize(lost, [-5.2, 1.85], args=(link,), method="Nelder-Mead", options={"fatol": 1e-12}).fun

    assert least(LearnedLink(0.25, 0.2)) < 2e-6
    assert least(LearnedLink(1e-6, 1.0)) > 2e-3


@pytest.fixture(scope="module")
def three():
    weights = np.array([[0, -1.5, 0], [0.4, 0, -1], [0, 0, -0.5]])
    return recording(weights, drive=np.array([0.95, 1, 1.1]), seed=4, n_steps=6000, trials=2)


def test_scores_are_slopes_of_sums_over_steps(three):
    values = np.log([0.3, 0.5, 10.0])
    at = np.random.default_rng(0).normal(0, 0.2, (4, 3))
    scale = np.full(3, 0.006)

    def likelihood_at(values):
        curvature, both, tau = np.exp(values)
        link = LearnedLink(curvature, both - curvature)
        return SpikeLikelihood(three, np.arange(3), 1 - 0.1 / tau, link, 1, scale=scale)

    def log_rates(values):
        curvature, both, tau = np.exp(values)
        eta = rows_and_spikes(three, 1 - 0.1 / tau)[0] @ at
        nu = both - curvature
        return np.log(0.006) - np.log((curvature + nu * np.exp(-both * eta)) / both) / nu

    spikes = rows_and_spikes(three)[1]

    def value(values):
        return (spikes * log_rates(values) - np.exp(log_rates(values))).sum()

    found, information = scores_and_information(likelihood_at, values, at)
    moves = 1e-4 * np.eye(3)
    for k, move in enumerate(moves):
        slope = (value(values + move) - value(values - move)) / 2e-4
        assert found[k] == pytest.approx(slope, rel=2e-2, abs=0.05)
    # What is left of the information once every target's own coefficients are free: by least squares.
    rows = rows_and_spikes(three)[0]
    changes = [(log_rates(values + move) - log_rates(values - move)) / 2e-4 for move in moves]
    curvature, both, _ = np.exp(values)
    nu, decay = both - curvature, np.exp(-both * (rows @ at))
    slopes, expected = both * decay / (curvature + nu * decay), np.zeros((3, 3))
    for j in range(3):
        root = np.exp(log_rates(values)[:, j] / 2)[:, None]
        shared = np.column_stack([change[:, j] for change in changes]) * root
        own = rows * slopes[:, [j]] * root
        rest = shared - own @ np.linalg.lstsq(own, shared, rcond=None)[0]
        expected += rest.T @ rest
    np.testing.assert_allclose(information, expected, rtol=0.3, atol=0.15 * expected.max())


@pytest.mark.parametrize("start", [6.0, 16.0])
def test_link_and_filter_are_found_and_couplings_as_good_as_if_they_were_known(start):
    """Strong couplings of both signs: the exponential link fails, the learned one does not know less."""
    rng = np.random.default_rng(3)
    weights = rng.uniform(-4, 1, (8, 8))
    np.fill_diagonal(weights, 0)
    drive = np.linspace(1.0, 1.1, 8)
    record = Told(recording(weights, drive=drive, seed=1, n_steps=600_000), start)
    truth, off = true_couplings(weights, drive=drive), ~np.eye(8, dtype=bool)
    errors = {}
    for name, options in {
        "known": {"tau_ms": 10},
        "learned": {"generator": "learned"},
        "exponential": {"generator": "glm_exp", "tau_ms": 10},
    }.items():
        fit = estimate("matched", record, **options)
        # A learned eta has a free unit for each neuron's noise: couplings to each are compared up to it.
        values = [
            fit.values[off[:, j], j] * _scale(truth[off[:, j], j], fit.values[off[:, j], j]) for j in range(8)
        ]
        errors[name] = sum(
            np.square(v - truth[off[:, j], j]).sum() for j, v in enumerate(values)
        ) ** 0.5 / np.linalg.norm(truth[off])
        if name == "learned":
            said = fit.diagnostics
    assert errors["learned"] < 1.1 * errors["known"]
    assert errors["exponential"] > 1.15 * errors["known"]
    assert said["settled"] and abs(said["tau_ms"] - 10) < 4 * said["tau_ms_error"]
    assert said["tau_ms_error"] < 0.5 and 0.08 < said["curvature"] < 0.6


def _scale(truth, values):
    return truth @ values / (values @ values)


def test_parts_of_parts():
    record = SpikeRecord(
        3, 0.1, list(simulate(network(np.zeros((3, 3))), PARAMETERS, seed=1, n_steps=40_000))
    )
    whole = SpikeLikelihood(record, np.arange(3), PARAMETERS.decay, LearnedLink(0.2, 0.5), 2)
    half = whole.part(2)
    assert half.part(1).used_steps() == half.used_steps() < 0.6 * whole.used_steps()
    assert half.used_steps() == sum(min(2048, 39_500 - begin) for begin in range(2048, 39_500, 4096))
    rows, steps = half.sample(10)
    assert len(rows) > 5 and steps * len(rows) == pytest.approx(half.used_steps())
