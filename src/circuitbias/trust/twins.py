"""Twins of a recording: simulated from a wiring that is known, matched in rates, correlations and length."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expi

from circuitbias.dynamics.thinning import CEILING
from circuitbias.progress import report_line
from circuitbias.spikes.segments import SpikeRecord, SpikeSource
from circuitbias.trust.links import Link, link
from circuitbias.trust.simulator import Simulator, record
from circuitbias.trust.traits import Traits, traits

TOLERANCE = 0.15
"""Relative difference of the correlation of a twin above which it is no twin."""

_TUNING_ROUNDS = 24  # pieces in which constants are tuned to the rates
_TUNING_SPIKES = 200_000
_STRENGTHS = (0.3, 2.0)  # by which couplings may be scaled for the correlation
_MATCHING_ROUNDS = 7
_SLOW_OFF = 0.5  # share of the recording's slow correlations that a twin may lack
_CLOSE = 0.07  # relative difference of the correlation at which matching ends
_RATES_OFF = 0.25  # relative difference of rates, mean over spikes, of a frozen network
_AT_ONCE, _FOLLOWING = 3.0, 0.5  # own spikes at once, and those that follow them at most
_MOST = 20.0  # mean hazards that a unit has at most: without a bound, one that bursts stays there
_DRIVERS, _DRIVER_HZ = 5, 100.0


@dataclass(frozen=True)
class Plan:
    """What a twin is made from.

    Attributes
    ----------
    simulator : str
        Name of its link.
    variant : str
        ``plain``; ``hidden``: as many units again that nobody sees; ``common``: with common drive.
    seed : int
    """

    simulator: str
    variant: str
    seed: int

    @property
    def words(self) -> str:
        """Short name for tables."""
        return f"{self.simulator}, {self.variant}, draw {self.seed}"


@dataclass(eq=False)
class Twin:
    """A recording whose wiring is known.

    Attributes
    ----------
    plan : Plan
    weights : ndarray, shape (n, n)
        True couplings between the observed units, [pre, post].
    spikes : SpikeRecord or None
    strength : float
        Factor on the couplings that matched the correlation.
    traits : Traits or None
    refused : str
        Why it is no twin; empty if it is.
    """

    plan: Plan
    weights: np.ndarray
    spikes: SpikeRecord | None = None
    strength: float = 1.0
    traits: Traits | None = None
    refused: str = ""
    notes: list = field(default_factory=list)


def make_twin(
    plan: Plan,
    log_weights: np.ndarray,
    own_past: np.ndarray,
    source: SpikeSource,
    wanted: Traits,
    tau_ms: float,
    memory_mb: float,
    strength: float = 1.0,
) -> Twin:
    """Match a twin to a recording.

    Parameters
    ----------
    plan : Plan
    log_weights : ndarray, shape (n, n)
        Couplings as changes of the log rate by one spike; a link's slope at a unit's rate turns them into
        inputs.
    own_past : ndarray, shape (n,)
        The same of a unit's own spikes.
    source : SpikeSource
        The recording: for its length and steps.
    wanted : Traits
        Of the recording.
    tau_ms : float
        Of the sums of past spikes.
    memory_mb : float
    strength : float, optional
        Factor on the couplings that is tried first.

    Returns
    -------
    Twin
    """
    n = len(log_weights)
    shape = link(plan.simulator)
    rng = np.random.default_rng([plan.seed, n, 7])
    nearest = np.inf
    dt_s = source.dt_ms / 1000
    rates = np.maximum(wanted.rates_hz, 1e-3)
    full = log_weights + np.diag(np.minimum(own_past, _most_own(rates * tau_ms / 1000)))
    full, rates = _with_unseen(plan.variant, full, rates, tau_ms, rng)
    chances = np.minimum(rates * dt_s, 0.5)
    eta, gain = shape.operating_point(chances)
    inputs = full / gain  # column j: of target j
    twin = Twin(plan, log_weights)
    decay = float(np.exp(-source.dt_ms / tau_ms))
    total_steps = int(source.trial_steps.sum())
    per_step = chances.sum()
    short = int(np.clip(_TUNING_SPIKES / per_step, 1, total_steps))
    tried = []
    constants = eta - strength * _mean_input(inputs, chances, decay)
    for k in range(_MATCHING_ROUNDS):
        weights, seed = strength * inputs, plan.seed + 1000 * k
        tuned = _tuned(shape, weights, constants, chances, eta, gain, decay, short, seed)
        spikes = tuned is not None and _simulated(
            shape, weights, tuned, chances, decay, source.trial_steps, n, source.dt_ms, seed + 1
        )
        found = traits(spikes, memory_mb=memory_mb) if spikes else None
        frozen = found is None or _rates_off(found, wanted) > _RATES_OFF
        distance = np.inf if frozen else found.correlation - wanted.correlation
        if found and (twin.traits is None or abs(distance) < abs(nearest)):
            twin.spikes, twin.traits, twin.strength, nearest = spikes, found, float(strength), distance
        if abs(distance) <= max(_CLOSE * wanted.correlation, wanted.correlation_se):
            break
        constants = eta - strength * _mean_input(inputs, chances, decay) if frozen else tuned
        tried.append((strength, distance + wanted.correlation))
        strength = _next_strength(tried, wanted.correlation)
    twin.refused = _refusal(twin, wanted)
    report_line(f"twin {plan.words}: {twin.refused or 'matched'}")
    return twin


def _most_own(spikes):
    """Own past with which bursts end, for units that fire so many spikes in a time constant.

    ``spikes`` (expi(x) - log(x) - gamma) follow a jump of the log rate by x. In an exponential unit as bursty
    as many a neuron is, a few spikes close together would bring ever more.
    """
    low, high = np.full(len(spikes), 1e-6), np.full(len(spikes), 20.0)
    for _ in range(40):
        middle = (low + high) / 2
        ends = spikes * (expi(middle) - np.log(middle) - np.euler_gamma) < _FOLLOWING
        low, high = np.where(ends, middle, low), np.where(ends, high, middle)
    return low / _AT_ONCE


def _with_unseen(variant, weights, rates, tau_ms, rng):
    """Add units that are not observed: copies of the network's own statistics, or drivers common to all."""
    n = len(weights)
    if variant == "plain":
        return weights, rates
    if variant == "hidden":
        # The same wiring again among and between, its units shuffled; each unit has twice as many inputs.
        order = rng.permutation(n)
        bare = weights - np.diag(np.diag(weights))
        mixed = bare[np.ix_(order, order)]
        across, back = bare[:, order], bare[order, :]
        own = np.diag(np.append(np.diag(weights), np.diag(weights)[order]))
        return np.block([[bare, across], [back, mixed]]) / np.sqrt(2) + own, np.append(rates, rates[order])
    if variant == "common":
        # As much input power as the recurrent one has, from a few units that drive many.
        power = np.square(weights - np.diag(np.diag(weights))).T @ rates
        floor = 0.1**2 / (tau_ms / 2000)  # a tenth of the log rate, where there is hardly any
        loads = rng.normal(size=(_DRIVERS, n)) * np.sqrt(np.maximum(power, floor) / (_DRIVERS * _DRIVER_HZ))
        wide = np.zeros((n + _DRIVERS,) * 2)
        wide[:n, :n], wide[n:, :n] = weights, loads
        return wide, np.append(rates, np.full(_DRIVERS, _DRIVER_HZ))
    raise ValueError(f"variant = {variant!r}: must be plain, hidden or common")


