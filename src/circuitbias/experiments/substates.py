"""Substates: how the joint states of ten neighbours tell a ring from rings with sidebands, and their entropy.

Das & Fiete (2020, doi:10.1038/s41593-020-0699-2): a ring with the sidebands of a biased inference for
weights is easiest to tell from the ring itself at the strength at which patterns form, and hard deep within
them.
"""

import math

import numpy as np
import pandas as pd

from circuitbias.component import Cost, Experiment, option
from circuitbias.dynamics.parameters import ThresholdParameters, model_parameter
from circuitbias.dynamics.simulate import simulate
from circuitbias.exceptions import UnusableDataError
from circuitbias.networks import build_network
from circuitbias.networks.network import Network
from circuitbias.options import beginning, which_strengths
from circuitbias.published import thresholds
from circuitbias.spikes.segments import SpikeRecord, SpikeSource
from circuitbias.spikes.substates import divergence_bits, entropy_bits, grassberger_bits, state_counts
from circuitbias.spikes.views import StepWindow, count_spikes, first_spikes

_BLOCKS = 10  # of a recording, left out in turn for standard errors
_MIXTURES = {"same": 0, "sideband_1_3": 1, "sideband_2_3": 2, "sideband_3_3": 3}
_DECADE = (1.0, 0.1, 0.01)  # parts of the recording whose entropies are given


class Substates(Experiment):
    """Likelihood, divergence and entropy of the joint states of neighbours (the paper's ring alone)."""

    strengths: tuple[float, ...] | None = which_strengths()
    n_neurons: int = option(10, "Adjacent neurons whose joint states are counted.", least=2, most=20)
    bin_steps: int = option(100, "Width of a bin (steps); a neuron is on if it fires in it.", least=1)
    n_spikes: int | None = beginning()

    cost = Cost(seconds=30)
    columns = ("divergence", "log_likelihood")


def run(
    network: Network,
    source: SpikeSource,
    *,
    n_neurons: int,
    bin_steps: int,
    n_spikes: int | None,
    seed: int,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Compare the states of the ring with those of a second recording of it, and of rings with sidebands.

    Parameters
    ----------
    network : Network
        The paper's ring of 100 neurons.
    source : SpikeSource
    n_neurons, bin_steps, n_spikes
        As in `Substates`. The other networks are simulated here, for as many spikes, at their published
        thresholds.
    seed : int
        Of the recording; the others have seeds of their own.

    Returns
    -------
    table : DataFrame
        A row for each network: ``against`` ("same", "sideband_1_3", ...), ``n_spikes``, ``n_states`` (those
        that were seen), ``divergence`` D(ring || it) in bits for each window, ``divergence_se``,
        ``log_likelihood`` (nats: how much more likely the ring's states of all windows are with the ring
        than with it), ``entropy_naive``, ``entropy``, ``entropy_se``, ``entropy_tenth``,
        ``entropy_hundredth`` (bits, without the bias of few samples; the last two from parts of its
        recording). Standard errors are from ten blocks left out in turn.
    arrays : dict
        None.

    Raises
    ------
    UnusableDataError
        If the network is another one, or the strength none of the paper's.
    """
    ring = build_network({"family": "ring"})
    same = network.weights.shape == ring.weights.shape and np.allclose(network.dense_weights(), ring.weights)
    if not (same and (network.drive_scale == 1).all()):
        raise UnusableDataError(
            "sidebands are known of the paper's ring of 100 neurons, without a silent one"
        )
    r = model_parameter(source, "r", math.nan)
    source = first_spikes(source, n_spikes)
    n_spikes = count_spikes(source)
    own = state_counts(source, n_neurons, bin_steps, _BLOCKS)
    rows = []
    for against, thirds in _MIXTURES.items():
        other = ring if not thirds else build_network({"family": "sideband", "fraction": thirds / 3})
        theta = thresholds(against if thirds else "ring")
        theta = theta[np.isclose(theta.index, r)]
        if theta.empty:
            raise UnusableDataError(f"the paper has no threshold of {against} at r = {r:g}")
        parameters = ThresholdParameters(r=r, theta=float(theta.iloc[0]))
        segments = simulate(other, parameters, seed=seed + 1_000_003 * (thirds + 1), n_spikes=n_spikes)
        theirs = SpikeRecord(network.n_neurons, parameters.dt_ms, list(segments))
        found = state_counts(theirs, n_neurons, bin_steps, _BLOCKS)
        row = {"against": against, "n_spikes": n_spikes} | _row(own, found)
        rows.append(row | _converging(theirs, n_neurons, bin_steps))
    return pd.DataFrame(rows), {}


def _row(own, other) -> dict:
    """Numbers of one comparison; blocks are rows."""

    def left_out(measure, *tables):
        values = [measure(*(t.sum(axis=0) - t[k] for t in tables)) for k in range(_BLOCKS)]
        return math.sqrt((_BLOCKS - 1) * np.var(values))

    divergence = divergence_bits(own.sum(axis=0), other.sum(axis=0))
    return {
        "n_states": int((other.sum(axis=0) > 0).sum()),
        "divergence": divergence,
        "divergence_se": left_out(divergence_bits, own, other),
        "log_likelihood": divergence * math.log(2) * int(own.sum()),
        "entropy_naive": entropy_bits(other.sum(axis=0)),
        "entropy": grassberger_bits(other.sum(axis=0)),
        "entropy_se": left_out(grassberger_bits, other),
    }


def _converging(source, n_neurons, bin_steps) -> dict:
    """Entropies of parts of a recording: they show whether it was long enough."""
    steps = int(source.trial_steps.sum())
    parts = [StepWindow(source, 0, max(int(steps * part), bin_steps)) for part in _DECADE[1:]]
    found = [grassberger_bits(state_counts(part, n_neurons, bin_steps)[0]) for part in parts]
    return dict(zip(("entropy_tenth", "entropy_hundredth"), found, strict=True))
