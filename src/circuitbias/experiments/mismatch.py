"""From the model that made the spikes to the paper's GLM: what each difference between model and data costs.

Each step of the walk changes one thing in the step before it, its parent. The same change is made at several
places, as its cost depends on what is wrong already.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from circuitbias.component import Cost, Experiment
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.experiments.sweep import described, error_row, try_estimate
from circuitbias.networks.network import Network, is_circulant
from circuitbias.options import beginning, which_strengths
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import ObservedNeurons, count_spikes, first_spikes


class Mismatch(Experiment):
    """What each difference between the model of an estimator and that of the data costs."""

    strengths: tuple[float, ...] | None = which_strengths()
    n_spikes: int | None = beginning()

    cost = Cost(seconds=400)
    columns = ("parent", "change")


class Step(NamedTuple):
    """One estimate of the walk.

    Attributes
    ----------
    name : str
    parent : str
        The step that it changes in one thing; empty for the first.
    kind : str
        What is changed: ``link``, ``time``, ``lags``, ``filter``, ``counts`` or ``hidden``.
    change : str
        The same in words.
    entry : dict
        Method and options; times in milliseconds where `_in_steps` knows them.
    hidden : bool
        Whether every other neuron is unseen.
    """

    name: str
    parent: str
    kind: str
    change: str
    entry: dict
    hidden: bool = False


def _history(bin_ms, **options):
    return {"method": "glm_history", "bin_ms": bin_ms} | options


def _counts(method="glm", bin_ms=10.0, **options):
    return {"method": method, "bin_ms": bin_ms} | options


STEPS = (
    Step("matched", "", "", "the model that made the spikes", {"method": "matched"}),
    Step("matched, tau / 2", "matched", "filter", "filter half as long",
         {"method": "matched", "filter": 0.5}),
    Step("matched, 2 tau", "matched", "filter", "filter twice as long",
         {"method": "matched", "filter": 2.0}),
    Step("matched, hidden", "matched", "hidden", "half of the neurons hidden", {"method": "matched"}, True),
    Step("exponential", "matched", "link", "exponential link, steps of 0.1 ms", _history(0.1)),
    Step("1 ms", "exponential", "time", "response in bins of 1 ms", _history(1.0)),
    Step("1 ms, tau / 2", "1 ms", "filter", "filter half as long", _history(1.0, filter=0.5)),
    Step("1 ms, 2 tau", "1 ms", "filter", "filter twice as long", _history(1.0, filter=2.0)),
    Step("1 ms, hidden", "1 ms", "hidden", "half of the neurons hidden", _history(1.0), True),
    Step("10 ms", "1 ms", "time", "response in bins of 10 ms, past only", _history(10.0)),
    Step("past counts", "10 ms", "filter", "counts of 3 bins before in place of the filter",
         _counts(lags=[1, 2, 3])),
    Step("last count", "past counts", "lags", "count of the bin before alone", _counts(lags=[1])),
    Step("all counts", "past counts", "lags", "the same bin, too", _counts(lags=[0, 1, 2, 3])),
    Step("paper's GLM", "all counts", "lags", "the same bin alone: the paper's GLM", _counts()),
    Step("paper's GLM, 1 ms", "paper's GLM", "time", "bins of 1 ms", _counts(bin_ms=1.0)),
    Step("paper's GLM, logistic", "paper's GLM", "link", "logistic link, response binarised",
         _counts("logistic")),
    Step("paper's GLM, binarised", "paper's GLM", "counts", "counts binarised", _counts(binarise=True)),
    Step("paper's GLM, hidden", "paper's GLM", "hidden", "half of the neurons hidden", _counts(), True),
    Step("logistic, hidden", "paper's GLM, logistic", "hidden", "half of the neurons hidden",
         _counts("logistic"), True),
)  # fmt: skip
"""The walk: parents stand before their children."""


def run(
    network: Network, source: SpikeSource, *, n_spikes: int | None, resources: dict, **_
) -> tuple[pd.DataFrame, dict]:
    """Take all steps.

    Parameters
    ----------
    network : Network
    source : SpikeSource
        Of the threshold model, for the first step to be matched.
    n_spikes : int or None
        Use the beginning of the recording only.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        A row a step: estimator (its name), method, options, ``parent``, ``kind``, ``change``, ``hidden``, and
        the columns of `error_row`.
    arrays : dict
        None.
    """
    source = first_spikes(source, n_spikes)
    progress = Countdown(len(STEPS), "steps of the walk")
    rows = []
    for step in STEPS:
        rows.append(take(step, network, source, resources))
        progress.add(1)
    return pd.DataFrame(rows), {}


def take(step: Step, network: Network, source: SpikeSource, resources: dict) -> dict:
    """Take one step: a row of the table of `run`."""
    volume = count_spikes(source)
    entry = _in_steps(step.entry, source.dt_ms, synaptic_tau_ms(source))
    if step.hidden:
        seen = np.arange(0, network.n_neurons, 2)  # of a ring: a ring
        network, source = _part(network, seen), ObservedNeurons(source, seen)
    couplings, note = try_estimate(entry, source, network, resources)
    about = {"parent": step.parent, "kind": step.kind, "change": step.change, "hidden": step.hidden}
    return described(step.name, entry) | about | error_row(network, couplings, volume, note)


def _in_steps(entry, dt_ms, tau_ms):
    """Options as the method knows them."""
    entry = dict(entry)
    factor = entry.pop("filter", 1.0)
    if entry["method"] == "matched":
        return entry | ({"tau_ms": factor * tau_ms} if factor != 1 else {})
    if entry["method"] == "glm_history":
        entry["filter_ms"] = factor * tau_ms
    return entry | {"bin_steps": max(round(entry.pop("bin_ms") / dt_ms), 1)}


def _part(network, neurons):
    """Some neurons as a network of their own."""
    weights = network.dense_weights()[np.ix_(neurons, neurons)]
    return replace(
        network,
        weights=weights,
        positions=network.positions[neurons],
        drive_scale=network.drive_scale[neurons],
        circulant=is_circulant(weights),
    )
