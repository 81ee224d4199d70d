r"""Partial observation: how wrong an estimate is that sees only some of the neurons.

For n of N neurons, as many random subsets are drawn as let a pair be seen with a given probability:

.. math:: \left\lceil \ln(1 - p) \big/ \ln\Big(1 - \frac{n (n - 1)}{N (N - 1)}\Big) \right\rceil

(Das & Fiete 2020, with p = 0.99). Errors are those of the observed pairs; of fewer pairs than
`circuitbias.experiments.sweep.LEAST_PAIRS` there are none. The merged estimate is, for each
pair, the mean over the subsets that hold it.
"""

import math

import numpy as np
import pandas as pd

from circuitbias.component import Experiment, option
from circuitbias.estimators import Couplings
from circuitbias.estimators.blocks import N_BLOCKS
from circuitbias.experiments.data_volume import STEPS_PER_DECADE
from circuitbias.experiments.sweep import (
    LEAST_PAIRS,
    WITHOUT_NOISE,
    described,
    error_row,
    mean_without_noise,
    most_common,
    try_estimate,
    with_reasons,
)
from circuitbias.memory import Budget
from circuitbias.networks.network import Network
from circuitbias.options import beginning, fractions, which_estimators, which_strengths
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import ObservedNeurons, Remembered, StepWindow, count_spikes, first_spikes

MERGED = -1
"""Number of the subset in the row of the merged estimate."""


def covering_subsets(n_observed: int, n_neurons: int, coverage: float) -> int:
    """Random subsets after which a pair has been seen with probability ``coverage``; 1 if all are observed.

    Examples
    --------
    >>> [covering_subsets(n, 100, 0.99) for n in (10, 50, 90, 100)]
    [505, 17, 3, 1]
    """
    share = n_observed * (n_observed - 1) / (n_neurons * (n_neurons - 1))
    return 1 if share >= 1 else math.ceil(math.log(1 - coverage) / math.log1p(-share))


def tenths(n_neurons: int) -> list[int]:
    """Tenths of a network that have `LEAST_PAIRS` pairs or more; all neurons, if none has.

    Examples
    --------
    >>> tenths(100), tenths(20), tenths(3)
    ([10, 20, 30, 40, 50, 60, 70, 80, 90, 100], [6, 8, 10, 12, 14, 16, 18, 20], [3])
    """
    sizes = sorted({round(k * n_neurons / 10) for k in range(1, 11)})
    return [size for size in sizes if size * (size - 1) >= LEAST_PAIRS] or [n_neurons]


class PartialObservation(Experiment):
    """Error when only some of the neurons are seen."""

    estimators: tuple[str, ...] | None = which_estimators()
    strengths: tuple[float, ...] | None = which_strengths()
    n_observed: tuple[int, ...] | None = option(
        None,
        "Numbers of observed neurons, at most all of them; null takes tenths of the network. Fewer than 5 "
        "are too few pairs (20) for an error, and get the reason in its place.",
        least=2,
        fewest=1,
        different=True,
    )
    coverage: float = option(
        0.99,
        "Probability with which each pair is seen in at least one of the random subsets.",
        above=0,
        below=1,
    )
    fixed_half: bool = option(
        True, "Also observe one half of the neurons in beginnings of the recording of all volumes."
    )
    decades: float = fractions()
    n_spikes: int | None = beginning()

    summarised = True
    columns = ("n_observed", "subset")
    summary_columns = ("n_subsets", "merged_total")
    n_recordings = 100  # hundreds of subsets, most of them small


