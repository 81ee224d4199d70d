"""Published results of the experiments beside ours: data volume, demand of data, bin width, synchrony."""

import json
import math

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.comparison.errors import NEURONS, published_method
from circuitbias.comparison.verdicts import with_verdicts
from circuitbias.errors.sampling import expected_errors, noise_and_bias_power, predict_errors

_LIMITS_TO_SE = 2 * 1.96  # width of a 95 % confidence interval in standard errors
BIN_WIDTH_STRENGTH, BIN_WIDTH_COUNTS = 0.005, 5.0e6
"""The published errors against bin width do not say of which data they are. Their bias and variance error
at 100 steps are, in the model of `circuitbias.errors.sampling`, those of r = 0.005 with 5.0e6 (sum of the
binned values): the systematic error is the published one at that strength, and at no other. Each width has
this sum, by the authors' rule when to stop: wider bins had longer recordings."""


def compare_volume_laws(summary: pd.DataFrame) -> pd.DataFrame:
    """Compare the fits of variance error² against volume: slope and intercept.

    Parameters
    ----------
    summary : DataFrame
        As from `circuitbias.experiments.data_volume.summarise`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; the standard error is that of both confidence intervals.
    """
    table = published.power_law_fits()
    rows = []
    for ours, paper in _matched(summary, table):
        for quantity, value, low in (
            ("slope", "slope", "slope"),
            ("log10_intercept", "log10_intercept", "intercept"),
        ):
            widths = [getattr(fit, f"{low}_high") - getattr(fit, f"{low}_low") for fit in (ours, paper)]
            rows.append(
                {
                    "quantity": f"volume_{quantity}",
                    "estimator": ours.estimator,
                    "r": ours.r,
                    "published": getattr(paper, value),
                    "expected": getattr(paper, value),
                    "standard_error": math.hypot(*widths) / _LIMITS_TO_SE,
                    "ours": getattr(ours, value),
                }
            )
    return with_verdicts(rows)


def compare_data_demand(summary: pd.DataFrame) -> pd.DataFrame:
    """Compare the volume (log10) that a total error of 0.577 takes, by minimum probability flow, pinned ring.

    Parameters
    ----------
    summary : DataFrame
        As from `circuitbias.experiments.data_volume.summarise`, with this ``error_level``.
    """
    table = published.data_demand().assign(method="mpf")
    return with_verdicts(
        [
            {
                "quantity": "log10_data_demand",
                "estimator": ours.estimator,
                "r": ours.r,
                "condition": f"total error {ours.error_level:g}, from {ours.demand_from}",
                "published": paper.log10_spikes,
                "expected": paper.log10_spikes,
                "standard_error": math.sqrt(2) * _demand_se(ours),
                "ours": ours.log10_demand,
            }
            for ours, paper in _matched(summary, table)
            if abs(ours.error_level - 0.577) < 1e-3
        ]
    )


