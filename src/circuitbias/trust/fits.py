"""The estimators under trust, run on a recording or on a twin of it."""

import warnings

import numpy as np

from circuitbias.estimators.couplings import Couplings, EstimationWarning
from circuitbias.estimators.registry import estimate
from circuitbias.trust.checks import held_out_bits, held_out_parts

_TAUS_MS = (3.0, 10.0, 30.0)
_WIDTH = 0.1  # of the response bins of histories, in time constants
_LARGEST = 2.0  # couplings of the history GLM are held to about this size: a spike changes a rate seven times


def best_history(source, memory_mb):
    """Time constant that predicts held-out spikes best; options of the history GLM; its held-out fit."""
    first, _ = held_out_parts(source)
    tried = []
    for tau_ms in _TAUS_MS:
        options = _history_options(source, tau_ms)
        fitted = all_estimates(first, {"glm_history": options}, memory_mb)["glm_history"]
        gained = held_out_bits(source, fitted)
        tried.append((gained, tau_ms, options, fitted))
    _, tau_ms, options, fitted = max(tried, key=lambda one: np.nan_to_num(one[0], nan=-np.inf))
    return tau_ms, options, fitted


def _history_options(source, tau_ms):
    bin_steps = max(round(_WIDTH * tau_ms / source.dt_ms), 1)
    n_bins = max(int((source.trial_steps // bin_steps).sum()), 1)
    # As of a normal prior: next to nothing where there are data, finite couplings where there are few.
    return {"bin_steps": bin_steps, "filter_ms": tau_ms, "ridge": 1 / (n_bins * _LARGEST**2)}


def all_estimates(source, methods, memory_mb) -> dict[str, Couplings]:
    """Couplings by each method; what could not be estimated is NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return {
            name: estimate(name, source, memory_mb=memory_mb, device="cpu", **options)
            for name, options in methods.items()
        }
