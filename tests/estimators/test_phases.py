"""Bins know the phase of the drive; estimates from one phase are those of its bins alone."""

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.config import ConfigError, load_config
from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.phases import PhasesAsNeurons, PhaseWindow, cycle_of, phase_of_bins
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.views import ObservedNeurons, StepWindow
from circuitbias.spikes.writing import write_spikes


def record(n=4, cycle=30, lengths=(307, 95), seed=0, segment_steps=50):
    rng, pieces = np.random.default_rng(seed), []
    for trial, length in enumerate(lengths):
        for first in range(0, length, segment_steps):
            size = min(segment_steps, length - first)
            steps, neurons = np.nonzero(rng.random((size, n)) < 0.2)
            pieces.append(Segment(trial, first, size, steps + first, neurons))
    return SpikeRecord(n, 0.1, pieces, cycle_steps=cycle)


def raster(source, trial):
    spikes = np.zeros((source.trial_steps[trial], source.n_neurons), dtype=int)
    for segment in source.segments(trial):
        assert (np.diff(segment.steps) >= 0).all()
        np.add.at(spikes, (segment.steps, segment.neurons), 1)
    return spikes


@pytest.mark.parametrize(("first", "length"), [(0, 10), (7, 13), (20, 10), (29, 1), (0, 30)])
def test_a_window_holds_the_steps_of_its_phases(first, length):
    whole = record()
    window = PhaseWindow(whole, first, length)
    for trial in (0, 1):
        spikes = raster(whole, trial)
        kept = (np.arange(len(spikes)) % 30 >= first) & (np.arange(len(spikes)) % 30 < first + length)
        assert np.array_equal(raster(window, trial), spikes[kept])
        some = list(window.segments(trial, 5, 21))
        assert sum(s.n_steps for s in some) == min(21, kept.sum()) - min(5, kept.sum())
        found = np.array([step for s in some for step in s.steps], dtype=int) - 5
        assert found.tolist() == np.nonzero(spikes[kept][5:21])[0].tolist()


def test_bins_of_a_window_are_those_that_begin_at_its_phase():
    whole = record(lengths=(300, 90))
    counts = BinnedCounts(whole, 10)
    phases = np.concatenate([phase_of_bins(whole, trial, 10) for trial in (0, 1)])
    assert phases.tolist() == [0, 10, 20] * 13
    for first in (0, 10, 20):
        window = BinnedCounts(PhaseWindow(whole, first, 10), 10).all()
        assert np.array_equal(window, counts.all()[phases == first])


def test_parts_of_a_recording_keep_their_phases():
    whole = record()
    part = StepWindow(whole, 47, 300)  # begins in the middle of a cycle, and goes on into the second trial
    seen = ObservedNeurons(part, np.array([2, 0]))
    cycle, phases = cycle_of(seen)
    assert cycle == 30 and phases.tolist() == [17, 0]
    spikes = raster(whole, 0)[47:]
    kept = np.isin(np.arange(47, 307) % 30, range(5, 15))
    assert np.array_equal(raster(PhaseWindow(seen, 5, 10), 0), spikes[kept][:, [2, 0]])


def test_a_file_knows_its_cycle(tmp_path):
    told = {"parameters": {"model": {"drive": {"family": "release", "cycle_steps": 30}}}}
    whole = record()
    write_spikes(tmp_path / "it.h5", whole.segments(), 4, 0.1, told)
    assert SpikeFile(tmp_path / "it.h5").cycle_steps == 30
    window = PhaseWindow(SpikeFile(tmp_path / "it.h5"), 7, 13)
    assert np.array_equal(raster(window, 0), raster(PhaseWindow(whole, 7, 13), 0))
    write_spikes(tmp_path / "none.h5", whole.segments(), 4, 0.1, {})
    with pytest.raises(ValueError, match="has no phases"):
        PhaseWindow(SpikeFile(tmp_path / "none.h5"), 7, 13)
    with pytest.raises(ValueError, match=r"phases 25 \.\.\. 34: must lie within the 30 steps"):
        PhaseWindow(whole, 25, 10)


def test_phases_as_neurons_fire_in_their_bins():
    wider = PhasesAsNeurons(record(lengths=(300, 90)), 10)
    counts = BinnedCounts(wider, 10).all()
    own = BinnedCounts(record(lengths=(300, 90)), 10).all()
    assert wider.n_neurons == 6 and np.array_equal(counts[:, :4], own)
    assert np.array_equal(counts[:, 4:], np.tile([[1, 0], [0, 1], [0, 0]], (13, 1)))


