"""GLMs on spike histories: strictly past spikes, and the optimum that other programs find."""

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy.optimize import minimize

from circuitbias.estimators import estimate
from circuitbias.estimators.history import Events, ExponentialDesign, raised_cosines
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import Segment, SpikeRecord

CPU = torch.device("cpu")


def history(record, weights_at_lag, bin_steps):
    """Filtered past of every neuron at the first step of each bin, by the definition, shape (n_bins, n)."""
    rows = []
    for trial, length in enumerate(record.trial_steps):
        raster = np.zeros((length, record.n_neurons))
        for piece in record.segments(trial):
            raster[piece.steps, piece.neurons] = 1
        for first in range(0, length // bin_steps * bin_steps, bin_steps):
            past = raster[max(0, first - len(weights_at_lag)) : first][::-1]  # lag 1, 2, ...
            rows.append(weights_at_lag[: len(past)] @ past)
    return np.array(rows)


@pytest.fixture(scope="module")
def small():
    """Three neurons, two trials; neuron 0 excites 1 over about 3 ms, 1 inhibits 2."""
    random = np.random.default_rng(6)
    pieces = []
    decay, weights = 0.97, np.array([[0, 1.2, 0], [0, 0, -1.0], [0, 0, 0]])
    for trial, length in enumerate((30_000, 20_000)):
        state, spikes = np.zeros(3), np.zeros((length, 3), dtype=bool)
        for step in range(length):
            spikes[step] = random.random(3) < np.exp(-3.2 + state @ weights)
            state = decay * (state + spikes[step])
        steps, neurons = np.nonzero(spikes)
        half = np.searchsorted(steps, length // 2)
        for first, n, cut in (
            (0, length // 2, slice(0, half)),
            (length // 2, length // 2, slice(half, None)),
        ):
            pieces.append(Segment(trial, first, n, steps[cut], neurons[cut]))
    return SpikeRecord(3, 0.1, pieces)


def test_a_spike_is_felt_from_the_next_bin_on_with_the_weight_of_its_age():
    """Bins of 10 steps: a spike at step 9 is one step old in bin 1; one at step 10 is not yet past there."""
    record = SpikeRecord.from_events([9, 10], [0, 1], n_neurons=2, n_steps=60)
    design = ExponentialDesign(Events(record, 10, np.arange(2), 64, look_back=0), np.arange(2), 5.0, CPU)
    rows = torch.cat(list(design.blocks())).numpy()[:, :2]
    decay = np.exp(-1 / 5)
    np.testing.assert_allclose(rows[:3], [[0, 0], [decay, 0], [decay**11, decay**10]])


@pytest.mark.parametrize("block_bins", [3, 64])
def test_the_filter_runs_on_over_blocks_and_starts_anew_in_each_trial(small, block_bins):
    events = Events(small, 20, np.arange(3), block_bins, look_back=0)
    rows = torch.cat(list(ExponentialDesign(events, np.arange(3), 30.0, CPU).blocks())).numpy()[:, :3]
    lags = np.exp(-np.arange(1, 2000) / 30.0)
    np.testing.assert_allclose(rows, history(small, lags, 20), atol=1e-12)


def test_the_history_glm_is_that_of_statsmodels(small):
    fit = estimate("glm_history", small, bin_steps=20, filter_ms=3.0)
    design = sm.add_constant(history(small, np.exp(-np.arange(1, 2000) / 30.0), 20))
    counts = BinnedCounts(small, 20).all()
    for target in range(3):
        theirs = sm.GLM(counts[:, target], design, family=sm.families.Poisson()).fit(tol=1e-12)
        np.testing.assert_allclose(fit.arrays["coefficients"][:, target], theirs.params[1:], atol=1e-6)
        np.testing.assert_allclose(fit.arrays["intercepts"][target], theirs.params[0], atol=1e-6)
        np.testing.assert_allclose(
            fit.arrays["standard_errors"][:, target], theirs.bse[1:], rtol=0.15
        )  # ours: a subsample
    assert np.isnan(fit.values.diagonal()).all()
    assert fit.values[0, 1] > 0.5 and fit.values[1, 2] < -0.3
    assert abs(fit.values[1, 0]) < 0.2
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8


@pytest.mark.parametrize("filter_ms", [0, -1, np.inf, np.nan])
def test_a_filter_must_be_finite(small, filter_ms):
    with pytest.raises(ValueError, match="filter_ms="):
        estimate("glm_history", small, filter_ms=filter_ms)


def test_raised_cosines_are_smooth_bumps_that_cover_the_past():
    basis = raised_cosines(200, 10)
    assert basis.shape == (200, 10)
    assert (basis >= 0).all()
    peaks = basis.argmax(axis=0)
    assert (np.diff(peaks) > 0).all()
    assert np.linalg.matrix_rank(basis) == 10
    assert (basis.sum(axis=1)[: peaks[-1]] > 0.5).all()


def spatiotemporal_objective(small, basis, bin_steps):
    """Mean negative log-likelihood of all couplings, offsets and filter coefficients together."""
    through = np.stack([history(small, column, bin_steps) for column in basis.T], axis=2)
    counts = BinnedCounts(small, bin_steps).all().astype(float)

    def objective(parameters):
        weights, offsets, shape = parameters[:9].reshape(3, 3), parameters[9:12], parameters[12:]
        eta = (through @ shape) @ weights + offsets
        return (np.exp(eta) - counts * eta).sum() / len(counts)

    return objective


def test_the_spatiotemporal_glm_is_the_joint_optimum(small):
    options = {"bin_steps": 20, "history_ms": 10.0, "n_basis": 3}
    fit = estimate("glm_spatiotemporal", small, **options)
    basis = raised_cosines(100, 3)
    objective = spatiotemporal_objective(small, basis, 20)
    ours = np.concatenate(
        [fit.arrays["coefficients"].ravel(), fit.arrays["intercepts"], fit.arrays["basis_coefficients"]]
    )
    start = ours + 0.1 * np.random.default_rng(0).normal(size=len(ours))
    theirs = minimize(objective, start, method="BFGS", options={"gtol": 1e-7})
    assert objective(ours) <= theirs.fun + 1e-9
    scale = np.abs(basis @ theirs.x[12:]).max()
    np.testing.assert_allclose(fit.arrays["coefficients"], scale * theirs.x[:9].reshape(3, 3), atol=5e-3)
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8
    assert fit.diagnostics["filter_scaled_gradient"] <= 1e-6


def test_the_spatiotemporal_glm_finds_the_filter_that_made_the_spikes(small):
    fit = estimate("glm_spatiotemporal", small, bin_steps=10, history_ms=15.0, n_basis=5)
    lags, shape = fit.arrays["filter_ms"], fit.arrays["temporal_filter"]
    assert np.abs(shape).max() == pytest.approx(1)
    early, late = shape[lags < 2].mean(), shape[lags > 10].mean()
    assert early > 4 * abs(late)  # exp(-t / 3.3 ms)
    assert fit.values[0, 1] > 0 > fit.values[1, 2]


def test_a_history_must_fit_the_recording(small):
    with pytest.raises(ValueError, match="history_ms="):
        estimate("glm_spatiotemporal", small, history_ms=1e6)
