"""Tables of errors and mean profiles over all runs and estimators."""

import json
import math
import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd

from circuitbias.errors.corrected import CorrectedErrors, blocks_corrected, rows_corrected, seeds_corrected
from circuitbias.errors.decomposition import (
    ErrorDecomposition,
    circulant_errors,
    circulant_matrix,
    fit_profile_scale,
    fit_scale,
    off_diagonal,
    offset_profile,
    total_error,
)
from circuitbias.errors.detection import connected_pairs, detection_scores
from circuitbias.errors.jackknife import QUANTITIES, jackknife_errors
from circuitbias.errors.repeated import block_errors, seed_errors
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks.network import Network


class InvertedCouplingsWarning(UserWarning):
    """Couplings have the signs of the true weights the wrong way round."""


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
                **_made_by(run),
                "note": run.diagnostics.get("note") or why_no_error(network, run),
            }
            for run in runs
        ]
    )


def _made_by(couplings: Couplings) -> dict:
    """Recorded time behind couplings, the generator, and its drive if that changes in time."""
    parameters = couplings.provenance["parameters"]
    model = parameters["spikes"]["parameters"]["model"]
    drive = model.get("drive")
    return {
        "recorded_s": parameters.get("recorded_s", math.nan),
        "generator": model.get("family", "threshold"),
        "drive": json.dumps(drive, sort_keys=True) if drive else "",
    }


def errors_of(network: Network, couplings: Couplings) -> dict:
    """Errors of one estimate in both conventions of the scale, without noise, and the pairs that have one.

    Bias and variance are split where rows are repetitions (positions are equivalent, and no neuron is
    unobserved or silent), else where the estimate comes with blocks of its recording
    (`circuitbias.estimators.estimate_with_blocks`).

    Returns
    -------
    dict
        The fields of `ErrorDecomposition`; ``scale_l1``, ``total_l1``, ``bias_l1``, ``variance_l1`` with the
        scale of `fit_profile_scale`, of circulant weights; ``n_pairs``; ``inverted``: whether the scale of a
        method that tells excitation from inhibition is negative; ``split_by``: what bias and variance
        are split by, "rows", "blocks" or "nothing", and then they are NaN; the fields of `CorrectedErrors` as
        `corrected_columns`; and `sampling_columns`.
    """
    weights, values = network.dense_weights(), couplings.values
    by_rows = network.equivalent_positions and bool(np.isfinite(values).any(axis=1).all())
    errors, older = _both_scales(network, values, by_rows)
    corrected, split_by = CorrectedErrors(), "nothing"
    if by_rows:
        corrected, split_by = rows_corrected(weights, values), "rows"
    elif "blocks" in couplings.arrays:
        split_by = "blocks"
        corrected = blocks_corrected(weights, values, couplings.arrays["blocks"])
        errors = block_errors(weights, values, corrected)
        split_by = "nothing" if math.isnan(errors.variance) else split_by
    return (
        vars(errors)
        | {f"{name}_l1": getattr(older, name) for name in ("scale", "total", "bias", "variance")}
        | {
            "n_pairs": int(np.isfinite(values).sum()),
            "inverted": is_signed(couplings) and errors.scale < 0,
            "split_by": split_by,
        }
        | corrected_columns(corrected)
        | sampling_columns(network, couplings, by_rows)
    )


def _both_scales(network: Network, values, by_rows: bool) -> tuple[ErrorDecomposition, ErrorDecomposition]:
    """Errors on the least-squares scale and on the older one, split where rows are repetitions."""
    weights, unknown = network.dense_weights(), (math.nan,) * 3
    older = ErrorDecomposition(math.nan, math.nan, *unknown)
    if network.circulant:
        older = circulant_errors(weights, values, fit_profile_scale(weights, values))
    if by_rows:
        return circulant_errors(weights, values), older
    errors = ErrorDecomposition(fit_scale(weights, values), total_error(weights, values), *unknown)
    return errors, ErrorDecomposition(older.scale, older.total, *unknown)


