"""Tables in texts of any dialect, read piece by piece, so that a long one is in memory only once."""

import io
import os
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np
import pandas as pd

from circuitbias.reading import hold, unpacked
from circuitbias.recordings.text_layout import HEAD, layout_of

_ROWS = 2**17  # of a piece
_ESCAPED = re.compile("[\udc80-\udcff]")


class Damaged(ValueError):
    """A line that does not fit the others."""


class _View(io.RawIOBase):
    """What is in a file, for a library that closes what it was given."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._file.readinto(buffer)


class TextTable:
    """A table in a text.

    Parameters
    ----------
    file : io.BufferedReader
        Open; what is packed is unpacked, and what is UTF-16 turned into UTF-8, in memory.

    Attributes
    ----------
    layout : Layout
    notes : list of str
        What had to be decided, in sentences.
    """

    def __init__(self, file: BinaryIO):
        self._stream = _plain(file)
        head = self._stream.read(HEAD + 1)
        self.layout = layout_of(head[:HEAD], len(head) <= HEAD)
        self._stream.seek(-1, os.SEEK_END)
        skipped, is_cut = self.layout.skipped, self._stream.read(1) not in b"\r\n"
        comma = ", with decimal commas" * (self.layout.decimal == ",")
        self.notes = [f"separated by {self.layout.separator!r}{comma}"]
        self.notes += [f"the {skipped} lines before its table were left out"] * bool(skipped)
        self.notes += ["its last line has no end: it may have been cut short"] * is_cut
        self._empty = 0

    @property
    def names(self) -> list[str]:
        """Of the columns; their numbers, from 1, if there is no header."""
        return self.layout.names or [str(k + 1) for k in range(self.layout.width)]

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Go over the rows; columns are numbered from 0, and rows counted from 0 through all pieces.

        Cells without anything are NaN, and rows of such cells alone are left out.

        Raises
        ------
        ValueError
            If lines are not alike; names the first one that is not.
        """
        self._empty = 0
        yield from self._read()
        if self._empty:
            self.notes.append(f"{self._empty} lines without any value were left out")

    def whole(self) -> pd.DataFrame:
        """All rows at once; columns bear the names of the header, if there is one."""
        table = pd.concat(list(self.pieces()), ignore_index=True)
        if self.layout.names:
            table.columns = self.layout.names
        return table

    def line(self, row: int) -> str:
        """Say where a row stands in the text, and what it is."""
        self._stream.seek(0)
        mark, count = self.layout.comment, -1
        text = io.TextIOWrapper(self._stream, "latin-1")
        try:
            for number, line in enumerate(islice(text, self.layout.first, None), self.layout.first + 1):
                content = line.split(mark)[0] if mark else line
                count += bool(content.strip())
                if count == row:
                    return f"line {number} ({line.strip()[:60]!r})"
        finally:
            text.detach()
        return f"row {row + 1}"

    def _read(self) -> Iterator[pd.DataFrame]:
        layout = self.layout
        spaces = layout.separator == " "
        dialect = {"sep": r"\s+"} if spaces else {"sep": layout.separator, "skipinitialspace": True}
        self._stream.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # columns that it would leave out
                reader = pd.read_csv(
                    io.BufferedReader(_View(self._stream)),
                    header=None,
                    names=list(range(layout.width)),
                    skiprows=layout.first,
                    decimal=layout.decimal,
                    comment=layout.comment,
                    encoding=layout.encoding,
                    encoding_errors="surrogateescape",  # for ids in another alphabet: see `as_text`
                    index_col=False,
                    keep_default_na=False,
                    na_values=[""],
                    dtype=dict.fromkeys(layout.texts, str),
                    chunksize=_ROWS,
                    low_memory=False,
                    **dialect,
                )
                for piece in reader:
                    there = piece.notna().to_numpy()
                    full = there.any(axis=1)
                    self._empty += int((~full).sum())
                    yield piece if full.all() else piece[full]
        except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
            raise Damaged(f"its lines have not all the same number of columns: {self._odd(error)}") from error

    def _odd(self, error: Exception) -> str:
        """Name the line that pandas complains of."""
        if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            wanted, number, seen = map(int, found.groups())
            self._stream.seek(0)
            line = next(islice(self._stream, number - 1, None), b"").decode("latin-1").strip()
            return f"line {number} ({line[:60]!r}) has {seen}, the others {wanted}"
        return str(error).strip()


def as_numbers(column: pd.Series) -> np.ndarray:
    """Numbers of a column; NaN for what is none."""
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column, errors="coerce")
    return column.to_numpy()


def as_text(cell: str) -> str:
    """A cell as text; one that is no UTF-8, after a beginning that is, as Latin-1."""
    if cell.isascii():
        return cell.strip()
    return (
        cell.encode("utf-8", "surrogateescape")
        .decode("latin-1" if _ESCAPED.search(cell) else "utf-8")
        .strip()
    )


def as_table(file: BinaryIO) -> pd.DataFrame:
    """Read a table of numbers from a text in any dialect; columns are numbered if it has no header.

    Raises
    ------
    ValueError
        If it is no text, or its lines are not alike.
    """
    return TextTable(file).whole()


def _plain(file: BinaryIO) -> BinaryIO:
    """The text as bytes without zeros: the file itself, if that is what it holds."""
    start = file.peek(6)[:6]
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")):
        file = io.BytesIO(unpacked(file))
        hold("its text, unpacked,", len(file.getbuffer()))
        start = file.getvalue()[:2]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        hold("its text in UTF-16", 2 * os.fstat(file.fileno()).st_size if hasattr(file, "raw") else 0)
        file = io.BytesIO(file.read().decode("utf-16").encode())
    head = file.read(HEAD)
    file.seek(0)
    if b"\0" in head:
        raise ValueError("it is no text")
    if not head.strip():
        raise ValueError("there is nothing in it")
    return file
