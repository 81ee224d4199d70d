"""What the sweeps over data share: many estimates of one recording, and a row of errors for each."""

import json
import warnings

from circuitbias.errors.tables import errors_of, sum_of_counts
from circuitbias.estimators import Couplings, estimate
from circuitbias.estimators.couplings import EstimationWarning
from circuitbias.estimators.registry import complete_options
from circuitbias.files import DamagedFileError
from circuitbias.memory import MemoryLimitError
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeSource


def try_estimate(entry: dict, source: SpikeSource, network: Network, resources: dict):
    """Estimate couplings where the data allow it.

    Parameters
    ----------
    entry : dict
        ``method`` and its options, as in a config.
    source : SpikeSource
    network : Network
        Its weights are shown to an oracle.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    couplings : Couplings or None
        None where the method refuses the data.
    note : str
        What it refused or warned of; empty if nothing.

    Raises
    ------
    DamagedFileError, MemoryLimitError
    """
    options = {key: value for key, value in entry.items() if key != "method"}
    weights = network.dense_weights()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EstimationWarning)
        try:
            couplings = estimate(entry["method"], source, weights=weights, **resources, **options)
        except (DamagedFileError, MemoryLimitError):
            raise  # what the data allow has nothing to do with these
        except ValueError as refusal:
            return None, str(refusal)
    problems = {w.category.__name__ for w in caught if issubclass(w.category, EstimationWarning)}
    return couplings, ", ".join(sorted(problems))


def described(name: str, entry: dict) -> dict:
    """Columns that identify an estimator in a table: ``estimator``, ``method``, ``options`` (all, JSON)."""
    options = complete_options(
        entry["method"], {key: value for key, value in entry.items() if key != "method"}
    )
    return {
        "estimator": name,
        "method": entry["method"],
        "options": json.dumps(options, sort_keys=True),
    }


def error_row(network: Network, couplings: Couplings | None, n_spikes: int, note: str) -> dict:
    """Columns of an estimate's errors, or ``note`` alone where there is none."""
    row = {"n_spikes": n_spikes}
    if couplings is not None:
        row |= errors_of(network, couplings) | {"n_counts": sum_of_counts(couplings, n_spikes)}
    return row | {"note": note}
