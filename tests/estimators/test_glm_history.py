"""The GLM on exponentially filtered histories against statsmodels on an explicit design."""

import numpy as np
import pytest
import statsmodels.api as sm

from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    ConstantNeuronWarning,
    NotConvergedWarning,
    SeparableCountsWarning,
)
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import Segment, SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]
N, BIN, DT = 4, 7, 0.1


def raster_with_delays(n_steps, seed):
    """Four neurons; the third tends to follow the first, and the fourth is silenced by the second."""
    rng = np.random.default_rng(seed)
    spikes = rng.random((n_steps, N)) < 0.03
    spikes[5:, 2] |= spikes[:-5, 0] & (rng.random(n_steps - 5) < 0.3)
    for delay in range(1, 15):
        spikes[delay:, 3] &= ~spikes[:-delay, 1]
    return spikes


def record(rasters, segment_steps):
    pieces = []
    for trial, raster in enumerate(rasters):
        for start in range(0, len(raster), segment_steps):
            steps, neurons = np.nonzero(raster[start : start + segment_steps])
            length = min(segment_steps, len(raster) - start)
            pieces.append(Segment(trial, start, length, steps + start, neurons))
    return SpikeRecord(rasters[0].shape[1], DT, pieces)


def explicit_design(raster, filter_steps):
    """Histories at the starts of the bins, by the definition's sum, and counts."""
    n_bins = len(raster) // BIN
    histories = np.zeros((n_bins, raster.shape[1]))
    for row in range(n_bins):
        past = raster[: row * BIN]
        histories[row] = np.exp(-np.arange(len(past), 0, -1) / filter_steps) @ past
    return histories, raster[: n_bins * BIN].reshape(n_bins, BIN, raster.shape[1]).sum(axis=1)


def design_of(source, n, filter_steps, bin_steps, block_bins=2048):
    kept = np.arange(n)
    events = Events(source, bin_steps, kept, block_bins, look_back=0)
    return ExponentialDesign(events, kept, filter_steps, "cpu")


def test_which_spikes_a_bin_sees():
    """Bins of 4 steps, two neurons: a spike of step 4 is the response of bin 1, one of step 3 its past."""
    steps, neurons = [3, 4, 9], [0, 1, 0]
    source = SpikeRecord.from_events(steps, neurons, 2, 21)
    (design, counts), *more = design_of(source, 2, 5.0, 4).blocks_and_counts()
    assert not more
    np.testing.assert_array_equal(counts, [[1, 0], [0, 1], [1, 0], [0, 0], [0, 0]])  # step 20 is in no bin
    e = lambda *distances: sum(np.exp(-d / 5.0) for d in distances)  # noqa: E731
    expected = [[0, 0], [e(1), 0], [e(5), e(4)], [e(9, 3), e(8)], [e(13, 7), e(12)]]
    np.testing.assert_allclose(design[:, :2], expected, rtol=1e-14)
    np.testing.assert_array_equal(design[:, 2], 1)


