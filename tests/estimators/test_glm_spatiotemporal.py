"""The GLM with a shared filter against scipy's joint minimum, statsmodels, and simulations of the model."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    ConstantNeuronWarning,
    NotConvergedWarning,
    SeparableCountsWarning,
)
from circuitbias.fitting.designs.raised_cosines import add_by_lag, add_filtered, raised_cosines
from circuitbias.fitting.shared_filter import JointObjective
from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import Segment, SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N, LAGS, BIN = 3, 60, 5
LAG = np.arange(1, LAGS + 1)
FILTER = np.exp(-LAG / 15) * np.sin(LAG / 12 + 0.6)
FILTER /= np.abs(FILTER).max()  # changes its sign at lag 31
WEIGHTS = np.array([[-0.8, 0.6, 0.0], [0.0, -0.6, -0.9], [0.7, 0.0, -0.5]])
OPTIONS = {"bin_steps": BIN, "history_ms": LAGS / 10}


def simulate(n_steps, seed, curve=FILTER, weights=WEIGHTS):
    """Spikes of the model itself, in bins of one step: (n_steps, n)."""
    rng = np.random.default_rng(seed)
    spikes = np.zeros((n_steps + LAGS, len(weights)))
    uniform = rng.random((n_steps, len(weights)))
    backwards = curve[::-1]
    for t in range(n_steps):
        rates = 0.03 * np.exp(backwards @ spikes[t : t + LAGS] @ weights)
        spikes[t + LAGS] = uniform[t] < rates
    return spikes[LAGS:] > 0


def record(rasters, segment_steps=777):
    pieces = []
    for trial, raster in enumerate(rasters):
        for start in range(0, len(raster), segment_steps):
            piece = raster[start : start + segment_steps]
            steps, neurons = np.nonzero(piece)
            pieces.append(Segment(trial, start, len(piece), steps + start, neurons))
    return SpikeRecord(rasters[0].shape[1], 0.1, pieces)


def histories_of(raster, filters):
    """Histories at the starts of the bins by the definition's sum: (n_bins, n, n_filters)."""
    n_bins = len(raster) // BIN
    result = np.zeros((n_bins, raster.shape[1], filters.shape[1]))
    for row in range(n_bins):
        for lag in range(1, min(len(filters), row * BIN) + 1):
            result[row] += raster[row * BIN - lag][:, None] * filters[lag - 1]
    return result


def counts_of(raster):
    n_bins = len(raster) // BIN
    return raster[: n_bins * BIN].reshape(n_bins, BIN, raster.shape[1]).sum(axis=1)


@pytest.fixture(scope="module")
def rasters():
    return [simulate(n_steps, seed) for seed, n_steps in enumerate((21_003, 4, 14_000))]


@pytest.fixture(scope="module")
def long_raster():
    return simulate(400_000, 5)


def test_beginning_in_single_precision(rasters, tune, note_precision):
    """The same fit, its certificate in double precision."""
    made = note_precision(JointObjective)
    in_double = estimate("glm_spatiotemporal", record(rasters), **OPTIONS)
    assert not any(made)
    made.clear()
    tune(single_from=0)
    begun_in_single = estimate("glm_spatiotemporal", record(rasters), **OPTIONS)
    assert made[0]
    assert not made[-1]
    assert begun_in_single.diagnostics["largest_scaled_gradient"] <= 1e-8
    assert begun_in_single.diagnostics["filter_scaled_gradient"] <= 1e-8
    np.testing.assert_allclose(begun_in_single.values, in_double.values, atol=1e-6)
    for name in ("intercepts", "temporal_filter"):
        np.testing.assert_allclose(begun_in_single.arrays[name], in_double.arrays[name], atol=1e-6)


def test_filtering_and_its_transpose_keep_to_the_definition():
    raster = np.random.default_rng(0).random((103, 2)) < 0.1
    filters = np.random.default_rng(1).normal(size=(13, 2))
    source = record([raster], 17)
    expected = histories_of(raster, filters)
    weights = np.random.default_rng(2).normal(size=expected.shape[:2])
    rows, by_lag = [], np.zeros(13)
    for block in Events(source, BIN, np.arange(2), 4, look_back=13).blocks():
        rows.append(np.zeros((block.n_bins, 2, 2)))
        add_filtered(rows[-1], block.steps, block.columns, filters, BIN)
        here = weights[block.first_bin : block.first_bin + block.n_bins]
        add_by_lag(by_lag, here, block.steps, block.columns, BIN)
    np.testing.assert_allclose(np.concatenate(rows), expected, atol=1e-12)
    np.testing.assert_allclose(
        filters.T @ by_lag, np.einsum("tik,ti->k", expected, weights), rtol=1e-10, atol=1e-10
    )


