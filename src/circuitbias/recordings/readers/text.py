"""Text: a line a spike, with its time and its unit."""

import csv
import io
import os
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from circuitbias.component import Reader, option
from circuitbias.reading import check_size, opened, unpacked
from circuitbias.recordings.found import Found, columns_of, of_pairs, of_trains
from circuitbias.recordings.names import TIMES, UNITS, called, plain, say

_SEPARATORS = "\t;,| "
_HEAD = 65_536
_MOST_SKIPPED = 100  # lines before the table


class Text(Reader):
    """Text (.csv, .tsv, .txt, .dat, .gdf): a line a spike, time and unit; or a column of times a unit."""

    suffixes = (".csv", ".tsv", ".txt", ".dat", ".gdf")

    time_column: str | int | None = option(None, "Column of the times: its name, or its number from 1 on.")
    unit_column: str | int | None = option(None, "Column of the units: its name, or its number from 1 on.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with opened(path) as file:
            check_size("its text", 2 * os.fstat(file.fileno()).st_size)
            content = unpacked(file)
        content = _as_text(content)
        shape = _shape(content)
        table = _table(content, shape)
        notes = [f"separated by {shape.separator!r}{', with decimal commas' * (shape.decimal == ',')}"]
        notes += [f"the {shape.skipped} lines before its table were left out"] * bool(shape.skipped)
        notes += ["its last line has no end: it may have been cut short"] * (content[-1:] not in b"\r\n")
        if self.time_column is self.unit_column is None and _is_a_column_a_unit(shape.header, table):
            trains = {name: column.dropna().to_numpy() for name, column in table.items()}
            return of_trains(trains, notes=[*notes, "a column of times for each unit"])
        times, units, time_unit, note = self._chosen(shape.header, table)
        labels = table.iloc[:, units]
        column = table.iloc[:, times]
        missing = (labels.isna() | column.isna()).to_numpy()
        if missing.any():
            raise ValueError(
                f"{missing.sum()} lines have no time or no unit; the first is number "
                f"{np.argmax(missing) + 1} of the spikes. It may have been cut short; "
                "if not, take these lines out"
            )
        if not pd.api.types.is_numeric_dtype(column):
            bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
            raise ValueError(
                f"{column.iloc[int(np.argmax(bad))]!r} in spike number {np.argmax(bad) + 1} is no time: "
                "times must be numbers, in s, ms, us or samples, not dates or hours:minutes"
            )
        labels = (
            labels.to_numpy() if pd.api.types.is_numeric_dtype(labels) else labels.astype(str).to_numpy(str)
        )
        return of_pairs(
            column.to_numpy(), labels, time_unit=time_unit, notes=[f"{notes[0]}; {note}", *notes[1:]]
        )

    def _chosen(self, header, table) -> tuple[int, int, str | None, str]:
        """Columns of times and units, the unit of time that the header names, and a sentence."""
        n = table.shape[1]
        names = header or [str(k + 1) for k in range(n)]
        if n < 2:
            raise ValueError(
                f"it has one column ({names[0][:40]!r}); needed are two, a time and a unit for each spike"
            )
        times = _named(self.time_column, "time_column", names)
        units = _named(self.unit_column, "unit_column", names)
        if header is None and times is None and units is None:
            if n > 2:
                counted = _numbers(table)
                if (counted >= 0).all() and (counted == np.floor(counted)).all():
                    raise ValueError(
                        f"it has {n} columns of whole numbers: if they are counts in bins, read it with "
                        "format counts (--format counts --format-options '{\"bin_ms\": 10}'); else say "
                        "time_column and unit_column, counted from 1"
                    )
                raise ValueError(
                    f"it has {n} columns and no header: which hold times and units, counted from 1? "
                    f"{say('time_column', 1)}, and unit_column alike"
                )
            times, units, note = columns_of(_numbers(table))
            return times, units, None, note
        times = _known(times, TIMES, "times", "time_column", names, units)
        units = _known(units, UNITS, "units", "unit_column", names, times)
        if times == units:
            raise ValueError(f"time_column and unit_column are both column {names[times]!r}")
        note = f"times in column {names[times]!r}, units in column {names[units]!r}"
        return times, units, plain(names[times])[1], note


def as_table(content: bytes) -> pd.DataFrame:
    """Read a table of numbers from text in any dialect; columns are numbered if it has no header.

    Raises
    ------
    ValueError
        If it is no text, or its lines are not alike.
    """
    content = _as_text(content)
    return _table(content, _shape(content))


def _as_text(content: bytes) -> bytes:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16").encode()
    if b"\0" in content:
        raise ValueError("it is no text")
    if not content.strip():
        raise ValueError("there is nothing in it")
    return content


class _Shape(NamedTuple):
    """How a text is laid out."""

    separator: str
    decimal: str
    header: list[str] | None
    skipped: int  # lines before the table
    encoding: str


def _shape(content: bytes) -> _Shape:
    """Look at the beginning of a text."""
    head = content[:_HEAD].rpartition(b"\n")[0] if len(content) > _HEAD else content
    encoding = "utf-8-sig"
    try:
        head.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
    every = [line.strip() for line in head.decode(encoding).splitlines()]
    lines = [(k, line) for k, line in enumerate(every) if line and not line.startswith(("#", "%"))]
    if not lines:
        raise ValueError("there are no spikes in it")
    separator, decimal, width = _dialect([line for _, line in lines])
    first = 0  # of the lines that have as many columns as the last ones
    for place in range(len(lines) - 1, -1, -1):
        if len(_cells(lines[place][1], separator)) != width:
            first = place + 1
            break
    first = first if first <= _MOST_SKIPPED and first < len(lines) - 1 else 0
    for place in range(first, min(len(lines) - 1, _MOST_SKIPPED)):  # a header may stand below such lines
        names = _cells(lines[place][1], separator)
        if called(TIMES, names) and called(UNITS, names):
            first = place
            break
    cells = _cells(lines[first][1], separator)
    header = cells if not all(_is_number(cell, decimal) for cell in cells) else None
    return _Shape(separator, decimal, header, lines[first][0] if first else 0, encoding)


def _dialect(lines: list[str]) -> tuple[str, str, int]:
    """Separator of the columns, decimal mark and number of columns, as the last lines have them."""
    probe = lines[1:][-20:] or lines[:1]
    for separator in _SEPARATORS:
        widths = {len(_cells(line, separator)) for line in probe}
        if len(widths) == 1 and (width := widths.pop()) > 1:
            cells = [cell for line in probe for cell in _cells(line, separator)]
            if separator in "\t; |" and any(re.fullmatch(r"[-+]?\d+,\d+", cell) for cell in cells):
                return separator, ",", width
            return separator, ".", width
    return ",", ".", len(_cells(probe[-1], ","))


def _is_a_column_a_unit(header, table: pd.DataFrame) -> bool:
    """Whether each column holds times of a unit: names with numbers, values that rise, then nothing."""
    if header is None or len(header) < 2 or called((*TIMES, *UNITS), header):
        return False
    stems = {re.sub(r"\d+[a-z]?$", "", name.strip()) for name in header}
    if len(stems) > 1 or not all(map(pd.api.types.is_numeric_dtype, table.dtypes)):
        return False
    rows = table.to_numpy(float).T
    known = ~np.isnan(rows)
    return bool((known[:, :-1] >= known[:, 1:]).all() and not (np.diff(rows, axis=1) <= 0).any())


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return [line]


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return True


def _table(content: bytes, shape: _Shape) -> pd.DataFrame:
    spaces = {"sep": r"\s+"} if shape.separator == " " else {"sep": shape.separator, "skipinitialspace": True}
    comment = "%" if content.lstrip()[:1] == b"%" else "#"
    for encoding in dict.fromkeys((shape.encoding, "latin-1")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # columns that it would leave out
                table = pd.read_csv(
                    io.BytesIO(content),
                    header=None if shape.header is None else 0,
                    skiprows=shape.skipped,
                    decimal=shape.decimal,
                    comment=None if any("#" in name for name in shape.header or ()) else comment,
                    encoding=encoding,
                    index_col=False,
                    low_memory=False,
                    **spaces,
                )
        except UnicodeDecodeError:  # ids in another alphabet, after a beginning in UTF-8
            continue
        except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
            raise ValueError(f"its lines have not all the same number of columns ({error})") from error
        if table.empty:
            raise ValueError("there are no spikes in it")
        return table


def _numbers(table: pd.DataFrame) -> np.ndarray:
    """The table as numbers; texts, which can only be units, as the number of the text."""
    columns = []
    for _, column in table.items():
        number = pd.to_numeric(column, errors="coerce")
        columns.append(number if number.notna().mean() > 0.5 else pd.Series(pd.factorize(column)[0]))
    return np.column_stack(columns).astype(float)


def _named(wanted, option_name: str, names: list[str]) -> int | None:
    """Number of a column that was asked for; None if none was."""
    if wanted is None:
        return None
    if wanted in names:
        return names.index(wanted)
    if str(wanted).isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise ValueError(f"{option_name} = {wanted!r}: there is no such column; there are {', '.join(names)}")


def _known(place, known, what, option_name, names, other) -> int:
    """Number of the column that bears a known name."""
    if place is not None:
        return place
    found = [k for k in map(names.index, called(known, names)) if k != other]
    if not found or (len(found) > 1 and plain(names[found[0]])[0] == plain(names[found[1]])[0]):
        raise ValueError(
            f"it is not clear which column holds the {what}: there are {', '.join(map(repr, names[:8]))}; "
            f"{say(option_name, names[0 if what == 'times' else -1])}"
        )
    return found[0]
