r"""The floor where some neurons are not seen: the information of the observed spikes alone, by simulation.

With hidden neurons the likelihood of the observed spikes is a sum over all that the hidden ones may have
done. Its score is the mean of the score of all spikes, given the observed ones (Fisher's identity). A
particle filter takes it: each particle is a history of the hidden neurons, drawn from the model and weighted
by how likely it makes the observed spikes. What a short block of observations adds to that mean is
uncorrelated with what the others add, so that the sum of their squares is the information.

The noise of a finite number of particles looks like information. So what is found is less than the bound
where little is known, and rises to it with their number: a floor still, if not the highest one.

Histories fade within a few time constants; scores of steps longer ago than `_LAG` blocks are those that the
particles have by then. Cost: particles x steps x N^2. It is for networks of a few neurons.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.errors.floor import couplings_at
from circuitbias.likelihood.fit import information_of
from circuitbias.likelihood.link import ThresholdLink, look_up
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeSource

_BLOCK = 50  # steps; weights are looked at, and scores added up, at its end
_LAG = 12  # blocks: six time constants of 10 ms
_PARTICLES = 400
_WARM = 10  # time constants at the start that are left out


@dataclass(frozen=True)
class HiddenFloor:
    """xi^2 of the couplings between the observed neurons, by what is known of the hidden ones.

    Attributes
    ----------
    seen : float
        Their spikes are seen, too, and all couplings are fitted.
    known : float
        Their spikes are not seen, but all couplings from them and to them are known.
    unknown : float
        Nothing of them is known but how many they are; all couplings are fitted. At least: it rises with the
        number of particles.
    score_chi2 : float
        Squared score of the observed spikes at the truth over its information, a degree of freedom: 1 on
        average if the information is right, with a standard deviation of sqrt(2 / number of parameters).
    """

    seen: float
    known: float
    unknown: float
    score_chi2: float


def hidden_floor(
    network: Network,
    parameters: ThresholdParameters,
    source: SpikeSource,
    observed: np.ndarray,
    *,
    n_particles: int = _PARTICLES,
    seed: int = 0,
) -> HiddenFloor:
    """Bound the errors of estimates from the spikes of some neurons of a recording of the threshold model.

    Parameters
    ----------
    network : Network
        Of a few neurons, whose inputs stay below threshold.
    parameters : ThresholdParameters
    source : SpikeSource
        One trial of all neurons: those of the hidden ones are used for ``seen`` alone.
    observed : array_like of int
    n_particles : int, optional
    seed : int, optional
        Of the particles.
    """
    n = network.n_neurons
    order = np.append(observed, np.setdiff1d(np.arange(n), observed)).astype(int)
    n_seen = len(observed)
    truth = couplings_at(network, parameters, order)
    spikes = np.zeros((int(source.trial_steps[0]), n), dtype=np.uint8)
    place = np.argsort(order)
    for segment in source.segments(0):
        spikes[segment.steps, place[segment.neurons]] = 1
    link = ThresholdLink(parameters.rho)
    tables = link.log_odds, link.log_silence
    scores = marginal_scores(
        spikes[:, :n_seen],
        truth,
        parameters.decay,
        *tables,
        n_particles,
        _BLOCK,
        _LAG,
        np.random.default_rng(seed),
    )
    scores = scores[int(np.ceil(_WARM / (1 - parameters.decay) / _BLOCK)) :]
    information = scores.T @ scores
    total = scores.sum(0)
    chi2 = total @ np.linalg.pinv(information, hermitian=True) @ total / len(total)
    parts = np.arange(n * (n + 1)).reshape(n, n + 1)  # [target, source], the constant last
    pairs = parts[:n_seen, :n_seen][~np.eye(n_seen, dtype=bool)]
    power = np.square(truth[:n_seen, :n_seen][~np.eye(n_seen, dtype=bool)]).sum()
    own = parts[:n_seen, [*range(n_seen), n]].ravel()
    likelihood = SpikeLikelihood(source, order, parameters.decay, link, 5)
    complete = information_of(likelihood, likelihood.sample(20_000), truth)
    covariances = np.linalg.inv(complete)
    seen = sum(covariances[j].diagonal()[:n_seen].sum() - covariances[j][j, j] for j in range(n_seen)) * (
        likelihood.used_steps() / (len(scores) * _BLOCK)
    )
    return HiddenFloor(
        float(seen / power),
        float(_variance(information, own, pairs) / power),
        float(_variance(information, np.arange(len(total)), pairs) / power),
        float(chi2),
    )


def _variance(information, fitted, wanted):
    """Sum of the variances of the wanted parameters if these are fitted."""
    inverse = np.linalg.inv(information[np.ix_(fitted, fitted)])
    return inverse.diagonal()[np.isin(fitted, wanted)].sum()


@njit(nogil=True, cache=True)
def marginal_scores(spikes, coefficients, decay, log_odds, log_silence, n_particles, block, lag, rng):
    """What each block of the observed spikes adds to the score of all coefficients.

    Parameters
    ----------
    spikes : ndarray of uint8, shape (n_steps, n_seen)
    coefficients : ndarray, shape (n + 1, n)
        [source, target], the constants last; the observed neurons come first.
    decay : float
    log_odds, log_silence : ndarray
        Tables of the link.
    n_particles, block, lag : int
        ``lag`` is in blocks.
    rng : Generator

    Returns
    -------
    ndarray, shape (n_steps // block, n * (n + 1))
        By target, then source.
    """
    n, n_seen = coefficients.shape[1], spikes.shape[1]
    n_hidden, n_blocks = n - n_seen, spikes.shape[0] // block
    width = n * (n + 1)
    seen, hidden = np.zeros(n_seen), np.zeros((n_particles, n_hidden))
    recent = np.zeros((n_particles, lag, width))  # scores of the last blocks
    log_weights, done, before = np.zeros(n_particles), np.zeros(width), np.zeros(width)
    base, fired = np.zeros(n), np.zeros(n_hidden)
    result = np.zeros((n_blocks, width))
    for number in range(n_blocks):
        slot = number % lag
        for t in range(number * block, (number + 1) * block):
            for j in range(n):
                base[j] = coefficients[n, j]
                for i in range(n_seen):
                    base[j] += coefficients[i, j] * seen[i]
            for k in range(n_particles):
                for j in range(n):
                    eta = base[j]
                    for h in range(n_hidden):
                        eta += coefficients[n_seen + h, j] * hidden[k, h]
                    value, slope = look_up(log_silence, eta)
                    if j < n_seen:
                        spike = spikes[t, j] > 0
                    else:
                        spike = rng.random() < 1 - np.exp(value)
                        fired[j - n_seen] = spike
                    if spike:
                        odds, odds_slope = look_up(log_odds, eta)
                        value, slope = value + odds, slope + odds_slope
                    if j < n_seen:
                        log_weights[k] += value
                    first = j * (n + 1)
                    for i in range(n_seen):
                        recent[k, slot, first + i] += slope * seen[i]
                    for h in range(n_hidden):
                        recent[k, slot, first + n_seen + h] += slope * hidden[k, h]
                    recent[k, slot, first + n] += slope
                for h in range(n_hidden):
                    hidden[k, h] = hidden[k, h] * decay + fired[h]
            for i in range(n_seen):
                seen[i] = seen[i] * decay + spikes[t, i]
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        now = done.copy()
        for k in range(n_particles):
            for place in range(lag):
                now += weights[k] * recent[k, place]
        result[number] = now - before
        before = now
        if 1 / np.square(weights).sum() < n_particles / 2:
            chosen = np.searchsorted(
                np.cumsum(weights), (np.arange(n_particles) + rng.random()) / n_particles
            )
            chosen = np.minimum(chosen, n_particles - 1)
            hidden, recent = hidden[chosen], recent[chosen]
            log_weights[:] = 0.0
            weights[:] = 1 / n_particles
        following = (number + 1) % lag
        for k in range(n_particles):
            done += weights[k] * recent[k, following]
            recent[k, following] = 0.0
    return result
