"""Freezing: whether and when a network falls into a state in which few neurons fire, and fast.

The random symmetric network of Das & Fiete (2020, doi:10.1038/s41593-020-0699-2) does at r >= 0.0275. What
is recorded from then on tells nothing of most couplings, and an estimate from all of the recording becomes
worse with more data.
"""

import numpy as np
import pandas as pd

from circuitbias.component import Cost, Experiment, option
from circuitbias.errors.decomposition import total_error
from circuitbias.errors.of_estimate import why_no_error
from circuitbias.estimators import attempt
from circuitbias.networks.network import Network
from circuitbias.options import which_strengths
from circuitbias.spikes.freezing import freezing
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow, count_spikes


class Freezing(Experiment):
    """When a network freezes, and what the time before and after tells of its wiring (mean field)."""

    strengths: tuple[float, ...] | None = which_strengths()
    bin_steps: int = option(100, "Width of the bins of the estimates (steps).", least=1, most=100_000)

    cost = Cost(seconds=15)
    columns = ("frozen_share",)


def run(
    network: Network, source: SpikeSource, *, bin_steps: int, resources: dict, **_
) -> tuple[pd.DataFrame, dict]:
    """Find the time at which the first trial freezes, and the error of estimates by naive mean field.

    Parameters
    ----------
    network : Network
    source : SpikeSource
    bin_steps : int
        Steps in a bin of the estimates.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row for each part of the recording that estimates (``estimator``) are made of, ``fraction`` (1,
        10^-0.25, ...) from its beginning: n_spikes, ``seconds``, ``total`` (error over the pairs that have a
        coupling), ``n_pairs``, ``observed`` (share of the norm of the weights that those pairs have),
        ``frozen_share`` (of this part; NaN of a recording too short to tell), and the fields of
        `circuitbias.spikes.freezing.Freezing`, the same in all rows; ``note``.
    arrays : dict
        None.
    """
    found = freezing(source)[0]
    steps = int(source.trial_steps[0])
    weights, rows = network.dense_weights(), []
    off = ~np.eye(len(weights), dtype=bool)
    seen = np.isfinite(found.active_before)
    power_of_all = (weights[off] ** 2).sum()
    for power in range(9):
        part = StepWindow(source, 0, max(int(steps * 10 ** (-power / 4)), 1))
        seconds = part.n_steps * source.dt_ms / 1000
        couplings = attempt("mean_field", part, bin_steps=bin_steps, **resources)
        known = np.isfinite(couplings.values) & off
        frozen_s = max(seconds - found.frozen_from_s, 0.0) if np.isfinite(found.frozen_from_s) else 0.0
        reasons = [couplings.diagnostics["note"] or why_no_error(network, couplings)]
        reasons += [] if seen else [f"{found.duration_s:.3g} s are too short to see whether it freezes"]
        rows.append(
            {
                "estimator": "mean_field",
                "fraction": 10 ** (-power / 4),
                "n_spikes": count_spikes(part),
                "seconds": seconds,
                "total": total_error(weights, couplings.values),
                "n_pairs": int(known.sum()),
                "observed": float(np.sqrt((weights[known] ** 2).sum() / (power_of_all or np.nan))),
                "frozen_share": frozen_s / seconds if seen else np.nan,
                **found._asdict(),
                "note": "; ".join(filter(None, reasons)),
            }
        )
    return pd.DataFrame(rows), {}
