"""The matched likelihood against sums over single steps."""

import numpy as np
import pytest
import torch
from matched_cases import (
    PARAMETERS,
    WARM,
    coefficients,
    likelihood_of,
    recording,
    rows_and_spikes,
    sums_over_steps,
    three_neurons,
)
from scipy.stats import norm

from circuitbias.dynamics.threshold_sam import ThresholdSAM
from circuitbias.likelihood.fit import information_of
from circuitbias.likelihood.link import ThresholdLink, look_up
from circuitbias.likelihood.of_spikes import Exclusion
from circuitbias.likelihood.shared import scores_and_information


@pytest.fixture(scope="module")
def three():
    return three_neurons()


def test_probability_is_that_of_the_reference():
    """Spikes that ThresholdSAM emits for evenly spaced uniform numbers, one after the other."""
    sam = ThresholdSAM.from_parameters(PARAMETERS, torch.Generator())
    link, p = ThresholdLink(PARAMETERS.rho), PARAMETERS
    uniforms = torch.linspace(0, 1, 200_001, dtype=torch.float64)[:-1]
    for eta in (-3.1, -1.2, -0.3, -0.01):
        input_needed = p.theta - p.b + eta * p.b * p.sigma
        weights, state = (
            torch.zeros(1, 1).double() + 1,
            torch.full((1,), input_needed / float(sam.r)).double(),
        )
        mean = np.mean([float(sam(weights, state, 0, u[None])[0]) for u in uniforms[::50]])
        assert mean == pytest.approx(-np.expm1(look_up(link.log_silence, eta)[0]), abs=3e-4)


@pytest.mark.parametrize("bound", [None, -0.5])
def test_likelihood_and_gradient_are_sums_over_steps(three, bound):
    likelihood, at = likelihood_of(three), coefficients(3)
    before = None if bound is None else coefficients(3, seed=1)
    if bound is not None:
        likelihood.excluded = Exclusion(before, bound)
    value, gradient, information, left_out = sums_over_steps(*rows_and_spikes(three), at, before, bound)
    found, slopes = likelihood.evaluate(at)
    np.testing.assert_allclose(-found, value, rtol=1e-8)
    np.testing.assert_allclose(-slopes, gradient, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())
    np.testing.assert_array_equal(likelihood.left_out[:2], left_out)
    assert bound is None or 0 < left_out[0].sum() < three.n_spikes / 2
    exact = information_of(likelihood, likelihood.sample(10**6), at, chosen_a_column=10**6)
    np.testing.assert_allclose(exact, information, rtol=1e-9, atol=1e-9)
    assert likelihood.used_steps() == 2 * (3000 - WARM)
    some, their_slopes = likelihood.evaluate(at[:, [0, 2]], targets=np.array([True, False, True]))
    np.testing.assert_allclose(some, found[[0, 2]], rtol=1e-12)
    np.testing.assert_allclose(their_slopes, slopes[:, [0, 2]], rtol=1e-9, atol=1e-9)


def test_gradient_is_that_of_the_value(three):
    likelihood, at = likelihood_of(three, bin_steps=5), coefficients(3)
    _, slopes = likelihood.evaluate(at)
    for source, target in np.ndindex(4, 3):
        moved = np.repeat(at[None], 2, axis=0)
        moved[:, source, target] += [-1e-4, 1e-4]
        low, high = (likelihood.evaluate(x)[0][target] for x in moved)
        assert float(high - low) / 2e-4 == pytest.approx(float(slopes[source, target]), rel=1e-4, abs=1e-3)


def test_lattice_stands_for_all_steps():
    """Silence at one step in twenty: its sum differs by much less than a standard error of the fit."""
    record = recording(np.diag(np.full(5, -0.3), 1)[:5, :5], seed=2, n_steps=60_000)
    at = coefficients(5)
    _, all_steps, information, _ = sums_over_steps(*rows_and_spikes(record), at)
    _, lattice = likelihood_of(record, bin_steps=20).evaluate(at)
    z = (lattice + all_steps) / np.sqrt(np.array([matrix.diagonal() for matrix in information])).T
    assert np.sqrt(np.mean(z**2)) < 0.3


