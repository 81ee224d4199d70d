"""Errors of couplings: scale, total, bias and variance; detection scores; predicted errors."""

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
from circuitbias.errors.sampling import (
    ErrorPower,
    PredictedErrors,
    expected_errors,
    noise_and_bias_power,
    predict_errors,
)

__all__ = [
    "ErrorDecomposition",
    "ErrorPower",
    "PredictedErrors",
    "circulant_errors",
    "detection_scores",
    "expected_errors",
    "fit_profile_scale",
    "fit_scale",
    "noise_and_bias_power",
    "offset_profile",
    "predict_errors",
    "seed_errors",
    "total_error",
]
