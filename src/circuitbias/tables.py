"""Reading tables so that damage is named."""

import os
from pathlib import Path

import pandas as pd

from circuitbias.files import damaged


def read_table(path: str | os.PathLike) -> pd.DataFrame:
    """Read a table (.csv); as it has no checksum, all that is asked is that its last line is complete.

    Raises
    ------
    OSError
        If it is missing or unreadable.
    DamagedFileError
        If it is none, or ends within a line.
    """
    try:
        if not Path(path).read_bytes().endswith(b"\n"):
            raise ValueError("its last line is not complete")
        return pd.read_csv(path)
    except ValueError as error:  # all that pandas finds fault with is one
        raise damaged(path, "table", error) from error
