"""What the sweeps over data share: many estimates of one recording, and a row of errors for each."""

import json
import math
import warnings

import numpy as np
import pandas as pd

from circuitbias.errors.of_estimate import errors_of, sum_of_counts, why_no_error
from circuitbias.estimators import Couplings, attempt
from circuitbias.estimators.registry import complete_options
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeSource

LEAST_PAIRS = 20
"""Fewest pairs (directed) of which an error is given.

A scale is fitted first, which takes one of the numbers that the error is about. Many methods give both
directions of a pair the same coupling: 20 directed pairs are then 10 numbers, and with 9 left the error is
too small by 1 - sqrt(9 / 10) = 5 %, hardly more than what counts as agreement. Two neurons have a single
number: their error would always be 0.
"""


def try_estimate(entry: dict, source: SpikeSource, network: Network, resources: dict, *, blocks: bool = True):
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
    blocks : bool, optional
        Whether bias and variance are to be told apart.

    Returns
    -------
    couplings : Couplings or None
        None where no pair has one. If bias and variance are to be told apart, with blocks of the recording
        (`estimate_with_blocks`) unless the rows are repetitions of each other: they are not if neurons can be
        told apart, or some are unseen.
    note : str
        What it refused or warned of; empty if nothing.

    Raises
    ------
    ConfigError, DamagedFileError, MemoryLimitError
        And all else that has nothing to do with what the data allow.
    """
    options = {key: value for key, value in entry.items() if key != "method"}
    repeated = network.equivalent_positions and source.n_neurons == network.n_neurons
    weights = network.dense_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the note says what there is to say
        couplings = attempt(
            entry["method"],
            source,
            blocks=blocks and not repeated,
            weights=weights,
            **resources,
            **options,
        )
    note = couplings.diagnostics["note"]
    return (couplings if np.isfinite(couplings.values).any() else None), note


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


def error_row(
    network: Network,
    couplings: Couplings | None,
    n_spikes: int,
    note: str,
    n_observed: int | None = None,
) -> dict:
    """Columns of an estimate's errors, or NaN and the reason.

    Parameters
    ----------
    network : Network
    couplings : Couplings or None
        Between all neurons of the network, NaN where there is none.
    n_spikes : int
    note : str
        Of the estimate, as from `try_estimate`.
    n_observed : int, optional
        Neurons that could be seen. Default: all.

    Returns
    -------
    dict
        ``n_spikes``; the columns of `errors_of`, NaN for fewer pairs than `LEAST_PAIRS`; ``n_all_pairs``,
        the pairs that there are between the neurons that could be seen; ``n_counts`` (see `sum_of_counts`);
        ``note``, with the reason of an error that is not there.
    """
    n = n_observed or network.n_neurons
    found = couplings or Couplings(np.full((network.n_neurons,) * 2, np.nan))
    errors = errors_of(network, found)
    reasons = [note] if note else []
    if couplings is not None:
        if errors["n_pairs"] < LEAST_PAIRS:
            reasons.append(
                f"{errors['n_pairs']} pairs are too few for an error: {LEAST_PAIRS} or more are needed"
            )
            unknown = dict.fromkeys(errors, math.nan) | {"split_by": "nothing", "inverted": False}
            errors = unknown | {"n_pairs": errors["n_pairs"]}
        elif math.isnan(errors["total"]):
            reasons.append(why_no_error(network, found))
        elif errors["inverted"]:
            reasons.append("signs the wrong way round: only a negative scale brings them to the true weights")
    return (
        {"n_spikes": n_spikes}
        | errors
        | {
            "n_all_pairs": n * (n - 1),
            "n_counts": math.nan if couplings is None else sum_of_counts(couplings, n_spikes),
            "note": "; ".join(reasons),
        }
    )


def with_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Table of errors with the columns ``n_all_pairs`` (NaN) and ``note``, if it lacks them."""
    return table.assign(
        n_all_pairs=table.get("n_all_pairs", math.nan),
        note=table.get("note", pd.Series("", table.index)),
    )


WITHOUT_NOISE = ("bias_corrected", "bias_corrected_se", "variance_corrected")
"""Errors of which sampling noise is taken away: see `circuitbias.errors.corrected`."""


def mean_without_noise(rows: pd.DataFrame) -> pd.Series:
    """Mean of the errors without noise over some rows, by `WITHOUT_NOISE`; NaN if the rows have none.

    That of the bias is the root of the mean square, which is unbiased where the bias itself is not.
    """
    means = {name: rows[name].mean() if name in rows else math.nan for name in WITHOUT_NOISE}
    if "bias2_corrected" in rows:
        means["bias_corrected"] = np.sqrt(np.maximum(rows.bias2_corrected.mean(), 0.0))
    return pd.Series(means)


def most_common(notes: pd.Series) -> str:
    """Most frequent of the notes of some rows; empty if none has one."""
    notes = notes.fillna("")  # as an empty text is read from a table
    return str(notes[notes != ""].mode().get(0, ""))


def refused_rows(network: Network, estimators: dict, reason: str) -> pd.DataFrame:
    """Rows of a recording that cannot be used at all: one for each estimator, or one if there is none.

    Parameters
    ----------
    network : Network
    estimators : dict
        Entries of a config by name.
    reason : str
        Goes into the column ``note``; errors are NaN.
    """
    if not estimators:
        return pd.DataFrame([{"n_spikes": 0, "note": reason}])
    return pd.DataFrame(
        [described(name, entry) | error_row(network, None, 0, reason) for name, entry in estimators.items()]
    )
