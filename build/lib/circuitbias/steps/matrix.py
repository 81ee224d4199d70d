"""Infer couplings from a ready matrix: covariances or correlations of counts, or correlograms."""

from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.estimators.from_matrices import (
    MEASURES,
    OF_COVARIANCE,
    couplings_of_correlograms,
    couplings_of_covariance,
)
from circuitbias.files import atomic_path
from circuitbias.numpy_files import read_npy, read_npz
from circuitbias.provenance import describe
from circuitbias.reading import opened
from circuitbias.recordings.arrays import listed
from circuitbias.recordings.text_tables import as_table

EXAMPLES = """
circuitbias matrix covariance.csv --output from_matrix.npz
circuitbias matrix covariance.csv --method partial_correlation --output from_matrix.csv
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument(
        "matrix",
        metavar="FILE",
        help="(n, n) covariances or correlations (.csv, with ids as header or not; .npy, .npz), or (n, n, "
        "lags) correlograms (.npy, .npz): an odd number of lags from -L to L, an even one from 0 on",
    )
    parser.add_argument("--variable", help="array of an .npz; default: the only one of such a shape")
    parser.add_argument(
        "--method",
        choices=[*OF_COVARIANCE, *MEASURES],
        help="of covariances: mean_field (default), partial_correlation; of correlograms: peak (default), "
        "zero_lag, z_score",
    )
    parser.add_argument("--near", type=int, help="of correlograms: longest lag of an effect, in bins")
    parser.add_argument("--output", required=True, help="couplings: .npz, or a table (.csv)")


def run(arguments):
    """Do the step."""
    matrix, units = _read(Path(arguments.matrix), arguments.variable)
    try:
        if matrix.ndim == 3:
            couplings = couplings_of_correlograms(matrix, arguments.method or "peak", arguments.near, units)
        else:
            couplings = couplings_of_covariance(matrix, arguments.method or "mean_field", units)
    except ValueError as error:
        raise ValueError(f"{arguments.matrix}: {error}") from error
    method = couplings.diagnostics["method"]
    couplings.provenance = describe(method=method, matrix=Path(arguments.matrix).name)
    if Path(arguments.output).suffix == ".csv":
        with atomic_path(arguments.output) as aside:
            couplings.to_pandas().to_csv(aside, index=False, float_format="%.8g")
    else:
        couplings.save(arguments.output)
    print(f"{len(couplings.values)} neurons, {method}: {arguments.output}")


def _read(path: Path, variable: str | None) -> tuple[np.ndarray, list | None]:
    if path.suffix == ".npz":
        held = read_npz(path)
        shaped = {name: one for name, one in held.items() if one.ndim in (2, 3) and one.dtype.kind in "iuf"}
        chosen = [variable] if variable in shaped else list(shaped)
        if len(chosen) != 1 or (variable and variable not in shaped):
            raise ValueError(
                f"{path}: {listed(held)}; say --variable, a matrix of covariances or correlograms"
            )
        return shaped[chosen[0]], None
    if path.suffix == ".npy":
        with opened(path) as file:
            return read_npy(file, path.stat().st_size, path.name), None
    with opened(path) as file:
        try:
            table = as_table(file)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    ids = None if isinstance(table.columns, pd.RangeIndex) else [str(name) for name in table.columns]
    return table.to_numpy(float), ids
