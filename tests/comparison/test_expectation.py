"""What is expected of another volume, against simulated estimates and the published curves themselves."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from circuitbias import published
from circuitbias.comparison.errors import predict_with_older_scale
from circuitbias.comparison.expectation import (
    NEURONS,
    PUBLISHED_COUNTS,
    noise_power,
    of_split,
    of_total,
    pinned_power,
)
from circuitbias.errors import circulant_errors, fit_profile_scale
from circuitbias.errors.sampling import ErrorPower, expected_errors


class Estimates:
    """Estimates J = W + B + e of a ring of n neurons: |W| = 1, |B| = beta, e symmetric noise of power xi²."""

    def __init__(self, n=40, beta=0.3, seed=5):
        self.n, self.random = n, np.random.default_rng(seed)
        offsets = np.minimum(np.arange(n), n - np.arange(n))
        truth, wrong = (self._circulant(p) for p in (np.exp(-offsets / 4.0), np.cos(offsets)))
        off = ~np.eye(n, dtype=bool)
        self.truth = truth / np.linalg.norm(truth[off])
        wrong -= self.truth * (wrong[off] @ self.truth[off])
        self.wrong = wrong * beta / np.linalg.norm(wrong[off])

    @staticmethod
    def _circulant(profile):
        return np.array([np.roll(profile, i) for i in range(len(profile))])

    def one(self, xi2):
        """An estimate."""
        noise = np.triu(self.random.normal(size=(self.n, self.n)), 1) * math.sqrt(xi2 / self.n / (self.n - 1))
        return self.truth + self.wrong + noise + noise.T

    def errors(self, xi2, scale=None):
        """Errors of an estimate, with the least-squares scale or another one."""
        return circulant_errors(self.truth, self.one(xi2), scale)

    def many(self, xi2, count=300):
        found = [self.errors(xi2) for _ in range(count)]
        return {q: np.array([getattr(e, q) for e in found]) for q in ("total", "bias", "variance")}


@pytest.fixture
def forty(monkeypatch):
    monkeypatch.setitem(NEURONS, "forty", 40)
    return Estimates()


@pytest.mark.parametrize("less", [1 / 8, 4])
def test_a_published_pair_carried_over_is_that_of_simulated_estimates(forty, less):
    """The published pair scatters, too: of each simulated one, the expectation at another volume is made."""
    here, there = (forty.many(xi2) for xi2 in (0.04, 0.04 / less))
    differences = {q: [] for q in here}
    for k in range(300):
        paper = SimpleNamespace(**{q: here[q][k] for q in here})
        expected = of_split(paper, "forty", 1e8, less * 1e8, 1)
        for q in here:
            differences[q].append(((there[q][k] - expected[q].expected), expected[q].standard_error))
    for q in here:
        off, said = np.array(differences[q]).T
        assert abs(off.mean()) < 0.25 * said.mean(), q
        assert off.std() == pytest.approx(said.mean(), rel=0.25), q


def test_the_same_volume_expects_the_published_values_themselves(forty):
    paper = SimpleNamespace(**vars(forty.errors(0.04)))
    for q, found in of_split(paper, "forty", 3e6, 3e6, 1).items():
        assert found.expected == pytest.approx(getattr(paper, q), rel=1e-6)


def test_seeds_average_our_part_of_the_error_alone(forty):
    paper = SimpleNamespace(**vars(forty.errors(0.04)))
    one, four, endless = (of_split(paper, "forty", 1e8, 1e7, n) for n in (1, 4, 10**12))
    for q in one:
        ours = one[q].standard_error ** 2 - endless[q].standard_error ** 2
        assert four[q].standard_error ** 2 == pytest.approx(endless[q].standard_error ** 2 + ours / 4)
        assert endless[q].standard_error > 0 and four[q].expected == one[q].expected


@pytest.mark.parametrize("less", [1 / 8, 4])
def test_a_published_total_carried_over_is_that_of_simulated_estimates(forty, less):
    here, there = (forty.many(xi2)["total"] for xi2 in (0.04, 0.04 / less))
    found = [of_total(total, 0.04, "forty", less * PUBLISHED_COUNTS, 1) for total in here]
    off = there - np.array([e.expected for e in found])
    said = np.mean([e.standard_error for e in found])
    assert abs(off.mean()) < 0.25 * said
    assert off.std() == pytest.approx(said, rel=0.25)


def test_a_published_total_by_hand():
    """1 / (1 - total²) = 1 + beta² + xi²: 1 / 0.75 at 1e8, and 0.1 more at half of it if xi² is 0.1."""
    half = of_total(0.5, 0.1, "ring", 5e7, 1)
    assert half.expected == pytest.approx(math.sqrt(1 - 1 / (4 / 3 + 0.1)))
    assert of_total(0.5, 0.1, "ring", 1e8, 1).expected == pytest.approx(0.5)
    endless = of_total(0.5, 0.1, "ring", 1e20, 1)
    assert endless.expected == pytest.approx(math.sqrt(1 - 1 / (4 / 3 - 0.1)))
    # No more of the error can be noise than there is: 1 / 0.75 - 1.
    assert of_total(0.5, 9.0, "ring", 2e8, 1).expected == pytest.approx(math.sqrt(1 - 1 / (1 + 1 / 6)))


def test_rounding_is_that_of_the_published_value():
    """Two digits: uniform within 0.01, carried over as the value is; by the derivative of the formula."""
    exact, rounded = (of_total(0.5, 0.1, "ring", 5e7, 1, rounding) for rounding in (0.0, 0.01))
    slope = (of_total(0.5 + 1e-6, 0.1, "ring", 5e7, 1).expected - exact.expected) / 1e-6
    added = rounded.standard_error**2 - exact.standard_error**2
    assert math.sqrt(added) == pytest.approx(slope * 0.01 / math.sqrt(12), rel=1e-4)
    assert rounded.expected == exact.expected
    many = of_total(0.5, 0.1, "ring", 5e7, 9)
    alone = of_total(0.5, 0.1, "ring", 5e7, 10**12)
    own = exact.standard_error**2 - alone.standard_error**2
    assert many.standard_error**2 == pytest.approx(alone.standard_error**2 + own / 9)


STRENGTHS = [0.0005, 0.0025, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.0225, 0.025]


@pytest.mark.parametrize("r", STRENGTHS)
def test_the_powers_of_the_pinned_ring_give_its_published_curve(r):
    """A grid search over both powers, which shares nothing with the fit, finds no better ones."""
    power = pinned_power(r)
    curve = published.error_against_volume()
    curve = curve[curve.r == r]

    def misfit(bias, noise):
        totals = np.sqrt(1 - 1 / (1 + bias + noise * 10 ** (8 - curve.log10_spikes)))
        return ((totals - curve.total) ** 2).sum()

    best = misfit(*power)
    assert math.sqrt(best / len(curve)) < 0.006
    assert np.sqrt(1 - 1 / (1 + power.bias + power.noise)) == pytest.approx(curve.total.iloc[0], abs=0.01)
    for up in (0.98, 1.02):
        assert misfit(power.bias, up * power.noise) > best
        assert power.bias < 1e-8 or misfit(up * power.bias, power.noise) > best
    assert misfit(power.bias + 1e-4, power.noise) > best


def test_the_noise_of_the_rings():
    """1e8 spikes, r = 0.025: the GLM's published bias .232 and variance .0282 (k = 1 - .0546)."""
    pair = published.errors().query("method == 'glm' and r == 0.025").iloc[0]
    k = 1 - pair.bias**2 - 0.99 * pair.variance**2
    assert noise_power("ring", "glm", 0.025) == pytest.approx(pair.variance**2 / k**2)
    assert noise_power("ring_pinned", "mpf", 0.01) == pinned_power(0.01).noise
    assert noise_power("ring_pinned", "logistic_binarised", 0.01) == pinned_power(0.01).noise
    assert noise_power("ring", "mpf", 0.01) != noise_power("ring", "glm", 0.01)


