"""How a table in a text is laid out, as its first lines show: separator, decimal mark, header."""

import csv
import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from circuitbias.recordings.names import SUFFIXES, TIMES, UNITS, called

HEAD = 65_536
"""Bytes that are looked at."""
_SEPARATORS = "\t;,| "
_MOST_SKIPPED = 100  # lines before the table
_PROBED = 20  # lines, the last ones that are seen
_SHARE = 0.8  # of these, which must have the same number of columns
_ENDS = re.compile(r"\r\n|\n|\r")


class Layout(NamedTuple):
    """How a table is laid out."""

    separator: str
    decimal: str
    width: int
    names: list[str] | None  # None if there is no header
    first: int  # line of the first row, from 0
    skipped: int  # lines before the table
    comment: str | None
    texts: list[int]  # columns of which some cells are numbers that begin with 0, such as ids 007
    encoding: str


def layout_of(head: bytes, is_whole: bool) -> Layout:
    """Look at the beginning of a text.

    Parameters
    ----------
    head : bytes
    is_whole : bool
        Whether the text ends there; else its last line is cut and does not count.

    Raises
    ------
    ValueError
        If there is no table, or a line in it has more columns than the others.
    """
    if not is_whole:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head
    encoding = "utf-8-sig"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = head.decode(encoding)
    every = [line.strip(" ") for line in _ENDS.split(text)]
    comment = "%" if text.lstrip().startswith("%") else "#"
    lines = [(k, line) for k, line in enumerate(every) if line.strip() and line.strip()[0] not in "#%"]
    if not lines:
        raise ValueError("there are no spikes in it")
    separator, decimal, width = _dialect([line for _, line in lines])
    rows = [cells_of(line, separator) for _, line in lines]
    alike = [cells for cells in (rows[1:][-_PROBED:] or rows) if len(cells) == width]
    if not alike:
        raise ValueError(f"its lines have not all the same number of columns: {_seen(*lines[-1])}")
    numeric = [all(_is_number(one[column], decimal) for one in alike) for column in range(width)]

    def is_row(cells):
        return len(cells) == width and all(
            not cell or _is_number(cell, decimal)
            for cell, wanted in zip(cells, numeric, strict=True)
            if wanted
        )

    start = next((k for k, cells in enumerate(rows[: _MOST_SKIPPED + 1]) if is_row(cells)), 0)
    top, names = start, None
    for place in range(min(len(rows) - 1, _MOST_SKIPPED), -1, -1):  # a header with names that are known
        fits = _header(rows[place], lines[place][1], separator, alike)
        if fits and called(TIMES, fits) and called(UNITS, fits):
            top, names, start = place, fits, place + 1
    if names is None and (start > 0 or not any(numeric)):
        names = _header(rows[start - 1], lines[start - 1][1], separator, alike) if start else rows[0]
        start, top = (start, start - (names is not None)) if start else (1, 0)
        if names and top and (above := _with_units(rows, lines, top, separator, alike)):
            names, top = above, top - 1
    elif names is not None and start < len(rows) and (below := _second_header(names, rows[start])):
        names, start = below, start + 1
    if start >= len(rows):
        raise ValueError("there are no spikes in it")
    for (number, line), cells in zip(lines[start:], rows[start:], strict=True):
        if len(cells) > width and separator != " ":
            what = f"has {len(cells)} columns, the others {width}"
            raise ValueError(
                f"its lines have not all the same number of columns: {_seen(number, line)} {what}"
            )
    inner = any("#" in cell[1:] for one in alike for cell in one) or any("#" in name for name in names or ())
    padded = [
        column
        for column in range(width)
        if any(len(one) == width and re.fullmatch(r"0\d+", one[column]) for one in rows[start:])
    ]
    return Layout(
        separator,
        decimal,
        width,
        names,
        lines[start][0],
        lines[top][0] - sum(not line.strip() or line.strip()[0] in "#%" for line in every[: lines[top][0]]),
        None if inner else comment,
        padded,
        encoding,
    )


def cells_of(line: str, separator: str) -> list[str]:
    """Cells of a line."""
    if separator == " ":
        return [cell.strip('"') for cell in re.findall(r'"[^"]*"|\S+', line)]
    try:
        found = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return [line]
    return [cell.strip() for cell in found]


def _dialect(lines: list[str]) -> tuple[str, str, int]:
    """Separator of the columns, decimal mark and number of columns, as most of the last lines have them."""
    probe = lines[1:][-_PROBED:] or lines[:1]
    best = None
    for separator in _SEPARATORS:
        widths = Counter(len(cells_of(line, separator)) for line in probe)
        width, many = widths.most_common(1)[0]
        if width > 1 and (best is None or many > best[2]):
            best = separator, width, many
            if many >= _SHARE * len(probe):
                break
    if best is None:
        return ",", ".", 1
    separator, width, _ = best
    cells = [cell for line in probe for cell in cells_of(line, separator)]
    comma = separator != "," and any(re.fullmatch(r"[-+]?\d+,\d+", cell) for cell in cells)
    return separator, "," if comma else ".", width


def _header(cells: list[str], line: str, separator: str, alike: list[list[str]]) -> list[str] | None:
    """Names of columns, if a line can hold them; an empty last one, or a running number, may have none."""
    width = len(alike[0])
    if separator == " " and len(cells) != width:
        apart = [cell for cell in re.split(r"\s{2,}|\t", line) if cell]
        cells = apart if len(apart) == width else cells
    if len(cells) == width:
        return cells
    if len(cells) == width - 1:
        if all(not row[-1] for row in alike):
            return [*cells, ""]
        first = [row[0] for row in alike]
        counted = all(one.isdecimal() for one in first) and {int(b) - int(a) for a, b in pairwise(first)} <= {
            1
        }
        if counted and len(first) > 1:  # as R writes it
            return ["", *cells]
    return None


def _with_units(rows, lines, top: int, separator: str, alike) -> list[str] | None:
    """Names of the line above, if the line at `top` holds units of measure."""
    above = _header(rows[top - 1], lines[top - 1][1], separator, alike)
    return _second_header(above, rows[top]) if above else None


def _second_header(names: list[str], cells: list[str]) -> list[str] | None:
    """Names with the units of time of a second line, such as ``[ms]``."""
    words = [cell.strip("[]() \"'") for cell in cells]
    if len(cells) != len(names) or not any(word.lower() in SUFFIXES for word in words):
        return None
    return [
        f"{name} ({word})" if word.lower() in SUFFIXES else name
        for name, word in zip(names, words, strict=True)
    ]


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return True


def _seen(number: int, line: str) -> str:
    return f"line {number + 1} ({line[:60]!r})"
