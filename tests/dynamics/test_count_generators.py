"""The generators of Poisson counts: kernel against reference, rates, patterns, thresholds, failures."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from numba import njit
from scipy.sparse import coo_array, csr_array
from scipy.stats import poisson

import circuitbias as cb
from circuitbias import published
from circuitbias.catalogue import GENERATORS, find
from circuitbias.contract import hold
from circuitbias.dynamics.contract import OF_GENERATORS
from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, uniforms
from circuitbias.dynamics.engines.poisson import MOST_COUNT, MOST_RATE, poisson_count
from circuitbias.dynamics.generator import RunawayNetworkError, SilentNetworkError
from circuitbias.dynamics.models.glm_exp import GlmExp
from circuitbias.dynamics.models.glm_relu import GlmRelu
from circuitbias.dynamics.models.lnp import Lnp
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.published import thresholds
from circuitbias.spikes.activity import pattern_strength


def network(weights, drive_scale=None):
    n = len(weights)
    return Network(
        weights, np.arange(n), np.ones(n) if drive_scale is None else drive_scale, "test", False, {}
    )


def mixed(n=20):
    """Cells that excite and cells that inhibit, asymmetric, with drives of their own; one has none."""
    rng = np.random.default_rng(4)
    sign = np.where(np.arange(n) < n // 2, 0.7, -1.5)[:, None]
    return network(sign * rng.exponential(1e-3, (n, n)) * (rng.random((n, n)) < 0.4), np.linspace(0, 1.2, n))


# In the last one of each the neurons fire several times in a step now and then, and the window is a short
# one.
CASES = {
    "lnp, weak": (Lnp(), ring_network(), 0.0025, 7.13e-4),
    "lnp, strong": (Lnp(), ring_network(), 0.025, 0.0),
    "lnp, excitation": (Lnp(), mixed(), 0.005, 8e-4),
    "lnp, fast": (Lnp(gain=1000.0, tau_ms=1.0), mixed(2), 0.01, 5e-4),
    "relu, strong": (GlmRelu(), ring_network(), 0.025, 4.62e-4),
    "relu, excitation": (GlmRelu(), mixed(), 0.005, 9e-4),
    "relu, fast": (GlmRelu(gain=1500.0, window=3, tau_ms=5.0), mixed(3), 0.01, 6e-4),
    "exp, strong": (GlmExp(), ring_network(), 0.025, 1.10349e-3),
    "exp, excitation": (GlmExp(), mixed(), 0.005, 1.4e-3),
    "exp, fast": (GlmExp(scale=3e-4, window=1), mixed(5), 0.01, 1e-3),
}


def raster(segments, n_neurons, n_steps):
    counts = np.zeros((n_steps, n_neurons), dtype=int)
    for segment in segments:
        np.add.at(counts, (segment.steps, segment.neurons), 1)
    return counts


def counts_of(case, n_steps, seed=5, trial=1, **options):
    model, net, r, theta = CASES[case]
    engine = model.engine(net, r=r, theta=theta)
    segments = simulate(net, engine, seed=seed, n_steps=n_steps, trials=trial + 1, burn_in=0, **options)
    return raster((s for s in segments if s.trial == trial), net.n_neurons, n_steps)


@pytest.mark.parametrize("case", CASES)
def test_counts_equal_those_of_the_reference(case):
    model, net, r, theta = CASES[case]
    n_steps, n = 1500, net.n_neurons
    start = {"activation": uniforms(5, 1, 0, 1, n, STREAM_INITIAL_STATE)[0]} if "lnp" in case else {}
    expected = model.reference(net, r=r, theta=theta, uniforms=uniforms(5, 1, 0, n_steps, n), **start)
    counts = counts_of(case, n_steps)
    assert np.array_equal(counts, expected)
    assert counts.sum() > 30 and (counts.max() > 1 or "fast" not in case)


@pytest.mark.parametrize("case", CASES)
def test_how_the_run_is_cut_or_shared_makes_no_difference(case):
    whole = counts_of(case, 3000)
    assert np.array_equal(whole, counts_of(case, 3000, chunk_steps=7))
    assert np.array_equal(whole, counts_of(case, 3000, threads=3, chunk_steps=1000))
    assert not np.array_equal(whole, counts_of(case, 3000, seed=6))
    assert not np.array_equal(whole, counts_of(case, 3000, trial=0))


@pytest.mark.parametrize("case", [case for case in CASES if "excitation" in case])
def test_compressed_rows_give_the_same_counts(case):
    model, net, r, theta = CASES[case]
    dense = counts_of(case, 3000)
    sparse = dataclasses.replace(net, weights=csr_array(net.weights))
    engine = model.engine(sparse, r=r, theta=theta)
    segments = simulate(sparse, engine, seed=5, n_steps=3000, trials=2, burn_in=0)
    assert np.array_equal(dense, raster((s for s in segments if s.trial == 1), net.n_neurons, 3000))


@njit
def count_of(u, rate):
    return poisson_count(u, rate)


def test_a_uniform_number_stands_for_a_poisson_count():
    rng = np.random.default_rng(0)
    for rate in [*rng.uniform(0, MOST_RATE, 200), 1e-12, 1e-6, 0.01, MOST_RATE]:
        for u in [*rng.random(20), *(10 ** rng.uniform(-9.9, 0, 20)), 2.0**-33]:
            assert count_of(u, rate) == poisson.isf(u, rate)
        assert count_of(2.0**-33, rate) <= MOST_COUNT


def test_without_connections_counts_are_poisson():
    free = network(np.zeros((50, 50)))
    engine = Lnp(gain=400.0).engine(free, r=1.0, theta=5e-4)  # 0.2 a step
    counts = raster(simulate(free, engine, seed=3, n_steps=20_000, burn_in=0), 50, 20_000)
    found = np.bincount(counts.ravel(), minlength=6)[:6] / counts.size
    expected = poisson.pmf(np.arange(6), 0.2)
    assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected / counts.size) + 1e-7)
    by_step = counts.sum(axis=1)
    assert abs(by_step.var() / by_step.mean() - 1) < 0.06  # neurons are independent, and steps
    assert abs(np.corrcoef(by_step[1:], by_step[:-1])[0, 1]) < 5 / np.sqrt(20_000)


STRENGTHS = [0.0005, *np.arange(1, 11) * 0.0025]
"""Of the paper."""


@cache
def recording(generator, r, n_spikes=200_000):
    theta = float(thresholds("ring", generator).loc[lambda table: np.isclose(table.index, r)].iloc[0])
    return cb.simulate(ring_network(), r=r, theta=theta, n_spikes=n_spikes, generator=generator)


# The authors tuned by hand, to intervals of 15.9 to 16.4 ms.
@pytest.mark.parametrize("generator", ["lnp", "glm_relu", "glm_exp"])
@pytest.mark.parametrize("r", STRENGTHS)
def test_published_thresholds_give_the_published_rate(generator, r):
    spikes = recording(generator, r)
    interval_ms = 100 * spikes.trial_steps.sum() * 0.1 / spikes.n_spikes
    assert 15.8 < interval_ms < 16.5


# LNP_pattern.mat, glm_exp_pattern.mat (1e6 spikes) and glm_thresh_pattern.mat (1e7) of the authors; our seeds
# scatter by .015 where the pattern comes up, and by .002 where it is full.
@pytest.mark.parametrize(
    ("generator", "r", "n_spikes", "published", "scatter"),
    [
        ("lnp", 0.0125, 1e6, 0.089, 0.015),
        ("lnp", 0.015, 1e6, 0.565, 0.017),
        ("lnp", 0.025, 1e6, 0.947, 0.002),
        ("glm_exp", 0.0075, 1e6, 0.103, 0.015),
        ("glm_exp", 0.01, 1e6, 0.803, 0.004),
        ("glm_exp", 0.025, 1e6, 0.932, 0.002),
        pytest.param("glm_relu", 0.005, 1e7, 0.740, 0.006, marks=pytest.mark.slow),
        pytest.param("glm_relu", 0.025, 1e7, 0.956, 0.002, marks=pytest.mark.slow),
    ],
)
def test_patterns_are_as_strong_as_published(generator, r, n_spikes, published, scatter):
    """Correlations of counts a step, from the pairs of spikes within one."""
    spikes = recording(generator, r, int(n_spikes))
    steps, neurons = (
        np.concatenate(parts) for parts in zip(*[piece[3:] for piece in spikes.pieces], strict=True)
    )
    n_steps = int(spikes.trial_steps.sum())
    counts = coo_array((np.ones(len(steps)), (steps, neurons)), shape=(n_steps, 100)).tocsr()
    mean = np.asarray(counts.sum(axis=0)) / n_steps
    covariance = (counts.T @ counts).toarray() / n_steps - np.outer(mean, mean)
    sd = np.sqrt(np.diag(covariance))
    assert pattern_strength(covariance / np.outer(sd, sd), 25) == pytest.approx(published, abs=4 * scatter)


@pytest.mark.parametrize("generator", ["lnp", "glm_relu", "glm_exp"])
def test_thresholds_are_found_for_a_rate(generator):
    ring = ring_network()
    spikes = cb.simulate(ring, r=0.01, rate_hz=30.0, n_spikes=100_000, generator=generator)
    rate = spikes.n_spikes / (100 * spikes.trial_steps.sum() * 1e-4)
    assert rate == pytest.approx(30.0, rel=0.03)


def test_a_threshold_is_found_beside_a_network_that_runs_away():
    excited = network(np.full((10, 10), 1e-3))
    model = GlmExp()
    found = threshold_for_rate(excited, lambda theta: model.engine(excited, r=0.02, theta=theta), 5.0)
    assert found.rate_hz == pytest.approx(5.0, rel=0.01)


def test_a_network_that_runs_away_is_said_to():
    excited = network(np.full((10, 10), 1e-3))
    with pytest.raises(
        RunawayNetworkError, match=r"more than 2 times in a step of 0.1 ms.*Raise theta, or lower r"
    ):
        cb.simulate(excited, r=1.0, theta=1e-3, n_spikes=10_000, generator="glm_exp")


def test_a_silent_network_is_said_to_be():
    with pytest.raises(
        SilentNetworkError, match=r"theta=0\.01 is out of reach of the drive b=0\.001.*Lower theta"
    ):
        cb.simulate(ring_network(10), r=0.01, theta=0.01, n_spikes=1000, generator="lnp")


@pytest.mark.parametrize(("generator", "theta"), [("glm_relu", 9e-4), ("glm_exp", 1.3e-3)])
def test_recordings_as_published_begin_with_the_empty_past(generator, theta):
    ring, options = ring_network(), {"r": 0.01, "theta": theta, "n_spikes": 3000, "seed": 3, "trials": 2}
    plain, published_ = (
        cb.simulate(ring, **options, generator=generator, window=150, as_published=slip)
        for slip in (False, True)
    )
    assert published_.trial_steps.tolist() == (plain.trial_steps + 150).tolist()
    for trial in range(2):
        ours, theirs = (
            [
                np.concatenate(parts)
                for parts in zip(*[piece[3:] for piece in spikes.segments(trial)], strict=True)
            ]
            for spikes in (plain, published_)
        )
        assert np.array_equal(theirs[0], ours[0] + 150) and np.array_equal(theirs[1], ours[1])


def test_a_past_that_was_simulated_is_not_empty():
    ring = ring_network()
    engine = GlmExp(as_published=True).engine(ring, r=0.01, theta=1e-3)
    assert min(piece.steps[0] for piece in simulate(ring, engine, seed=1, n_steps=500, burn_in=40)) < 10


def test_recordings_as_published_have_no_drive_that_changes():
    with pytest.raises(ValueError, match="as_published = True: the paper's recordings have a steady drive"):
        drive = {"family": "release"}
        cb.simulate(ring_network(), r=0.01, n_spikes=100, generator="glm_exp", as_published=True, drive=drive)


@pytest.mark.parametrize("name", GENERATORS)
def test_built_in_generators_keep_to_the_contract(name):
    outcomes = list(hold(find("generators", name), OF_GENERATORS))
    assert outcomes and [outcome.says for outcome in outcomes if not outcome.passed] == []


def test_a_gpu_is_refused():
    with pytest.raises(ValueError, match="device = 'cuda': must be auto or cpu: only the threshold model"):
        cb.simulate(ring_network(), r=0.01, theta=0.0, n_spikes=100, generator="lnp", device="cuda")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "r", "n_spikes"),
    [("glm_exp", 0.025, 1e6), ("glm_relu", 0.0175, 1e7), ("glm_relu", 0.02, 1e7), ("glm_relu", 0.025, 1e7)],
)
def test_why_published_fits_broke_down(generator, r, n_spikes):
    """Pairs that never fire in one bin have no finite coefficient; iterations that end leave some -35.

    Where they end follows from what the authors used: see `circuitbias.fitting.iteration_limit`.
    """
    table = published.errors(f"ring_{generator}")
    (paper,) = table.total[np.isclose(table.r, r)]
    ring, spikes = ring_network(), recording(generator, r, n_spikes)
    values = cb.infer(spikes, "glm", as_published=True).values
    other = ~np.eye(100, dtype=bool)
    assert 0 < (values[other] < -20).sum() < 1000
    true = ring.weights[other]

    def error(found):
        return np.linalg.norm(true - (true @ found) / (found @ found) * found) / np.linalg.norm(true)

    with_limit = error(values[other])
    print(f"{generator} r = {r:g}: {with_limit:.3f}, published {paper:.3f}")
    without = error(np.where(values[other] < -20, 0.0, values[other]))
    assert without < 0.75
    assert abs(with_limit - paper) < (paper - without) / 4  # three quarters of the difference go
