"""Error against the width of the bins: too narrow misses the effect of a spike, too wide blurs it."""

import pandas as pd

from circuitbias.component import Experiment, option
from circuitbias.experiments.sweep import described, error_row, try_estimate
from circuitbias.networks.network import Network
from circuitbias.options import beginning, which_estimators, which_strengths
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import count_spikes, first_spikes


class BinWidth(Experiment):
    """Error against the width of the bins."""

    estimators: tuple[str, ...] | None = which_estimators()
    strengths: tuple[float, ...] | None = which_strengths()
    bin_steps: tuple[int, ...] = option(
        (1, 25, 50, 75, 100, 125, 150, 175, 200),
        "Widths (steps).",
        least=1,
        most=100_000,
        fewest=1,
        different=True,
    )
    n_spikes: int | None = beginning()

    sweeps_over = "bin_steps"
    columns = ("bin_steps", "bin_ms")

    def work(self, entries, seconds):
        """Of an estimate with every width."""
        return sum(seconds(entry | {"bin_steps": width}) for entry in entries for width in self.bin_steps)


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
        A row an estimator and width: estimator, method, options (with this width), bin_steps, bin_ms, and the
        columns of `error_row`.
    arrays : dict
        None.
    """
    source = first_spikes(source, n_spikes)
    volume = count_spikes(source)
    progress = Countdown(len(estimators) * len(bin_steps), "estimates")
    rows = []
    for width in bin_steps:
        width_columns = {"bin_steps": width, "bin_ms": width * source.dt_ms}
        for name, entry in estimators.items():
            entry = entry | {"bin_steps": width}  # also in the options that the row tells
            couplings, note = try_estimate(entry, source, network, resources)
            row = error_row(network, couplings, volume, note)
            rows.append(described(name, entry) | width_columns | row)
            progress.add(1)
    return pd.DataFrame(rows), {}
