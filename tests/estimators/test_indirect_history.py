"""Indirect inference for the history GLM: responses drawn from the observed past."""

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.estimators import estimate
from circuitbias.estimators.glm_history import GlmHistory
from circuitbias.estimators.indirect_bins import BLOCK_BINS, DrawnBins, sums_at_spikes
from circuitbias.estimators.indirect_history import DrawnResponses, couplings_of
from circuitbias.likelihood.link import ThresholdLink
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

BIN, DECAY = 20, 0.99
EXAMPLE = {"generator": "threshold", "estimator": "glm_history", "bin_steps": BIN}


@pytest.fixture(scope="module")
def recording():
    """Ten neurons with strong couplings, most of them inhibitory, that differ in both directions."""
    rng = np.random.default_rng(5)
    weights = (rng.random((10, 10)) < 0.4) * rng.uniform(-0.8, 0.1, (10, 10))
    np.fill_diagonal(weights, 0)
    network = Network(weights, np.arange(10), np.ones(10), "directed", False, {})
    return network, cb.simulate(network, r=3e-4, rate_hz=60, n_spikes=300_000, seed=4)


def drawn_from(spikes, g, constants, **options):
    return DrawnBins(
        spikes, BIN, DECAY, ThresholdLink(0.0668072), np.ones(len(g)), g, constants, 3, **options
    )


@pytest.mark.parametrize("most_bytes", [0, 1e9])
def test_histories_are_those_observed_and_counts_are_drawn(recording, most_bytes):
    """One block of three: histories by their definition, counts from the spikes that were drawn."""
    few = SpikeRecord(10, 0.1, list(recording[1].segments(0, 0, 300_000)))
    drawn = drawn_from(few, np.zeros((10, 10)), np.full(10, -1.3), every=3)
    design = DrawnResponses(drawn, "cpu", most_bytes)
    passes = [
        [np.concatenate(parts) for parts in zip(*design.blocks_and_counts(), strict=True)] for _ in "12"
    ]
    rows, counts = passes[0]
    np.testing.assert_array_equal(rows, passes[1][0])
    np.testing.assert_array_equal(counts, passes[1][1])
    assert len(rows) == design.n_rows == drawn.n_bins

    expected = np.zeros((len(rows), 10))
    for segment in drawn.segments():
        np.add.at(expected, (segment.steps // BIN, segment.neurons), 1)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(drawn.counts, expected.sum(0))
    assert counts.sum() / counts.size / BIN == pytest.approx(
        0.0668 * 0.0968, rel=0.05
    )  # Phi(-1.3), of a table

    blocks = np.arange(300_000 // BIN) // BLOCK_BINS
    firsts = BIN * np.flatnonzero(blocks % 3 == 1)
    steps, neurons = (
        np.concatenate([getattr(s, name) for s in few.segments()]) for name in ("steps", "neurons")
    )
    for place in (0, 1000, -1):
        past = steps < firsts[place]
        sums = np.bincount(neurons[past], DECAY ** (firsts[place] - steps[past]), minlength=10)
        np.testing.assert_allclose(rows[place], np.append(sums, 1))


def test_responses_under_the_true_couplings_give_the_history_glm_of_the_recording(recording):
    """The fixed point: nothing is left to correct; with couplings that are a tenth too weak there is."""
    network, spikes = recording
    constants = estimate("matched", spikes, device="cpu").arrays["intercepts"]
    method = GlmHistory(bin_steps=BIN, filter_ms=-0.1 / np.log(DECAY))
    observed = estimate("glm_history", spikes, device="cpu", bin_steps=BIN, filter_ms=method.filter_ms)
    off, chi2 = ~np.eye(10, dtype=bool), []
    for strength in (1.0, 0.9):
        g = strength * network.dense_weights()  # r W / (b sigma), r = b sigma
        shift = np.sum(sums_at_spikes(spikes, BIN, DECAY) * (1 - strength) * network.dense_weights(), axis=0)
        drawn = drawn_from(spikes, g, constants + shift)
        found = couplings_of(drawn, method, memory_mb=500, device="cpu")
        z = (found - observed.values)[off] / (np.sqrt(2) * observed.standard_errors[off])
        chi2.append(np.square(z).mean())
    assert chi2[0] < 1.4
    assert chi2[1] > 3


def test_it_takes_out_the_bias_of_the_history_glm(recording):
    """Directed couplings of both signs, in the units of the matched estimator."""
    network, spikes = recording
    weights, off = network.dense_weights(), ~np.eye(10, dtype=bool)
    found = estimate("indirect", spikes, device="cpu", rounds=10, **EXAMPLE)
    before = estimate("glm_history", spikes, device="cpu", bin_steps=BIN)
    errors = [cb.compare(network, couplings)["total"] for couplings in (found, before)]
    assert errors[0] < 0.6 * errors[1]
    assert found.diagnostics["traits"]["directed"]
    assert np.nanmax(np.abs(found.values - found.values.T)) > 0.3
    slope = (found.values * weights)[off].sum() / np.square(weights[off]).sum()
    assert slope == pytest.approx(1.0, abs=0.08)
