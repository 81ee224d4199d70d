"""Counts and checks that tests of logistic regressions share."""

import numpy as np

N = 6


def correlated_counts(n_bins, seed=0):
    """Counts of six neurons that share an input."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_bins, 1)) * [0.6, -0.5, 0.4, 0.3, 0.0, 0.2]
    return np.minimum(rng.poisson(np.exp(shared - 0.5)), 10)


def assert_only_pairs_are_nan(couplings, pairs):
    """Exactly these couplings are NaN, the diagonal aside."""
    expected = np.eye(len(couplings.values), dtype=bool)
    expected[tuple(np.transpose(pairs))] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)
