"""Mean-field approximations of the Ising model: exact, or of the right order, where they should be."""

import math

import numpy as np
import pytest

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    CollinearNeuronsWarning,
    ConstantNeuronWarning,
    NoSolutionWarning,
    SeparableCountsWarning,
)

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
METHODS = ["tap", "sessak_monasson", "independent_pair", "bethe"]
OFF = ~np.eye(4, dtype=bool)


def random_model(strength, seed=0):
    """Couplings and biases of four counts: spins with couplings of some strength, in fixed fields."""
    rng = np.random.default_rng(seed)
    couplings = np.triu(rng.uniform(-4, 4, (4, 4)), 1) * strength
    couplings += couplings.T
    return couplings, 2 * rng.uniform(-0.7, 0.7, 4) - couplings.sum(axis=1) / 2


@pytest.mark.parametrize(
    "method, order",
    [("mean_field", 2), ("independent_pair", 2), ("tap", 3), ("bethe", 3), ("sessak_monasson", 4)],
)
def test_order_of_the_error(ising_record, method, order):
    """Half the coupling leaves ``1 / 2**order`` of the error."""
    options = {"binarise": True} if method == "mean_field" else {}
    errors = []
    for strength in (0.1, 0.05):
        couplings, biases = random_model(strength)
        values = estimate(method, ising_record(couplings, biases), bin_steps=1, **options).values
        errors.append(np.linalg.norm((values - couplings)[OFF]))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.4)


def test_bethe_is_exact_on_a_tree(ising_record):
    couplings = np.zeros((4, 4))
    for (i, j), value in {(0, 1): -2.0, (1, 2): 1.5, (1, 3): -0.7}.items():
        couplings[i, j] = couplings[j, i] = value
    record = ising_record(couplings, np.array([0.4, -0.3, -1.0, 0.2]))
    np.testing.assert_allclose(estimate("bethe", record, bin_steps=1).values[OFF], couplings[OFF], atol=2e-4)


@pytest.mark.parametrize("method", ["independent_pair", "sessak_monasson", "bethe"])
def test_exact_for_a_pair(ising_record, method):
    couplings = np.array([[0, -1.7], [-1.7, 0]])
    values = estimate(method, ising_record(couplings, np.array([0.3, -0.6])), bin_steps=1).values
    np.testing.assert_allclose(values, [[np.nan, -1.7], [-1.7, np.nan]], atol=1e-4)


def test_uncoupled_neurons(record_of):
    """Joint counts of two coins and a die, each combination once: all couplings are zero."""
    counts = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 0, 0, 0, 1, 2)])
    for method in METHODS:
        values = estimate(method, record_of(counts), bin_steps=10).values
        np.testing.assert_allclose(values[~np.eye(3, dtype=bool)], 0, atol=1e-12)


def test_by_hand(record_of):
    """States 11 twice, 10 three times, 01 once and 00 twice: means 5/8 and 3/8."""
    record = record_of(np.array([[1, 1]] * 2 + [[1, 0]] * 3 + [[0, 1]] + [[0, 0]] * 2))

    def value(method, **options):
        return estimate(method, record, bin_steps=10, **options).values[0, 1]

    covariance, variance = 1 / 64, 15 / 64
    inverse = -covariance / (variance**2 - covariance**2)
    assert value("mean_field", binarise=True) == pytest.approx(-inverse)
    for method in ("independent_pair", "sessak_monasson", "bethe"):
        assert value(method) == pytest.approx(math.log(2 * 2 / (3 * 1)))
    # The equation of second order for spins, of means 1/4 and -1/4 and four times the covariance.
    coupling = value("tap") / 4
    assert -coupling + 2 / 16 * coupling**2 == pytest.approx(inverse / 4)
    # As published: the same equation with means of 0 and 1, then what is written for the other one.
    coupling = value("tap", as_published=True)
    assert -coupling - 2 * 15 / 64 * coupling**2 == pytest.approx(inverse)
    pair = math.log((1 + covariance) ** 2) / 4 / (1 - covariance) ** 2
    widths = (1 - 25 / 64) * (1 - 9 / 64)
    assert value("sessak_monasson", as_published=True) == pytest.approx(
        -inverse + pair - covariance / (widths - covariance**2)
    )


def test_counts_are_made_binary(record_of):
    counts = np.random.default_rng(2).binomial(3, 0.3, (500, 4))
    for method in METHODS:
        couplings = estimate(method, record_of(counts), bin_steps=10)
        binary = estimate(method, record_of((counts > 0).astype(int)), bin_steps=10)
        np.testing.assert_array_equal(couplings.values, binary.values)
        assert couplings.diagnostics["n_counts"] == (counts > 0).sum()


# --- data that do not allow everything ----------------------------------------------------------


@pytest.fixture
def rare_pair():
    """Neurons 0 and 1 fire in a tenth of the bins each, never together; neuron 2 is a coin."""
    first = np.arange(200) // 20
    return np.column_stack([first == 0, first == 1, np.arange(200) % 2]).astype(int)


@pytest.mark.parametrize("method", METHODS)
def test_a_pair_that_cannot_be_solved_is_nan(record_of, rare_pair, method):
    log_odds = method in ("independent_pair", "sessak_monasson")
    category = SeparableCountsWarning if log_odds else NoSolutionWarning
    with pytest.warns(category, match="1 pairs of neurons"):
        couplings = estimate(method, record_of(rare_pair), bin_steps=10)
    expected = np.eye(3, dtype=bool)
    expected[[0, 1], [1, 0]] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)
    assert couplings.diagnostics["n_undefined_pairs"] == 1


def test_the_published_sum_of_pairs_has_no_state_that_must_be_seen(record_of, rare_pair):
    values = estimate("sessak_monasson", record_of(rare_pair), bin_steps=10, as_published=True).values
    assert np.isfinite(values[~np.eye(3, dtype=bool)]).all()


@pytest.mark.parametrize("method", METHODS)
def test_neurons_that_cannot_be_used(record_of, method):
    counts = (np.random.default_rng(1).random((500, 6)) < 0.4).astype(int)
    counts[:, 4] = 2  # whatever the count, it is always there
    counts[:, 5] = counts[:, 2]
    with (
        pytest.warns(ConstantNeuronWarning, match=r"\[4\]"),
        pytest.warns(CollinearNeuronsWarning, match=r"\[2, 5\]"),
    ):
        couplings = estimate(method, record_of(counts), bin_steps=10)
    kept = [0, 1, 3]
    expected = np.ones((6, 6), dtype=bool)
    expected[np.ix_(kept, kept)] = np.eye(3, dtype=bool)
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)
    assert couplings.diagnostics["n_undefined_pairs"] == 0
    others = estimate(method, record_of(counts[:, :4]), bin_steps=10).values  # the twin tells nothing new
    np.testing.assert_allclose(couplings.values[np.ix_(kept, kept)], others[np.ix_(kept, kept)], rtol=1e-9)