@pytest.fixture(scope="module")
def pulsed():
    """Independent Poisson neurons whose rates go up and down together, and two that go with each other."""
    rng = np.random.default_rng(2)
    n_bins = 30_000
    rates = np.tile([0.8, 0.2, 0.4], n_bins // 3)[:, None] * np.linspace(0.5, 1.5, 6)
    counts = rng.poisson(rates)
    counts[:, 1] = rng.poisson(rates[:, 1] * np.exp(0.5 * counts[:, 0]))
    steps = np.repeat(np.arange(n_bins) * 10, counts.sum(axis=1))
    neurons = np.concatenate([np.repeat(np.arange(6), row) for row in counts])
    return SpikeRecord(6, 1.0, [Segment(0, 0, 10 * n_bins, steps, neurons)], repeats=True, cycle_steps=30)


@pytest.mark.parametrize("how", [{"phase_ms": [10, 20]}, {"phase_ms": [0, 10]}, {"phase_offsets": True}])
def test_a_shared_transient_makes_no_coupling(pulsed, how):
    other = ~np.eye(6, dtype=bool)
    other[0, 1] = other[1, 0] = False
    pooled = cb.infer(pulsed, "glm", bin_steps=10)
    mended = cb.infer(pulsed, "glm", bin_steps=10, **how)
    assert np.abs(pooled.values[other]).mean() > 0.1
    z = mended.values[other] / mended.standard_errors[other]
    assert mended.values.shape == (6, 6) and np.abs(z).max() < 4 and 0.7 < z.std() < 1.4
    assert mended.values[0, 1] == pytest.approx(0.5, abs=0.05)
    assert mended.diagnostics["options"].items() >= how.items()


def test_offsets_by_phase_are_those_of_a_regression_by_hand(pulsed):
    """Newton's steps of a Poisson regression with a column for each phase, by another road."""
    counts = BinnedCounts(pulsed, 10).all().astype(float)
    phases = np.eye(3)[np.arange(len(counts)) % 3]
    design = np.hstack([counts[:, [0, 2, 3, 4, 5]], phases])
    beta = np.append(np.zeros(5), np.log(0.5) * np.ones(3))
    for _ in range(30):
        rate = np.exp(design @ beta)
        beta += np.linalg.solve((design.T * rate) @ design, design.T @ (counts[:, 1] - rate))
    values = cb.infer(pulsed, "glm", bin_steps=10, phase_offsets=True).values
    assert values[[0, 2, 3, 4, 5], 1] == pytest.approx(beta[:5], abs=1e-5)


@pytest.mark.parametrize("method", ["mean_field", "mpf", "logistic", "partial_correlation", "tap"])
def test_other_methods_of_single_bins_take_one_phase(pulsed, method):
    values = cb.infer(pulsed, method, bin_steps=10, phase_ms=[10, 20]).values
    alone = BinnedCounts(pulsed, 10).all()[1::3].astype(int)
    steps = np.repeat(np.arange(len(alone)) * 10, alone.sum(axis=1))
    neurons = np.concatenate([np.repeat(np.arange(6), row) for row in alone])
    by_hand = SpikeRecord(6, 1.0, [Segment(0, 0, 10 * len(alone), steps, neurons)], repeats=True)
    assert np.allclose(values, cb.infer(by_hand, method, bin_steps=10).values, equal_nan=True)


def test_what_cannot_be_is_refused(pulsed):
    for method, options in (("glm", {"lags": [1]}), ("glm_history", {}), ("cross_correlation", {})):
        with pytest.raises(ValueError, match=f"left out: {method} with these options looks across bins"):
            cb.infer(pulsed, method, phase_ms=[0, 10], **options)
    with pytest.raises(UnusableDataError, match="matched takes it for constant"):
        cb.infer(pulsed, "matched")
    for window in ([10, 10], [-1, 10], [0], "all", [0, "10"]):
        with pytest.raises(ConfigError, match=r"options of glm: phase_ms.* = .*must be"):
            cb.infer(pulsed, "glm", bin_steps=10, phase_ms=window)
    with pytest.raises(ValueError, match="two times in rising order"):
        cb.infer(pulsed, "glm", bin_steps=10, phase_ms=[20, 10])
    with pytest.raises(ValueError, match="left out beside phase_ms"):
        cb.infer(pulsed, "glm", bin_steps=10, phase_ms=[10, 20], phase_offsets=True)
    with pytest.raises(ValueError, match="as long as a bin of 10 ms, or as several"):
        cb.infer(pulsed, "glm", bin_steps=10, phase_ms=[0, 15])
    with pytest.raises(
        ValueError, match=r"phase_ms = \[20.0, 40.0\]: must be within the cycle .* 0 \.\.\. 30 ms"
    ):
        cb.infer(pulsed, "glm", bin_steps=10, phase_ms=[20, 40])
    steady = SpikeRecord.from_events([0, 9, 20, 25], [0, 1, 2, 2], n_neurons=3, n_steps=30)
    for options in ({"phase_ms": [0, 1]}, {"phase_offsets": True}):
        with pytest.raises(ValueError, match=r"phase_.* = .*: must be left out: .* does not repeat itself"):
            cb.infer(steady, "glm", bin_steps=10, **options)
    with pytest.raises(ValueError, match="a whole number of bins"):
        cb.infer(pulsed, "glm", bin_steps=20, phase_offsets=True)
    late = {"method": "glm", "phase_ms": [10, 20]}
    config = load_config({"estimators": {"late": late, "all": {"method": "glm"}}})
    assert config["estimators"]["late"]["phase_ms"] == [10.0, 20.0]
    assert "phase_ms" not in config["estimators"]["all"]
    with pytest.raises(ConfigError, match=r"estimators\.late\.phase_ms"):
        load_config({"estimators": {"late": {"method": "glm", "phase_ms": [10]}}})
