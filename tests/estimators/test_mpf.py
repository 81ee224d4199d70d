"""Minimum probability flow against its definition, minimised by brute force, and against exact models."""

import numpy as np
import pytest
from scipy.optimize import minimize

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    CollinearNeuronsWarning,
    ConstantNeuronWarning,
    NotConvergedWarning,
    SeparableCountsWarning,
)
from circuitbias.spikes.binning import BinnedCounts

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N = 5
PAIRS = np.triu_indices(N, 1)
either_flow = pytest.mark.parametrize("all_flip", [False, True])


def correlated_counts(n_bins, seed=0):
    """Counts of five neurons that share an input."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_bins, 1)) * [0.8, -0.7, 0.5, 0.3, 0.0]
    return np.minimum(rng.poisson(np.exp(shared - 0.5)), 10)


def energy(states, couplings, biases):
    return -((states @ np.triu(couplings, 1)) * states).sum(axis=1) - states @ biases


def flow(states, couplings, biases, all_flip):
    """The definition: mean over bins of exp(half the energy lost) over all states that are reached."""
    flips = list(np.eye(states.shape[1], dtype=int)) + [np.ones(states.shape[1], dtype=int)] * all_flip
    before = energy(states, couplings, biases)
    return sum(np.exp((before - energy(states ^ flip, couplings, biases)) / 2).mean() for flip in flips)


def unpack(parameters):
    couplings = np.zeros((N, N))
    couplings[PAIRS] = parameters[:-N]
    return couplings + couplings.T, parameters[-N:]


def brute_force(states, all_flip=False, held=()):
    """Minimise the definition, with couplings of some pairs held at -60."""
    free = np.array([pair not in held for pair in zip(*PAIRS, strict=True)] + [True] * N)

    def fill(values):
        parameters = np.where(free, 0.0, -60.0)
        parameters[free] = values
        return unpack(parameters)

    found = minimize(
        lambda values: flow(states, *fill(values), all_flip), np.zeros(free.sum()), options={"gtol": 1e-7}
    )
    return fill(found.x)


@either_flow
def test_equals_brute_force(record_of, all_flip):
    counts = correlated_counts(1500)
    fit = estimate("mpf", record_of(counts), bin_steps=10, all_flip=all_flip)
    couplings, biases = brute_force((counts > 0).astype(int), all_flip)
    np.testing.assert_allclose(fit.values[PAIRS], couplings[PAIRS], atol=1e-4)
    np.testing.assert_array_equal(fit.values, fit.values.T)
    np.testing.assert_allclose(fit.arrays["biases"], biases, atol=1e-4)
    assert fit.diagnostics["n_counts"] == (counts > 0).sum()


def test_the_flow_into_the_flipped_state_counts(record_of):
    counts = correlated_counts(1500)
    single, both = (
        estimate("mpf", record_of(counts), bin_steps=10, all_flip=all_flip) for all_flip in (False, True)
    )
    assert np.abs(single.arrays["biases"] - both.arrays["biases"]).max() > 3e-4


@either_flow
@pytest.mark.parametrize("strength", [0.3, 1.2])
def test_finds_the_model_that_made_the_data(ising_record, all_flip, strength):
    rng = np.random.default_rng(3)
    couplings = np.triu(rng.normal(size=(N, N)), 1) * strength
    couplings += couplings.T
    biases = rng.normal(size=N) - couplings.sum(axis=1) / 2
    fit = estimate("mpf", ising_record(couplings, biases), bin_steps=1, all_flip=all_flip)
    np.testing.assert_allclose(fit.values[PAIRS], couplings[PAIRS], atol=3e-3)
    np.testing.assert_allclose(fit.arrays["biases"], biases, atol=3e-3)


def test_the_certificate_is_the_gradient(ring_record):
    """On strongly correlated counts, in few passes."""
    fit = estimate("mpf", ring_record, bin_steps=200, tolerance=1e-9)
    x = (BinnedCounts(ring_record, 200).all() > 0).astype(float)
    signs, sd = 2 * x - 1, x.std(axis=0)
    flows = np.exp(-signs * (x @ np.nan_to_num(fit.values) + fit.arrays["biases"]) / 2) * signs
    directed = x.T @ flows / len(x) / 2
    slopes = (directed + directed.T) / (2 * np.outer(sd, sd))
    np.fill_diagonal(slopes, 0)
    scaled = max(np.abs(slopes).max(), np.abs(flows.mean(axis=0) / 2 / sd).max())
    assert scaled < 1e-9
    assert fit.diagnostics["largest_scaled_gradient"] == pytest.approx(scaled, abs=1e-12)
    assert fit.diagnostics["passes"] < 30


# --- data that do not allow everything ----------------------------------------------------------


def test_pair_that_never_fires_together(record_of):
    counts = correlated_counts(1500)
    counts[counts[:, 3] > 0, 1] = 0
    with pytest.warns(SeparableCountsWarning, match="1 pairs of neurons never fire together"):
        fit = estimate("mpf", record_of(counts), bin_steps=10)
    expected = np.eye(N, dtype=bool)
    expected[[1, 3], [3, 1]] = True
    np.testing.assert_array_equal(np.isnan(fit.values), expected)
    couplings, biases = brute_force((counts > 0).astype(int), held=[(1, 3)])
    seen = ~expected
    np.testing.assert_allclose(fit.values[seen], couplings[seen], atol=1e-4)
    np.testing.assert_allclose(fit.arrays["biases"][[0, 2, 4]], biases[[0, 2, 4]], atol=1e-4)
    assert np.isnan(fit.arrays["biases"][[1, 3]]).all()
    assert fit.diagnostics["n_undefined_pairs"] == 1
    assert fit.diagnostics["passes"] < 100


def test_states_of_three_that_are_not_seen(record_of):
    """3 fires where 0 and 1 do, and only there: their couplings to it are infinite, pair by pair or not."""
    counts = (np.random.default_rng(1).random((5000, 4)) < 0.5).astype(int)
    counts[:, 3] = counts[:, 0] * counts[:, 1]
    with pytest.warns(SeparableCountsWarning, match="3 pairs .*perhaps given others"):
        couplings = estimate("mpf", record_of(counts), bin_steps=10)
    lost = np.argwhere(np.triu(np.isnan(couplings.values), 1)).tolist()
    assert lost == [[0, 1], [0, 3], [1, 3]]
    assert np.nanmax(np.abs(couplings.values)) < 1


@pytest.mark.parametrize("silent", [False, True], ids=["one only where the other is", "one is always there"])
def test_other_states_that_are_not_seen(record_of, silent):
    counts = (correlated_counts(1500) > 0).astype(int)
    counts[counts[:, 3] == 0, 1] = int(silent)
    with pytest.warns(SeparableCountsWarning, match="1 pairs"):
        fit = estimate("mpf", record_of(counts), bin_steps=10)
    expected = np.eye(N, dtype=bool)
    expected[[1, 3], [3, 1]] = True
    np.testing.assert_array_equal(np.isnan(fit.values), expected)


def test_neurons_that_cannot_be_used(record_of):
    counts = np.column_stack([correlated_counts(1500), np.full(1500, 2), correlated_counts(1500)[:, 2]])
    with (
        pytest.warns(ConstantNeuronWarning, match=r"\[5\]"),
        pytest.warns(CollinearNeuronsWarning, match=r"\[2, 6\]"),
    ):
        fit = estimate("mpf", record_of(counts), bin_steps=10)
    kept = [0, 1, 3, 4]
    expected = np.ones((7, 7), dtype=bool)
    expected[np.ix_(kept, kept)] = np.eye(4, dtype=bool)
    np.testing.assert_array_equal(np.isnan(fit.values), expected)
    others = estimate("mpf", record_of(counts[:, :5]), bin_steps=10)  # the twin tells nothing new
    np.testing.assert_allclose(fit.values[np.ix_(kept, kept)], others.values[np.ix_(kept, kept)], atol=1e-6)
    np.testing.assert_allclose(fit.arrays["biases"][kept], others.arrays["biases"][kept], atol=1e-6)
    assert np.isnan(fit.arrays["biases"][[2, 5, 6]]).all()


def test_neuron_that_hardly_ever_fires(record_of):
    """So rare that a subsample of the bins, which starts the fit, may not see it."""
    counts = correlated_counts(8000)
    counts[:, 2] = 0
    counts[np.random.default_rng(8).choice(8000, 20, replace=False), 2] = 1
    fit = estimate("mpf", record_of(counts), bin_steps=10)
    couplings, _ = brute_force((counts > 0).astype(int))
    np.testing.assert_allclose(fit.values[PAIRS], couplings[PAIRS], atol=1e-3)
    assert fit.diagnostics["passes"] < 60


def test_too_few_passes(record_of):
    with pytest.warns(NotConvergedWarning, match="did not reach tolerance=1e-08 in [0-9]* passes"):
        fit = estimate("mpf", record_of(correlated_counts(5000)), bin_steps=10, max_passes=1)
    assert np.isnan(fit.values).all()
    assert fit.diagnostics["largest_scaled_gradient"] > 1e-8


# --- low and unequal rates ----------------------------------------------------------------------


def bursting_states(rates, n_bins, seed):
    """Binary counts of neurons with these rates, raised by bursts that everybody shares."""
    rng = np.random.default_rng(seed)
    gain = np.where(rng.random((n_bins, 1)) < 0.03, rng.gamma(2.0, 4.0, (n_bins, 1)), 1.0)
    return (rng.random((n_bins, len(rates))) < np.minimum(rates * gain, 0.5)).astype(float)


def mostly_firing_states(n, n_bins, seed):
    """A third of the neurons nearly always fires, a third hardly ever."""
    rng = np.random.default_rng(seed)
    drive = np.linspace(-5.5, 5.5, n) + 0.7 * rng.normal(size=(n_bins, 1))
    return (rng.random((n_bins, n)) < 1 / (1 + np.exp(-drive))).astype(float)


def in_the_limit(states, all_flip):
    """Minimise the definition over coefficients that are finite.

    Bins in which the flip of a neuron leads to a pair of states that is never seen are left out of its flow:
    there it is zero in the limit.
    """
    rows, often = np.unique(states, axis=0, return_counts=True)
    n, weights = rows.shape[1], often / len(states)
    signs, pairs = 2 * rows - 1, np.triu_indices(n, 1)
    seen = np.zeros((2, 2, n, n), dtype=bool)
    for a in (0, 1):
        for b in (0, 1):
            seen[a, b] = (rows == a).T.astype(int) @ (rows == b).astype(int) > 0
    possible = np.ones(rows.shape, dtype=bool)
    for i in range(n):
        for j in set(range(n)) - {i}:
            possible[:, i] &= seen[1 - rows[:, i].astype(int), rows[:, j].astype(int), i, j]
    all_possible = np.ones(len(rows), dtype=bool)
    for i, j in zip(*pairs, strict=True):
        all_possible &= seen[1 - rows[:, i].astype(int), 1 - rows[:, j].astype(int), i, j]
    finite = seen.all(axis=(0, 1))[pairs]

    def spread(parameters):
        couplings = np.zeros((n, n))
        couplings[pairs] = np.where(finite, parameters[:-n], 0)
        return couplings + couplings.T, parameters[-n:]

    def value_and_gradient(parameters):
        couplings, biases = spread(parameters)
        flows = weights[:, None] * possible * np.exp(-signs * (rows @ couplings + biases) / 2)
        pulls = -signs * flows / 2
        by_pair, by_bias, value = rows.T @ pulls, pulls.sum(axis=0), flows.sum()
        by_pair = by_pair + by_pair.T
        if all_flip:
            flips = weights * all_possible * np.exp(-signs @ (biases + couplings.sum(axis=1) / 2) / 2)
            by_field = -signs.T @ flips / 2
            by_pair += (by_field[:, None] + by_field) / 2
            by_bias, value = by_bias + by_field, value + flips.sum()
        return value, np.append(np.where(finite, by_pair[pairs], 0), by_bias)

    rates = states.mean(axis=0)
    start = np.append(np.zeros(len(finite)), np.log(rates / (1 - rates)))
    found = minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 0, "gtol": 1e-9, "maxcor": 100},
    )  # fmt: skip
    return np.where(finite, found.x[:-n], np.nan), pairs


@either_flow
@pytest.mark.parametrize(
    "states",
    [
        bursting_states(0.0005 * np.random.default_rng(2).gamma(1.5, 4.0, size=24), 60_000, seed=3),
        mostly_firing_states(16, 6_000, seed=4),
    ],
    ids=["low rates", "silent and saturated"],
)
def test_low_and_unequal_rates(record_of, states, all_flip):
    with pytest.warns(SeparableCountsWarning):
        fit = estimate("mpf", record_of(states.astype(int)), bin_steps=10, all_flip=all_flip)
    couplings, pairs = in_the_limit(states, all_flip)
    assert np.isnan(couplings).sum() >= 3
    np.testing.assert_array_equal(np.isnan(fit.values[pairs]), np.isnan(couplings))
    np.testing.assert_allclose(fit.values[pairs], couplings, atol=2e-3)
    assert fit.diagnostics["passes"] < 40


def test_neurons_whose_rarer_state_is_in_too_few_bins_cost_themselves_alone(record_of):
    """Three bins cannot tell thirty couplings; without these two neurons the others have a minimum."""
    rng = np.random.default_rng(0)
    states = (rng.random((4000, 30)) < 0.9 * rng.random((4000, 1))).astype(int)
    for neuron in (3, 17):
        states[:, neuron] = 1
        states[rng.choice(4000, 3, replace=False), neuron] = 0
    named = r"neurons \[3, 17\] are in one of their two states in fewer bins than"
    with pytest.warns(SeparableCountsWarning, match=named):
        found = estimate("mpf", record_of(states), bin_steps=10, max_passes=20)
    assert found.diagnostics["n_not_converged"] == 0
    assert np.isnan(found.values[[3, 17]]).all()
    assert np.isnan(found.arrays["biases"]).nonzero()[0].tolist() == [3, 17]
    couplings, pairs = in_the_limit(np.delete(states, [3, 17], axis=1), False)
    others = np.delete(np.delete(found.values, [3, 17], axis=0), [3, 17], axis=1)
    np.testing.assert_allclose(others[pairs], couplings, atol=2e-3)