def test_which_spikes_a_bin_sees():
    """Bins of 4 steps: a spike at step 3 is one step before bin 1, one at step 4 not in its past."""
    source = SpikeRecord.from_events([3, 4], [0, 1], 2, 20)
    (block,) = Events(source, 4, np.arange(2), 100, look_back=6).blocks()
    histories = np.zeros((5, 2, 1))
    add_filtered(histories, block.steps, block.columns, np.arange(10.0, 16.0)[:, None], 4)
    np.testing.assert_array_equal(histories[:, :, 0], [[0, 0], [10, 0], [14, 13], [0, 0], [0, 0]])


def test_raised_cosines():
    basis = raised_cosines(200, 10)
    assert basis.shape == (200, 10)
    assert basis.min() == 0
    np.testing.assert_allclose(basis.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(basis[[0, -1]], np.eye(10)[[0, -1]])
    widths = (basis > 0.5).sum(axis=0)
    assert (np.diff(widths[1:-1]) > 0).all()
    assert (raised_cosines(7, 1) == 1).all()
    with pytest.raises(ValueError, match="n_basis=8 must be from 1 to the 7 steps of the history"):
        raised_cosines(7, 8)
    with pytest.raises(ValueError, match="n_basis=0 must be from 1"):
        raised_cosines(7, 0)


def joint_minimum(rasters, n_basis, ridge):
    """Scipy's minimum over couplings, intercepts and filter weights: coefficients, filter, value."""
    basis = raised_cosines(LAGS, n_basis)
    histories = np.concatenate([histories_of(raster, basis) for raster in rasters])
    counts = np.concatenate([counts_of(raster) for raster in rasters])
    shape = N + 1, N

    def objective(packed):
        coefficients, weights = packed[:-n_basis].reshape(shape), packed[-n_basis:]
        covariates = histories @ weights
        eta = covariates @ coefficients[:-1] + coefficients[-1]
        rates = np.exp(eta)
        residual = (rates - counts) / len(counts)
        squares = (coefficients[:-1] ** 2).sum(), ((basis @ weights) ** 2).sum()
        value = (rates - counts * eta).sum() / len(counts) + ridge / 2 * squares[0] * squares[1]
        slope = np.vstack([covariates.T @ residual, residual.sum(axis=0)])
        slope[:-1] += ridge * squares[1] * coefficients[:-1]
        by_weight = np.einsum("tik,ti->k", histories, residual @ coefficients[:-1].T)
        by_weight += ridge * squares[0] * basis.T @ (basis @ weights)
        return value, np.concatenate([slope.ravel(), by_weight])

    start = np.concatenate([np.zeros(N * N), np.log(counts.mean(axis=0)), np.ones(n_basis)])
    start[: N * N] = WEIGHTS.ravel() / 2
    fit = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 5000})
    return fit.x[:-n_basis].reshape(shape), basis @ fit.x[-n_basis:], fit.fun


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_equals_scipys_joint_minimum(rasters, ridge):
    couplings = estimate(
        "glm_spatiotemporal", record(rasters), n_basis=6, ridge=ridge, tolerance=1e-9, **OPTIONS
    )
    coefficients, curve, _ = joint_minimum(rasters, 6, ridge)
    size = np.abs(curve).max() * np.sign(curve.sum())
    np.testing.assert_allclose(couplings.arrays["temporal_filter"], curve / size, atol=2e-5)
    np.testing.assert_allclose(couplings.arrays["coefficients"], coefficients[:-1] * size, atol=2e-5)
    np.testing.assert_allclose(couplings.arrays["intercepts"], coefficients[-1], atol=1e-5)
    assert couplings.diagnostics["n_bins"] == sum(len(raster) // BIN for raster in rasters)
    assert couplings.diagnostics["filter_scaled_gradient"] <= 1e-9
    assert couplings.diagnostics["largest_scaled_gradient"] <= 1e-9


@pytest.mark.parametrize(("n_basis", "own_past"), [(1, True), (6, True), (6, False)])
def test_couplings_given_the_filter_equal_statsmodels(rasters, n_basis, own_past):
    options = OPTIONS | {"n_basis": n_basis, "own_past": own_past}
    couplings = estimate("glm_spatiotemporal", record(rasters), tolerance=1e-10, **options)
    curve = couplings.arrays["temporal_filter"]
    np.testing.assert_allclose(couplings.arrays["filter_ms"], LAG / 10)
    np.testing.assert_allclose(
        raised_cosines(LAGS, n_basis) @ couplings.arrays["basis_coefficients"], curve, rtol=1e-12
    )
    assert np.abs(curve).max() == pytest.approx(1, rel=1e-12)
    assert curve.sum() > 0
    histories = np.concatenate([histories_of(raster, curve[:, None])[:, :, 0] for raster in rasters])
    counts = np.concatenate([counts_of(raster) for raster in rasters])
    for j in range(N):
        covariates = np.arange(N) if own_past else np.delete(np.arange(N), j)
        model = sm.GLM(counts[:, j], sm.add_constant(histories[:, covariates]), family=sm.families.Poisson())
        fit = model.fit(tol=1e-14)
        coefficients, errors = (
            couplings.arrays["coefficients"][:, j],
            couplings.arrays["standard_errors"][:, j],
        )
        np.testing.assert_allclose(coefficients[covariates], fit.params[1:], atol=1e-6)
        assert couplings.arrays["intercepts"][j] == pytest.approx(fit.params[0], abs=1e-6)
        if n_basis == 1:  # more have to find the filter, too
            np.testing.assert_allclose(errors[covariates], fit.bse[1:], rtol=0.01)
        if not own_past:
            assert coefficients[j] == 0
            assert np.isnan(errors[j])


def test_standard_errors_hold_those_of_the_filter(rasters):
    """The Fisher information of couplings, intercepts and filter together, by its definition."""
    fit = estimate("glm_spatiotemporal", record(rasters), tolerance=1e-10, **OPTIONS | {"n_basis": 6})
    basis, weights = raised_cosines(LAGS, 6), fit.arrays["basis_coefficients"]
    slopes, n_weights = fit.arrays["coefficients"], N * N
    through = np.concatenate([histories_of(raster, basis) for raster in rasters])  # (bins, N, 6)
    information = np.zeros((n_weights + N + 6,) * 2)
    for j in range(N):
        derivatives = np.zeros((len(through), len(information)))
        derivatives[:, j:n_weights:N] = through @ weights  # those of slopes [i, j]
        derivatives[:, n_weights + j] = 1
        derivatives[:, -6:] = np.einsum("tik,i->tk", through, slopes[:, j])
        rates = np.exp(through @ weights @ slopes[:, j] + fit.arrays["intercepts"][j])
        information += (derivatives * rates[:, None]).T @ derivatives
    peak = np.abs(basis @ weights).argmax()
    # Couplings are slopes times the size of the filter, which is 1 here.
    carry = np.zeros((n_weights, len(information)))
    carry[:, :n_weights] = np.eye(n_weights)
    carry[:, -6:] = np.outer(slopes.ravel(), basis[peak] / (basis[peak] @ weights))
    covariance = carry @ np.linalg.pinv(information, rcond=1e-10, hermitian=True) @ carry.T
    expected = np.sqrt(covariance.diagonal()).reshape(N, N)
    np.testing.assert_allclose(fit.arrays["standard_errors"], expected, rtol=0.03)


def test_recovers_filter_and_couplings(long_raster):
    couplings = estimate(
        "glm_spatiotemporal", record([long_raster], 30_000), n_basis=8, **{**OPTIONS, "bin_steps": 1}
    )
    curve = couplings.arrays["temporal_filter"]
    size = curve @ FILTER / (curve @ curve)
    assert np.corrcoef(curve, FILTER)[0, 1] > 0.98
    np.testing.assert_allclose(size * curve, FILTER, atol=0.15)
    off = ~np.eye(N, dtype=bool)
    np.testing.assert_allclose(couplings.values[off] / size, WEIGHTS[off], atol=0.12)
    np.testing.assert_allclose(
        couplings.arrays["coefficients"].diagonal() / size, WEIGHTS.diagonal(), atol=0.12
    )
    assert np.isnan(couplings.values.diagonal()).all()


def test_a_fit_whose_filter_has_a_negative_sum_is_turned():
    """Brief strong excitation, then a long weak fall: more spikes follow, but the filter's sum is negative.

    What a constant filter begins with, positive couplings, is then not the sign that they end with.
    """
    curve = np.where(LAG <= 5, 1.0, -0.25)
    weights = np.array([[0.0, 1.8], [0.0, 0.0]])
    couplings = estimate(
        "glm_spatiotemporal",
        record([simulate(60_000, 3, curve, weights)]),
        n_basis=4,
        **{**OPTIONS, "bin_steps": 1},
    )
    found = couplings.arrays["temporal_filter"]
    assert found.sum() > 0
    assert np.corrcoef(found, -curve)[0, 1] > 0.9
    assert couplings.values[0, 1] < -1
    assert abs(couplings.values[1, 0]) < 0.2


def test_a_filter_that_is_mostly_negative_has_positive_sum():
    """Couplings that only inhibit: the sign is in them, not in the filter."""
    rng = np.random.default_rng(0)
    raster = rng.random((60_000, 2)) < 0.05
    for lag in range(1, 20):
        raster[lag:, 1] &= ~raster[:-lag, 0]
    couplings = estimate("glm_spatiotemporal", record([raster], 10**6), n_basis=4, bin_steps=2, history_ms=5)
    assert couplings.arrays["temporal_filter"].sum() > 0
    assert couplings.values[0, 1] < -1
    assert abs(couplings.values[1, 0]) < 0.2


# --- data that do not allow everything ----------------------------------------------------------


def test_silent_neuron(rasters):
    kept = [0, 2]
    silenced = [raster.copy() for raster in rasters]
    for raster in silenced:
        raster[:, 1] = False
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[1\]"):
        couplings = estimate("glm_spatiotemporal", record(silenced), n_basis=4, **OPTIONS)
    others = estimate(
        "glm_spatiotemporal", record([raster[:, kept] for raster in rasters]), n_basis=4, **OPTIONS
    )
    np.testing.assert_allclose(couplings.values[np.ix_(kept, kept)], others.values, atol=1e-6)
    assert np.isnan(couplings.values[1]).all()
    assert np.isnan(couplings.values[:, 1]).all()


def test_neuron_that_never_fires_after_another_one(rasters):
    raster = rasters[0].copy()
    for lag in range(LAGS + BIN):
        raster[lag:, 2] &= ~raster[: len(raster) - lag, 1]
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[2\] fire only where the history"):
        couplings = estimate("glm_spatiotemporal", record([raster]), n_basis=4, **OPTIONS)
    expected = np.eye(N, dtype=bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)
    assert couplings.diagnostics["n_not_converged"] == 0
    # In the limit, bins after spikes of 1 say nothing more of 2; given the filter the rest is a GLM.
    histories = histories_of(raster, couplings.arrays["temporal_filter"][:, None])[:, :, 0]
    silent = histories_of(raster, np.ones((LAGS, 1)))[:, 1, 0] == 0
    design = sm.add_constant(histories[silent][:, [0, 2]])
    fit = sm.GLM(counts_of(raster)[silent, 2], design, family=sm.families.Poisson()).fit(tol=1e-14)
    np.testing.assert_allclose(couplings.arrays["coefficients"][[0, 2], 2], fit.params[1:], atol=1e-5)
    assert couplings.arrays["intercepts"][2] == pytest.approx(fit.params[0], abs=1e-5)
    np.testing.assert_allclose(couplings.arrays["standard_errors"][[0, 2], 2], fit.bse[1:], rtol=0.05)
    ridged = estimate("glm_spatiotemporal", record([raster]), n_basis=4, ridge=0.01, **OPTIONS)
    assert ridged.values[1, 2] < 0


def test_too_few_passes(rasters):
    with pytest.warns(NotConvergedWarning, match=r"neurons \[0, 1, 2\] did not reach .*max_passes=2,"):
        couplings = estimate("glm_spatiotemporal", record(rasters), n_basis=5, max_passes=2, **OPTIONS)
    assert np.isnan(couplings.values).all()
    assert np.isnan(couplings.arrays["temporal_filter"]).all()
    assert couplings.diagnostics["largest_scaled_gradient"] is None
    assert couplings.diagnostics["n_not_converged"] == N


def test_wrong_histories(rasters):
    source = record([rasters[0][:300]])
    with pytest.raises(ValueError, match=r"history_ms=30 is longer than every trial \(longest: 30 ms\)"):
        estimate("glm_spatiotemporal", source, history_ms=30.0)
    with pytest.raises(ValueError, match=r"history_ms=.* must be at least a step of 0.1 ms"):
        estimate("glm_spatiotemporal", source, history_ms=0.05)
    for wrong in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"history_ms = .*: must be a finite number > 0"):
            estimate("glm_spatiotemporal", source, history_ms=wrong)
    with pytest.raises(ValueError, match="n_basis=21 must be from 1 to the 20 steps"):
        estimate("glm_spatiotemporal", source, history_ms=2.0, n_basis=21)
    with pytest.raises(ValueError, match="n_basis=18 is too many for a history of 20 steps"):
        estimate("glm_spatiotemporal", source, history_ms=2.0, n_basis=18)
    with pytest.raises(ValueError, match="3 bins are too few for 3 neurons"):
        estimate("glm_spatiotemporal", source, bin_steps=100, history_ms=2.0, n_basis=3)