def run(
    network: Network,
    source: SpikeSource,
    *,
    estimators: dict,
    n_observed: list[int] | None,
    coverage: float,
    fixed_half: bool,
    decades: float,
    n_spikes: int | None,
    seed: int,
    resources: dict,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Estimate from every subset, and from one half of the neurons with growing data.

    Parameters
    ----------
    network : Network
    source : SpikeSource
    estimators : dict
        Entries of a config by name.
    n_observed : list of int or None
        None takes tenths of the network, those with `LEAST_PAIRS` pairs or more. Smaller numbers get NaN and
        the reason.
    coverage : float
        Probability of a pair to be seen, less than 1.
    fixed_half : bool
        Also observe one random half of the neurons in beginnings of the recording of all volumes.
    decades : float
        Of these volumes.
    n_spikes : int or None
        Use the beginning of the recording only.
    seed : int
        Of the subsets.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row an estimate: estimator, method, options, ``experiment`` ("subsets" or "fixed_half"), n_observed,
        subset (0, 1, ... or `MERGED`), fraction (of the recording), and the columns of
        `error_row`: n_spikes is of all neurons, n_counts of those observed.
    arrays : dict
        None.

    Raises
    ------
    ValueError
        If more neurons are to be observed than there are.
    """
    source = first_spikes(source, n_spikes)
    volume, n = count_spikes(source), network.n_neurons
    source = Remembered(source, Budget(resources["memory_mb"]).kept)  # it is read hundreds of times
    n_observed = tenths(n) if n_observed is None else n_observed
    if max(n_observed) > n:
        raise ValueError(
            f"n_observed = {max(n_observed)}: must be at most the number of neurons of the network, {n}"
        )
    random = np.random.default_rng(seed)
    half = np.sort(random.permutation(n)[: n // 2])
    subsets = [
        (size, k, np.sort(random.permutation(n)[:size]))
        for size in n_observed
        for k in range(covering_subsets(size, n, coverage))
    ]
    progress = Countdown(len(estimators) * sum(size for size, _, _ in subsets), "neurons estimated")
    rows = []
    for name, entry in estimators.items():

        def row(experiment, size, subset, fraction, errors, name=name, entry=entry):
            which = {"experiment": experiment, "n_observed": size, "subset": subset, "fraction": fraction}
            rows.append(described(name, entry) | which | errors)

        shape = (2, 1 + N_BLOCKS, n, n)
        sums: dict[int, np.ndarray] = {size: np.zeros(shape) for size in n_observed}
        for size, k, neurons in subsets:
            couplings, note = _observe(network, source, neurons, entry, resources)
            row("subsets", size, k, 1.0, error_row(network, couplings, volume, note, size))
            if couplings is not None:
                layers = _layers(couplings)
                known = np.isfinite(layers)
                sums[size] += np.where(known, layers, 0.0), known
            progress.add(size)
        for size, (total, times) in sums.items():
            merged = _from_layers(np.where(times > 0, total / np.maximum(times, 1), np.nan))
            errors = error_row(network, merged, volume, "") | {"n_counts": np.nan}  # counted many times
            row("subsets", size, MERGED, 1.0, errors)
        if fixed_half:
            n_steps = int(source.trial_steps.sum())
            for power in range(int(decades * STEPS_PER_DECADE + 1e-9) + 1):
                fraction = 10.0 ** (-power / STEPS_PER_DECADE)
                part = StepWindow(source, 0, max(round(fraction * n_steps), 1))
                couplings, note = _observe(network, part, half, entry, resources)
                errors = error_row(network, couplings, count_spikes(part), note, len(half))
                row("fixed_half", len(half), 0, fraction, errors)
    return pd.DataFrame(rows), {}


def summarise(table: pd.DataFrame, **_) -> pd.DataFrame:
    """Mean and scatter over subsets beside the merged estimate.

    Parameters
    ----------
    table : DataFrame
        As from `run`, of all strengths and seeds, with columns r and seed.

    Returns
    -------
    DataFrame
        A row an estimator, strength and number of observed neurons: estimator, method, options, r,
        n_observed; ``n_subsets``, those with an error, and ``n_left_out``, those without; ``total``,
        ``bias``, ``variance`` (means over subsets), ``total_sd``; bias and variance without noise
        (`circuitbias.experiments.sweep.WITHOUT_NOISE`); ``n_pairs``, the mean number of pairs of a subset
        with an error, of ``n_all_pairs``, and ``n_fewer``, the subsets over fewer; ``merged_total``,
        ``merged_bias``, ``merged_variance``, ``merged_n_pairs``, ``merged_n_all_pairs``; ``note``, the reason
        most often given by subsets without an error.
    """
    table = with_reasons(table[table.experiment == "subsets"])
    keys = ["estimator", "method", "options", "r", "n_observed"]
    errors, pairs = ["total", "bias", "variance"], ["n_pairs", "n_all_pairs"]
    subsets = table[table.subset != MERGED]
    known = subsets.total.notna()
    single = subsets.assign(
        left_out=~known,
        n_pairs=subsets.n_pairs.where(known),
        fewer=known & (subsets.n_pairs < subsets.n_all_pairs),
        note=subsets.note.where(~known),
    ).groupby(keys, sort=False)
    merged = table[table.subset == MERGED].groupby(keys, sort=False)[errors + pairs].mean()
    summary = single[errors + pairs].mean()
    summary.insert(0, "n_subsets", single.total.count())
    summary.insert(1, "n_left_out", single.left_out.sum())
    summary["total_sd"] = single.total.std(ddof=1)
    summary["n_fewer"] = single.fewer.sum()
    without = single[list(table.columns.intersection([*WITHOUT_NOISE, "bias2_corrected"]))]
    summary = summary.join(without.apply(mean_without_noise))
    summary = summary.join(merged.add_prefix("merged_"))
    summary["note"] = single.note.agg(most_common)
    return summary.reset_index()


def _layers(couplings):
    """Couplings of the whole recording and of its blocks, NaN without those: shape (1 + blocks, n, n)."""
    unknown = np.full((N_BLOCKS, *couplings.values.shape), np.nan)
    return np.stack([couplings.values, *couplings.arrays.get("blocks", unknown)])


def _from_layers(layers, diagnostics=None):
    return Couplings(layers[0], diagnostics or {}, {"blocks": layers[1:]})


def _observe(network, source, neurons, entry, resources):
    """Estimate from some neurons; the couplings are put among those of all, NaN elsewhere."""
    couplings, note = try_estimate(entry, ObservedNeurons(source, neurons), network, resources)
    if couplings is not None:
        layers = _layers(couplings)
        among_all = np.full((len(layers), network.n_neurons, network.n_neurons), np.nan)
        among_all[:, neurons[:, None], neurons] = layers
        couplings = _from_layers(among_all, couplings.diagnostics)
    return couplings, note
