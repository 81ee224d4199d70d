"""The compiled engine against the readable model: spike by spike, and in distribution."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from scipy.sparse import csr_array
from scipy.special import ndtr

from circuitbias.dynamics import RHO_PAPER, ThresholdParameters
from circuitbias.dynamics.engines.bits import WIDTH, lowest_bit, mask_not_above
from circuitbias.dynamics.engines.cpu import tail_exceeds
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, uniforms
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_sam import ThresholdSAM
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.published import thresholds


def network(weights, drive_scale=None):
    n = len(weights)
    scale = np.ones(n) if drive_scale is None else drive_scale
    return Network(weights, np.arange(n), scale, "test", False, {})


def mixed_network(n=20):
    """A sparse network with cells that excite and cells that inhibit, asymmetric."""
    rng = np.random.default_rng(4)
    sign = np.where(np.arange(n) < n // 2, 1.0, -1.5)[:, None]
    return network(sign * rng.exponential(1e-3, (n, n)) * (rng.random((n, n)) < 0.4))


def pairs_of_cells(n=8):
    """Every even cell excites the next one: what excites is not excited, and by one weight alone."""
    weights = np.zeros((n, n))
    weights[np.arange(0, n, 2), np.arange(1, n, 2)] = 0.01
    return network(weights)


def unconnected(n):
    return network(np.zeros((n, n)))


def engine_and_reference(net, parameters, raster, seed=5, trial=1, n_steps=800, device="cpu"):
    """Spikes of both, from the same initial state and with the same numbers: (n_steps, n) each."""
    n = net.n_neurons
    segments = simulate(net, parameters, seed=seed, n_steps=n_steps, trials=trial + 1, burn_in=0)
    engine = raster((segment for segment in segments if segment.trial == trial), n)
    model = ThresholdSAM.from_parameters(parameters, torch.Generator(), net.drive_scale).to(device)
    reference = model.simulate(
        net.weights,
        n_steps,
        equilibration_steps=0,
        initial_activation=parameters.dt_ms * uniforms(seed, trial, 0, 1, n, STREAM_INITIAL_STATE)[0],
        uniforms=uniforms(seed, trial, 0, n_steps, n),
    )
    return engine, reference.cpu().numpy().T


# In the last two the drive alone exceeds theta, and only recurrent inhibition or noise holds spikes back.
CASES = {
    "ring, weak": (ring_network(), ThresholdParameters(0.0025, 0.001304)),
    "ring, strong": (ring_network(), ThresholdParameters(0.025, 0.000735)),
    "ring, pinned": (ring_network(pinned=True), ThresholdParameters(0.025, 0.00074)),
    "excitation and inhibition": (mixed_network(), ThresholdParameters(0.01, 0.00125)),
    "one excites one": (pairs_of_cells(), ThresholdParameters(0.01, 0.00125)),
    "always noisy": (mixed_network(), ThresholdParameters(0.01, 0.0016, rho=1.0)),
    "no noise": (ring_network(30, 2.09, 2.1), ThresholdParameters(0.003, 0.0009, sigma=0.0)),
    "drive above theta": (ring_network(30, 2.09, 2.1), ThresholdParameters(0.001, 0.0009)),
}


@pytest.mark.parametrize("case", CASES)
def test_spikes_equal_those_of_the_reference(case, raster):
    engine, reference = engine_and_reference(*CASES[case], raster)
    assert engine.any() and not engine.all()
    assert np.array_equal(engine, reference)


@pytest.mark.parametrize("case", CASES)
def test_compressed_rows_give_the_same_spikes(case):
    net, parameters = CASES[case]
    compressed = dataclasses.replace(net, weights=csr_array(net.weights))
    runs = [simulate(each, parameters, seed=2, n_steps=3000, burn_in=0) for each in (net, compressed)]
    for dense, sparse in zip(*runs, strict=True):
        assert np.array_equal(dense.steps, sparse.steps) and np.array_equal(dense.neurons, sparse.neurons)
    assert len(dense.steps)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=WIDTH, max_size=3 * WIDTH), st.integers(0, 2**32 - 1))
def test_words_are_compared_sixteen_at_once(words, bound):
    words, first = np.array(words, dtype=np.uint32), len(words) - WIDTH
    mask = masked(words, np.full(len(words), bound, dtype=np.uint32), first)
    assert [mask >> k & 1 for k in range(WIDTH)] == (words[first:] <= bound).tolist()
    if mask:
        assert lowest(mask) == (words[first:] <= bound).argmax()


@njit
def masked(words, bounds, first):
    return mask_not_above(words, bounds, first)


@njit
def lowest(mask):
    return lowest_bit(np.uint64(mask))


def test_cases_reach_every_branch(raster):
    net, parameters = CASES["ring, pinned"]
    engine, _ = engine_and_reference(net, parameters, raster)
    assert not engine[:, 0].any() and engine[:, 1:].any()  # the pinned neuron is silent

    net, parameters = CASES["drive above theta"]
    engine, _ = engine_and_reference(net, parameters, raster)
    noisy = uniforms(5, 1, 0, *engine.shape) < parameters.rho
    assert engine[noisy].any() and engine[~noisy].any()  # spikes with noise and without
    assert not engine[noisy].all() and not engine[~noisy].all()


@pytest.mark.gpu
def test_spikes_equal_those_of_the_reference_on_a_gpu(raster):
    engine, reference = engine_and_reference(*CASES["ring, strong"], raster, device="cuda")
    assert np.array_equal(engine, reference)


# --- probability of a spike ---------------------------------------------------------------------


@njit
def exceeds(u, v):
    return tail_exceeds(u, v)


def test_the_table_of_tails_decides_as_the_tail_does():
    rng = np.random.default_rng(0)
    grid = np.arange(-8, 8, 1 / 64)  # the borders of the cells
    for u in np.concatenate([rng.uniform(-9, 9, 2000), grid, [-40.0, 40.0, 8.0]]):
        tail = ndtr(-u)
        for v in (tail * (1 - 1e-9), min(tail * (1 + 1e-9), 1.0), rng.random()):
            if v != tail and abs(v - tail) > 1e-15:
                assert exceeds(u, v) == (tail > v)


def upper_tail(u):  # by another road than the engine and its table
    return 0.5 * (1 - torch.special.erf(torch.tensor(u / np.sqrt(2), dtype=torch.float64)).item())


# Without weights h = 0: theta = b (1 + sigma u) puts the threshold u sd of the noise above the drive.
@pytest.mark.parametrize("rho", [RHO_PAPER, 0.5, 1.0])
@pytest.mark.parametrize("u", [1.9, 0.4, -0.3, -2.0])
def test_probability_of_a_spike(u, rho, raster):
    parameters = ThresholdParameters(r=0.0, theta=1e-3 * (1 + 0.3 * u), rho=rho)
    spikes = raster(simulate(unconnected(50), parameters, seed=3, n_steps=20_000, burn_in=0), 50)
    probability = rho * upper_tail(u) if u >= 0 else 1 - rho * (1 - upper_tail(u))
    # the number of spikes is binomial: 4 standard deviations, 12 cases, one fixed seed
    assert abs(spikes.mean() - probability) < 4 * np.sqrt(probability * (1 - probability) / spikes.size)


@pytest.mark.parametrize("without", [{"sigma": 0.0}, {"rho": 0.0}, {"b": 0.0}])
def test_without_noise_the_drive_alone_decides(without, raster):
    drive = without.get("b", 1e-3)
    for theta in (drive - 1e-6, drive, drive + 1e-6):  # an input equal to theta does not fire
        parameters = ThresholdParameters(r=0.0, theta=theta, **without)
        spikes = raster(simulate(unconnected(4), parameters, seed=3, n_steps=50, burn_in=0), 4)
        assert spikes.all() if drive > theta else not spikes.any()


def test_probability_follows_the_drive_of_each_neuron(raster):
    # h = 0, theta = 1.2e-3: drives of 1e-3 and 0.8e-3 lie 2/3 and 5/3 sd of their own noise below;
    # a negative drive has noise too, here of sd 30e-3, and 101.2e-3 to go
    drives = np.array([1.0, 0.8, -100.0])
    net = network(np.zeros((3, 3)), drives)
    parameters = ThresholdParameters(r=0.0, theta=1.2e-3, rho=0.8)
    rates = raster(simulate(net, parameters, seed=1, n_steps=200_000, burn_in=0), 3).mean(axis=0)
    expected = 0.8 * np.array([upper_tail(2 / 3), upper_tail(5 / 3), upper_tail(101.2 / 30)])
    assert np.all(np.abs(rates - expected) < 4 * np.sqrt(expected * (1 - expected) / 200_000))


# --- distributions, each with its own randomness ------------------------------------------------


def pattern_power(counts):
    """Share of the strongest mode of the ring, 0 to 1, per trial: counts (trials, bins, n)."""
    modes = np.abs(np.fft.fft(counts, axis=-1)) ** 2
    return modes[..., 1 : counts.shape[-1] // 2].max(axis=-1).sum(axis=1) / modes[..., 0].sum(axis=1)


def statistics(spikes):
    """Statistics of each trial, from spikes (trials, n_steps, n): dict of arrays (trials,)."""
    trials, _, n = spikes.shape
    counts = spikes.reshape(trials, -1, 100, n).sum(axis=2)
    deviation = counts - counts.mean(axis=(0, 1), keepdims=True)
    correlation = {
        f"covariance at distance {d}": (deviation * np.roll(deviation, d, -1)).mean(axis=(1, 2))
        for d in (1, 3, 9, 20)
    }
    later = (deviation[:, 1:] * deviation[:, :-1]).mean(axis=(1, 2))
    return {
        "rate": spikes.mean(axis=(1, 2)),
        "rate of the first neuron": spikes[..., 0].mean(axis=1),
        "variance of the counts": (deviation**2).mean(axis=(1, 2)),
        "variance of all spikes in a bin": deviation.sum(axis=-1).var(axis=1),
        "covariance with the next bin": later,
        "strength of the pattern": pattern_power(counts),
    } | correlation


@pytest.mark.parametrize("r", [0.0025, 0.0125, 0.025])
def test_distribution_equals_that_of_the_reference(r, ring, raster):
    # Both make independent trials of the same length from the same initial distribution. So the
    # difference of two means has a standard error that the spread over the trials gives; 4 of it
    # are allowed (30 comparisons at fixed seeds: a right engine fails with probability 0.002).
    trials, n_steps, skipped = 48, 2000, 200
    parameters = ThresholdParameters(r, thresholds("ring")[r])
    pieces = list(simulate(ring, parameters, seed=2, n_steps=n_steps, trials=trials, burn_in=skipped))
    ours = [raster((s for s in pieces if s.trial == trial), 100) for trial in range(trials)]

    model = ThresholdSAM.from_parameters(parameters, torch.Generator().manual_seed(6))
    weights = torch.tensor(ring.weights).expand(trials, -1, -1)
    reference = model.simulate(weights, n_steps, equilibration_steps=skipped).numpy()

    expected = statistics(reference.swapaxes(1, 2))
    for name, value in statistics(np.array(ours)).items():
        difference = value.mean() - expected[name].mean()
        error = np.sqrt((value.var(ddof=1) + expected[name].var(ddof=1)) / trials)
        assert abs(difference) < 4 * error, f"{name}: {difference / error:.1f} standard errors"


def test_the_comparison_of_distributions_can_fail(ring, raster):
    # the same statistics tell the paper's rho from one 10 % higher
    rates = []
    for rho in (RHO_PAPER, 1.1 * RHO_PAPER):
        parameters = ThresholdParameters(0.0125, 0.00095, rho=rho)
        pieces = list(simulate(ring, parameters, seed=2, n_steps=2000, trials=48, burn_in=200))
        ours = [raster((s for s in pieces if s.trial == trial), 100) for trial in range(48)]
        rates.append(statistics(np.array(ours))["rate"])
    error = np.sqrt(sum(rate.var(ddof=1) for rate in rates) / 48)
    assert abs(rates[1].mean() - rates[0].mean()) > 4 * error
