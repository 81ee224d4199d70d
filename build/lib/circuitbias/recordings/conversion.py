"""What becomes of the spikes of a recording when they are put into steps, in numbers and in words."""

from dataclasses import dataclass

import numpy as np

from circuitbias.recordings.doubtful import TWIN_MS

MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Conversion:
    """Report of what was kept, merged and left out; arrays have a value for each unit.

    Attributes
    ----------
    units : tuple of str
    dt_ms, refractory_ms : float
    rare_spikes : int
    spikes : ndarray of int
        Events in the trials.
    outside : ndarray of int
        Spikes outside of the common time, which are left out.
    merged : ndarray of int
        Spikes that share a step with another one of their unit, and count as one event with it.
    refractory_violations : ndarray of int
        Intervals between spikes of a unit below `refractory_ms`; all spikes are kept.
    trials_s : ndarray, shape (n_trials, 2)
        Start and end of each trial in seconds of the recording.
    own_s : ndarray
        Seconds for which each unit was observed.
    cost_s : ndarray
        Seconds that there would be more without this unit.
    assumed : bool
        Whether nobody says when units were observed, so that the time from the first spike to the last one
        was taken.
    twins : tuple of (str, str, float)
        Pairs of units that may be one neuron: the share of the spikes of the one that fires less that come
        within 3 ms of one of the other, where it is above what chance gives by a quarter or more.
    gap_s : (float, float), optional
        The longest time without any spike, if it is a tenth of a trial and far longer than chance allows.
    """

    units: tuple[str, ...]
    dt_ms: float
    refractory_ms: float
    rare_spikes: int
    spikes: np.ndarray
    outside: np.ndarray
    merged: np.ndarray
    refractory_violations: np.ndarray
    trials_s: np.ndarray
    own_s: np.ndarray
    cost_s: np.ndarray
    assumed: bool
    twins: tuple[tuple[str, str, float], ...] = ()
    gap_s: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        """Of all trials together."""
        return float(np.diff(self.trials_s).sum())

    @property
    def silent(self) -> tuple[str, ...]:
        """Units without a spike."""
        return tuple(np.array(self.units, dtype=object)[self.spikes == 0])

    @property
    def rare(self) -> tuple[str, ...]:
        """Units with fewer spikes than `rare_spikes`, but at least one."""
        return tuple(np.array(self.units, dtype=object)[(self.spikes > 0) & (self.spikes < self.rare_spikes)])

    def sentences(self) -> list[str]:
        """Put the report into words, a sentence a line."""
        n_trials, total = len(self.trials_s), int(self.spikes.sum())
        rates = self.spikes / self.seconds
        lines = [
            f"{len(self.units)} units and {total} events in {self.seconds:.6g} s"
            + (f", in {n_trials} pieces" if n_trials > 1 else "")
            + f"; rates from {rates.min():.3g} to {rates.max():.3g} Hz, mean {rates.mean():.3g} Hz"
        ]
        if self.assumed:
            lines.append(
                "nobody says when the units were observed: the time from the first spike to the last one was "
                "taken (window_s says otherwise)"
            )
        if self.gap_s:
            start, end = self.gap_s
            lines.append(
                f"no unit fires from {start:.6g} s to {end:.6g} s. If nothing was recorded then, or a time "
                "is wrong, say which part is meant (window_s, --window-s)"
            )
        if lost := int(self.outside.sum()):
            lines.append(
                f"{lost} spikes lie outside of the time in which all units were observed, and are left out"
            )
        if self.own_s.max() > self.seconds * (1 + 1e-9):
            lines.append(
                f"all units together were observed for {self.seconds:.6g} s, single ones for up to "
                f"{self.own_s.max():.6g} s{self.costly()}"
            )
        if n := int(self.merged.sum()):
            lines.append(
                f"{n} spikes share a step of {self.dt_ms:g} ms with one of their unit: one event with it"
            )
        if n := int(self.refractory_violations.sum()):
            worst = int(np.argmax(self.refractory_violations))
            lines.append(
                f"{n} intervals between spikes of a unit are below {self.refractory_ms:g} ms (most in unit "
                f"{self.units[worst]}: {self.refractory_violations[worst]}); these spikes are kept"
            )
        if self.twins:
            told = ", ".join(f"{a} and {b} ({share:.0%})" for a, b, share in self.twins[:MOST_NAMED])
            lines.append(
                f"units that may be one neuron, seen twice (pairs: {len(self.twins)}): {told} of the spikes "
                f"of the rarer one come within {TWIN_MS:g} ms of the other. Look at them before you believe "
                "their couplings"
            )
        if self.silent:
            lines.append(f"without a spike: {named(self.silent)}. Their couplings are NaN")
        if self.rare:
            lines.append(
                f"fewer than {self.rare_spikes} spikes: {named(self.rare)}. Their couplings say next to "
                "nothing"
            )
        return lines

    def costly(self) -> str:
        """Name the units that cost the most common time; empty if none does."""
        worst = np.argsort(-self.cost_s, kind="stable")[:MOST_NAMED]
        worst = [k for k in worst if self.cost_s[k] > 0]
        told = ", ".join(f"{self.units[k]} ({self.cost_s[k]:.4g} s)" for k in worst)
        return f"; each of these alone costs the time behind it: {told}" if told else ""


def named(units) -> str:
    """Name units, at most `MOST_NAMED` of them."""
    units = list(units)
    if len(units) <= MOST_NAMED:
        return f"{'unit' if len(units) == 1 else 'units'} {', '.join(units)}"
    return f"{len(units)} units ({', '.join(units[:MOST_NAMED])} ...)"
