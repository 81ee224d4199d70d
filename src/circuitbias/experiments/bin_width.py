"""Error against the width of the bins: too narrow misses the effect of a spike, too wide blurs it."""

import pandas as pd

from circuitbias.experiments.sweep import described, error_row, try_estimate
from circuitbias.networks.network import Network
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import count_spikes, first_spikes


def run(
    network: Network,
    source: SpikeSource,
    *,
    estimators: dict,
    bin_steps: list[int],
    n_spikes: int | None,
    resources: dict,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Estimate with every width.

    Parameters
    ----------
    network : Network
    source : SpikeSource
    estimators : dict
        Entries of a config by name; their own ``bin_steps`` is replaced.
    bin_steps : list of int
    n_spikes : int or None
        Use the beginning of the recording only.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row an estimator and width: estimator, method, options, bin_steps, n_spikes, the columns of
        `errors_of`, n_counts, note.
    arrays : dict
        None.
    """
    source = first_spikes(source, n_spikes)
    volume = count_spikes(source)
    progress = Countdown(len(estimators) * len(bin_steps), "estimates")
    rows = []
    for width in bin_steps:
        for name, entry in estimators.items():
            couplings, note = try_estimate(entry | {"bin_steps": width}, source, network, resources)
            row = error_row(network, couplings, volume, note)
            rows.append(described(name, entry) | {"bin_steps": width} | row)
            progress.add(1)
    return pd.DataFrame(rows), {}
