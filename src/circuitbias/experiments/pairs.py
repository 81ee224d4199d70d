"""Spurious couplings, pair by pair: against the correlation of a pair, and against its distance in the graph.

A method that explains correlations away gives pairs without a connection nothing, however correlated they are
and however near in the graph. What it gives them is seen here directly. All noise of a recording is in its
couplings and in its correlations alike, so that even of independent neurons the one would follow the other:
each half of a recording is therefore held against the correlations of the other half.
"""

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import shortest_path

from circuitbias.component import Experiment, option
from circuitbias.device import resolve_device
from circuitbias.errors.decomposition import fit_scale, total_error
from circuitbias.errors.detection import connected_pairs
from circuitbias.errors.of_estimate import why_no_error
from circuitbias.experiments.sweep import described, try_estimate
from circuitbias.networks.network import Network
from circuitbias.options import beginning, which_estimators, which_strengths
from circuitbias.progress import Countdown
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import correlation, count_moments
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow, count_spikes, first_spikes

KINDS = ("unconnected", "excitatory", "inhibitory")


class Pairs(Experiment):
    """Spurious couplings of pairs against their correlation and their distance in the graph."""

    estimators: tuple[str, ...] | None = which_estimators()
    strengths: tuple[float, ...] | None = which_strengths()
    bin_steps: int = option(100, "Width of the bins of the correlations (steps).", least=1, most=100_000)
    n_groups: int = option(10, "Groups of equally many pairs, by their correlation.", least=2, most=1000)
    least_weight: float = option(
        0.05,
        "Part of a typical neuron's largest weight that makes a connection, where all pairs have a weight.",
        least=0,
        below=1,
    )
    n_spikes: int | None = beginning()

    columns = ("against", "rank_correlation")


def run(
    network: Network,
    source: SpikeSource,
    *,
    estimators: dict,
    bin_steps: int,
    n_groups: int,
    least_weight: float,
    n_spikes: int | None,
    resources: dict,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Estimate from each half of a recording, and group the errors of the pairs.

    Parameters
    ----------
    network : Network
    source : SpikeSource
    estimators : dict
        Entries of a config by name.
    bin_steps : int
        Steps in a bin of the correlations.
    n_groups : int
        Groups by correlation.
    least_weight : float
        See `circuitbias.errors.detection.connected_pairs`.
    n_spikes : int or None
        Use the beginning of the recording only.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row for each estimator, ``kind`` of pairs (of `KINDS`) and group, by correlation or by distance
        (``against``): estimator, method, options, n_spikes (of both halves); ``at``, the mean correlation of
        the group, or the distance (`graph_distances`); ``n_pairs``. The error of a pair is its coupling, on
        the least-squares scale, less its weight, in units of the root mean square of the weights of connected
        pairs: of pairs without a connection, the spurious coupling. ``mean``, ``low`` and ``high`` are the
        mean and the 10th and 90th percentile of a half, noise included; ``systematic``, by distance alone, is
        the root mean square of what both halves share, without noise (0 if that is negative).
        ``rank_correlation``: Spearman's, of errors with correlations over all pairs of the kind; ``total``:
        error of one half, mean of both; ``note``: why there is nothing, then in one row an estimator.
    arrays : dict
        None.
    """
    source = first_spikes(source, n_spikes)
    half = max(int(source.trial_steps.sum()) // 2, 1)
    halves = [StepWindow(source, start, half) for start in (0, int(source.trial_steps.sum()) - half)]
    weights = network.dense_weights()
    connected = connected_pairs(weights, network.wiring_known, least_weight)
    distances = graph_distances(connected)
    others = ~connected & ~np.eye(len(weights), dtype=bool)
    of_kind = dict(zip(KINDS, (others, connected & (weights > 0), connected & (weights < 0)), strict=True))
    unit = np.sqrt((weights[connected] ** 2).mean()) if connected.any() else np.nan
    correlations = [_correlations(part, bin_steps, resources) for part in halves]
    volume, rows, progress = count_spikes(source), [], Countdown(len(estimators), "estimators")
    for name, entry in estimators.items():
        about = described(name, entry) | {"n_spikes": volume}
        found = [try_estimate(entry, part, network, resources, blocks=False) for part in halves]
        note = next((_why_none(network, *one) for one in found if _why_none(network, *one)), "")
        if note:
            rows.append(about | {"total": np.nan, "note": note})
        else:
            values = [couplings.values for couplings, _ in found]
            about["total"] = np.mean([total_error(weights, one) for one in values])
            errors = [(fit_scale(weights, one) * one - weights) / unit for one in values]
            for kind, pairs in of_kind.items():
                told = _grouped(errors, correlations, distances, pairs, n_groups)
                rows += [about | {"kind": kind} | row | {"note": ""} for row in told]
        progress.add(1)
    return pd.DataFrame(rows), {}


def graph_distances(connected: np.ndarray) -> np.ndarray:
    """Fewest connections from one neuron to another, whichever way they point.

    Parameters
    ----------
    connected : (n, n) ndarray of bool
        [pre, post].

    Returns
    -------
    (n, n) ndarray
        1 for a pair that is connected in either direction; infinite where no path leads.
    """
    return shortest_path((connected | connected.T).astype(float), unweighted=True, directed=False)


def _why_none(network, couplings, note):
    if couplings is None:
        return note
    return why_no_error(network, couplings)


def _correlations(part, bin_steps, resources):
    counts = BinnedCounts(part, bin_steps, False, resources["memory_mb"])
    moments = count_moments(counts, resolve_device(resources["device"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return correlation(moments.covariance)


def _grouped(errors, correlations, distances, pairs, n_groups):
    """Rows of one estimator and kind of pairs."""
    pairs = pairs & np.isfinite(errors[0] + errors[1] + correlations[0] + correlations[1])
    if not pairs.any():
        return
    first, second = (one[pairs] for one in errors)
    values = np.concatenate([first, second])
    x = np.concatenate([correlations[1][pairs], correlations[0][pairs]])  # of the other half
    ranks = np.nan
    if np.ptp(x) > 0 and np.ptp(values) > 0:  # Spearman's
        ranks = float(np.corrcoef(pd.Series(x).rank(), pd.Series(values).rank())[0, 1])
    for group in np.array_split(np.argsort(x, kind="stable"), min(n_groups, len(x))):
        told = {"against": "correlation", "at": x[group].mean(), "n_pairs": len(group) / 2}
        yield told | _spread(values[group]) | {"systematic": np.nan, "rank_correlation": ranks}
    apart = distances[pairs]
    for distance in np.unique(apart):
        here = apart == distance
        told = {"against": "distance", "at": distance, "n_pairs": int(here.sum())}
        shared = np.sqrt(max((first[here] * second[here]).mean(), 0.0))
        both = np.concatenate([first[here], second[here]])
        yield told | _spread(both) | {"systematic": shared, "rank_correlation": ranks}


def _spread(values):
    low, high = np.percentile(values, (10, 90))
    return {"mean": values.mean(), "low": low, "high": high}
