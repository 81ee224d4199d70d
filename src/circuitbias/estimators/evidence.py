"""The evidence for one coupling: correlogram, what loosely timed spikes would give, rates, every method."""

import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from circuitbias.checks import number, require
from circuitbias.estimators.jitter import jittered_pairs
from circuitbias.spikes.segments import SpikeRecord, SpikeSource
from circuitbias.spikes.views import ObservedNeurons

_SEEN = 0.95  # of correlograms of loosely timed spikes stay within the wide band at every lag
_PIECES = 60  # of the recording, in which rates are shown


@dataclass(frozen=True)
class PairCorrelogram:
    """Pairs of spikes of A and B by their lag; a positive lag: B fires after A.

    Attributes
    ----------
    lags_ms : ndarray, shape (n_lags,)
        Of bins: the number of the bin of B's spike less that of A's, times the width.
    pairs, expected : ndarray, shape (n_lags,)
        As recorded, and the mean over all ways to move each spike within its jitter window.
    bin_ms, jitter_ms, seconds : float
    band : float
        Standard deviations (of a Poisson variable with this mean) from `expected` within which all lags stay
        together in 95 % of correlograms of loosely timed spikes (Bonferroni).
    """

    lags_ms: np.ndarray
    pairs: np.ndarray
    expected: np.ndarray
    bin_ms: float
    jitter_ms: float
    seconds: float
    band: float

    @property
    def z(self) -> np.ndarray:
        """How far each lag is from what is expected, in standard deviations; 0 where nothing is expected."""
        apart = self.pairs - self.expected
        return np.divide(apart, np.sqrt(self.expected), out=np.zeros(len(apart)), where=self.expected > 0)

    @property
    def outside(self) -> np.ndarray:
        """Whether the correlogram leaves the band at a lag, shape (n_lags,).

        Spikes of a sharp peak are moved too, and raise what is expected beside it: what lies on the other
        side within a jitter window of a larger departure is its shadow, and not counted.
        """
        size, sign = np.abs(self.z), np.sign(self.z)
        near = np.abs(self.lags_ms[:, None] - self.lags_ms) <= self.jitter_ms
        other = (sign[:, None] * sign < 0) & (size > size[:, None])
        return (size > self.band) & ~(near & other).any(1)

    @property
    def outside_ms(self) -> np.ndarray:
        """Lags at which it does."""
        return self.lags_ms[self.outside]


