"""Matrices in text: numbers, commas and lines, and what to do about anything else."""

import csv
import io
import re
import warnings

import numpy as np

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


def read_matrix(content: bytes) -> np.ndarray:
    """Read a matrix of numbers: commas between them, a line a row; `#` starts a comment.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a byte order mark; lines end in any way.

    Returns
    -------
    array (n_rows, n_columns), float64

    Raises
    ------
    ValueError
        Says in which line something else was found, and what to change.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it is text in UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no text in UTF-8; save it as a .csv of numbers") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # the shape says so
            matrix = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(_what_is_wrong(text)) from error
    n_rows, n_columns = matrix.shape
    if n_rows == n_columns + 1 and _counts(matrix[0]):
        raise ValueError("line 1 counts the columns: leave it out, so that only weights are left")
    if n_columns == n_rows + 1 and _counts(matrix[:, 0]):
        raise ValueError("column 1 counts the lines: leave it out, so that only weights are left")
    return matrix


def _counts(numbers) -> bool:
    return len(numbers) > 2 and any(
        np.array_equal(numbers, np.arange(first, first + len(numbers))) for first in (0, 1)
    )


def _what_is_wrong(text: str) -> str:
    """Say what keeps a text from being read, by the first of the things that it may be."""
    if "\0" in text:
        return "it is no text"
    lines = [(number, line.split("#")[0].strip(" ")) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line]
    numbers, texts = zip(*lines, strict=True)
    if separator := _other_separator(texts[-1]):
        points = " and points, not commas, into numbers" if any("," in line for line in texts) else ""
        return f"its columns are separated by {separator}: put commas between them{points}"
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(texts)]
    except csv.Error:  # a text without end
        return "it is no matrix of numbers"
    if any(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row):
        return "there are decimal commas within quotes: write points, and no quotes"
    if names := _places_of_names(rows, numbers[0]):
        return f"there are names in {' and '.join(names)}: leave them out, so that only weights are left"
    if '"' in text and all(_is_number(cell) for row in rows for cell in row):
        return "there are quotes around numbers: write them without"
    if all(row[-1] == "" for row in rows):
        return f"every line ends with a comma, as line {numbers[0]} does: take it away"
    for number, row in zip(numbers, rows, strict=False):  # a quote may have joined lines
        for column, cell in enumerate(row, 1):
            if not _is_number(cell):
                what = f"{cell[:40]!r} is no number" if cell else "nothing is there: write 0 for no weight"
                return f"line {number}, column {column}: {what}"
        if len(row) != len(rows[0]):
            return f"line {number} has {len(row)} numbers, line {numbers[0]} has {len(rows[0])}"
    return "it is no matrix of numbers"


def _places_of_names(rows: list[list[str]], first_line: int) -> list[str]:
    """Where a table has names of neurons beside its numbers: above them, before them or both."""
    below = rows[1:]
    if not any(_is_number(cell) for row in below for cell in row[1:]):
        return []
    # Spreadsheets and pandas leave the corner above an index empty, and nothing else.
    corner = rows[0][0] == "" and all(rows[0][1:]) and all(all(row) for row in below)
    header = corner or not any(map(_is_number, rows[0]))
    index = [row[0] for row in (below if header else rows)]
    places = [f"line {first_line} ({_listed(rows[0])})"] if header else []
    if corner or not any(name == "" or _is_number(name) for name in index):
        places.append(f"column 1 ({_listed(index)})")
    return places


def _other_separator(line: str) -> str | None:
    """What separates the numbers of a line, if not commas."""
    for mark, name in _SEPARATORS.items():
        parts = [part.strip(' "').replace(",", ".") for part in line.split(mark)]
        if sum(map(_is_number, parts)) > 1 and (mark != " " or "," not in line):
            return name
    return None


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _listed(names: list[str]) -> str:
    text = ", ".join(map(repr, names[:4]))
    return f"{text} ..." if len(names) > 4 else text
