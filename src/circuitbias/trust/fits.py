"""The estimators under trust, run on a recording or on a twin of it."""

import warnings

import numpy as np

from circuitbias.estimators.couplings import Couplings, EstimationWarning
from circuitbias.estimators.registry import complete_options, estimate
from circuitbias.trust.checks import held_out_bits, held_out_parts
from circuitbias.trust.histories import HistoryGlmAtPoints, bins_per_point

_TAUS_MS = (3.0, 10.0, 30.0)
_WIDTH = 0.1  # of the response bins of histories, in time constants
_TOLERANCE = 1e-5  # of fits: a hundredth of a standard error, up to a million spikes of a unit
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
    ridge = 1 / (n_bins * _LARGEST**2)
    return {"bin_steps": bin_steps, "filter_ms": tau_ms, "ridge": ridge, "tolerance": _TOLERANCE}


def on_twins(methods: dict[str, dict]) -> dict[str, dict]:
    """The same methods with the tolerance that calibration needs, where they have one."""
    return {
        name: options | {"tolerance": max(options["tolerance"], _TOLERANCE)}
        if "tolerance" in options
        else options
        for name, options in ((name, complete_options(name, given)) for name, given in methods.items())
    }


def all_estimates(source, methods, memory_mb) -> dict[str, Couplings]:
    """Couplings by each method; what could not be estimated is NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return {
            name: estimate(_form(name, source, options), source, memory_mb=memory_mb, device="cpu", **options)
            for name, options in methods.items()
        }


def _form(name, source, options):
    """The method, or its form for a recording with more bins than need to be looked at."""
    long = name == "glm_history" and bins_per_point(source, options["bin_steps"]) > 1
    return HistoryGlmAtPoints if long else name
