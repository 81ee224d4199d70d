"""Reading tables so that damage is named; telling rows with a result from those without."""

import io
import os

import pandas as pd

from circuitbias.files import damaged
from circuitbias.reading import opened


def read_table(path: str | os.PathLike) -> pd.DataFrame:
    """Read a table (.csv); as it has no checksum, all that is asked is that its last line is complete.

    Raises
    ------
    OSError
        If it is missing, or the system cannot read it.
    DamagedFileError
        If it is none, or ends within a line.
    """
    try:
        with opened(path) as file:
            content = file.read()
        if not content.endswith(b"\n"):
            raise ValueError("its last line is not complete")
        return pd.read_csv(io.BytesIO(content))
    except ValueError as error:  # all that pandas finds fault with is one
        raise damaged(path, "table", error) from error


KNOWN_BY = {
    "errors": ("roc_auc", "recorded_s"),
    "profiles": ("offset", "coupling"),
    "detection": ("sign", "recall", "precision"),
    "floor": ("noise", "score_chi2"),
    "comparison": ("published", "expected"),
}
"""Columns by which tables are known; those of experiments: `circuitbias.experiments.COLUMNS`."""


def check_kind(table: pd.DataFrame, what: str, kind: str, columns: tuple[str, ...]) -> None:
    """Check that a table is of the kind that is asked for, and not of another one.

    Parameters
    ----------
    table : DataFrame
        One without any result may have little more than a ``note`` that says why: it is of every kind.
    what : str
        The argument and the file: the first words of the message.
    kind : str
        Its name.
    columns : tuple of str
        By which tables of the kind are known.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    missing = [name for name in columns if name not in table]
    if missing and ("note" not in table or len(split_usable(table)[0])):
        there = ", ".join(map(str, table.columns[:8])) + (", ..." if len(table.columns) > 8 else "")
        raise ValueError(f"{what}: is no table of {kind}: it has no column {missing[0]}, but {there}")


def split_usable(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that have a result, and those that have a reason in its place.

    Parameters
    ----------
    table : DataFrame
        Of errors (column ``total``), of mean profiles (``coupling``: all rows of a run belong together), or
        of anything else, whose rows without a result have a ``note``.

    Returns
    -------
    usable, others : DataFrame
        With the columns of the table.
    """
    if "total" in table:
        usable = table.total.notna()
    elif "coupling" in table:
        run = [table[key] for key in ("estimator", "r", "seed")]
        usable = table.coupling.groupby(run).transform("count") > 0
    else:
        usable = table.note.isna() if "note" in table else pd.Series(True, table.index)
    return table[usable], table[~usable]


def without_result(table: pd.DataFrame, keys=("estimator", "r")) -> pd.DataFrame:
    """What has no row with a result: a row each, with those of the keys that the table has, and its ``note``.

    Parameters
    ----------
    table : DataFrame
        As for `split_usable`.
    keys : sequence of str, optional
        Columns that tell apart what is spoken of.
    """
    keys = [key for key in keys if key in table]
    usable, others = split_usable(table)
    known = set(usable[keys].itertuples(index=False, name=None))
    first = others.drop_duplicates(keys)
    fresh = [key not in known for key in first[keys].itertuples(index=False, name=None)]
    first = first[pd.Series(fresh, first.index, dtype=bool)]
    return first[keys].assign(note=first.note.astype(object).fillna("") if "note" in first else "")