def test_neurons_and_volume_of_the_published_errors():
    generators = ("ring_lnp", "ring_glm_exp", "ring_glm_relu", "ring_ising")
    wanted = dict.fromkeys(("ring", "sideband", *generators), 100) | {"ring_pinned": 99}
    assert wanted == NEURONS
    assert (published.errors().n_spikes == PUBLISHED_COUNTS).all()


@pytest.mark.parametrize("less", [1.0, 0.5, 4.0])
def test_errors_with_the_scale_of_the_mean_profile_are_those_of_simulated_estimates(forty, less):
    """A scale kappa that noise does not shrink, off by chance as a slope of least absolute values is."""
    n, xi2, kappa = 40, 0.3, 0.93

    def errors(power, count):
        found = []
        for _ in range(count):
            slip = 1 + forty.random.normal() * math.sqrt(math.pi * power / (n * (n - 1)))
            found.append(forty.errors(power, kappa * slip))
        return {q: np.array([getattr(e, q) for e in found]) for q in ("total", "bias", "variance")}

    squared = {q: (found**2).mean() ** 0.5 for q, found in errors(xi2, 400).items()}
    both = {q: (found**2).mean() ** 0.5 for q, found in forty.many(xi2, 400).items()}
    paper = SimpleNamespace(n_spikes=1e8, **both, **{f"{q}_l1": value for q, value in squared.items()})
    predicted = predict_with_older_scale(paper, less * 1e8, n)
    there = errors(xi2 / less, 400)
    for q in there:
        assert getattr(predicted, q) == pytest.approx(there[q].mean(), rel=0.02), q
        assert getattr(predicted, f"{q}_se") == pytest.approx(there[q].std(), rel=0.12), q