@dataclass(frozen=True)
class Evidence:
    """What there is to be seen of a pair of units.

    Attributes
    ----------
    units : (str, str)
        A and B.
    correlogram : PairCorrelogram
    spikes : (int, int)
    rates_hz : ndarray, shape (2, n_pieces)
        In pieces of the recording of equal length.
    piece_s : float
        Length of a piece, in seconds of the trials.
    methods : list of dict
        ``method``, ``options``; for both directions (``a_to_b``, ``b_to_a``) ``coupling``,
        ``standard_error``, ``reason``, ``above``: the share of all couplings that are smaller in size, and
        ``masked``: whether a mask cuts the coupling (None: the method has no mask);
        ``spread``, the median size of all couplings but 0; or ``unusable``, why there are none.
    """

    units: tuple[str, str]
    correlogram: PairCorrelogram
    spikes: tuple[int, int]
    rates_hz: np.ndarray
    piece_s: float
    methods: list[dict] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Say it in words."""
        a, b = self.units
        found, (n_a, n_b) = self.correlogram, self.spikes
        lines = [
            f"{a}: {n_a} spikes, {n_a / found.seconds:.3g} Hz; "
            f"{b}: {n_b} spikes, {n_b / found.seconds:.3g} Hz; {found.seconds:.6g} s"
        ]
        outside = found.outside_ms
        if not len(outside):
            lines.append(
                f"their correlogram stays within what spikes moved within {found.jitter_ms:g} ms give, at "
                f"all lags up to {found.lags_ms[-1]:g} ms: no sign of precise timing"
            )
        else:
            worst = int(np.argmax(np.abs(found.z)))
            side = "more" if found.z[worst] > 0 else "fewer"
            lines.append(
                f"their correlogram leaves that band at {len(outside)} of {len(found.lags_ms)} lags, most at "
                f"{found.lags_ms[worst]:+g} ms ({side} pairs, {abs(found.z[worst]):.3g} standard deviations)"
            )
        for one in self.methods:
            if "unusable" in one:
                lines.append(f"{one['method']}: {one['unusable']}")
                continue
            told = [f"{x} -> {y} {_value(one[way])}" for x, y, way in ((a, b, "a_to_b"), (b, a, "b_to_a"))]
            lines.append(f"{one['method']}: {'; '.join(told)}")
        return lines


def _value(one: dict) -> str:
    if one["coupling"] is None:
        return f"none ({one['reason'] or 'not known why'})"
    if one["masked"]:
        return "cut by the mask"
    error = f" +- {one['standard_error']:.2g}" if one["standard_error"] else ""
    return f"{one['coupling']:+.3g}{error} (larger than {one['above']:.0%} of all)"


def pair_correlogram(
    source: SpikeSource, pair: tuple[int, int], *, bin_ms: float, window_ms: float, jitter_ms: float
) -> PairCorrelogram:
    """Count pairs of spikes of two neurons by lag, and what loosely timed spikes would give.

    Parameters
    ----------
    source : SpikeSource
    pair : (int, int)
        A and B, by number.
    bin_ms, window_ms, jitter_ms : float
        Width of a bin; longest lag; length of the windows within which spikes are moved, at least two bins.

    Raises
    ------
    ValueError
        If a length is not allowed.
    UnusableDataError
        If no trial is as long as a jitter window.
    """
    steps = _whole("bin_ms", bin_ms, source.dt_ms, "a step")
    longest = _whole("window_ms", window_ms, bin_ms, "a bin")
    window = _whole("jitter_ms", jitter_ms, bin_ms, "a bin")
    require(window >= 2, "jitter_ms", jitter_ms, f"at least two bins of {bin_ms:g} ms")
    both = ObservedNeurons(source, np.array(pair))
    events = SpikeRecord(2, source.dt_ms, list(both.segments()))
    lags = np.arange(-longest, longest + 1)
    counted = [jittered_pairs(events, steps, window, np.array([[0, lag], [-lag, 0]])) for lag in lags]
    observed = np.array([found[0, 1] for found, _ in counted])
    expected = np.array([mean[0, 1] for _, mean in counted])
    seconds = float(source.trial_steps.sum()) * source.dt_ms / 1000
    band = float(norm.isf((1 - _SEEN) / 2 / len(lags)))
    return PairCorrelogram(lags * bin_ms, observed, expected, bin_ms, jitter_ms, seconds, band)


def evidence(
    source: SpikeSource,
    units: list[str],
    pair: tuple[int, int],
    estimates: dict,
    *,
    bin_ms: float = 1.0,
    window_ms: float = 30.0,
    jitter_ms: float = 10.0,
) -> Evidence:
    """Collect what there is to be seen of a pair.

    Parameters
    ----------
    source : SpikeSource
    units : list of str
        Ids of all neurons.
    pair : (int, int)
        A and B, by number.
    estimates : dict of str to callable
        By method, what gives its couplings; the ValueError that it may raise is told.
    bin_ms, window_ms, jitter_ms
        See `pair_correlogram`.
    """
    found = pair_correlogram(source, pair, bin_ms=bin_ms, window_ms=window_ms, jitter_ms=jitter_ms)
    rates, piece_s, spikes = _rates(ObservedNeurons(source, np.array(pair)))
    methods = [_of_method(name, estimate, pair) for name, estimate in estimates.items()]
    return Evidence((units[pair[0]], units[pair[1]]), found, spikes, rates, piece_s, methods)


def _of_method(name: str, estimate, pair) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about all pairs; the reasons of this one are told
        try:
            couplings = estimate()
        except ValueError as error:  # bins that are none for one method, data too few for another
            return {"method": name, "unusable": str(error)}
    values, errors = couplings.values, couplings.standard_errors
    known = np.abs(values[np.isfinite(values)])
    words, codes = couplings.diagnostics.get("reasons", [""]), couplings.arrays.get("reasons")
    connected = couplings.arrays.get("connected")

    def way(i, j):
        value, error = values[i, j], errors[i, j]
        return {
            "coupling": float(value) if np.isfinite(value) else None,
            "standard_error": float(error) if np.isfinite(error) else None,
            "above": float((known < abs(value)).mean()) if np.isfinite(value) else None,
            "reason": words[codes[i, j]] if codes is not None else "",
            "masked": bool(not connected[i, j]) if connected is not None else None,
        }

    a, b = pair
    spread = float(np.median(known[known > 0])) if known.any() else None
    options = couplings.diagnostics.get("options", {})
    return {"method": name, "options": options, "spread": spread, "a_to_b": way(a, b), "b_to_a": way(b, a)}


def _rates(both: SpikeSource) -> tuple[np.ndarray, float, tuple[int, int]]:
    """Rates in pieces of equal length, trials one after the other."""
    total = int(both.trial_steps.sum())
    edges = np.linspace(0, total, _PIECES + 1)
    offsets = np.cumsum(both.trial_steps) - both.trial_steps
    counts = np.zeros((2, _PIECES), dtype=np.int64)
    for segment in both.segments():
        for neuron in (0, 1):
            steps = segment.steps[segment.neurons == neuron] + offsets[segment.trial]
            counts[neuron] += np.histogram(steps, edges)[0]
    piece_s = total / _PIECES * both.dt_ms / 1000
    return counts / piece_s, piece_s, tuple(map(int, counts.sum(1)))


def _whole(name: str, length_ms: float, unit_ms: float, what: str) -> int:
    length_ms = number(name, length_ms, above=0)
    times = round(length_ms / unit_ms)
    fits = times >= 1 and abs(length_ms / unit_ms - times) < 1e-6 * times
    require(fits, name, length_ms, f"a multiple of {what}, {unit_ms:g} ms")
    return times
