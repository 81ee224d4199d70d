"""The history GLM with silence at points in time: by definition, and by the scatter of its estimates."""

import numpy as np
import pytest
from scipy.integrate import quad

from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.trust import histories
from circuitbias.trust.fits import all_estimates
from circuitbias.trust.histories import HistoriesAtPoints, bins_per_point, within

BIN, SEVERAL, TAU = 5, 4, 30.0  # steps, bins, steps


def recorded(rng, n, lengths, chance):
    pieces = []
    for trial, length in enumerate(lengths):
        steps, units = np.nonzero(rng.random((length, n)) < chance)
        pieces.append(Segment(trial, 0, length, steps, units.astype(np.int32)))
    return SpikeRecord(n, 0.1, pieces)


def test_rows_and_sums_over_spikes_are_those_of_the_definition():
    source = recorded(np.random.default_rng(0), 3, [1013, 640], 0.03)
    events = Events(source, BIN * SEVERAL, np.arange(3), 7, 0)
    design = HistoriesAtPoints(events, np.arange(3), TAU, SEVERAL)
    rows = np.concatenate(list(design.narrow_blocks()))
    _, cross, bounds, sample = design.survey(10**6)
    expected, candidates, n_bins = np.zeros((4, 3)), [], 0
    for piece in source.pieces:
        for k in range(piece.n_steps // (BIN * SEVERAL) * SEVERAL):
            start = k * BIN
            before = piece.steps < start
            f = np.ones(4)
            for unit in range(3):
                past = piece.steps[before & (piece.neurons == unit)]
                f[unit] = np.exp(-(start - past) / TAU).sum()
            candidates.append(f)
            here = piece.neurons[(piece.steps >= start) & (piece.steps < start + BIN)]
            np.add.at(expected.T, here, f)
            n_bins += 1
    assert cross == pytest.approx(expected / n_bins, rel=1e-10)
    assert design.rates == pytest.approx(expected[-1] / n_bins)
    # Each row is that of one bin of its interval, and the bins differ from interval to interval.
    candidates = np.reshape(candidates, (-1, SEVERAL, 4))
    assert len(rows) == len(candidates) == 82
    distances = np.abs(candidates - rows[:, None]).max(axis=2)
    assert distances.min(axis=1).max() < 1e-5
    assert len(set(distances.argmin(axis=1))) == SEVERAL
    assert np.array_equal(sample, rows.astype(float)) and np.array_equal(bounds[1], rows.max(axis=0))


@pytest.mark.parametrize("length", [0.2, 1.0, 5.0])
def test_share_that_varies_within_intervals(length):
    """One decay from a time x before the end of an interval on: variance in each, over the square."""

    def lost(x):
        edges = np.append(0.0, x + length * np.arange(300))
        means = (np.exp(-edges[:-1]) - np.exp(-edges[1:])) ** 2 / length
        return 0.5 - means.sum()

    assert within(length) == pytest.approx(quad(lost, 0, length)[0] / length / 0.5, abs=1e-9)


def test_errors_hold_the_scatter_of_the_integral(monkeypatch):
    """Independent units, 50 Hz, a point in 20 ms: four tenths of the variance come from the integral."""
    options = {"bin_steps": 10, "filter_ms": 10.0, "ridge": 1e-9, "tolerance": 1e-5}
    z = []
    for seed in range(30):
        source = recorded(np.random.default_rng(seed), 6, [400_000], 0.005)
        monkeypatch.setattr(histories, "MOST_POINTS", 2000)
        assert bins_per_point(source, 10) == 20
        found = all_estimates(source, {"glm_history": options}, 500)["glm_history"]
        off = ~np.eye(6, dtype=bool)
        z.append((found.values / found.standard_errors)[off])
        # Without it, the same fit is more exact.
        monkeypatch.setattr(histories, "MOST_POINTS", 10**6)
        whole = all_estimates(source, {"glm_history": options}, 500)["glm_history"]
        ratio = np.median((found.standard_errors / whole.standard_errors)[off])
        assert ratio == pytest.approx(np.sqrt(1 + within(2.0)), rel=0.05)
    z = np.concatenate(z)
    assert len(z) == 900 and np.square(z).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 900))
