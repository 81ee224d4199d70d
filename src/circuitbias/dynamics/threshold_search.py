"""Find the threshold at which a network fires at a given rate.

All runs of a search draw the same random numbers, so that the rate is a function of the threshold that falls
but for small steps, and ordinary root finding does. Where its own sampling error is too large, the runs are
made longer and the root is looked for again, from where it was.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from circuitbias.checks import number, require
from circuitbias.dynamics.engines.threshold import ThresholdEngine
from circuitbias.dynamics.generator import Engine, RunawayNetworkError
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks.network import Network

_TRIALS = 8  # their spread gives the sampling error of a rate
_SHORTEST_RUN, _LONGEST_RUN = 20_000, 2**23  # steps of a trial
_BURN_IN = 5_000  # steps: 50 time constants of the paper's model
_WIDEST = 60  # steps, each longer than the one before, in which a root must be enclosed
_FEW = 10  # spikes of a run: by so few the rate may jump, as it is one of whole spikes


class FoundThreshold(NamedTuple):
    """A threshold, and the rate that was measured there.

    Attributes
    ----------
    theta : float
        In the units of the drive b.
    rate_hz, rate_se_hz : float
        Mean rate of all neurons and its standard error.
    """

    theta: float
    rate_hz: float
    rate_se_hz: float


class NoThresholdError(ValueError):
    """No threshold gives the rate: the network jumps over it, or nothing drives it."""


def threshold_for_rate(
    network: Network,
    parameters: ThresholdParameters | Callable[[float], Engine],
    rate_hz: float,
    *,
    precision: float = 0.005,
    seed: int = 0,
    threads: int = 1,
) -> FoundThreshold:
    """Find the threshold at which the neurons of a network fire at a given mean rate.

    Parameters
    ----------
    network : Network
    parameters : ThresholdParameters or callable
        Of the threshold model: all but ``theta``, which is not looked at. Of any other: a function that
        makes its engine on the network for a ``theta``.
    rate_hz : float
        Mean over all neurons, silent ones included; above 0 and below one spike a step.
    precision : float, optional
        How near the rate that is measured at the threshold comes to the one asked for, and how large its
        standard error may be; relative, 0.0005 ... 0.1. Of few neurons at a low rate the longest runs, eight
        of 8.4 million steps, may not allow it: ``rate_se_hz`` says so.
    seed : int, optional
        The same seed gives the same threshold.
    threads : int, optional
        Trials that run at the same time.

    Returns
    -------
    FoundThreshold

    Raises
    ------
    NoThresholdError
        If no threshold gives this rate, as where the network is silent above some threshold and fires much
        faster below it, or without any drive.
    ValueError
        If an argument is out of its range.
    """
    require(isinstance(network, Network), "network", network, "a Network")
    if not callable(parameters):
        require(isinstance(parameters, ThresholdParameters), "parameters", parameters, "ThresholdParameters")
    engine = parameters if callable(parameters) else partial(_threshold_engine, network, parameters)
    most_hz, scale = 1000 / engine(0.0).dt_ms, engine(0.0).input_scale
    rate_hz = number("rate_hz", rate_hz)
    require(0 < rate_hz < most_hz, "rate_hz", rate_hz, f"above 0 and below one spike a step, {most_hz:g}")
    precision = number("precision", precision, least=0.0005, most=0.1)
    if scale == 0:
        raise NoThresholdError("without a drive (b = 0) no threshold gives a rate: all neurons fire, or none")

    spread = 1.0 if callable(parameters) else parameters.sigma  # of the input, for a start
    theta, width, n_steps = scale * (1 + 3 * spread), max(spread, 0.1) * scale / 4, _SHORTEST_RUN
    while True:
        rates = cache(partial(_rates_hz, network, engine, n_steps, seed, threads))
        few_hz = _FEW / (network.n_neurons * _TRIALS * n_steps) * most_hz
        theta = _root(rates, rate_hz, precision / 2, few_hz, theta, width, 1e-9 * scale)
        error = rates(theta).std(ddof=1) / math.sqrt(_TRIALS)
        if error <= precision * rate_hz or n_steps >= _LONGEST_RUN:
            return FoundThreshold(theta, float(rates(theta).mean()), float(error))
        width, n_steps = 0.02 * scale, 4 * n_steps


def _threshold_engine(network, parameters, theta):
    return ThresholdEngine(network, replace(parameters, theta=theta))


def _rates_hz(network, engine, n_steps, seed, threads, theta):
    """Mean rate of the neurons in each of some trials; one spike a step if the network runs away."""
    spikes, running = np.zeros(_TRIALS), engine(theta)
    segments = simulate(
        network,
        running,
        seed=seed,
        n_steps=n_steps,
        trials=_TRIALS,
        burn_in=_BURN_IN,
        max_silent_steps=2 * (_BURN_IN + n_steps),  # silence is a rate, too
        threads=threads,
    )
    try:
        for segment in segments:
            spikes[segment.trial] += segment.steps.size
    except RunawayNetworkError:
        spikes[:] = network.n_neurons * n_steps
    return spikes / (network.n_neurons * n_steps * running.dt_ms / 1000)


def _root(rates, rate_hz, precision, few_hz, start, width, resolution):
    """Threshold at which the rate is the one wanted, to a relative precision or but for a few spikes."""

    def misfit(theta):
        ratio = max(rates(theta).mean() / rate_hz, 1e-6)  # silence has no logarithm
        return 0.0 if abs(ratio - 1) <= precision else math.log(ratio)

    low, high = _enclose(misfit, start, width)
    theta = brentq(misfit, low, high, xtol=resolution)
    if misfit(theta):
        below, above = (rates(theta + shift).mean() for shift in (-2 * resolution, 2 * resolution))
        if below - above > few_hz:
            raise NoThresholdError(
                f"no threshold gives {rate_hz:g} Hz: the rate jumps from {below:.4g} Hz below "
                f"theta = {theta:.6g} to {above:.4g} Hz above it"
            )
    return theta


def _enclose(misfit, start, width):
    """Find a threshold with too high and one with too low a rate, going down from the quiet side."""
    high, step = start, width
    while misfit(high) > 0:
        high, step = high + step, 1.5 * step
    low, step = high, width
    for _ in range(_WIDEST):
        if misfit(low) >= 0:
            return low, high
        high, low, step = low, low - step, 1.2 * step
    raise NoThresholdError(f"even theta = {low:.4g} does not give so high a rate")
