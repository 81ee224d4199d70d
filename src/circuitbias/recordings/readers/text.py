"""Text: a line a spike, with its time and its unit; or a column, or a line, of times a unit."""

import difflib
import re
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.columns import Column, pieces_of
from circuitbias.component import Reader, option
from circuitbias.reading import check_size, opened
from circuitbias.recordings.found import Found, columns_of, of_pairs, of_trains
from circuitbias.recordings.names import NOT_READ, TIMES, UNITS, called, plain, say
from circuitbias.recordings.text_lines import trains_in_lines
from circuitbias.recordings.text_tables import TextTable, as_numbers, as_text


class Text(Reader):
    """Text (.csv, .tsv, .txt, .dat, .gdf): a line a spike, time and unit; or times of a unit in each line."""

    suffixes = (".csv", ".tsv", ".txt", ".dat", ".gdf")

    time_column: str | int | None = option(None, "Column of the times: its name, or its number from 1 on.")
    unit_column: str | int | None = option(None, "Column of the units: its name, or its number from 1 on.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with opened(path) as file:
            if self.time_column is self.unit_column is None and (found := trains_in_lines(file)):
                return found
            file.seek(0)
            table = TextTable(file)
            if self.time_column is self.unit_column is None and (found := _a_column_a_unit(table)):
                return found
            times, units, time_unit, note = self._chosen(table)
            pairs = _Pairs(table, times, units)
            for piece in table.pieces():
                pairs.add(piece)
            if note is None:  # columns without names, or with names that are not known
                times, units, note = columns_of(pairs.columns())
                time_unit = plain(table.names[times])[1]
            notes = [f"{table.notes[0]}; {note}", *table.notes[1:]]
            return pairs.found(times, units, time_unit=time_unit, notes=notes)

    def _chosen(self, table: TextTable) -> tuple[int, int, str | None, str | None]:
        """Columns of times and units, the unit of time that the header names, and a sentence."""
        header, names = table.layout.names, table.names
        n = len(names)
        if n < 2:
            raise ValueError(
                f"it has one column ({table.line(0)}); needed are two, a time and a unit for each spike"
            )
        times = _named(self.time_column, "time_column", names)
        units = _named(self.unit_column, "unit_column", names)
        if header is None and times is None and units is None:
            if n > 2:
                if _are_counts(next(table.pieces())):
                    raise ValueError(f"it has {n} columns of whole numbers: {_COUNTS}")
                raise ValueError(
                    f"it has {n} columns and no header: which hold times and units, counted from 1? "
                    f"{say('time_column', 1)}, and unit_column alike"
                )
            return 0, 1, None, None
        times = _known(times, TIMES, "times", "time_column", table, units, UNITS)
        if times is None:
            return 0, 1, None, None
        units = _known(units, UNITS, "units", "unit_column", table, times)
        if times == units:
            raise ValueError(f"time_column and unit_column are both column {names[times]!r}")
        note = f"times in column {names[times]!r}, units in column {names[units]!r}"
        return times, units, plain(names[times])[1], note


_FEWEST_BINS = 20
_BYTES_A_SPIKE = 22  # time and unit, in pieces and sorted by unit
_COUNTS = (
    "if they are counts in bins, read it with format counts (--format counts --format-options "
    "'{\"bin_ms\": 10}'); else say time_column and unit_column, counted from 1"
)


class _Pairs:
    """Times and units of spikes, gathered piece by piece: 8 bytes for a time, a few for a unit."""

    def __init__(self, table: TextTable, times: int, units: int):
        self._table, self._places, self._n = table, (times, units), 0
        self._values: tuple[list, list] = ([], [])
        self._ids: dict[str, int] | None = None  # of units that are texts

    def add(self, piece: pd.DataFrame) -> None:
        """Take the two columns of a piece."""
        missing = piece[list(self._places)].isna().any(axis=1).to_numpy()
        times, units = (piece[place] for place in self._places)
        numbers = as_numbers(times)
        if (bad := ~missing & np.isnan(numbers)).any():
            row = int(np.argmax(bad))
            word = str(times.iloc[row])
            if word.lower() in ("nan", "na", "null", "none", "n/a"):
                missing = missing | bad
            elif pd.api.types.is_numeric_dtype(units) or self._table.layout.names:
                raise ValueError(
                    f"{word!r} in {self._line(piece, row)} is no time: times must be numbers, in s, ms, us "
                    "or samples, not dates or hours:minutes"
                )
            else:  # columns without names, of which this may be the one of the units
                numbers = self._codes(times)
        if missing.any():
            row = int(np.argmax(missing))
            others = f", and {missing.sum() - 1} lines after it" * bool(missing.sum() > 1)
            raise ValueError(
                f"{self._line(piece, row)} has no time or no unit{others}. It may have been cut short; "
                "if not, take such lines out"
            )
        self._n += len(piece)
        check_size(f"{self._n} spikes and more", _BYTES_A_SPIKE * self._n)
        self._values[0].append(numbers)
        is_text = not pd.api.types.is_numeric_dtype(units) or self._ids is not None
        labels = self._codes(units) if is_text else units.to_numpy()
        if labels.dtype.kind in "iu" and labels.size:
            labels = labels.astype(np.promote_types(*map(np.min_scalar_type, (labels.min(), labels.max()))))
        self._values[1].append(labels)

    def columns(self) -> list[np.ndarray]:
        """Both columns, joined."""
        check_size(
            f"{self._n} spikes", 2 * _BYTES_A_SPIKE * self._n
        )  # different values are counted by sorting
        for values in self._values:
            values[:] = [np.concatenate(values)]
        return [values[0] for values in self._values]

    def found(self, times: int, units: int, **others) -> Found:
        """Sort the spikes by unit."""
        held = dict(zip(self._places, self._values, strict=True))
        names = None if self._ids is None else list(self._ids)
        types = {place: np.result_type(*values) for place, values in held.items()}

        def given_up():  # a piece of the times is free as soon as it is sorted in
            while held[times]:
                yield from pieces_of(held[times].pop(0))

        columns = (
            Column(self._n, types[times], given_up),
            Column(self._n, types[units], lambda: iter(held[units])),
        )
        return of_pairs(*columns, names=names, **others)

    def _codes(self, column: pd.Series) -> np.ndarray:
        """Numbers for the texts of a column, the same in all pieces."""
        if self._ids is None:  # what came before were numbers
            known = self._values[1]
            self._ids = {}
            known[:] = [self._numbered(pd.Series(one)) for one in known]
        return self._numbered(column)

    def _numbered(self, column: pd.Series) -> np.ndarray:
        codes, texts = pd.factorize(column)
        own = [self._ids.setdefault(as_text(str(one)), len(self._ids)) for one in texts]
        return np.array(own, dtype=np.int64)[codes]

    def _line(self, piece: pd.DataFrame, row: int) -> str:
        return self._table.line(int(piece.index[row]))


def _a_column_a_unit(table: TextTable) -> Found | None:
    """Read columns that hold times of a unit each: values that rise, then nothing."""
    names = table.layout.names
    if names is None or len(names) < 2 or called((*TIMES, *UNITS), names):
        return None
    columns = [as_numbers(table.whole().iloc[:, k]) for k in range(len(names))] if _is_small(table) else []
    ends = [np.isnan(one).argmax() if np.isnan(one).any() else len(one) for one in columns]
    alike = len({re.sub(r"\d+[a-z]?$", "", name.strip()) for name in names}) == 1
    if not columns or not (alike or len(set(ends)) > 1) or max(ends) == 0:
        return None
    for column, end in zip(columns, ends, strict=True):
        if not np.isnan(column[end:]).all() or (np.diff(column[:end]) <= 0).any():
            return None
    trains = {name: column[:end] for name, column, end in zip(names, columns, ends, strict=True)}
    return of_trains(trains, notes=[*table.notes, "a column of times for each unit"])


def _is_small(table: TextTable) -> bool:
    """Whether the first rows rise in every column, so that the others are worth a look."""
    first = next(table.pieces(), None)
    if first is None:
        return False
    values = np.column_stack([as_numbers(first[k]) for k in first])
    return not (np.diff(values[:100], axis=0) <= 0).any()


def _are_counts(piece: pd.DataFrame, numbered: bool = False) -> bool:
    """Whether columns are small whole numbers; but the first one, if that numbers or times the rows."""
    values = np.column_stack([as_numbers(piece[k]) for k in piece])
    if numbered:
        steps = np.diff(values[:, 0])
        if len(steps) < _FEWEST_BINS or not np.ptp(steps) <= 1e-6 * abs(steps[0]):
            return False
        values = values[:, 1:]
    return bool((values >= 0).all() and (values == np.floor(values)).all() and values.max(initial=0) < 1000)


def _named(wanted, option_name: str, names: list[str]) -> int | None:
    """Number of a column that was asked for; None if none was."""
    if wanted is None:
        return None
    bare = [re.sub(r" \([^()]*\)$", "", name) for name in names]  # as it stands above a line of units
    for held in (names, bare):
        if wanted in held:
            return held.index(wanted)
    if str(wanted).isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    close = difflib.get_close_matches(str(wanted).lower(), [name.lower() for name in names], n=1)
    hint = f" (did you mean {next(name for name in names if name.lower() == close[0])}?)" if close else ""
    raise ValueError(
        f"{option_name} = {wanted!r}: there is no such column{hint}; there are {', '.join(names)}"
    )


def _known(place, known, what, option_name, table: TextTable, other, others=()) -> int | None:
    """Number of the column that bears a known name, or is beside one; None if it is one of two unknown."""
    if place is not None:
        return place
    names = table.names
    found = [k for k in map(names.index, called(known, names)) if k != other]
    if found and (len(found) == 1 or plain(names[found[0]])[0] != plain(names[found[1]])[0]):
        return found[0]
    for name in names:
        words = re.split(r"[^a-z]+", name.lower())
        if what == "times" and len(words) > 1 and (unit := next(filter(NOT_READ.get, words), None)):
            raise ValueError(
                f"column {name!r} seems to be in {NOT_READ[unit]}: write times in s, ms, us or samples"
            )
    if not found and len(names) > 2 and _are_counts(next(table.pieces()), numbered=True):
        raise ValueError(f"no column is called as times and units are, and all are whole numbers: {_COUNTS}")
    if not found and len(names) == 2:
        if other is None and (theirs := called(others, names)):
            other = names.index(theirs[0])
        return None if other is None else 1 - other
    guess = _closest(names, known, other) or names[0 if what == "times" else -1]
    raise ValueError(
        f"it is not clear which column holds the {what}: there are {', '.join(map(repr, names[:8]))}; "
        f"{say(option_name, guess)}"
    )


def _closest(names: list[str], known, other) -> str | None:
    """The name that is most like a known one, be it a slip of the pen."""

    def likeness(name):
        word = plain(name)[0]
        inner = max((len(one) for one in known if len(one) > 2 and one in word.split("_")), default=0)
        alike = max(difflib.SequenceMatcher(None, word, one).ratio() for one in known)
        return max(alike, 0.75 if inner else 0)

    free = [name for k, name in enumerate(names) if k != other]
    best = max(free, key=likeness, default=None)
    return best if best is not None and likeness(best) > 0.7 else None
