"""Signs and sparseness of matched fits, against bounded optimisers on sums over single steps."""

import numpy as np
import pytest
from matched_cases import (
    DRIVE,
    PARAMETERS,
    WEIGHTS,
    recording,
    rows_and_spikes,
    sums_over_steps,
    true_couplings,
)
from scipy.optimize import LinearConstraint, minimize
from scipy.stats import norm

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import SeparableCountsWarning
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.constrained import Constraints, parabola_minimum
from circuitbias.likelihood.link import ThresholdLink
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.spikes.segments import SpikeRecord

RHO = PARAMETERS.rho
TRUE = np.array([[0, -1.5, -0.7], [0.4, 0, 0.3], [0, 0.2, -0.5]])


@pytest.fixture(scope="module")
def three():
    """Two of its neurons keep to one sign, the third hardly connects: its estimates have both."""
    return recording(TRUE, drive=np.array([0.95, 1, 1.1]), seed=4, n_steps=40_000)


@pytest.fixture(scope="module")
def steps(three):
    return rows_and_spikes(three)


def best_of(steps, target, lower, upper, penalty=0.0):
    """Largest log-likelihood of a target, (x, value), by scipy: parts of both signs of each coefficient."""
    (rows, spikes), rho = steps, RHO
    fired, penalty = spikes[:, target] > 0, np.tile(penalty * np.ones(4), 2)

    def negative(parts):
        eta = rows @ (parts[:4] - parts[4:])
        log_p, log_slope = np.log(rho) + norm.logcdf(eta), np.log(rho) + norm.logpdf(eta)
        value = log_p[fired].sum() + np.log1p(-np.exp(log_p[~fired])).sum()
        slope = rows.T @ np.where(fired, np.exp(log_slope - log_p), -np.exp(log_slope) / (1 - np.exp(log_p)))
        return penalty @ parts - value, penalty + np.r_[-slope, slope]

    bounds = [(0, max(u, 0)) for u in upper] + [(0, max(-low, 0)) for low in lower]
    options = {"ftol": 1e-13, "gtol": 1e-3, "maxiter": 300}
    start = np.r_[np.zeros(7), 1.2]
    found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return found.x[:4] - found.x[4:], -found.fun


def limits_of(signs, target):
    lower, upper = np.full(4, -6.0), np.full(4, 6.0)
    for source in set(range(3)) - {target}:
        lower[source], upper[source] = (0, 6.0) if signs[source] > 0 else (-6.0, 0)
    return lower, upper


def of_target(fit, target):
    return np.append(fit.arrays["coefficients"][:, target], fit.arrays["intercepts"][target])


@pytest.mark.parametrize("signs", ["excitatory", "inhibitory"])
def test_known_signs_are_those_of_a_bounded_optimiser(three, steps, signs):
    fit = estimate("matched", three, bin_steps=1, signs=signs, tolerance=1e-4)
    off = ~np.eye(3, dtype=bool)
    sign = 1 if signs == "excitatory" else -1
    assert (sign * fit.values[off] >= 0).all()
    assert 1 < (fit.values[off] == 0).sum() < 6
    for target in range(3):
        expected, _ = best_of(steps, target, *limits_of([sign] * 3, target))
        np.testing.assert_allclose(of_target(fit, target), expected, atol=2e-3)
    errors = fit.arrays["standard_errors"]
    np.testing.assert_array_equal(np.isnan(errors[off]), fit.values[off] == 0)
    # With what is at the bound taken out, errors are those of all others alone.
    _, _, information, _ = sums_over_steps(
        *steps, np.vstack([fit.arrays["coefficients"], fit.arrays["intercepts"]])
    )
    for target in range(3):
        free = np.append((fit.values[:, target] != 0), True)
        expected = np.sqrt(np.linalg.inv(information[target][np.ix_(free, free)]).diagonal())
        found = fit.arrays["coefficient_errors"][free[:3], target]
        np.testing.assert_allclose(found, expected[:-1], rtol=0.05)
    assert fit.certificate.largest_scaled_gradient <= 1e-4
    np.testing.assert_array_equal(fit.arrays["signs"], sign)


