"""A line of times for each unit, with its id in front or without: what many scripts, and neo, write."""

import re
from typing import BinaryIO

import numpy as np

from circuitbias.reading import check_size, unpacked
from circuitbias.recordings.found import Found, of_trains
from circuitbias.recordings.names import SUFFIXES

_HEAD = 65_536
_BYTES_A_LINE = 60  # on average at least; a line a spike is shorter
_MOST_LINES = 65_536
_FEWEST = 4  # times in the median line


def trains_in_lines(file: BinaryIO) -> Found | None:
    """Read lines of different lengths whose numbers rise; None if the text is not of this kind.

    Parameters
    ----------
    file : io.BufferedReader
        Open, at its beginning. Afterwards it stands anywhere.
    """
    head = file.peek(_HEAD)[:_HEAD]
    if b"\0" in head or head.count(b"\n") * _BYTES_A_LINE > len(head) or not head.strip():
        return None
    content = unpacked(file)
    if content.count(b"\n") * _BYTES_A_LINE > len(content) or content.count(b"\n") > _MOST_LINES:
        return None
    check_size("its times", 8 * content.count(b".") + len(content))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] not in "#%"]
    cut = [[cell for cell in re.split(r"[\t;,|]+ *| +", line.rstrip("\t;,| ")) if cell] for line in lines]
    unit = _of_cells(cut)
    if unit:
        cut = [[cell for cell in cells if cell != unit] for cells in cut]
    if cut and not any(map(_is_number, cut[0])):  # names of columns
        cut = cut[1:]
    if len({len(cells) for cells in cut}) < min(2, len(cut)) or not cut:
        return None
    if np.median([len(cells) for cells in cut]) < _FEWEST:
        return None
    named = all(not _is_number(cells[0]) or cells[0].endswith(":") for cells in cut)
    try:
        values = [np.array([float(cell) for cell in (cells[1:] if named else cells)]) for cells in cut]
    except ValueError:
        return None
    firsts = [cells[0] for cells in cut]
    numbered = not named and all(one.isdecimal() for one in firsts) and len(set(firsts)) == len(firsts)
    if numbered and any((train[1:] != np.floor(train[1:])).any() for train in values):
        values, named = [train[1:] for train in values], True
    if any((np.diff(train) < 0).any() for train in values):
        return None
    ids = [one.rstrip(":").strip('"') for one in firsts] if named else range(1, len(values) + 1)
    called = "begins with" if named else "numbered from 1, without"
    notes = [f"a line of times for each unit, {called} its id"]
    return of_trains(zip(ids, values, strict=True), time_unit=SUFFIXES.get(unit), notes=notes)


def _of_cells(cut: list[list[str]]) -> str | None:
    """The word behind each number, if it is a unit of time, as neo writes it."""
    words = {cell for cells in cut[:3] for cell in cells[1::2]} if cut else set()
    return words.pop() if len(words) == 1 and next(iter(words)) in SUFFIXES else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
