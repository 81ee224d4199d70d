"""Causes that docs/reproduction.yaml names for numbers of ours that differ from the published ones."""

import numpy as np
import pytest

import circuitbias as cb
from circuitbias import published
from circuitbias.errors.sampling import noise_and_bias_power, predict_errors
from circuitbias.spikes.views import first_spikes

THETA = {0.015: 8.93e-4, 0.0175: 8.52e-4, 0.02: 8.15e-4, 0.0225: 7.75e-4, 0.025: 7.4e-4}
"""Published, of the pinned ring."""


def with_endless_data(errors, volumes):
    """Continue errors of two volumes to 1e8 spikes: in 1 / (1 - error squared) noise falls as 1 / volume."""
    less, more = (1 / (1 - error**2) for error in errors)
    noise = (less - more) / (1 / volumes[0] - 1 / volumes[1])
    return np.sqrt(1 - 1 / (more - noise * (1 / volumes[1] - 1 / 1e8)))


@pytest.mark.slow
@pytest.mark.parametrize("r", THETA)
def test_a_standardised_response_makes_the_published_error_of_logistic_regression_on_the_pinned_ring(r):
    """With a response of +1 and -1, and an intercept, ours are .517 to .498, and published .540 to .759.

    At least three quarters of the difference must go. (At r = .0125 it is 2 %, too little to tell.)
    """
    table = published.errors("ring_pinned")
    paper = table.total[(table.method == "logistic_binarised") & np.isclose(table.r, r)].item()
    ring = cb.network("ring", pinned=True)
    spikes = cb.simulate(ring, r=r, theta=THETA[r], n_spikes=6_000_000, seed=1)
    volumes = 2_000_000, 6_000_000
    standardised, plain = (
        with_endless_data([
            cb.compare(ring, cb.infer(part, "logistic", binarise=True, as_published=slip)).total
            for part in (first_spikes(spikes, n) for n in volumes)
        ], volumes)
        for slip in (True, False)
    )  # fmt: skip
    print(f"r = {r:g}: {standardised:.3f}, without the slip {plain:.3f}, published {paper:.3f}")
    assert abs(standardised - paper) < abs(plain - paper) / 4


@pytest.mark.slow
def test_variance_errors_of_mean_field_scatter_between_recordings_of_drifting_bumps():
    """At r = .025 far more than the 1 % that noise independent between pairs would have."""
    ring = cb.network("ring")
    found = []
    for seed in range(100, 106):
        spikes = cb.simulate(ring, r=0.025, theta=7.35e-4, n_spikes=10_000_000, seed=seed)
        found.append(cb.compare(ring, cb.infer(spikes, "mean_field")).variance)
    scatter = np.std(found, ddof=1) / np.mean(found)
    print(f"variance errors {np.round(found, 4)}, scatter {scatter:.3f}")
    assert 0.04 < scatter < 0.25  # .11, itself known to a third from six


@pytest.mark.parametrize(("method", "r"), [("glm", 0.0025), ("glm", 0.005), ("mpf", 0.0025)])
def test_slopes_published_at_weak_strengths_hold_what_least_squares_shrinks(method, r):
    """Of total error squared less the bias squared of all data, as the paper has it, from 1e7 spikes on.

    With noise alone the power of the variance falls as 1 / volume: a slope of -1, as ours are. What is left
    of the total by subtracting one bias holds shrinkage as well, which is larger where there are fewer data.
    Everything here follows from the published errors at 1e8 spikes and the model.
    """
    fit, errors = published.power_law_fits(), published.errors("ring")
    (fit,) = fit[(fit.method == method) & np.isclose(fit.r, r)].itertuples()
    (paper,) = errors[(errors.method == method) & np.isclose(errors.r, r)].itertuples()
    log_volumes = np.linspace(7, 8, 5)
    totals = [predict_errors(paper.bias, paper.variance, 100, 1e8, 10**v).total for v in log_volumes]
    slope, intercept = np.polyfit(log_volumes, np.log10(np.square(totals) - paper.bias**2), 1)
    noise = noise_and_bias_power(paper.bias, paper.variance, 100).noise
    print(f"{method} r = {r:g}: slope {slope:.4f}, published {fit.slope:.4f}")
    assert abs(slope - fit.slope) < abs(-1 - fit.slope) / 2
    assert abs(intercept - fit.log10_intercept) < abs(np.log10(noise * 1e8) - fit.log10_intercept)
