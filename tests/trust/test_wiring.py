"""Draws of wirings: known mixtures are found again."""

import numpy as np
import pytest

from circuitbias.trust.wiring import bias_of_none, posterior

N = 60


def mixture(share, mean, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    present = rng.random((N, N)) < share
    weights = np.where(present, mean + 0.3 * rng.normal(size=(N, N)), 0.0)
    np.fill_diagonal(weights, 0.0)
    return weights, weights + noise * rng.normal(size=(N, N)), np.full((N, N), noise)


@pytest.mark.parametrize("share, mean", [(0.1, 2.0), (0.5, -1.5), (0.05, -3.0)])
def test_draws_have_the_size_and_sign_of_the_true_wiring(share, mean):
    weights, estimates, errors = mixture(share, mean)
    drawn = posterior(estimates, errors).draw(np.random.default_rng(1))
    assert np.linalg.norm(drawn) == pytest.approx(np.linalg.norm(weights), rel=0.05)
    assert (np.abs(drawn) > 1).mean() == pytest.approx((np.abs(weights) > 1).mean(), rel=0.1)
    large = np.abs(weights) > 1.2
    assert (np.sign(drawn[large]) == np.sign(mean)).mean() > 0.99
    assert not np.diag(drawn).any()


def test_weak_couplings_are_drawn_although_no_estimate_stands_out():
    weights, estimates, errors = mixture(1.0, 0.0, noise=0.6)
    drawn = posterior(estimates, errors).draw(np.random.default_rng(1))
    assert np.linalg.norm(drawn) == pytest.approx(np.linalg.norm(weights), rel=0.15)
    assert np.linalg.norm(estimates) > 1.8 * np.linalg.norm(weights)


def test_noise_alone_gives_next_to_nothing():
    rng = np.random.default_rng(3)
    errors = np.full((N, N), 0.5)
    drawn = posterior(0.5 * rng.normal(size=(N, N)), errors).draw(rng)
    assert np.linalg.norm(drawn) < 0.3 * 0.5 * N


def test_pairs_without_an_estimate_are_drawn_from_the_others():
    _, estimates, errors = mixture(0.3, 2.0)
    estimates[:20], errors[20:30] = np.nan, np.inf
    drawn = posterior(estimates, errors).draw(np.random.default_rng(1))
    assert (drawn[:20] > 1).mean() == pytest.approx(0.3, abs=0.05)
    assert (drawn[20:30] > 1).mean() == pytest.approx(0.3, abs=0.07)


def test_a_bias_of_unconnected_pairs_is_not_drawn_as_wiring():
    weights, estimates, errors = mixture(0.4, -2.0)
    estimates = estimates + 0.3 * errors
    assert bias_of_none(weights, estimates, errors) == pytest.approx(0.3, abs=0.06)
    plain, corrected = posterior(estimates, errors), posterior(estimates, errors, 0.3)
    assert plain.none < 0.5  # the bias takes a part of the zeros for weak wiring
    assert corrected.none == pytest.approx(0.6, abs=0.05)
    assert bias_of_none(np.ones((N, N)), estimates, errors) == 0.0


def test_where_there_is_no_connection_it_is_missing_both_ways():
    rng = np.random.default_rng(4)
    present = np.triu(rng.random((N, N)) < 0.15, 1)
    weights = np.where(present, 1.5 + 0.2 * rng.normal(size=(N, N)), 0.0)
    # Connected pairs are connected both ways, more or less strongly.
    weights = weights + np.where(present, weights * rng.uniform(0.4, 1.6, (N, N)), 0.0).T
    errors = np.full((N, N), 0.25)
    made = posterior(weights + 0.25 * rng.normal(size=(N, N)), errors)
    assert made.reciprocal
    drawn = made.draw(rng)
    one_way = ((drawn == 0) != (drawn.T == 0)).mean()
    none = ((drawn == 0) & (drawn.T == 0)).mean()
    assert none == pytest.approx((weights == 0).mean(), abs=0.03) and one_way < 0.01


def test_a_wiring_without_zeros_has_few_in_its_draws():
    _, estimates, errors = mixture(1.0, 0.0, noise=0.15)
    assert posterior(estimates, errors).none < 0.06


def test_no_estimate_at_all_is_refused():
    with pytest.raises(ValueError, match="no pair has a coupling"):
        posterior(np.full((3, 3), np.nan), np.ones((3, 3)))


def test_a_connection_one_way_leaves_no_weak_one_the_other_way():
    """As in small worlds: some pairs are connected both ways, others one way, all equally strongly."""
    rng = np.random.default_rng(5)
    upper = np.triu(rng.random((N, N)), 1)
    mutual = (upper > 0) & (upper < 0.08)
    single = (upper > 0.9) & (rng.random((N, N)) < 0.5)
    other = (upper > 0.9) & ~single
    weights = -1.0 * (mutual | mutual.T | single | other.T)
    errors = np.full((N, N), 0.1)
    made = posterior(weights + 0.1 * rng.normal(size=(N, N)), errors)
    drawn = made.draw(rng)
    assert made.reciprocal
    weak = (drawn != 0) & (np.abs(drawn) < 0.4)
    assert weak.sum() < 0.05 * (weights != 0).sum()  # drawn as sums and differences, it is a fifth
    assert ((drawn != 0) == (weights != 0)).mean() > 0.995