def compare_volume_curves(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Compare errors at the published volumes with ours, interpolated between our volumes.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.data_volume.run`, with column r.
    network : str

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. The standard error is that of one recording at this volume, for both of them.
    """
    paper = published.error_against_volume().assign(method="mpf")
    rows = []
    for (estimator, method, options, r), runs in table.groupby(["estimator", "method", "options", "r"]):
        here = paper[np.isclose(paper.r, r)]
        if published_method(method, json.loads(options)) != "mpf" or here.empty:
            continue
        means = (
            runs.groupby("fraction")[["n_counts", "total", "bias", "variance"]].mean().sort_values("n_counts")
        )
        known, total = np.log10(means.n_counts), np.log10(means.total)
        for point in here[here.log10_spikes.between(known.min() - 0.01, known.max() + 0.01)].itertuples():
            nearest = means.iloc[int((known - point.log10_spikes).abs().to_numpy().argmin())]
            rows.append(
                {
                    "quantity": "total",
                    "estimator": estimator,
                    "r": r,
                    "condition": f"10^{point.log10_spikes:.2f} spikes",
                    "n_spikes_published": 10**point.log10_spikes,
                    "published": point.total,
                    "n_spikes": 10**point.log10_spikes,
                    "expected": point.total,
                    "standard_error": math.sqrt(2) * _se(nearest, NEURONS[network]).total_se,
                    "ours": 10 ** float(np.interp(point.log10_spikes, known, total)),
                }
            )
    return with_verdicts(rows)


def compare_bin_widths(table: pd.DataFrame) -> pd.DataFrame:
    """Compare errors against bin width, carried over to our number of spikes; see `BIN_WIDTH_COUNTS`.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.bin_width.run`, with column r.
    """
    rows = []
    table = table[np.isclose(table.r, BIN_WIDTH_STRENGTH) & (table.method == "mpf")]
    for (estimator, method, options), runs in table.groupby(["estimator", "method", "options"]):
        means = runs.groupby("bin_steps")[["n_counts", "n_spikes", "total", "bias", "variance"]].mean()
        if published_method(method, json.loads(options) | {"bin_steps": 100}) != "mpf":
            continue
        for paper in published.bin_width().itertuples():
            if paper.bin_steps not in means.index:
                continue
            ours = means.loc[paper.bin_steps]
            volumes = BIN_WIDTH_COUNTS, ours.n_counts
            now = predict_errors(paper.bias, paper.variance, NEURONS["ring"], *volumes)
            for quantity in ("total", "bias", "variance"):
                rows.append(
                    {
                        "quantity": quantity,
                        "estimator": estimator,
                        "r": BIN_WIDTH_STRENGTH,
                        "condition": f"bins of {paper.bin_steps} steps",
                        "published": getattr(paper, quantity),
                        "n_spikes": ours.n_spikes,
                        "expected": getattr(now, quantity),
                        "standard_error": math.sqrt(2) * getattr(now, f"{quantity}_se"),
                        "ours": ours[quantity],
                    }
                )
    return with_verdicts(rows)


def compare_synchrony(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the errors of the GLM alone and masked by the graph of the correlograms (Extended Data Fig. 7).

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.synchrony.run`, with columns r and n_spikes.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; published are two digits, whose rounding is the standard error.
    """
    return with_verdicts(
        [
            {
                "quantity": "total",
                "estimator": paper.estimator,
                "r": paper.r,
                "condition": "synchrony",
                "n_spikes_published": 1e8,
                "published": paper.total,
                "n_spikes": rows.n_spikes.mean(),
                "expected": paper.total,
                "standard_error": 0.01 / math.sqrt(12),
                "ours": rows.total.mean(),
            }
            for paper in published.synchrony().itertuples()
            if len(rows := table[(table.estimator == paper.estimator) & np.isclose(table.r, paper.r)])
        ]
    )


def _matched(summary, table):
    """Pairs of our row and the published one of the same method and strength."""
    for ours in summary.itertuples():
        name = published_method(ours.method, json.loads(ours.options))
        for paper in table[(table.method == name) & np.isclose(table.r, ours.r)].itertuples():
            yield ours, paper


def _se(errors, n_neurons):
    return expected_errors(noise_and_bias_power(errors.bias, errors.variance, n_neurons), n_neurons)


def _demand_se(ours) -> float:
    """Standard error of log10 of the volume at which the total error falls to a level.

    To first order that of the total error at this volume over the slope of the error: with total² = 1 - k and
    k = 1 / (1 + beta² + xi²), d total / d ln D = -k² xi² / (2 total).
    """
    n_neurons = NEURONS["ring_pinned"]
    try:
        power = noise_and_bias_power(ours.bias, ours.variance, n_neurons)
    except ValueError:
        return math.nan
    noise = 1 / (1 - ours.error_level**2) - 1 - power.bias
    if not noise > 0:
        return math.nan
    there = expected_errors(power._replace(noise=noise), n_neurons)
    slope = (1 - there.total**2) ** 2 * noise / (2 * there.total)
    return there.total_se / slope / math.log(10)
