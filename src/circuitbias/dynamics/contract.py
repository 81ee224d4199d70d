"""What every family of networks and every generator of spikes keeps to, as named checks."""

import json
from functools import cache

import numpy as np

from circuitbias.contract import OF_ALL, require
from circuitbias.dynamics.recording import record
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.networks import built
from circuitbias.networks.network import Network

OF_NETWORKS = dict(OF_ALL)
OF_GENERATORS = dict(OF_ALL)


def _check(checks):
    def add(function):
        checks[function.__name__] = function
        return function

    return add


# --- networks -----------------------------------------------------------------------------------


@_check(OF_NETWORKS)
def a_network(family):
    """It builds a `Network` that says its family and options, of the size that it tells."""
    network = built(family)
    told = network.provenance
    require("family" in told, "provenance of the network does not say its family")
    missing = {name for name, value in family.options().items() if told.get(name, ...) != value}
    require(not missing, f"provenance of the network does not say {sorted(missing)}")


@_check(OF_NETWORKS)
def the_same_each_time(family):
    """It builds the same network each time."""
    first, second = (built(family) for _ in range(2))
    same = np.array_equal(first.dense_weights(), second.dense_weights())
    require(same and np.array_equal(first.drive_scale, second.drive_scale), "a second network differs")


@_check(OF_NETWORKS)
def alike(family):
    """If it says that its neurons are alike, each has the same weights in another order."""
    if family.alike:
        weights = built(family).dense_weights()
        rows = np.sort(weights, axis=1)
        require(np.allclose(rows, rows[0]), "alike, but its neurons have different weights")


# --- generators ---------------------------------------------------------------------------------


def _chain_weights() -> np.ndarray:
    weights = np.zeros((5, 5))
    weights[[0, 1, 2], [1, 2, 3]] = -1
    return weights


@cache
def _chain() -> Network:
    return Network(_chain_weights(), np.arange(5), np.ones(5), "chain", False, {})


@cache
def _engine(kind, options: str):
    """Engine of a generator on the chain, at a threshold where a neuron fires in 0.5 % of the steps."""
    generator = kind(**json.loads(options))

    def at(theta):
        return generator.engine(_chain(), r=1e-3, theta=theta)

    if at(1.3e-3) is None:
        return None
    return at(threshold_for_rate(_chain(), at, 5 / generator.dt_ms, precision=0.1).theta)


def _spikes(generator, seed: int = 1, chunk_steps: int = 256):
    """Steps and neurons of two trials of a chain of five neurons, as bytes, and the segments."""
    how = {"seed": seed, "n_spikes": 1000, "trials": 2, "chunk_steps": chunk_steps}
    engine = _engine(type(generator), json.dumps(generator.options()))
    if engine is None:
        segments = list(record(generator, _chain(), r=1e-3, theta=1.3e-3, **how))
    else:
        segments = list(simulate(_chain(), engine, **how))
    return [(s.trial, s.first_step, s.steps.tobytes(), s.neurons.tobytes()) for s in segments], segments


def _events(segments):
    order = np.argsort([segment.trial for segment in segments], kind="stable")
    parts = [(segments[k].steps, segments[k].neurons) for k in order]
    return [np.concatenate(part).tolist() for part in zip(*parts, strict=True)]


@_check(OF_GENERATORS)
def spikes(generator):
    """It makes spikes for ever: within chunk and network; one a step and neuron, unless it says more."""
    _, segments = _spikes(generator)
    found = sum(len(segment.steps) for segment in segments)
    require(found >= 1000, f"{found} spikes are recorded, not 1000")
    require({segment.trial for segment in segments} == {0, 1}, "a trial is missing")
    most = max(
        np.unique((s.steps, s.neurons), axis=1, return_counts=True)[1].max(initial=1) for s in segments
    )
    require(most == 1 or generator.repeats, "a neuron fires twice in a step, but it says no `repeats = True`")
    require(generator.dt_ms > 0, f"its time step is {generator.dt_ms} ms")


@_check(OF_GENERATORS)
def randomness(generator):
    """The same seed gives the same spikes, another seed or trial other ones."""
    first, segments = _spikes(generator)
    require(first == _spikes(generator)[0], "the same seed gives other spikes: use the `rng` that is given")
    require(first != _spikes(generator, seed=2)[0], "another seed gives the same spikes")
    by_trial = [[s.steps.tobytes() for s in segments if s.trial == trial][:2] for trial in (0, 1)]
    require(by_trial[0] != by_trial[1], "two trials have the same spikes")


@_check(OF_GENERATORS)
def how_it_is_cut(generator):
    """If it has an engine, the steps that this runs at a time make no difference to the spikes."""
    if generator.engine(_chain(), r=1e-3, theta=1.3e-3) is not None:
        runs = (_events(_spikes(generator, chunk_steps=chunk)[1]) for chunk in (256, 33))
        require(next(runs) == next(runs), "other chunks give other spikes")


@_check(OF_GENERATORS)
def leaves_the_network(generator):
    """It leaves the network as it was."""
    _chain.cache_clear()  # another check may have run one that has been changed before
    _spikes(generator)
    same = np.array_equal(_chain().dense_weights(), _chain_weights())
    same &= np.array_equal(_chain().drive_scale, np.ones(5))
    _chain.cache_clear()
    require(same, "it changes the weights or the drive of the network")