def test_signs_by_presynaptic_are_the_likeliest_of_all(three, steps):
    """All eight patterns, each by scipy: the one that is chosen has the largest likelihood."""
    fit = estimate("matched", three, bin_steps=1, signs="by_presynaptic", tolerance=1e-4)
    values = {}
    of_pairs = {}  # of each target, by the signs of the other two
    for signs in np.ndindex(2, 2, 2):
        pattern = tuple(2 * np.array(signs) - 1)
        for j in range(3):
            others = j, *np.delete(pattern, j)
            if others not in of_pairs:
                of_pairs[others] = best_of(steps, j, *limits_of(pattern, j))[1]
        values[pattern] = sum(of_pairs[j, *np.delete(pattern, j)] for j in range(3))
    best = max(values, key=values.get)
    np.testing.assert_array_equal(fit.arrays["signs"], best)
    assert fit.arrays["signs"][0] == -1
    for target in range(3):
        expected, _ = best_of(steps, target, *limits_of(best, target))
        np.testing.assert_allclose(of_target(fit, target), expected, atol=2e-3)


def test_right_signs_take_error_off():
    """Six recordings of a network of inhibitors and exciters."""
    signs = np.array([1, -1, -1, 1, -1, -1])
    weights = np.abs(WEIGHTS) * signs[:, None] * np.where(signs > 0, 0.3, 1)[:, None]
    np.fill_diagonal(weights, 0)
    truth, off = true_couplings(weights, drive=DRIVE), ~np.eye(6, dtype=bool)
    squares, right = [], 0
    for seed in range(6):
        record = recording(weights, drive=DRIVE, seed=seed, n_steps=60_000)
        fits = [estimate("matched", record, signs=kind) for kind in (None, "by_presynaptic")]
        squares.append([np.square(fit.values - truth)[off].sum() for fit in fits])
        right += (fits[1].arrays["signs"] == signs).sum()
    free, held = np.mean(squares, axis=0)
    assert held < 0.9 * free
    assert right >= 32  # of 36; a seldom firing one may be mistaken


@pytest.mark.parametrize("l1", [1.0, 3.0])
def test_penalised_couplings_are_those_of_another_optimiser(three, steps, l1):
    """The penalty: l1 times the standard deviation of the score of a coupling if there are none."""
    fit = estimate("matched", three, bin_steps=1, l1=l1, tolerance=1e-4)
    rows, _ = steps
    for target in range(3):
        eta = norm.ppf(sum((x.neurons == target).sum() for x in three.segments()) / 40_000 / RHO)
        p = RHO * norm.cdf(eta)
        of_step = (RHO * norm.pdf(eta)) ** 2 / p / (1 - p)
        penalty = np.append(l1 * np.sqrt(of_step * len(rows) * rows[:, :3].var(0)), 0.0)
        penalty[target] = 0.0
        expected, _ = best_of(steps, target, np.full(4, -6.0), np.full(4, 6.0), penalty)
        found = of_target(fit, target)
        np.testing.assert_allclose(found, expected, atol=4e-3)
        others = np.arange(3) != target
        np.testing.assert_array_equal(found[:3][others] == 0, np.abs(expected[:3][others]) < 1e-4)
    assert (fit.values == 0).any()


def test_a_penalty_so_large_that_nothing_is_left(three):
    fit = estimate("matched", three, l1=1000)
    off = ~np.eye(3, dtype=bool)
    assert (fit.values[off] == 0).all()
    assert np.isnan(fit.standard_errors[off]).all()


def test_parabolas_under_bounds_and_penalties_fulfil_their_conditions():
    rng = np.random.default_rng(1)
    for _ in range(20):
        factor = rng.normal(size=(6, 8)) * rng.uniform(0.1, 10, (6, 1))
        information, score, at = factor @ factor.T, rng.normal(size=6) * 5, np.zeros(6)
        penalty = np.array([0, 3.0, 0, 1.0, 0, 0])
        lower = np.array([-np.inf, -np.inf, 0, -np.inf, -np.inf, -0.05])
        upper = np.array([np.inf, np.inf, np.inf, 0.02, np.inf, 0.05])
        found = parabola_minimum(information, score, at, Constraints(penalty, lower, upper))

        def objective(parts, information=information, score=score, penalty=penalty):
            d = parts[:6] - parts[6:]
            return -score @ d + d @ information @ d / 2 + penalty @ (parts[:6] + parts[6:])

        bounded = np.isfinite(lower) | np.isfinite(upper)
        sides = np.hstack([np.eye(6), -np.eye(6)])[bounded]
        box = LinearConstraint(sides, lower[bounded], upper[bounded])
        best = minimize(
            objective, np.zeros(12), method="SLSQP", bounds=[(0, None)] * 12, constraints=box,
            options={"ftol": 1e-14, "maxiter": 500},
        )  # fmt: skip
        value = objective(np.r_[np.maximum(found, 0), np.maximum(-found, 0)])
        assert value <= best.fun + 1e-6 * (1 + abs(best.fun))
        assert (found >= lower).all() and (found <= upper).all()