@pytest.mark.parametrize("xi2", [0.03, 0.3])
def test_the_scatter_of_errors_with_the_older_scale(xi2):
    """Against estimates whose scale is `fit_profile_scale` itself."""
    estimates = Estimates(beta=1e-9)
    quantities = "total", "bias", "variance"
    both, older = [], []
    for _ in range(500):
        one = estimates.one(xi2)
        scale = fit_profile_scale(estimates.truth, one)
        for found, of_scale in ((both, None), (older, scale)):
            errors = circulant_errors(estimates.truth, one, of_scale)
            found.append([getattr(errors, q) for q in quantities])
    paper = {"n_spikes": 1e8} | dict(zip(quantities, np.sqrt(np.mean(np.square(both), 0)), strict=True))
    paper |= {f"{q}_l1": e for q, e in zip(quantities, np.sqrt(np.mean(np.square(older), 0)), strict=True)}
    predicted = predict_with_older_scale(SimpleNamespace(**paper), 1e8, 40)
    for q, scatter in zip(quantities, np.std(older, 0), strict=True):
        assert getattr(predicted, f"{q}_se") == pytest.approx(scatter, rel=0.15), q


def test_the_older_scale_by_hand():
    """At its own volume, the published errors; at half of it, twice the noise."""
    xi2 = 0.3
    least_squares = expected_errors(ErrorPower(0.0, xi2), 40)
    pair = {"bias": least_squares.bias, "variance": least_squares.variance, "n_spikes": 1e8}
    paper = SimpleNamespace(**pair, bias_l1=math.sqrt(xi2 / 40), variance_l1=math.sqrt(xi2))  # kappa = 1
    predicted, half = (predict_with_older_scale(paper, n, 40) for n in (1e8, 5e7))
    assert (predicted.bias, predicted.variance) == pytest.approx((paper.bias_l1, paper.variance_l1))
    assert predicted.total == pytest.approx(math.sqrt(paper.bias_l1**2 + 39 / 40 * xi2))
    assert half.variance == pytest.approx(math.sqrt(2 * xi2))
    assert half.bias == pytest.approx(math.sqrt(2 * xi2 / 40))
    slip2 = math.pi * xi2 / (40 * 39)
    assert predicted.variance_se == pytest.approx(predicted.variance * math.sqrt(1 / 39**2 + slip2))
    # |m|² has 39 / 2 degrees of freedom, and is passed on whole.
    mean2 = xi2 / 40
    expected = math.sqrt(mean2**2 * 4 / 39 + (2 * mean2) ** 2 * slip2) / (2 * predicted.bias)
    assert predicted.bias_se == pytest.approx(expected)


def test_a_scale_that_is_off_adds_its_part_to_the_error_of_the_bias():
    """bias² = (1 - kappa)² + ...: the noise along the weights counts 2 kappa (kappa - 1)."""
    xi2 = 0.3
    least_squares = expected_errors(ErrorPower(0.0, xi2), 40)
    pair = {"bias": least_squares.bias, "variance": least_squares.variance, "n_spikes": 1e8}
    for kappa in (0.8, 1.25):
        bias = math.hypot(1 - kappa, kappa * math.sqrt(xi2 / 40))
        paper = SimpleNamespace(**pair, bias_l1=bias, variance_l1=kappa * math.sqrt(xi2))
        predicted = predict_with_older_scale(paper, 1e8, 40)
        entry, mean2 = xi2 / (40 * 39), kappa**2 * xi2 / 40
        parts = [
            (2 * kappa * (kappa - 1)) ** 2 * 2 * entry,
            mean2**2 * 4 / 39,
            (2 * kappa * (kappa - 1) + 2 * mean2) ** 2 * math.pi * entry,
        ]
        assert predicted.bias_se == pytest.approx(math.sqrt(sum(parts)) / (2 * bias))
        assert predicted.bias == pytest.approx(bias)
