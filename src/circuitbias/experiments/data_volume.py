r"""Error against data volume: what more spikes cure and what they do not.

Each estimator sees windows of a recording: fractions :math:`10^0, 10^{-1/4}, 10^{-1/2}, \dots` of it, and for
each fraction up to five windows that begin at multiples of a fifth of the recording (Das & Fiete 2020).
"""

import numpy as np
import pandas as pd

from circuitbias.component import Experiment, option
from circuitbias.errors.volume_law import fit_power_law, spikes_for_error
from circuitbias.experiments.sweep import (
    described,
    error_row,
    mean_without_noise,
    most_common,
    try_estimate,
    with_reasons,
)
from circuitbias.memory import Budget
from circuitbias.networks.network import Network
from circuitbias.options import fractions, which_estimators, which_strengths
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import Remembered, StepWindow, count_spikes

STEPS_PER_DECADE = 4


def windows(n_steps: int, decades: float, n_windows: int) -> list[tuple[float, int, int]]:
    """Fraction, first step and length of every window.

    Parameters
    ----------
    n_steps : int
        Of the recording.
    decades : float
        The smallest fraction is 10**-decades.
    n_windows : int
        Most windows of one fraction; window k begins at k / n_windows of the recording, and one that would
        not end within it is left out.
    """
    found = []
    for power in range(int(decades * STEPS_PER_DECADE + 1e-9) + 1):
        fraction = 10.0 ** (-power / STEPS_PER_DECADE)
        length = max(round(fraction * n_steps), 1)
        starts = [k * n_steps // n_windows for k in range(n_windows)]
        found += [(fraction, start, length) for start in starts if start + length <= n_steps]
    return found


class DataVolume(Experiment):
    """Error against data volume, in windows of each recording."""

    estimators: tuple[str, ...] | None = which_estimators()
    strengths: tuple[float, ...] | None = which_strengths()
    decades: float = fractions()
    n_windows: int = option(5, "Most windows of one fraction.", least=1, most=100)
    error_level: float = option(
        0.577, "Total error for which the demand of data is sought.", above=0, below=1
    )

    summarised = True
    columns = ("fraction", "window")
    summary_columns = ("slope", "log10_demand")

    @property
    def n_recordings(self):
        """Windows of all fractions together."""
        parts = [10 ** (-power / 4) for power in range(int(4 * self.decades + 1e-9) + 1)]
        return sum(part * (1 + int((1 - part) * self.n_windows)) for part in parts)


def run(
    network: Network,
    source: SpikeSource,
    *,
    estimators: dict,
    decades: float,
    n_windows: int,
    resources: dict,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Estimate from every window.

    Parameters
    ----------
    network : Network
    source : SpikeSource
    estimators : dict
        Entries of a config by name.
    decades, n_windows
        See `windows`.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row an estimator and window: estimator, method, options, fraction, window (its first step), n_steps,
        and the columns of `error_row`.
    arrays : dict
        None.
    """
    source = Remembered(source, Budget(resources["memory_mb"]).kept)  # its windows overlap
    cuts = windows(int(source.trial_steps.sum()), decades, n_windows)
    progress = Countdown(len(estimators) * sum(fraction for fraction, _, _ in cuts), "recordings estimated")
    rows = []
    for fraction, first_step, n_steps in cuts:
        window = StepWindow(source, first_step, n_steps)
        n_spikes = count_spikes(window)
        for name, entry in estimators.items():
            couplings, note = try_estimate(entry, window, network, resources)
            rows.append(
                described(name, entry)
                | {"fraction": fraction, "window": first_step, "n_steps": n_steps}
                | error_row(network, couplings, n_spikes, note)
            )
            progress.add(fraction)
    return pd.DataFrame(rows), {}


def with_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Add the variance error on the scale that the whole recording gives: column ``noise``.

    Least squares gives a noisy estimate a smaller scale, and so shrinks its variance error; on one scale for
    all volumes, independent noise falls as 1/D.
    """
    whole = table.scale.where(table.fraction == 1.0)
    whole = whole.groupby([table.estimator, table.options, table.r]).transform("mean")
    return table.assign(noise=table.variance * (whole / table.scale).abs())


def complete_windows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of estimates with the most pairs that this estimator has at this strength.

    Others are of some pairs only, which would be a biased choice. Each estimator and strength is taken by
    itself: a neuron that is silent at one strength takes nothing from the others.
    """
    most = table.groupby(["estimator", "options", "r"]).n_pairs.transform("max")
    return table[(table.n_pairs == most) & table.total.notna()]


def summarise(table: pd.DataFrame, *, error_level: float, **_) -> pd.DataFrame:
    """Fit how the variance falls with the volume, and find the volume that an error takes.

    Parameters
    ----------
    table : DataFrame
        As from `run`, of all strengths and seeds, with columns r and seed.
    error_level : float
        Total error whose demand of data is sought.

    Returns
    -------
    DataFrame
        A row an estimator and strength: estimator, method, options, r; ``slope``, ``slope_low``,
        ``slope_high``, ``log10_intercept``, ``intercept_low``, ``intercept_high``, ``n_volumes`` of the fit
        log10(noise²) = slope log10(volume) + intercept to the means over windows (see `with_noise`), with
        95 % confidence limits (NaN with fewer than three volumes); ``total``, ``bias``, ``variance`` at the
        largest volume, and the last two without noise (`circuitbias.experiments.sweep.WITHOUT_NOISE`);
        ``error_level``, ``log10_demand`` (volume at which the mean total error is this level),
        ``demand_from``, ``log10_bound`` and ``demand_note``: how that was found, or what is known of it, see
        `spikes_for_error`; ``n_pairs``, those that the errors are over, of ``n_all_pairs``; ``n_windows``,
        and ``n_left_out``, those of them with fewer pairs or no estimate; ``note``, why there is no error.
    """
    rows, table = [], with_reasons(table)
    keys = ["estimator", "method", "options", "r"]
    complete = with_noise(complete_windows(table))
    columns = ["n_counts", "total", "bias", "variance", "noise"]
    columns += [name for name in ("bias2_corrected", "bias2_corrected_se") if name in table]
    for key, windows in table.groupby(keys, sort=False):
        runs = complete.loc[complete.index.intersection(windows.index)]
        means = runs.groupby("fraction")[columns].mean().sort_values("n_counts")
        fitted = means[np.isfinite(means.noise)]
        law = fit_power_law(fitted.n_counts.to_numpy(), fitted.noise.to_numpy() ** 2)
        n_pairs = windows.n_pairs.max()
        n_neurons = 0 if runs.empty else int(np.sqrt(n_pairs) + 1)
        demand = spikes_for_error(means, error_level, n_neurons)
        largest = means if means.empty else means.iloc[-1]
        rows.append(
            dict(zip(keys, key, strict=True))
            | law._asdict()
            | {name: largest[name] if len(means) else np.nan for name in ("total", "bias", "variance")}
            | mean_without_noise(runs[runs.fraction == runs.fraction.max()]).to_dict()
            | {
                "error_level": error_level,
                "log10_demand": demand.log10_volume,
                "demand_from": demand.origin,
                "log10_bound": demand.log10_bound,
                "demand_note": demand.note,
                "n_pairs": n_pairs,
                "n_all_pairs": windows.n_all_pairs.max(),
                "n_windows": len(windows),
                "n_left_out": len(windows) - len(runs),
                "note": "" if len(runs) else most_common(windows.note),
            }
        )
    return pd.DataFrame(rows)
