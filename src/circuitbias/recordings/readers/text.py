"""Text: a line a spike, with its time and its unit."""

import csv
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.component import Reader, option
from circuitbias.reading import check_size, opened
from circuitbias.recordings.found import Found, columns_of, of_pairs

_TIMES = (
    *(
        "time",
        "times",
        "t",
        "spike_time",
        "spike_times",
        "spiketime",
        "spiketimes",
        "timestamp",
        "timestamps",
    ),
    *("ts", "peak_time", "sample", "samples", "sample_index", "spike_sample"),
)
_UNITS = (
    *(
        "unit",
        "units",
        "unit_id",
        "unitid",
        "id",
        "cluster",
        "clusters",
        "cluster_id",
        "spike_clusters",
        "clu",
    ),
    *("neuron", "neurons", "neuron_id", "cell", "cell_id", "node_id", "node_ids", "gid", "sender", "senders"),
    *("channel", "electrode", "label", "index", "i"),
)
_SUFFIXES = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "ms": "ms", "msec": "ms", "millisecond": "ms", "milliseconds": "ms",
    "us": "us", "usec": "us", "µs": "us", "microsecond": "us", "microseconds": "us",
    "samples": "samples", "sample": "samples", "frames": "samples",
}  # fmt: skip
_SEPARATORS = "\t;,| "
_HEAD = 65_536


class Text(Reader):
    """A line a spike, with time and unit, with or without a header (.csv, .tsv, .txt, .dat, .gdf)."""

    suffixes = (".csv", ".tsv", ".txt", ".dat", ".gdf")

    time_column: str | int | None = option(None, "Column of the times: its name, or its number from 1 on.")
    unit_column: str | int | None = option(None, "Column of the units: its name, or its number from 1 on.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            check_size("its text", 2 * size)
            content = file.read()
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ValueError("it is text in UTF-16; save it as UTF-8")
        if b"\0" in content:
            raise ValueError("it is no text")
        if not content.strip():
            raise ValueError("there is nothing in it")
        complete = content[:_HEAD].rpartition(b"\n")[0] if len(content) > _HEAD else content
        head = complete.decode("utf-8-sig", "replace")
        lines = [line.strip() for line in head.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("#", "%"))]
        separator, decimal = _dialect(lines)
        first = _cells(lines[0], separator) if lines else []
        header = first if not all(_is_number(cell, decimal) for cell in first) else None
        table = _table(content, separator, decimal, header is not None)
        times, units, time_unit, note = self._chosen(header, table)
        labels = table.iloc[:, units]
        column = table.iloc[:, times]
        missing = (labels.isna() | column.isna()).to_numpy()
        if missing.any():
            raise ValueError(
                f"{missing.sum()} lines have no time or no unit; the first is number "
                f"{np.argmax(missing) + 1} "
                "of the spikes. It may have been cut short"
            )
        if not pd.api.types.is_numeric_dtype(column):
            bad = pd.to_numeric(column, errors="coerce").isna().to_numpy()
            raise ValueError(
                f"{column.iloc[int(np.argmax(bad))]!r} in spike number {np.argmax(bad) + 1} is no time"
            )
        labels = (
            labels.to_numpy() if pd.api.types.is_numeric_dtype(labels) else labels.astype(str).to_numpy(str)
        )
        notes = [f"separated by {separator!r}{', with decimal commas' * (decimal == ',')}; {note}"]
        return of_pairs(column.to_numpy(), labels, time_unit=time_unit, notes=notes)

    def _chosen(self, header, table) -> tuple[int, int, str | None, str]:
        """Columns of times and units, the unit of time that the header names, and a sentence."""
        n = table.shape[1]
        names = header or [str(k + 1) for k in range(n)]
        if n < 2:
            raise ValueError(
                f"it has one column ({names[0]!r}); needed are two, a time and a unit for each spike"
            )
        plain = [_plain(name) for name in names]
        times = _named(self.time_column, "time_column", names)
        units = _named(self.unit_column, "unit_column", names)
        if header is None and times is None and units is None:
            if n > 2:
                raise ValueError(
                    f"it has {n} columns and no header: say time_column and unit_column, counted from 1"
                )
            times, units, note = columns_of(_numbers(table))
            return times, units, None, note
        times = _known(times, plain, _TIMES, "times", "time_column", names, units)
        units = _known(units, plain, _UNITS, "units", "unit_column", names, times)
        if times == units:
            raise ValueError(f"time_column and unit_column are both column {names[times]!r}")
        unit_of_time = plain[times][1] or (
            "samples" if plain[times][0].startswith(("sample", "spike_sample")) else None
        )
        return (
            times,
            units,
            unit_of_time,
            f"times in column {names[times]!r}, units in column {names[units]!r}",
        )


def _dialect(lines: list[str]) -> tuple[str, str]:
    """Separator of the columns, and decimal mark."""
    probe = lines[1:20] or lines[:1]
    for separator in _SEPARATORS:
        widths = {len(_cells(line, separator)) for line in probe}
        if len(widths) == 1 and widths.pop() > 1:
            cells = [cell for line in probe for cell in _cells(line, separator)]
            if separator in "\t; |" and any(re.fullmatch(r"[-+]?\d+,\d+", cell) for cell in cells):
                return separator, ","
            return separator, "."
    return ",", "."


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


def _table(content: bytes, separator: str, decimal: str, header: bool) -> pd.DataFrame:
    spaces = {"sep": r"\s+"} if separator == " " else {"sep": separator, "skipinitialspace": True}
    comment = "%" if content.lstrip()[:1] == b"%" else "#"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # columns that it would leave out
            table = pd.read_csv(
                io.BytesIO(content),
                header=0 if header else None,
                decimal=decimal,
                comment=comment,
                encoding="utf-8-sig",
                index_col=False,
                low_memory=False,
                **spaces,
            )
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no text in UTF-8; save it as UTF-8") from error
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


def _plain(name: str) -> tuple[str, str | None]:
    """A column's name without its unit of time, and that: ``Spike time [ms]`` is spike_time and ms."""
    words = [word for word in re.split(r"[^a-z0-9µ]+", str(name).lower()) if word]
    unit = _SUFFIXES.get(words[-1]) if len(words) > 1 else None
    return "_".join(words[:-1] if unit else words), unit


def _named(wanted, option_name: str, names: list[str]) -> int | None:
    """Number of a column that was asked for; None if none was."""
    if wanted is None:
        return None
    if wanted in names:
        return names.index(wanted)
    if str(wanted).isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise ValueError(f"{option_name} = {wanted!r}: there is no such column; there are {', '.join(names)}")


def _known(place, plain, known, what, option_name, names, other) -> int:
    """Number of the column that bears a known name."""
    if place is not None:
        return place
    found = [k for k, (name, _) in enumerate(plain) if name in known and k != other]
    if len(found) > 1:  # the names that come first are the plainest ones
        found.sort(key=lambda k: known.index(plain[k][0]))
        found = found[:1] if plain[found[0]][0] != plain[found[1]][0] else found
    if len(found) != 1:
        raise ValueError(
            f"it is not clear which column holds the {what}: there are {', '.join(map(repr, names))}. "
            f"Say {option_name}"
        )
    return found[0]
