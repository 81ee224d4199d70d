"""Errors of couplings: scale, total, bias and variance; detection scores; predicted errors."""

from circuitbias.errors.corrected import (
    CorrectedErrors,
    blocks_corrected,
    rows_corrected,
    seeds_corrected,
)
from circuitbias.errors.decomposition import (
    ErrorDecomposition,
    circulant_errors,
    fit_profile_scale,
    fit_scale,
    offset_profile,
    total_error,
)
from circuitbias.errors.detection import connected_pairs, detection_scores
from circuitbias.errors.repeated import block_errors, seed_errors
from circuitbias.errors.sampling import (
    ErrorPower,
    PredictedErrors,
    expected_errors,
    noise_and_bias_power,
    predict_errors,
)

__all__ = [
    "CorrectedErrors",
    "ErrorDecomposition",
    "ErrorPower",
    "PredictedErrors",
    "block_errors",
    "blocks_corrected",
    "circulant_errors",
    "connected_pairs",
    "detection_scores",
    "expected_errors",
    "fit_profile_scale",
    "fit_scale",
    "noise_and_bias_power",
    "offset_profile",
    "predict_errors",
    "rows_corrected",
    "seed_errors",
    "seeds_corrected",
    "total_error",
]
