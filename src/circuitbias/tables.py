"""Reading tables so that damage is named."""

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
