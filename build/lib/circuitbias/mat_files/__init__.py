"""Matrices from .mat files of MATLAB, version 4 to 7.3.

`scipy.io.loadmat` is not meant for files of unknown origin: a few wrong bytes make it crash, run for ever,
or fill the memory. A weight matrix needs little of the format, and that little is read with care, by one
module for each version.
"""

import math
import os
from collections.abc import Callable
from io import BufferedReader

import numpy as np

from circuitbias.mat_files.contents import Cells, Other, Struct, field_or_other
from circuitbias.mat_files.version4 import variables_of_version4
from circuitbias.mat_files.version5 import variables_of_version5
from circuitbias.mat_files.version73 import read_version73
from circuitbias.reading import check_size, is_hdf5

__all__ = ["Cells", "Other", "Struct", "read_mat"]


def read_mat(
    file: BufferedReader, choose: Callable[[list], list], cells: bool = False
) -> dict[str, np.ndarray | Other | Cells | Struct]:
    """Read the matrices of a .mat file, full or sparse; W(i, j) as MATLAB shows it.

    Parameters
    ----------
    file : io.BufferedReader
    choose : callable
        Given the names in the file, returns those to read.
    cells : bool, optional
        Whether to read texts, cell arrays and structs, too. Of these, what holds anything else is an Other.

    Returns
    -------
    dict of str to array, Other, Cells or Struct

    Raises
    ------
    Exception
        Of any kind, if the file is damaged, or its matrices would take more memory than is allowed.
    """
    if is_hdf5(file):
        return read_version73(file.name, choose, cells)
    file.seek(0)
    is_4 = 0 in file.read(4)  # part of a number; later versions begin with a text
    variables_of = variables_of_version4 if is_4 else variables_of_version5
    variables = list(variables_of(file, os.fstat(file.fileno()).st_size))
    names = [variable.name for variable in variables]
    if len(set(names)) < len(names):
        raise ValueError(f"it holds a variable twice: {', '.join(names)}")
    chosen = set(choose(names))
    wanted = [variable for variable in variables if variable.read and variable.name in chosen]
    check_size("what it holds", 8 * sum(math.prod(variable.shape) for variable in wanted))
    arrays = {variable.name: Other(variable.what, variable.shape) for variable in variables}
    arrays |= {variable.name: variable.read() for variable in wanted}
    held = [variable for variable in variables if cells and variable.read_cells and variable.name in chosen]
    return arrays | {variable.name: field_or_other(variable.read_cells) for variable in held}
