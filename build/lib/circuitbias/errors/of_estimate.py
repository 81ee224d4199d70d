"""Errors of one estimate against the true weights, and what identifies the run that it comes from."""

import json
import math
import warnings

import numpy as np

from circuitbias.errors.corrected import CorrectedErrors, blocks_corrected, rows_corrected
from circuitbias.errors.decomposition import (
    ErrorDecomposition,
    circulant_errors,
    fit_profile_scale,
    fit_scale,
    off_diagonal,
    total_error,
)
from circuitbias.errors.detection import connected_pairs, detection_scores
from circuitbias.errors.jackknife import QUANTITIES, jackknife_errors
from circuitbias.errors.repeated import block_errors
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


def made_by(couplings: Couplings) -> dict:
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
