"""Recordings, and sums over their single steps, that tests of the matched likelihood share."""

import numpy as np
from scipy.stats import norm

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.likelihood.link import ThresholdLink
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

PARAMETERS = ThresholdParameters(r=1e-4, theta=1.36e-3)
WARM = 500  # steps: five time constants of 10 ms
_RNG = np.random.default_rng(3)
WEIGHTS = _RNG.uniform(-1.5, 0.4, (6, 6)) * (_RNG.random((6, 6)) < 0.5)
DRIVE = np.linspace(0.9, 1.1, 6)  # rates from 5 to 120 Hz


def network(weights, drive=None):
    n = len(weights)
    return Network(weights, np.arange(n), np.ones(n) if drive is None else drive, "test", False, {})


def recording(weights, parameters=PARAMETERS, drive=None, **options):
    segments = simulate(network(weights, drive), parameters, **{"chunk_steps": 7001} | options)
    return SpikeRecord(len(weights), parameters.dt_ms, list(segments))


def true_couplings(weights, parameters=PARAMETERS, drive=None):
    return parameters.r * weights / (parameters.b * parameters.sigma * (1 if drive is None else drive))


def coefficients(n, seed=0, size=0.3):
    """Some couplings, and constants."""
    draws = np.random.default_rng(seed).normal(0, size, (n + 1, n))
    draws[-1] -= 1.2
    return draws


def rows_and_spikes(record, decay=PARAMETERS.decay):
    """Filtered pasts and a constant, and spikes, of every step after five time constants: the definition."""
    rows, spikes = [], []
    for trial, n_steps in enumerate(record.trial_steps):
        fired = np.zeros((n_steps, record.n_neurons))
        for piece in record.segments(trial):
            fired[piece.steps, piece.neurons] = 1
        s = np.zeros(record.n_neurons)
        for step in range(n_steps):
            if step >= WARM:
                rows.append(np.append(s, 1))
            s = s * decay + fired[step]
        spikes.append(fired[WARM:])
    return np.array(rows), np.concatenate(spikes)


def sums_over_steps(rows, x, coefficients, before=None, bound=np.inf):
    """Log-likelihoods, gradients, expected information and what is left out, of all targets."""
    eta, rho = rows @ coefficients, PARAMETERS.rho
    used = np.ones(eta.shape) if before is None else rows @ before <= bound
    p, slope = rho * norm.cdf(eta), rho * norm.pdf(eta)
    value = (used * (x * np.log(p) + (1 - x) * np.log(1 - p))).sum(0)
    gradient = rows.T @ (used * (x / p - (1 - x) / (1 - p)) * slope)
    information = np.einsum("ti,tj,tk->jik", rows, used * slope**2 / p / (1 - p), rows)
    return value, gradient, information, np.array([(~(used > 0) * x).sum(0), (~(used > 0)).sum(0)])


def three_neurons():
    """Three neurons, two trials, in several segments."""
    weights = np.array([[0, -1.5, 0], [0.4, 0, -1], [0, 0, -0.5]])
    return recording(weights, drive=np.array([0.95, 1, 1.1]), seed=4, n_steps=3000, trials=2, chunk_steps=777)


def likelihood_of(record, bin_steps=1, **options):
    return SpikeLikelihood(
        record,
        np.arange(record.n_neurons),
        PARAMETERS.decay,
        ThresholdLink(PARAMETERS.rho),
        bin_steps,
        **options,
    )


class Told:
    """A recording that says another time constant than its own made it."""

    def __init__(self, record, tau_ms):
        self.source, self.n_neurons, self.dt_ms = record, record.n_neurons, record.dt_ms
        self.trial_steps, self.segments = record.trial_steps, record.segments
        self.metadata = {"parameters": {"model": {"tau_ms": tau_ms}}}
