"""Tables of errors and mean profiles over all runs and estimators."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from circuitbias.errors.corrected import CorrectedErrors, seeds_corrected
from circuitbias.errors.decomposition import (
    ErrorDecomposition,
    circulant_matrix,
    offset_profile,
)
from circuitbias.errors.of_estimate import (
    CONDITION,
    corrected_columns,
    detection_of,
    errors_of,
    made_by,
    run_of,
    sum_of_counts,
    warn_if_inverted,
    why_no_error,
)
from circuitbias.errors.repeated import seed_errors
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks.network import Network

TRAITS = ("directed", "signed", "binary")
"""What a method says of itself: see `circuitbias.component.Estimator`."""


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
        A row a run: `run_of`, `errors_of`, the scores of `detection_scores`, ``n_counts`` (sum of the
        binned values that the method saw: fewer than spikes if binarised), ``n_all_pairs`` (those that there
        are), ``recorded_s``, ``generator`` and ``drive`` (what made the spikes; JSON text, empty of a steady
        drive), ``directed``, ``signed``, ``binary`` (the traits of the method), ``note`` (what the estimate
        warned of, or why it has no error; empty if nothing).
    """
    runs = list(runs)
    for run in runs:
        warn_if_inverted(network, run)
    return pd.DataFrame(
        [
            run_of(run)
            | errors_of(network, run)
            | detection_of(network, run)
            | {
                "n_counts": sum_of_counts(run, run_of(run)["n_spikes"]),
                "n_all_pairs": network.n_neurons * (network.n_neurons - 1),
                **{trait: run.diagnostics.get("traits", {}).get(trait) for trait in TRAITS},
                **made_by(run),
                "note": run.diagnostics.get("note") or why_no_error(network, run),
            }
            for run in runs
        ]
    )


def repetition_table(network: Network, runs: Iterable[Couplings]) -> pd.DataFrame:
    """Bias and variance over seeds, for any network.

    Parameters
    ----------
    network : Network
    runs : iterable of Couplings

    Returns
    -------
    DataFrame
        A row for each condition with two seeds or more that have an estimate: `CONDITION`, ``n_seeds``; the
        fields of `ErrorDecomposition` by `seed_errors`; ``n_pairs`` (least of a seed); and the columns of
        `corrected_columns`, by `seeds_corrected`, or, where rows are repetitions, which tell more, the means
        over seeds of what rows give (``corrected_by``: "seeds", "rows").
    """
    groups: dict[tuple, list] = {}
    for run in runs:
        if not np.isfinite(run.values).any():
            continue  # what could not be estimated is no repetition
        key = tuple(run_of(run)[column] for column in CONDITION)
        groups.setdefault(key, []).append(run)
    rows = []
    for key, group in groups.items():
        if len(group) < 2:
            continue
        weights, stack = network.dense_weights(), np.stack([run.values for run in group])
        singles = pd.DataFrame([errors_of(network, run) for run in group])
        by_rows = singles.split_by.eq("rows").all()
        corrected = mean_corrected(singles) if by_rows else corrected_columns(seeds_corrected(weights, stack))
        rows.append(
            dict(zip(CONDITION, key, strict=True))
            | {"n_seeds": len(group)}
            | vars(seed_errors(weights, stack))
            | {"n_pairs": singles.n_pairs.min(), "corrected_by": "rows" if by_rows else "seeds"}
            | corrected
        )
    fields = [*ErrorDecomposition.__dataclass_fields__, "n_pairs", "corrected_by"]
    return pd.DataFrame(rows, columns=[*CONDITION, "n_seeds", *fields, *corrected_columns(CorrectedErrors())])


def mean_corrected(singles: pd.DataFrame) -> dict:
    """Average corrected errors of independent recordings: squares, which noise does not bias.

    Parameters
    ----------
    singles : DataFrame
        Columns of `corrected_columns`; rows with NaN are left out.

    Returns
    -------
    dict
        The same columns; the standard errors are those of the mean.
    """
    known = singles[singles.bias2_corrected.notna()]
    if known.empty:
        return corrected_columns(CorrectedErrors())
    n = len(known)

    def se(squares):
        return math.sqrt((squares**2).sum()) / n

    bias2, bias2_se = known.bias2_corrected.mean(), se(known.bias2_corrected_se)
    variance2 = (known.variance_corrected**2).mean()
    variance2_se = se(
        (known.variance_corrected + known.variance_corrected_se) ** 2 - known.variance_corrected**2
    )
    return corrected_columns(
        CorrectedErrors.of_squares(
            known.scale_corrected.mean(),
            se(known.scale_corrected_se),
            (bias2, bias2_se),
            (variance2, variance2_se),
            int(known.n_pairs_corrected.min()),
        )
    )


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
        neurons of couplings on the least-squares scale), coupling_corrected (the same on the scale without
        shrinkage, NaN where that is not known) and coupling_corrected_se (from the spread over neurons; NaN
        where they are not equivalent), inverted (as in `errors_of`). Empty unless the network is circulant.
    """
    tables = []
    for run in runs if network.circulant else ():
        key = run_of(run)
        errors, mean = errors_of(network, run), offset_profile(run.values)
        scale = errors["scale_corrected"]
        spread = np.sqrt(offset_profile((run.values - circulant_matrix(mean[1:])) ** 2))
        # Of n rows the mean has 1 / n of the noise; their own mean is taken away, hence n - 1.
        se = spread / math.sqrt(network.n_neurons - 1) if errors["split_by"] == "rows" else math.nan
        profile = pd.DataFrame(
            {
                "offset": np.arange(network.n_neurons),
                "weight": offset_profile(network.dense_weights()),
                "coupling": errors["scale"] * mean,
                "coupling_corrected": scale * mean,
                "coupling_corrected_se": np.abs(scale) * se,
                "inverted": errors["inverted"],
            }
        )
        profile.insert(0, "estimator", key["estimator"])
        profile.insert(1, "r", key["r"])
        profile.insert(2, "seed", key["seed"])
        tables.append(profile[1:])
    columns = ["estimator", "r", "seed", "offset", "weight"]
    columns += ["coupling", "coupling_corrected", "coupling_corrected_se", "inverted"]
    empty = pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True) if tables else empty