def _mean_input(weights, chances, decay):
    return chances @ weights / (1 - decay)


def _tuned(shape: Link, weights, constants, chances, eta, gain, decay, n_steps, seed):
    """Constants at which every unit fires as often as it should; None if the network runs away.

    Piece by piece, with steps that get smaller; the mean of the last half.
    """
    piece = max(n_steps // _TUNING_ROUNDS, 1)
    most = int(4 * chances.sum() * piece) + 1000
    ceiling = _ceiling(chances)
    simulator = Simulator(shape, weights, constants.copy(), decay, seed, ceiling)
    expected = chances * piece
    kept, gone = [], 0
    for k in range(_TUNING_ROUNDS):
        events = simulator.run(piece, most)
        if events is None:
            gone += 1
            if gone > 3:
                return None
            simulator = Simulator(shape, weights, simulator.constants - 0.5 / gain, decay, seed + k, ceiling)
            continue
        counts = np.bincount(events[1], minlength=len(chances))
        # The log of the ratio, drawn to 0 where few spikes are expected.
        misfit = np.log((expected + 2) / (counts + 2))
        size = 1.0 if k < 4 else 4.0 / k
        simulator.constants = simulator.constants + size * np.clip(misfit, -1, 1) / gain
        if k >= _TUNING_ROUNDS // 2:
            kept.append(simulator.constants)
    return np.mean(kept, axis=0) if kept else None


def _ceiling(chances):
    """Hazards of a step at most."""
    return np.minimum(-np.log1p(-chances) * _MOST, CEILING)


def _simulated(shape, weights, constants, chances, decay, lengths, n, dt_ms, seed):
    """A recording of the first n units; None if it runs away."""
    total, per_step = int(np.sum(lengths)), chances.sum()
    simulator = Simulator(shape, weights, constants, decay, seed, _ceiling(chances))
    warm = int(10 / (1 - decay))
    most = int(3 * per_step * max(total, warm)) + 10_000
    if simulator.run(warm, most) is None:
        return None
    events = simulator.run(total, most)
    return None if events is None else record(events, n, lengths, dt_ms)


def _rates_off(found: Traits, wanted: Traits) -> float:
    """Mean over spikes of the relative difference of the rates."""
    return np.abs(found.rates_hz - wanted.rates_hz).sum() / max(wanted.rates_hz.sum(), 1e-9)


def _next_strength(tried, wanted):
    """Strength to try: between two that enclose the correlation, else by the slope of its logarithm."""
    below = [one for one in tried if one[1] <= wanted]
    above = [one for one in tried if one[1] > wanted]
    if below and above:
        low, high = max(below), min(above)
        if not np.isfinite(high[1]) or low[1] <= 0:
            return float(np.sqrt(low[0] * high[0]))
        share = np.log(wanted / low[1]) / np.log(high[1] / low[1])
        return float(low[0] * (high[0] / low[0]) ** np.clip(share, 0.1, 0.9))
    strength, found = tried[-1]
    if not np.isfinite(found):
        return float(np.clip(0.85 * strength, *_STRENGTHS))
    # Near an instability correlations rise steeply: small steps.
    ratio = np.clip(wanted / found, 0.5, 1.5) if found > 0 else 1.5
    return float(np.clip(strength * ratio**0.5, *_STRENGTHS))


def _refusal(twin: Twin, wanted: Traits) -> str:
    """Why a simulated recording is no twin; empty if it is one."""
    found = twin.traits
    if found is None:
        return "it runs away: its units fire more than three times as often, at every strength tried"
    if (off := _rates_off(found, wanted)) > _RATES_OFF:
        return f"frozen: its units fire {off:.0%} more or less often than those of the recording"
    noise = 2 * np.hypot(found.correlation_se, wanted.correlation_se)
    difference = found.correlation - wanted.correlation
    if abs(difference) > max(TOLERANCE * wanted.correlation, noise):
        return (
            f"its correlations are {found.correlation:.3f}, those of the recording {wanted.correlation:.3f}: "
            f"off by {abs(difference) / max(wanted.correlation, 1e-9):.0%}"
        )
    lacks = wanted.slow - found.slow
    if lacks > max(_SLOW_OFF * wanted.slow, 3 * np.hypot(found.slow_se, wanted.slow_se)):
        return (
            f"the recording's slow correlations (200 ms) are {wanted.slow:.3f}, its own {found.slow:.3f}: "
            "units vary together for reasons that are not in their couplings, such as common drive or drift"
        )
    return ""
