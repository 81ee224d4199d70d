"""Indirect inference: bins drawn from the observed past, and the rounds that correct an estimate."""

import warnings
from itertools import product

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import SaturatedNeuronWarning, SeparableCountsWarning
from circuitbias.estimators.indirect import Indirect
from circuitbias.estimators.indirect_bins import DrawnBins, draw_bins, hazards, sums_at_spikes, synapses
from circuitbias.estimators.indirect_rounds import Correction
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.link import ExponentialLink, RectifiedLink, ThresholdLink
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

LINKS = {
    "exponential": (ExponentialLink(), 0.4, lambda eta: 0.4 * np.exp(eta)),
    "rectified": (RectifiedLink(), 1.0, lambda eta: 1.0 * np.maximum(eta, 0)),
}


@pytest.mark.parametrize("name", LINKS)
def test_bins_have_the_probabilities_of_the_model(name):
    """All 64 outcomes of three steps of two neurons, by hand, beside their frequencies."""
    link, scale, rate = LINKS[name]
    weights = np.array([[0.0, 0.5], [-0.2, 0.0]])
    constants, h, decay = np.array([0.3, 0.1]), np.array([0.2, 0.5]), 0.7
    expected = {}
    for outcome in product((0, 1), repeat=6):
        spikes, inputs, chance = np.reshape(outcome, (3, 2)), h.copy(), 1.0
        for fired in spikes:
            p = 1 - np.exp(-rate(constants + inputs))
            chance *= np.prod(np.where(fired, p, 1 - p))
            inputs = decay * inputs + fired @ weights
        expected[outcome] = chance
    # Inputs of the model decay to the next step and then get the spikes of the last one, undiminished.
    n_bins = 300_000
    steps, neurons = np.empty(6 * n_bins, np.int64), np.empty(6 * n_bins, np.int32)
    inputs, state = np.tile(h, (n_bins, 1)), np.array([5], dtype=np.uint64)
    scales = np.full(2, scale)
    known = constants, *synapses(weights), scales, decay, hazards(link), 3
    n = draw_bins(inputs, *known, state, steps, neurons)
    grid = np.zeros((n_bins, 6), dtype=int)
    grid[steps[:n] // 3, 2 * (steps[:n] % 3) + neurons[:n]] = 1
    found = np.bincount(grid @ 2 ** np.arange(5, -1, -1), minlength=64)
    wanted = n_bins * np.array(list(expected.values()))
    chi2 = np.square(found - wanted) @ (1 / wanted)
    assert wanted.min() > 100
    assert chi2 < 63 + 4 * np.sqrt(2 * 63)


def strong_network():
    """Twelve neurons that inhibit some of each other, both ways, strongly enough for the GLM to be wrong."""
    rng = np.random.default_rng(3)
    weights = -1.0 * np.triu(rng.random((12, 12)) < 0.4, 1) * rng.uniform(0.5, 1.0, (12, 12))
    return Network(weights + weights.T, np.arange(12), np.ones(12), "strong", False, {})


@pytest.fixture(scope="module")
def recording():
    network = strong_network()
    return network, cb.simulate(network, r=3e-4, rate_hz=60, n_spikes=400_000, seed=2)


def test_bins_drawn_from_other_trials_and_blocks_are_the_same_in_each_pass(recording):
    _, spikes = recording
    few = SpikeRecord(12, 0.1, list(spikes.segments(0, 0, 400_000)))
    g = np.zeros((12, 12))
    drawn = DrawnBins(few, 100, 0.99, ThresholdLink(0.0668), np.ones(12), g, np.full(12, -1.3), 1)
    assert drawn.trial_steps == [400_000 - 500]  # the first five time constants are left out
    first, again = (list(drawn.segments()) for _ in range(2))
    assert len(first) == 2
    assert all(np.array_equal(a.steps, b.steps) for a, b in zip(first, again, strict=True))
    assert SpikeRecord(12, 0.1, first).n_spikes == drawn.counts.sum()
    rate = drawn.counts.sum() / 12 / drawn.trial_steps[0]
    assert rate == pytest.approx(0.0668 * 0.0968, rel=0.03)  # Phi(-1.3), of a table


def test_bins_under_the_true_couplings_give_the_estimate_of_the_recording(recording):
    """The fixed point: nothing is left to correct; with couplings that are a tenth too weak there is."""
    network, spikes = recording
    constants = estimate("matched", spikes, device="cpu").arrays["intercepts"]
    glm = estimate("glm", spikes, device="cpu")
    off = ~np.eye(12, dtype=bool)
    chi2 = []
    for strength in (1.0, 0.9):
        g = strength * network.dense_weights()  # r W / (b sigma), r = b sigma
        shift = np.sum(sums_at_spikes(spikes, 100, 0.99) * (1 - strength) * network.dense_weights(), axis=0)
        link = ThresholdLink(0.0668072)
        drawn = DrawnBins(spikes, 100, 0.99, link, np.ones(12), g, constants + shift, 4)
        of_bins = estimate("glm", drawn, device="cpu").values
        z = (of_bins - glm.values)[off] / (np.sqrt(2) * glm.standard_errors[off])
        chi2.append(np.square(z).mean())
    assert chi2[0] < 1.4
    assert chi2[1] > 3


def test_it_takes_out_the_bias_of_the_estimator(recording):
    network, spikes = recording
    weights = network.dense_weights()
    found = estimate("indirect", spikes, device="cpu", generator="threshold", rounds=12)
    errors = cb.compare(network, found)["total"]
    before = cb.compare(network, estimate("glm", spikes, device="cpu"))["total"]
    assert errors < 0.75 * before
    np.testing.assert_allclose(found.values, found.values.T)
    assert found.diagnostics["rejected"] == 0
    off = ~np.eye(12, dtype=bool)
    # In the units of the matched estimator: standard deviations of the noise.
    slope = (found.values * weights)[off].sum() / np.square(weights[off]).sum()
    assert slope == pytest.approx(1.0, abs=0.08)


class _Linear:
    """Stands for a simulation: what is found is a linear map of the couplings."""

    n_bins = 24_000

    def __init__(self, found, rates_off=1.0):
        self.found, self.observed, self.counts = found, np.full(4, 600.0), rates_off * np.full(4, 600.0)

    def segments(self):
        return iter(())


def rounds_of(monkeypatch, draw, **options):
    """Run the rounds on an estimator whose result is known."""
    spikes = SpikeRecord.from_events(np.arange(2400) * 41, np.tile(np.arange(4), 600), 4, 100_000)
    work = Correction(Indirect(**options), spikes, 1500, "cpu", spikes)
    target = np.array([[0, 1, 2, 0], [1, 0, 0, -1], [2, 0, 0, 1], [0, -1, 1, 0]]) / 10
    monkeypatch.setattr(work, "_draw", lambda g, *_: draw(g, work._gain.mean()))
    monkeypatch.setattr(work, "_estimate", lambda source: getattr(source, "found", target))
    return target, work._gain.mean(), work.run()


def test_rounds_end_where_the_simulated_estimate_is_that_of_the_recording(monkeypatch):
    """An estimator that mixes couplings of neighbours, J(g) = 1.3 gain M g M: g is that of equations."""
    mix = np.array([[1, 0.2, 0, 0], [0.2, 1, 0, 0], [0, 0, 1, -0.2], [0, 0, -0.2, 1]])

    def draw(g, gain):
        return _Linear(1.3 * gain * (mix @ g @ mix))

    target, gain, (values, _, misfits, rejected, residual) = rounds_of(monkeypatch, draw, rounds=60)
    solution = np.linalg.solve(mix, np.linalg.solve(mix, target.T).T) / (1.3 * gain)
    np.testing.assert_allclose(values, solution, atol=0.01 * np.abs(solution).max())
    assert rejected == 0
    assert misfits[-1] < 0.01
    assert residual < 0.01


def test_wild_rounds_are_rejected_and_steps_halved(monkeypatch):
    """A network that runs away above a strength: the result stays below it, and says that it is not there."""
    largest = []

    def draw(g, gain):
        largest.append(np.abs(g).max())
        return _Linear(gain * g, 5.0 if largest[-1] > 0.08 else 1.0)

    _, _, (values, _, _, rejected, residual) = rounds_of(monkeypatch, draw, rounds=30)
    assert 1 <= rejected < 25
    assert np.abs(values).max() <= 0.08
    assert residual > 0.1


def test_couplings_that_the_estimator_does_not_find_have_none(recording):
    _, spikes = recording
    segments = [s._replace(steps=s.steps[s.neurons != 3], neurons=s.neurons[s.neurons != 3])
                for s in spikes.segments(0, 0, 300_000)]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimate("indirect", SpikeRecord(12, 0.1, segments), device="cpu", rounds=4)
    missing = np.isnan(found.values)
    assert missing[3].all()
    assert missing.sum() == 12 + 2 * 11


def poisson(rates_hz, n_steps):
    """Neurons that know nothing of each other."""
    rng = np.random.default_rng(1)
    fired = rng.random((n_steps, len(rates_hz))) < 1e-4 * np.array(rates_hz)
    steps, neurons = np.nonzero(fired)
    return SpikeRecord.from_events(steps, neurons, len(rates_hz), n_steps)


def test_a_neuron_that_fires_as_often_as_the_model_can_is_left_out():
    """The threshold model's noise is on in 6.7 % of steps; the other three are corrected without it."""
    with pytest.warns(SaturatedNeuronWarning, match=r"neurons \[2\] fire in more than 6\.0%"):
        found = estimate("indirect", poisson([40, 60, 900, 80], 400_000), device="cpu", rounds=4)
    assert np.isnan(found.values[2]).all()
    assert np.isfinite(found.values[np.ix_([0, 1, 3], [0, 1, 3])]).sum() == 6
    with (
        pytest.raises(UnusableDataError, match="of 2 neurons, 1 are usable"),
        pytest.warns(SaturatedNeuronWarning),
    ):
        estimate("indirect", poisson([40, 900], 100_000), device="cpu", rounds=4)


def test_trials_without_a_known_past_are_refused():
    with pytest.raises(UnusableDataError, match=r"first 5 time constants .* trials of at most 500 steps"):
        estimate("indirect", poisson([400, 500, 600], 500), device="cpu", bin_steps=20, rounds=4)


def test_pairs_that_no_drawn_spikes_give_a_coupling_have_none(monkeypatch):
    """Of the estimator that knows of four pairs; what is simulated lacks one of them, both ways."""

    def draw(g, gain):
        found = gain * g
        found[0, 1] = found[1, 0] = np.nan
        return _Linear(found)

    with pytest.warns(SeparableCountsWarning, match="2 couplings are NaN: spikes that were drawn"):
        _, _, (values, *_) = rounds_of(monkeypatch, draw, rounds=8)
    assert np.argwhere(np.isnan(values)).tolist() == [[0, 1], [1, 0]]