@pytest.fixture(scope="module")
def sparse():
    """Twelve neurons, one pair in ten connected."""
    rng = np.random.default_rng(7)
    weights = -rng.uniform(0.7, 1.5, (12, 12)) * (rng.random((12, 12)) < 0.1)
    np.fill_diagonal(weights, 0)
    return weights, recording(weights, seed=3, n_steps=200_000)


def test_held_out_likelihood_chooses_a_penalty_and_finds_the_connections(sparse):
    weights, record = sparse
    off = ~np.eye(12, dtype=bool)
    plain = estimate("matched", record)
    chosen = estimate("matched", record, l1="cross_validation", folds=4)
    path = {point["l1"]: point["held_out_log_likelihood"] for point in chosen.diagnostics["l1_path"]}
    l1 = chosen.diagnostics["l1"]
    assert path[l1] == max(path.values()) and 0 < l1 < 6 and len(path) == 8
    np.testing.assert_array_equal(estimate("matched", record, l1=l1).values, chosen.values)
    truth = true_couplings(weights)
    errors = [np.square(fit.values - truth)[off].sum() for fit in (plain, chosen)]
    assert errors[1] < 0.7 * errors[0]
    connected = weights[off] != 0
    assert (chosen.values[off] != 0)[connected].all()
    assert (chosen.values[off] != 0)[~connected].mean() < 0.6


def test_folds_make_the_whole(sparse):
    """Every block is in one fold: their likelihoods make that of all."""
    _, record = sparse
    whole = SpikeLikelihood(record, np.arange(12), PARAMETERS.decay, ThresholdLink(RHO), 20)
    assert whole.n_blocks() == -(-(200_000 - 500) // 20_480)
    at = np.vstack([true_couplings(sparse[0]), np.full(12, -1.2)])
    parts = [whole.of_blocks(lambda block, k=k: block % 3 == k).evaluate(at)[0] for k in range(3)]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole.evaluate(at)[0], rtol=1e-12)
    assert min(part.min() for part in parts) > 0


def test_a_penalty_gives_infinite_couplings_a_value():
    rng = np.random.default_rng(0)
    first = np.sort(rng.choice(400_000, 40, replace=False))
    others = np.sort(rng.choice(400_000, 1500, replace=False))
    after = others - first[np.maximum(np.searchsorted(first, others) - 1, 0)]
    second = others[(after < 0) | (after > 2000)]
    third = rng.choice(400_000, 1500, replace=False)
    neurons = np.repeat([0, 1, 2], [len(first), len(second), len(third)])
    record = SpikeRecord.from_events(np.concatenate([first, second, third]), neurons, 3, 400_000)
    off = ~np.eye(3, dtype=bool)
    assert np.isfinite(estimate("matched", record, l1=1.0).values[off]).all()
    excited = estimate("matched", record, signs="excitatory")
    assert excited.values[0, 1] == 0 and np.isfinite(excited.values[off]).all()
    with pytest.warns(SeparableCountsWarning, match="0 -> 1"):
        assert np.isnan(estimate("matched", record, signs="inhibitory").values[0, 1])


def test_refused_together(three):
    with pytest.raises(ValueError, match=r"symmetric = true: signs = excitatory and l1 = 0\.0"):
        estimate("matched", three, symmetric=True, signs="excitatory")
    short = recording(TRUE, seed=1, n_steps=30_000)
    with pytest.raises(UnusableDataError, match=r"folds=5: the recording has 2 blocks"):
        estimate("matched", short, l1="cross_validation")
