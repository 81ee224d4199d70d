"""The guard of lists: what it says of couplings whose truth is known."""

import numpy as np
import pytest

from circuitbias.trust.calibration import listed
from circuitbias.trust.guard import least_phantom


def drawn(n_pairs, share, size, scatter, seed=0):
    """Couplings of which a share is there; the others scatter more than their errors say."""
    rng = np.random.default_rng(seed)
    real = rng.random(n_pairs) < share
    errors = np.exp(0.3 * rng.normal(size=n_pairs))
    return (
        real,
        (np.where(real, size, 0.0) + np.where(real, 1.0, scatter) * rng.normal(size=n_pairs)) * errors,
        errors,
    )


def test_probabilities_are_those_of_two_normals():
    _, values, errors = drawn(20_000, 0.1, 4.0, 1.0)
    phantom, spread = least_phantom(values, errors, 1.0)
    z = values / errors
    exact = 0.9 * np.exp(-(z**2) / 2)
    exact /= exact + 0.1 * np.exp(-((z - 4) ** 2) / 2)
    assert spread == pytest.approx(1.0, abs=0.03)
    assert np.abs(phantom - exact).mean() < 0.01


def test_lists_keep_their_rate_where_phantoms_scatter_more():
    real, values, errors = drawn(20_000, 0.1, 6.0, 1.4)
    assert least_phantom(values, errors, 1.0)[1] > 1.2  # of the crowd alone
    told, spread = least_phantom(values, errors, 1.4)
    assert spread == 1.4
    for promise in (0.05, 0.2):
        found = listed(told, promise)
        assert 1 - real[found].mean() == pytest.approx(promise, abs=0.02)


def test_residual_correlations_within_chance_change_nothing():
    _, values, errors = drawn(2450, 0.1, 8.0, 1.0)
    # A mean square of 2450 squared normals is off by up to 3 standard errors: 1.04 is no excess.
    assert least_phantom(values, errors, 1.04)[1] == least_phantom(values, errors, 1.0)[1] < 1.03
    assert least_phantom(values, errors, 1.2)[1] == 1.2


def test_what_has_no_error_is_not_believed():
    phantom, _ = least_phantom(np.array([3.0, np.nan, 5.0, 0.1]), np.array([1.0, 1.0, np.nan, 1.0]), 1.0)
    assert phantom[1] == phantom[2] == 1.0
    assert least_phantom(np.full(3, np.nan), np.ones(3), 2.0)[1] == 1.0


def test_a_list_keeps_the_promise_by_both_opinions():
    judge, guard = np.array([0.0, 0.0, 0.0, 0.2, np.nan]), np.array([0.0, 0.1, 0.2, 0.0, 0.0])
    assert listed(judge, 0.1).tolist() == [True, True, True, True, False]
    assert listed(judge, 0.05, guard).tolist() == [True, True, False, False, False]
    assert listed(judge, 0.1, guard).tolist() == [True, True, True, True, False]