@pytest.mark.parametrize("block_bins", [1, 64, 100])
def test_blocks_and_segments_change_nothing(block_bins):
    raster = [raster_with_delays(n_steps, 1) for n_steps in (3000, 5, 2005)]
    whole = np.concatenate(list(design_of(record(raster, 10**6), N, 30.0, BIN).blocks()))
    pieces = design_of(record(raster, 333), N, 30.0, BIN, block_bins)
    np.testing.assert_array_equal(np.concatenate(list(pieces.blocks())), whole)
    assert len(whole) == 3000 // BIN + 2005 // BIN
    assert (whole[3000 // BIN, :-1] == 0).all()  # a trial starts empty


@pytest.mark.parametrize("own_past", [True, False])
@pytest.mark.parametrize("filter_ms", [0.5, 3.0])
def test_equals_statsmodels(filter_ms, own_past):
    rasters = [raster_with_delays(n_steps, seed) for seed, n_steps in enumerate((9000, 4003))]
    couplings = estimate(
        "glm_history",
        record(rasters, 777),
        bin_steps=BIN,
        filter_ms=filter_ms,
        own_past=own_past,
        tolerance=1e-10,
    )
    histories, counts = (
        np.vstack(parts) for parts in zip(*(explicit_design(r, filter_ms / DT) for r in rasters), strict=True)
    )
    assert couplings.diagnostics["n_bins"] == len(counts)
    for j in range(N):
        covariates = np.arange(N) if own_past else np.delete(np.arange(N), j)
        design = sm.add_constant(histories[:, covariates])
        fit = sm.GLM(counts[:, j], design, family=sm.families.Poisson()).fit(tol=1e-14)
        ours = couplings.arrays["coefficients"][:, j]
        np.testing.assert_allclose(ours[covariates], fit.params[1:], atol=1e-6)
        assert own_past or ours[j] == 0
        assert couplings.arrays["intercepts"][j] == pytest.approx(fit.params[0], abs=1e-6)
        errors = couplings.arrays["standard_errors"][:, j]
        np.testing.assert_allclose(errors[covariates], fit.bse[1:], rtol=0.2)  # on a subsample
    assert couplings.values[0, 2] > 0.1 > couplings.values[2, 0]  # from the first to the third
    assert couplings.values[1, 3] < couplings.values[3, 1] - 0.1  # the second silences the fourth


def test_own_past_is_a_covariate_but_no_coupling():
    rng = np.random.default_rng(0)
    raster = rng.random((30_000, 2)) < 0.05
    raster[1:, 0] &= ~raster[:-1, 0]
    raster[2:, 0] &= ~raster[:-2, 0]
    couplings = estimate("glm_history", record([raster], 10**6), bin_steps=1, filter_ms=0.1)
    own = couplings.arrays["coefficients"].diagonal()
    assert own[0] < -1
    assert abs(own[1]) < 0.5
    assert np.isnan(couplings.values.diagonal()).all()


@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_the_certificate_is_the_gradient(ridge):
    raster = raster_with_delays(20_000, 3)
    couplings = estimate("glm_history", record([raster], 999), bin_steps=BIN, filter_ms=2.0, ridge=ridge)
    x, y = explicit_design(raster, 20.0)
    slopes = couplings.arrays["coefficients"]
    rates = np.exp(x @ slopes + couplings.arrays["intercepts"])
    gradient = (x.T @ (rates - y) / len(y) + ridge * slopes) / x.std(axis=0)[:, None]
    scaled = np.abs(np.vstack([gradient, (rates - y).mean(axis=0)])).max(axis=0) / y.mean(axis=0)
    assert scaled.max() < 1.01e-8
    np.testing.assert_allclose(couplings.arrays["scaled_gradient"], scaled, atol=1e-12)
    assert couplings.diagnostics["largest_scaled_gradient"] == couplings.arrays["scaled_gradient"].max()


def test_silent_neuron():
    raster = raster_with_delays(9000, 0)
    raster[:, 1] = False
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[1\]"):
        couplings = estimate("glm_history", record([raster], 999), bin_steps=BIN)
    kept = [0, 2, 3]
    others = estimate("glm_history", record([raster[:, kept]], 999), bin_steps=BIN)
    np.testing.assert_allclose(couplings.values[np.ix_(kept, kept)], others.values, atol=1e-9)
    assert np.isnan(couplings.values[1]).all()
    assert np.isnan(couplings.values[:, 1]).all()


def test_neuron_that_fires_only_before_another_one_does():
    raster = raster_with_delays(9000, 0)
    raster[:, 2] = False
    raster[:800:90, 2] = True
    raster[:1000, 1] = False  # so all spikes of 2 come before the first one of 1
    with pytest.warns(SeparableCountsWarning, match=r"neurons \[2\] fire only where the history of some"):
        couplings = estimate("glm_history", record([raster], 999), bin_steps=BIN)
    expected = np.eye(N, dtype=bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(np.isnan(couplings.values), expected)
    # In the limit, bins after the first spike of 1 say nothing more of 2.
    histories, counts = explicit_design(raster, 10.0 / DT)
    before = histories[:, 1] == 0
    model = sm.GLM(counts[before, 2], sm.add_constant(histories[before][:, [0, 2, 3]]), sm.families.Poisson())
    fit = model.fit(tol=1e-14)
    np.testing.assert_allclose(couplings.arrays["coefficients"][[0, 2, 3], 2], fit.params[1:], atol=1e-5)
    assert couplings.arrays["intercepts"][2] == pytest.approx(fit.params[0], abs=1e-5)
    assert couplings.diagnostics["n_not_converged"] == 0
    ridged = estimate("glm_history", record([raster], 999), bin_steps=BIN, ridge=0.01)
    assert ridged.values[1, 2] < 0


def test_neuron_that_fires_only_right_after_another_one_does():
    """Spikes of 1, far apart, at the ends of bins: its history is at its highest in the bins that follow."""
    raster = raster_with_delays(100 * 60 * BIN, 0)
    raster[:, 1:3] = False
    first = np.arange(100) * 60 * BIN + 50 * BIN
    raster[first - 1, 1] = True
    raster[first[::2], 2] = True
    options = {"bin_steps": BIN, "filter_ms": 2.0, "own_past": False, "tolerance": 1e-6}
    with pytest.warns(SeparableCountsWarning, match=r"1 -> 2, 2 -> 1.*or only where it is largest"):
        couplings = estimate("glm_history", record([raster], 9999), **options)
    missing = np.argwhere(np.isnan(couplings.values) & ~np.eye(N, dtype=bool))
    np.testing.assert_array_equal(missing, [[1, 2], [2, 1]])  # 2 has never fired before 1 does
    assert couplings.diagnostics["passes"] < 10  # the limit is known beforehand; going there takes longer
    # In the limit, only these bins say more of 2.
    histories, counts = explicit_design(raster, 2.0 / DT)
    after = first // BIN
    design = sm.add_constant(histories[after][:, [0, 3]])
    fit = sm.GLM(counts[after, 2], design, sm.families.Poisson()).fit(tol=1e-14)
    np.testing.assert_allclose(couplings.values[[0, 3], 2], fit.params[1:], atol=1e-4)
    assert estimate("glm_history", record([raster], 9999), ridge=0.01, **options).values[1, 2] > 0


def test_too_few_passes_and_data_that_allow_nothing():
    source = record([raster_with_delays(9000, 0)], 999)
    with pytest.warns(NotConvergedWarning, match=r"in 1 passes \(max_passes=1"):
        couplings = estimate("glm_history", source, max_passes=1)
    assert couplings.diagnostics["largest_scaled_gradient"] is None
    assert couplings.diagnostics["n_not_converged"] == N
    for wrong in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"filter_ms = .*: must be a finite number > 0"):
            estimate("glm_history", source, filter_ms=wrong)
    with pytest.raises(ValueError, match="longer than every trial"):
        estimate("glm_history", source, bin_steps=9001)
    two = SpikeRecord.from_events([0, 1, 5, 9], [0, 1, 0, 1], 2, 12)
    with pytest.raises(ValueError, match="3 bins are too few for 3 coefficients a neuron"):
        estimate("glm_history", two, bin_steps=4)