def test_parts_of_the_recording_make_the_whole(three):
    whole, at = likelihood_of(three, bin_steps=2), coefficients(3)
    blocks = [whole.part(1).evaluate(at)[0]]
    assert np.abs(whole.part(10**6).evaluate(at)[0]).sum() == 0
    np.testing.assert_allclose(blocks[0], whole.evaluate(at)[0], rtol=1e-12)


@pytest.mark.parametrize(
    "bin_steps", [2, 5]
)  # blocks of 20 time constants, and of 51, after which all is forgotten
def test_blocks_here_and_there_add_up_to_the_whole(bin_steps):
    """Of two blocks in three the spikes are left out, but for what the next one still feels."""
    record = recording(np.diag(np.full(5, -0.3), 1)[:5, :5], seed=2, n_steps=40_000, trials=2)
    whole, at = likelihood_of(record, bin_steps=bin_steps), coefficients(5)
    parts = [whole.of_blocks(lambda block, k=k: block % 3 == k).evaluate(at) for k in range(3)]
    for total, of_parts in zip(whole.evaluate(at), zip(*parts, strict=True), strict=True):
        np.testing.assert_allclose(sum(of_parts), total, rtol=1e-12, atol=1e-9)


def test_drawn_rows_stand_for_all():
    """Of more rows than are needed, each target's are drawn by what they tell of it."""
    record = recording(np.diag(np.full(5, -0.3), 1)[:5, :5], seed=2, n_steps=60_000)
    likelihood, at = likelihood_of(record), coefficients(5)
    sample = likelihood.sample(10**6)
    drawn = information_of(likelihood, sample, at, chosen_a_column=1500)
    exact = information_of(likelihood, sample, at, chosen_a_column=10**6)
    ratio = np.linalg.solve(exact, drawn)
    assert np.abs(np.linalg.eigvals(ratio) - 1).max() < 0.1


@pytest.mark.parametrize("bound", [None, -0.5])
def test_scores_of_shared_parameters_are_slopes_of_the_likelihood(three, bound):
    """By differences of the sums over steps, with the steps left out held fixed."""
    likelihood, at = likelihood_of(three), coefficients(3)
    rows, spikes = rows_and_spikes(three)
    before = coefficients(3, seed=1)
    used = np.ones(spikes.shape, bool)
    if bound is not None:
        likelihood.excluded = Exclusion(before, bound)
        used = rows @ before <= bound

    def value(log_tau, log_rho):
        tau = 10 * np.exp(log_tau)
        eta = rows_and_spikes(three, 1 - 0.1 / tau)[0] @ at
        p = PARAMETERS.rho * np.exp(log_rho) * norm.cdf(eta)
        return (used * (spikes * np.log(p) + (1 - spikes) * np.log(1 - p))).sum()

    found, information = scores_and_information(likelihood, at)
    for k, move in enumerate(([1e-3, 0], [0, 1e-3])):
        slope = (value(*move) - value(*np.negative(move))) / 2e-3
        assert found[k] == pytest.approx(slope, rel=1e-3, abs=0.02)
    # What is left of the information once every target's own coefficients are free: by least squares.
    step = 1e-4
    change = (rows_and_spikes(three, 1 - 0.1 / (10 * np.exp(step)))[0] - rows) @ at / step
    eta = rows @ at
    p, slope = PARAMETERS.rho * norm.cdf(eta), PARAMETERS.rho * norm.pdf(eta)
    expected = np.zeros((2, 2))
    for j in range(3):
        scale = used[:, j] / np.sqrt(p[:, j] * (1 - p[:, j]))
        shared = np.column_stack([slope[:, j] * change[:, j], p[:, j]]) * scale[:, None]
        own = rows * (slope[:, j] * scale)[:, None]
        rest = shared - own @ np.linalg.lstsq(own, shared, rcond=None)[0]
        expected += rest.T @ rest
    np.testing.assert_allclose(information, expected, rtol=0.2, atol=0.1 * expected.max())