def sampling_columns(network: Network, couplings: Couplings, by_rows: bool) -> dict:
    """Standard errors of the errors, from blocks of the recording (`circuitbias.errors.jackknife`).

    Returns
    -------
    dict
        ``total_se``, ``bias_se``, ``variance_se``, ``total_l1_se``, ...; ``correlation_s``, the slowest
        correlation time of the recording; ``block_s``, the length of a block; ``n_blocks``, how many there
        are in the recording. NaN of an estimate without deviations (`circuitbias.estimators.deviations`).
    """
    told = couplings.diagnostics
    names = [f"{name}{scale}_se" for scale in ("", "_l1") for name in QUANTITIES]
    columns = dict.fromkeys(names, math.nan)
    if "deviations" in couplings.arrays:
        columns = jackknife_errors(
            network.dense_weights(),
            couplings.values,
            couplings.arrays["deviations"],
            told["n_blocks"],
            lambda values: _both_scales(network, values, by_rows),
            by_rows,
        )
    return columns | {name: told.get(name, math.nan) for name in ("correlation_s", "block_s", "n_blocks")}


def is_signed(couplings: Couplings) -> bool:
    """Whether the method tells excitation from inhibition; one that does not say is taken to."""
    return couplings.diagnostics.get("traits", {}).get("signed", True)


def detection_of(network: Network, couplings: Couplings) -> dict:
    """Scores of `detection_scores`, by what is known of the network's wiring and of the method."""
    weights = network.dense_weights()
    connected = connected_pairs(weights, network.wiring_known)
    return detection_scores(weights, couplings.values, connected, is_signed(couplings))


def warn_if_inverted(network: Network, couplings: Couplings) -> None:
    """Warn of couplings that only a negative scale brings to the true weights."""
    scale = fit_scale(network.dense_weights(), couplings.values)
    if is_signed(couplings) and scale < 0:
        try:
            run = run_of(couplings)
            which = f"{run['estimator']} at r = {run['r']:g}, seed {run['seed']}"
        except ValueError:  # estimated in Python: nothing is said of the recording
            which = couplings.diagnostics.get("method", "couplings")
        warnings.warn(
            f"{which}: only a negative scale ({scale:.3g}) brings the couplings to the true weights. They "
            "take excitation for inhibition; errors do not show it, as the scale is fitted against the truth",
            InvertedCouplingsWarning,
            stacklevel=2,
        )


def corrected_columns(corrected: CorrectedErrors) -> dict:
    """Fields of `CorrectedErrors` as columns: ``bias_corrected``, ``bias_corrected_se``, ..."""
    return {
        f"{name.removesuffix('_se')}_corrected{'_se' * name.endswith('_se')}": value
        for name, value in vars(corrected).items()
    }


def why_no_error(network: Network, couplings: Couplings) -> str:
    """Say why an estimate has no error relative to the weights; empty if it has one.

    An error is relative to the norm of the weights, after the couplings were scaled to them: of a network
    without weights, or of couplings that are all zero, there is none.
    """
    weights, values = off_diagonal(network.dense_weights(), couplings.values)
    observed = np.isfinite(values)
    if not observed.any():
        return "no pair has a coupling"
    if not weights[observed].any():
        return "all weights are zero: there is nothing that an error could be relative to"
    return "" if values[observed].any() else "all couplings are zero: no scale brings them to the weights"


def sum_of_counts(couplings: Couplings, n_spikes: int) -> float:
    """Sum of the binned values behind an estimate: what the method says, else its number of spikes.

    NaN if the method sees only whether a neuron fires in a bin, and does not say how often that was.
    """
    if couplings.n_counts is not None:
        return couplings.n_counts
    return math.nan if couplings.diagnostics.get("traits", {}).get("binary", False) else n_spikes


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
