"""Tables of errors and mean profiles over all runs and estimators."""

import json
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from circuitbias.errors.decomposition import (
    ErrorDecomposition,
    circulant_errors,
    fit_profile_scale,
    fit_scale,
    offset_profile,
    seed_errors,
    total_error,
)
from circuitbias.errors.detection import detection_scores
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks.network import Network

CONDITION = ["estimator", "method", "options", "r", "theta", "n_spikes"]
"""Columns that tell runs apart which are not repetitions of each other."""


def run_of(couplings: Couplings) -> dict:
    """What identifies a run: the columns of `CONDITION` (options as JSON text) and the seed."""
    try:
        parameters = couplings.provenance["parameters"]
        spikes = parameters["spikes"]["parameters"]
        return {
            "estimator": parameters["name"],
            "method": parameters["method"],
            "options": json.dumps(parameters["options"], sort_keys=True),
            "r": spikes["model"]["r"],
            "theta": spikes["model"]["theta"],
            "n_spikes": spikes["n_spikes"],
            "seed": spikes["seed"],
        }
    except KeyError as error:
        raise ValueError(
            f"couplings do not say what made them: {error} is not in the provenance that the steps write"
        ) from error


def error_table(network: Network, runs: Iterable[Couplings]) -> pd.DataFrame:
    """Errors of each run against the true weights.

    Parameters
    ----------
    network : Network
    runs : iterable of Couplings
        With the provenance that the estimate step writes.

    Returns
    -------
    DataFrame
        A row a run: `run_of`, `errors_of` (bias and variance are NaN unless the network is circulant: one
        recording cannot tell them apart), ``roc_auc``, ``average_precision``, ``n_counts`` (sum of the
        binned values that the method saw: fewer than spikes if binarised).
    """
    return pd.DataFrame(
        [
            run_of(run)
            | errors_of(network, run)
            | detection_scores(network.dense_weights(), run.values)
            | {"n_counts": sum_of_counts(run, run_of(run)["n_spikes"])}
            for run in runs
        ]
    )


def errors_of(network: Network, couplings: Couplings) -> dict:
    """Errors of one estimate in both conventions of the scale, and the pairs that have one.

    Returns
    -------
    dict
        The fields of `ErrorDecomposition`; ``scale_l1``, ``total_l1``, ``bias_l1``, ``variance_l1`` with the
        scale of `fit_profile_scale`; ``n_pairs``. Of a network that is not circulant ``scale`` and ``total``
        alone are not NaN.
    """
    weights, values = network.dense_weights(), couplings.values
    if network.circulant:
        errors = circulant_errors(weights, values)
        older = circulant_errors(weights, values, fit_profile_scale(weights, values))
    else:
        unknown = (math.nan,) * 5
        errors = ErrorDecomposition(fit_scale(weights, values), total_error(weights, values), *unknown[:3])
        older = ErrorDecomposition(*unknown)
    return (
        vars(errors)
        | {f"{name}_l1": getattr(older, name) for name in ("scale", "total", "bias", "variance")}
        | {"n_pairs": int(np.isfinite(values).sum())}
    )


def sum_of_counts(couplings: Couplings, n_spikes: int) -> float:
    """Sum of the binned values behind an estimate: what the method says, else its number of spikes.

    NaN if the method sees only whether a neuron fires in a bin, and does not say how often that was.
    """
    told = couplings.diagnostics
    binary = told.get("traits", {}).get("binary", False)
    return told.get("n_counts", math.nan if binary else n_spikes)


def repetition_table(network: Network, runs: Iterable[Couplings]) -> pd.DataFrame:
    """Bias and variance over seeds, for any network.

    Parameters
    ----------
    network : Network
    runs : iterable of Couplings

    Returns
    -------
    DataFrame
        A row for each condition with two seeds or more: `CONDITION`, ``n_seeds``, and the fields of
        `ErrorDecomposition` by `seed_errors`.
    """
    stacks: dict[tuple, list] = {}
    for run in runs:
        key = tuple(run_of(run)[column] for column in CONDITION)
        stacks.setdefault(key, []).append(run.values)
    rows = [
        dict(zip(CONDITION, key, strict=True))
        | {"n_seeds": len(stack)}
        | vars(seed_errors(network.dense_weights(), np.stack(stack)))
        for key, stack in stacks.items()
        if len(stack) > 1
    ]
    columns = [*CONDITION, "n_seeds", *ErrorDecomposition.__dataclass_fields__]
    return pd.DataFrame(rows, columns=columns)


def profile_table(network: Network, runs: Iterable[Couplings]) -> pd.DataFrame:
    """Mean coupling at each offset around a circulant network, scaled to the weights.

    Parameters
    ----------
    network : Network
    runs : iterable of Couplings

    Returns
    -------
    DataFrame
        Columns estimator, r, seed, offset (1 ... n - 1), weight (the truth), coupling (the mean over
        neurons of scaled couplings). Empty unless the network is circulant.
    """
    tables = []
    for run in runs if network.circulant else ():
        key = run_of(run)
        scaled = fit_scale(network.dense_weights(), run.values) * run.values
        profile = pd.DataFrame(
            {
                "offset": np.arange(network.n_neurons),
                "weight": offset_profile(network.dense_weights()),
                "coupling": offset_profile(scaled),
            }
        )
        profile.insert(0, "estimator", key["estimator"])
        profile.insert(1, "r", key["r"])
        profile.insert(2, "seed", key["seed"])
        tables.append(profile[1:])
    empty = pd.DataFrame(columns=["estimator", "r", "seed", "offset", "weight", "coupling"])
    return pd.concat(tables, ignore_index=True) if tables else empty
