"""Synchrony: what correlograms tell of the wiring, alone and as a mask on the GLM.

Das & Fiete (2020, doi:10.1038/s41593-020-0699-2), Extended Data Fig. 7 a-d: two neurons are thought
connected if their correlogram is largest at a lag shorter than tau.
"""

import numpy as np
import pandas as pd

from circuitbias.component import Cost, Experiment
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.errors.decomposition import fit_scale
from circuitbias.errors.of_estimate import errors_of, why_no_error
from circuitbias.estimators import Couplings
from circuitbias.estimators.correlogram_graph import CorrelogramGraph
from circuitbias.estimators.correlogram_shape import two_sided
from circuitbias.estimators.glm import Glm
from circuitbias.estimators.glm_masked import mask
from circuitbias.networks.network import Network
from circuitbias.options import beginning, which_strengths
from circuitbias.spikes.correlograms import correlogram
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import ObservedNeurons, count_spikes, first_spikes

BIN_STEPS, WINDOW_TAUS = 3, 3.0
"""Of the correlograms, as in the paper: steps in a bin, and the longest lag in synaptic time constants."""

EXAMPLE_OFFSETS = (0.05, 0.12, 0.25, 0.37)
"""Of the pairs whose correlograms are shown, as parts of the ring: within a bump, at its edge, in the next
bump, and between bumps."""


class Synchrony(Experiment):
    """Graphs of correlograms, and the GLM masked by them."""

    strengths: tuple[float, ...] | None = which_strengths()
    n_spikes: int | None = beginning()

    cost = Cost(seconds=17)
    with_arrays = True
    columns = ("n_connected",)


def run(
    network: Network,
    source: SpikeSource,
    *,
    n_spikes: int | None = None,
    resources: dict,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Estimate by the GLM, by the graph of the correlograms, and by the GLM masked by that graph.

    Parameters
    ----------
    network : Network
    source : SpikeSource
    n_spikes : int or None, optional
        Use the beginning of the recording only.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row each for the estimators "glm", "correlogram_graph" (weighed by the correlation at its peak) and
        "glm_masked": estimator, n_spikes, the columns of `errors_of`, ``n_all_pairs`` (those that there are),
        ``n_connected`` (pairs of neurons with a coupling, either way, that is not 0), ``note`` (why there is
        no error; empty if there is one).
    arrays : dict
        The couplings of each estimator by its name, (n, n), on the scale of the weights; ``connected`` (n, n)
        of bool, by peaks at lags shorter than ``connected_ms``; ``peak_lag_ms`` (n, n); ``example_pairs``
        (pairs, 2); ``examples`` (pairs, lags), the correlograms of these pairs at ``lags_ms`` (lags,):
        positive if the second neuron fires after the first.

    Raises
    ------
    UnusableDataError
        If the recording does not allow one of the estimates.
    """
    source = first_spikes(source, n_spikes)
    volume = count_spikes(source)
    window_ms = WINDOW_TAUS * synaptic_tau_ms(source)
    graph = CorrelogramGraph(bin_steps=BIN_STEPS, window_ms=window_ms).estimate(source, **resources)
    fitted = Glm().estimate(source, **resources)
    estimates = {
        "glm": fitted,
        "correlogram_graph": graph,
        "glm_masked": mask(fitted, graph),
    }
    table = pd.DataFrame(
        [
            {"estimator": name, "n_spikes": volume}
            | errors_of(network, couplings)
            | {"n_all_pairs": network.n_neurons * (network.n_neurons - 1)}
            | {"n_connected": _connected_pairs(couplings), "note": why_no_error(network, couplings)}
            for name, couplings in estimates.items()
        ]
    )
    arrays = {
        name: fit_scale(network.dense_weights(), couplings.values) * couplings.values
        for name, couplings in estimates.items()
    }
    arrays["connected_ms"] = np.array(graph.diagnostics["connected_ms"])
    return table, arrays | graph.arrays | _examples(network, source, graph.diagnostics["lag_bins"])


def example_pairs(network: Network) -> np.ndarray:
    """Neurons at the offsets of `EXAMPLE_OFFSETS` from the first one that is driven: shape (pairs, 2).

    Pairs that fall together in a small network are there once.
    """
    n = network.n_neurons
    first = int(np.flatnonzero(network.drive_scale > 0)[0])
    offsets = sorted({max(1, round(part * n)) for part in EXAMPLE_OFFSETS})
    return np.array([(first, (first + offset) % n) for offset in offsets if offset < n])


def _examples(network, source, longest):
    pairs = example_pairs(network)
    neurons = np.unique(pairs)
    curves = correlogram(ObservedNeurons(source, neurons), BIN_STEPS, longest)
    pre, post = np.searchsorted(neurons, pairs).T
    return {
        "example_pairs": pairs,
        "examples": np.stack([two_sided(curves, i)[:, j] for i, j in zip(pre, post, strict=True)]),
        "lags_ms": np.arange(-longest, longest + 1) * BIN_STEPS * source.dt_ms,
    }


def _connected_pairs(couplings: Couplings) -> int:
    there = np.nan_to_num(couplings.values) != 0
    return int(np.triu(there | there.T).sum())
