"""Published results of the experiments beside ours: data volume, demand of data, bin width, synchrony."""

import json
import math

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.comparison.errors import published_method
from circuitbias.comparison.expectation import (
    NEURONS,
    PUBLISHED_COUNTS,
    noise_power,
    of_split,
    of_total,
    pinned_power,
)
from circuitbias.comparison.verdicts import error_from_scatter, pairs_note, with_verdicts
from circuitbias.errors.sampling import expected_errors

_LIMITS_TO_SE = 2 * 1.96  # width of a 95 % confidence interval in standard errors
_LAST_DIGIT = 0.01  # of the published errors of Extended Data Fig. 7
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
                    "expected_from": "published value",
                    "error_from": "both fits",
                }
            )
    return with_verdicts(rows)


def compare_data_demand(summary: pd.DataFrame) -> pd.DataFrame:
    """Compare the number of spikes (log10) at which MPF on the pinned ring reaches a total error of 0.577.

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
                "standard_error": math.sqrt(2) * demand_se(ours.r, ours.error_level),
                "ours": ours.log10_demand,
                "expected_from": "published value",
                "error_from": "model",
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
        Columns `COLUMNS`. The standard error is that of one recording at this volume, for theirs and for each
        of ours, and follows from the published curve, unless ours are enough to show it by their scatter.
    """
    paper = published.error_against_volume().assign(method="mpf")
    rows = []
    for (estimator, method, options, r), runs in table.groupby(["estimator", "method", "options", "r"]):
        here = paper[np.isclose(paper.r, r)]
        if published_method(method, json.loads(options)) != "mpf" or here.empty:
            continue
        runs = runs[runs.total.notna()]
        curves = [_curve(of_seed) for _, of_seed in runs.groupby(runs.get("seed", pd.Series(0, runs.index)))]
        if not curves:
            continue
        power = pinned_power(r)
        for point in here[_within(here.log10_spikes, _curve(runs))].itertuples():
            there = power._replace(noise=power.noise * PUBLISHED_COUNTS / 10**point.log10_spikes)
            seen = [curve for curve in curves if _within(point.log10_spikes, curve)]
            each = pd.Series([_at(point.log10_spikes, curve) for curve in seen])
            one_se = expected_errors(there, NEURONS[network]).total_se
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
                    "standard_error": math.sqrt(1 + 1 / len(each)) * one_se,
                    "ours": _at(point.log10_spikes, _curve(runs)),
                    "expected_from": "published value",
                    "error_from": "model",
                    **error_from_scatter(each, 1.0),
                    "note": pairs_note(runs, NEURONS[network]),
                }
            )
    return with_verdicts(rows)


def _curve(windows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Logarithms of the mean volume and of the mean total error, a fraction of the recording each."""
    means = windows.groupby("fraction")[["n_counts", "total"]].mean().sort_values("n_counts")
    return np.log10(means.n_counts), np.log10(means.total)


def _within(log10_volume, curve):
    """Whether a curve goes as far as a volume, a hundredth of a decade aside."""
    return (curve[0].min() - 0.01 <= log10_volume) & (log10_volume <= curve[0].max() + 0.01)


def _at(log10_volume: float, curve) -> float:
    return 10 ** float(np.interp(log10_volume, *curve))


def compare_bin_widths(table: pd.DataFrame) -> pd.DataFrame:
    """Compare errors against bin width, carried over to our number of spikes; see `BIN_WIDTH_COUNTS`.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.bin_width.run`, with column r. The standard error is the model's,
        unless recordings are enough to show it by their scatter.
    """
    rows = []
    table = table[np.isclose(table.r, BIN_WIDTH_STRENGTH) & (table.method == "mpf")]
    for (estimator, options), runs in table.groupby(["estimator", "options"]):
        if published_method("mpf", json.loads(options) | {"bin_steps": 100}) != "mpf":
            continue
        for paper in published.bin_width().itertuples():
            ours = runs[runs.bin_steps == paper.bin_steps]
            if ours.empty:
                continue
            expected = of_split(paper, "ring", BIN_WIDTH_COUNTS, ours.n_counts.mean(), len(ours))
            rows += [
                {
                    "quantity": quantity,
                    "estimator": estimator,
                    "r": BIN_WIDTH_STRENGTH,
                    "condition": f"bins of {paper.bin_steps} steps",
                    "published": getattr(paper, quantity),
                    "n_spikes": ours.n_spikes.mean(),
                    **expectation._asdict(),
                    "ours": ours[quantity].mean(),
                    "expected_from": "published errors",
                    "error_from": "model",
                    "note": pairs_note(ours, NEURONS["ring"]),
                    **error_from_scatter(ours[quantity].dropna(), ours.n_counts.mean() / BIN_WIDTH_COUNTS),
                }
                for quantity, expectation in expected.items()
            ]
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
        Columns `COLUMNS`; published are two digits. Both are carried over to our volume with the noise
        of the published errors of the GLM: what chance does to the graph is not in it, but in the scatter of
        our recordings, if they are enough.
    """
    rows = []
    for paper in published.synchrony().itertuples():
        ours = table[(table.estimator == paper.estimator) & np.isclose(table.r, paper.r)]
        if ours.empty:
            continue
        noise, n_spikes = noise_power("ring", "glm", paper.r), ours.n_spikes.mean()
        scatter = error_from_scatter(ours.total.dropna(), n_spikes / PUBLISHED_COUNTS)
        if scatter:
            scatter["standard_error"] = math.hypot(scatter["standard_error"], _LAST_DIGIT / math.sqrt(12))
            scatter["error_from"] += " and rounding"
        rows.append(
            {
                "quantity": "total",
                "estimator": paper.estimator,
                "r": paper.r,
                "condition": "synchrony",
                "n_spikes_published": PUBLISHED_COUNTS,
                "published": paper.total,
                "n_spikes": n_spikes,
                **of_total(paper.total, noise, "ring", n_spikes, len(ours), _LAST_DIGIT)._asdict(),
                "ours": ours.total.mean(),
                "expected_from": "published total and errors of the GLM",
                "error_from": "model and rounding",
                "note": pairs_note(ours, NEURONS["ring"]),
                **scatter,
            }
        )
    return with_verdicts(rows)


def _matched(summary, table):
    """Pairs of our row and the published one of the same method and strength."""
    for ours in summary.itertuples():
        name = published_method(ours.method, json.loads(ours.options))
        for paper in table[(table.method == name) & np.isclose(table.r, ours.r)].itertuples():
            yield ours, paper


def demand_se(r: float, level: float) -> float:
    """Standard error of log10 of the volume at which the total error falls to a level.

    To first order that of the total error at this volume over the slope of the error: with total² = 1 - k and
    k = 1 / (1 + beta² + xi²), d total / d ln D = -k² xi² / (2 total). Powers: the published curve's.
    """
    power = pinned_power(r)
    noise = 1 / (1 - level**2) - 1 - power.bias
    if not noise > 0:
        return math.nan
    there = expected_errors(power._replace(noise=noise), NEURONS["ring_pinned"])
    slope = (1 - there.total**2) ** 2 * noise / (2 * there.total)
    return there.total_se / slope / math.log(10)
