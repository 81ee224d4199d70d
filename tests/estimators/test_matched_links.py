"""The matched estimator of Poisson generators: against sums over single steps, and against known wiring."""

import numpy as np
import pytest
from scipy.stats import poisson

import circuitbias as cb
from circuitbias.estimators import estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.link import ExponentialLink, RectifiedLink
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes

DECAY, WARM, N = 0.95, 100, 3
SCALE = np.array([0.02, 0.05, 0.01])
MEANS = {ExponentialLink: np.exp, RectifiedLink: lambda eta: np.maximum(eta, 0)}


def counts_of(n_steps=1500, seed=3):
    """Independent counts, some above 1, in two trials."""
    return np.random.default_rng(seed).poisson(0.04, (2, n_steps, N))


def record_of(counts, pieces=4):
    """The same as a recording in several segments."""
    found = []
    for trial, rows in enumerate(counts):
        for piece in np.array_split(np.arange(len(rows)), pieces):
            steps, neurons = np.nonzero(rows[piece])
            often = rows[piece][steps, neurons]
            kind = trial, int(piece[0]), len(piece)
            found.append(Segment(*kind, np.repeat(steps + piece[0], often), np.repeat(neurons, often)))
    return SpikeRecord(N, 0.1, found, repeats=True)


def pasts_of(rows, window):
    """Sum over the past of decay^(age - 1), of ages up to the window: the definition."""
    ages = np.arange(1, (window or len(rows)) + 1)
    return np.array(
        [DECAY ** (ages[:t] - 1) @ rows[max(0, t - len(ages)) : t][::-1] for t in range(len(rows))]
    )


@pytest.mark.parametrize("window", [None, 30])
@pytest.mark.parametrize("link", [ExponentialLink, RectifiedLink])
def test_likelihood_and_gradient_are_those_of_poisson_counts(link, window):
    counts = counts_of()
    likelihood = SpikeLikelihood(
        record_of(counts), np.arange(N), DECAY, link(), 1, scale=SCALE, window=window
    )
    at = np.vstack([np.random.default_rng(0).uniform(-0.05, 0.15, (N, N)), [1.5, 1.2, 0.9]])

    def log_likelihood(at):
        total = np.zeros(N)
        for rows in counts:
            eta = pasts_of(rows, window) @ at[:-1] + at[-1]
            assert eta.min() > 1 / 16
            total += poisson.logpmf(rows, SCALE * MEANS[link](eta))[WARM:].sum(0)
        # Without what does not depend on the coefficients: k log(scale) - log(k!).
        known = np.concatenate(counts[:, WARM:])
        return total - (known * np.log(SCALE) + poisson.logpmf(known, 1) + 1).sum(0)

    value, slopes = likelihood.evaluate(at)
    np.testing.assert_allclose(-value, log_likelihood(at), rtol=1e-5)
    small = 1e-5
    for source in range(N + 1):
        moved = at.copy()
        moved[source] += small
        numeric = (log_likelihood(moved) - log_likelihood(at)) / small
        np.testing.assert_allclose(-slopes[source], numeric, rtol=2e-3, atol=0.02)


def wiring(n=12, seed=5):
    """Excitation and inhibition that some pairs have, some one way alone."""
    rng = np.random.default_rng(seed)
    weights = rng.choice([0, 1, -1.5], (n, n), p=[0.6, 0.2, 0.2]) * rng.uniform(0.5, 1, (n, n)) * 1e-3
    np.fill_diagonal(weights, 0)
    return Network(weights, np.arange(n), np.ones(n), "test", False, {})


@pytest.mark.parametrize(
    "family, r, unit",
    [("lnp", 0.02, 32), ("glm_relu", 0.01, 100 * np.exp(-0.01)), ("glm_exp", 0.02, 1e4 * np.exp(-0.01))],
)
def test_couplings_are_the_weights_within_their_errors(family, r, unit):
    network = wiring()
    spikes = cb.simulate(network, r=r, rate_hz=40, n_spikes=200_000, seed=2, generator=family)
    found = estimate("matched", spikes, generator=family, device="cpu")
    off = ~np.eye(network.n_neurons, dtype=bool)
    z = ((found.values - unit * r * network.weights) / found.arrays["standard_errors"])[off]
    assert np.isfinite(z).all()
    # 132 squares of standard normals: their mean is 1 with a standard deviation of .12.
    assert 0.6 < np.mean(z**2) < 1.45
    assert abs(z.mean()) < 0.35
    weights = (unit * r * network.weights / found.arrays["standard_errors"])[off]
    assert np.abs(weights).max() > 5  # there is something to be seen
    assert found.diagnostics["generator"] == family


@pytest.mark.slow
def test_a_wrong_generator_is_biased_where_the_right_one_is_not():
    ring = cb.network("ring")
    spikes = cb.simulate(ring, r=0.01, rate_hz=62.5, n_spikes=200_000, seed=1, generator="glm_relu")
    right, wrong = (
        cb.compare(ring, estimate("matched", spikes, generator=g, device="cpu"))["bias_corrected"]
        for g in ("glm_relu", "threshold")
    )
    assert right < 0.1 < wrong


def test_the_generator_is_that_of_the_spike_file(tmp_path):
    network = wiring(4)
    spikes = cb.simulate(network, r=0.02, rate_hz=40, n_spikes=20_000, seed=2, generator="lnp")

    def of(family):
        metadata = {"parameters": {"model": {"family": family, "tau_ms": 10.0}}}
        write_spikes(tmp_path / "s.h5", spikes.segments(), 4, 0.1, metadata, repeats=True)
        return SpikeFile(tmp_path / "s.h5")

    by_file = estimate("matched", of("lnp"), device="cpu")
    by_hand = estimate("matched", spikes, generator="lnp", device="cpu")
    np.testing.assert_array_equal(by_file.values, by_hand.values)
    with pytest.raises(UnusableDataError, match=r"generator ising: `matched` knows threshold, lnp"):
        estimate("matched", of("ising"), device="cpu")
    with pytest.raises(ValueError, match="generator = lnp: rho is of the threshold model alone"):
        estimate("matched", of("lnp"), rho=0.1, device="cpu")
    with pytest.raises(ValueError, match=r"generator = lnp.*tau_ms must be a number"):
        estimate("matched", of("lnp"), tau_ms="estimate", device="cpu")
