"""A recording: spike times of units in seconds, what is known of the units, and when each was observed."""

import difflib
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from circuitbias.checks import number
from circuitbias.exceptions import UnusableDataError
from circuitbias.recordings.conversion import Conversion
from circuitbias.recordings.found import id_text
from circuitbias.recordings.intervals import cut_to, merged
from circuitbias.recordings.steps import to_spikes
from circuitbias.spikes.packed import PackedSpikes

_COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes of sorted units.

    Parameters
    ----------
    units : tuple of str
        Their ids, all different.
    times_s : tuple of ndarray of float64
        Spike times of each unit in seconds, sorted.
    observed_s : tuple of ndarray of float64, shape (n_intervals, 2), optional
        When each unit was observed, start and end. None: nobody says; then a recording is taken to run from
        its first spike to its last one.
    properties : dict of str to ndarray, shape (n_units,), optional
        Columns of the table of units, such as a label, an isolation quality or a position.
    window_s : (float, float), optional
        Part of the time that is meant.
    origin : dict, optional
        Where it comes from: ``path``, ``format``, ``sha256`` and ``notes``, sentences on what was decided or
        left out. Anything JSON can hold.

    Raises
    ------
    ValueError
        If there is no unit, an id is there twice, or a part is not as described.
    """

    units: tuple[str, ...]
    times_s: tuple[np.ndarray, ...]
    observed_s: tuple[np.ndarray, ...] | None = None
    properties: dict[str, np.ndarray] = field(default_factory=dict)
    window_s: tuple[float, float] | None = None
    origin: dict = field(default_factory=dict)

    def __post_init__(self):
        units = tuple(id_text(unit) for unit in self.units)
        if not units:
            raise ValueError("there are no units in it: the table of units is empty")
        if twice := sorted({unit for unit in units if units.count(unit) > 1}) if _repeated(units) else []:
            raise ValueError(
                f"two units have one id: {', '.join(twice[:_MOST_NAMED])}. Give each its own, or merge them"
            )
        times = tuple(np.asarray(train, dtype=np.float64) for train in self.times_s)
        if len(times) != len(units):
            raise ValueError(f"times_s: there are {len(times)} lists of times for {len(units)} units")
        for unit, train in zip(units, times, strict=True):
            if train.ndim != 1 or not np.isfinite(train).all() or (np.diff(train) < 0).any():
                raise ValueError(f"times_s of unit {unit} must be finite numbers in rising order")
        set_ = object.__setattr__
        set_(self, "units", units)
        set_(self, "times_s", times)
        if self.observed_s is not None:
            if len(self.observed_s) != len(units):
                raise ValueError(
                    f"observed_s: there are {len(self.observed_s)} entries for {len(units)} units"
                )
            observed = tuple(merged(one, f"observed_s of unit {u}") for u, one in zip(units, self.observed_s))  # noqa: B905
            set_(self, "observed_s", observed)
        columns = {str(name): np.asarray(column) for name, column in self.properties.items()}
        for name, column in columns.items():
            if column.shape != (len(units),):
                raise ValueError(f"properties: {name} has shape {column.shape}; must be ({len(units)},)")
        set_(self, "properties", columns)
        if self.window_s is not None:
            start, end = (number("window_s", edge) for edge in self.window_s)
            if not start < end:
                raise ValueError(f"window_s = [{start:g}, {end:g}]: the first must be below the second")
            set_(self, "window_s", (start, end))

    def __repr__(self):
        first, last = self.span_s
        return (
            f"<Recording of {len(self.units)} units, {self.n_spikes} spikes from {first:.6g} s to "
            f"{last:.6g} s"
            f"{', properties: ' + ', '.join(self.properties) if self.properties else ''}>"
        )

    @property
    def n_spikes(self) -> int:
        """Spikes of all units."""
        return sum(train.size for train in self.times_s)

    @property
    def span_s(self) -> tuple[float, float]:
        """Start and end of what is meant: the window; else the observed time; else first and last spike."""
        if self.window_s:
            return self.window_s
        edges = [one for one in self.observed_s or () if len(one)]
        if not edges:
            edges = [train for train in self.times_s if train.size]
        if not edges:
            return 0.0, 0.0
        return float(min(one.min() for one in edges)), float(max(one.max() for one in edges))

    def seconds(self) -> np.ndarray:
        """Seconds for which each unit was observed, shape (n_units,)."""
        start, end = self.span_s
        if self.observed_s is None:
            return np.full(len(self.units), end - start)
        return np.array([np.diff(cut_to(one, start, end)).sum() for one in self.observed_s])

    def rates_hz(self) -> np.ndarray:
        """Spikes of each unit in its own observed time, per second, shape (n_units,); 0 if there is none."""
        seconds = self.seconds()
        counts = np.array([train.size for train in self.times_s], dtype=float)
        return np.divide(counts, seconds, out=np.zeros_like(counts), where=seconds > 0)

    def select(
        self,
        units: Iterable | None = None,
        where: Mapping | None = None,
        least_rate_hz: float | None = None,
        window_s: tuple[float, float] | None = None,
    ) -> "Recording":
        """Keep some of the units, or some of the time.

        Parameters
        ----------
        units : iterable of id, optional
            In the order in which they shall come.
        where : mapping of column to value, optional
            Units whose property is this value, or one of a list of values; a text such as ``">= 0.9"`` or
            ``"!= noise"`` compares.
        least_rate_hz : float, optional
            Units that fire at least so often in the window, per second of their own observed time.
        window_s : (float, float), optional
            From the first up to the second, in seconds of the recording's clock.

        Returns
        -------
        Recording
            What was left out is added to its notes.

        Raises
        ------
        ValueError
            If a unit or a column is not there, or a value is not allowed.
        UnusableDataError
            If nothing is left.
        """
        chosen = self
        if window_s is not None:
            chosen = chosen._in_window(window_s)
        if units is not None:
            wanted = [id_text(unit) for unit in ([units] if isinstance(units, str) else units)]
            place = {unit: k for k, unit in enumerate(self.units)}
            if missing := [unit for unit in wanted if unit not in place]:
                close = difflib.get_close_matches(missing[0], self.units, n=1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                shown = ", ".join(self.units[:_MOST_NAMED])
                raise ValueError(f"units: there is no unit {missing[0]!r}{hint}; there are {shown} ...")
            if twice := [unit for k, unit in enumerate(wanted) if unit in wanted[:k]]:
                raise ValueError(f"units: {twice[0]} is named twice")
            chosen = chosen._of([place[unit] for unit in wanted], "were chosen by their ids")
        for column, wanted in (where or {}).items():
            told = f"{column} {wanted if _compared(wanted) else f'= {wanted}'}"
            chosen = chosen._of(np.flatnonzero(chosen._matches(column, wanted)), f"have {told}")
        if least_rate_hz is not None:
            least = number("least_rate_hz", least_rate_hz, least=0)
            chosen = chosen._of(np.flatnonzero(chosen.rates_hz() >= least), f"fire at {least:g} Hz or more")
        return chosen

    def to_spikes(self, dt_ms: float = 0.1, **options) -> tuple[PackedSpikes, Conversion]:
        """Turn times into steps: see `circuitbias.recordings.steps.to_spikes`."""
        return to_spikes(self, dt_ms, **options)

    def _in_window(self, window_s) -> "Recording":
        cut = replace(self, window_s=tuple(window_s))
        start, end = cut.window_s
        times = tuple(train[slice(*np.searchsorted(train, [start, end]))] for train in self.times_s)
        inside = sum(train.size for train in times)
        if not inside:
            first, last = self.span_s
            raise UnusableDataError(
                f"window_s = [{start:g}, {end:g}]: no spike is in it; the recording runs from {first:.6g} "
                "s to "
                f"{last:.6g} s"
            )
        note = f"{inside} of {self.n_spikes} spikes are in the window from {start:g} s to {end:g} s"
        return replace(cut, times_s=times, origin=_noted(self.origin, note))

    def _of(self, places, told: str) -> "Recording":
        places = list(map(int, places))
        if not places:
            raise UnusableDataError(f"no unit is left: 0 of {len(self.units)} units {told}")
        note = f"{len(places)} of {len(self.units)} units {told}"
        observed = self.observed_s
        return replace(
            self,
            units=tuple(self.units[k] for k in places),
            times_s=tuple(self.times_s[k] for k in places),
            observed_s=observed and tuple(observed[k] for k in places),
            properties={name: column[places] for name, column in self.properties.items()},
            origin=_noted(self.origin, note) if len(places) < len(self.units) else self.origin,
        )

    def _matches(self, column: str, wanted) -> np.ndarray:
        if column not in self.properties:
            known = ", ".join(self.properties) or "no columns"
            close = difflib.get_close_matches(str(column), list(self.properties), n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"where: units have no column {column!r}{hint}; there are {known}")
        values = self.properties[column]
        if comparison := _compared(wanted):
            compare, other = comparison
            if values.dtype.kind in "biuf":
                return compare(values, _number(column, other))
            if compare is not operator.ne:
                raise ValueError(
                    f"where: {column} {wanted}: its values are no numbers, such as {values[0]!r}"
                )
            return np.array([id_text(value) != other for value in values])
        allowed = {id_text(one) for one in (wanted if isinstance(wanted, list | tuple | set) else [wanted])}
        return np.array([id_text(value) in allowed for value in values])


def _compared(wanted):
    """Comparison and the text behind it, of a value that begins with one."""
    found = re.fullmatch(r"\s*(>=|<=|!=|>|<)\s*(.*?)\s*", wanted) if isinstance(wanted, str) else None
    return found and (_COMPARISONS[found[1]], found[2])


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"where: {column} holds numbers, and {text!r} is none") from None


def _repeated(units) -> bool:
    return len(set(units)) < len(units)


def _noted(origin: dict, note: str) -> dict:
    return origin | {"notes": [*origin.get("notes", []), note]}
