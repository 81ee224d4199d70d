"""Recordings that tell nothing: no method makes a coupling of them, and each says why."""

import warnings

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.catalogue import ESTIMATORS
from circuitbias.estimators.couplings import EstimationWarning
from circuitbias.spikes.segments import Segment, SpikeRecord

N, N_STEPS = 5, 20_000


def record(steps, neurons, n_neurons=N, n_steps=N_STEPS):
    steps, neurons = (np.asarray(one, dtype=np.int64) for one in (steps, neurons))
    return SpikeRecord(n_neurons, 0.1, [Segment(0, 0, n_steps, steps, neurons)])


SOME = np.sort(np.random.default_rng(0).choice(N_STEPS, 400, replace=False))
NOTHING = {
    "no spikes": record([], []),
    "one spike": record([100], [2]),
    "one neuron": record(SOME, np.full(len(SOME), 2)),
    "all in every step": record(np.repeat(np.arange(N_STEPS), N), np.tile(np.arange(N), N_STEPS)),
    "shorter than a bin": record([3, 5, 9], [0, 1, 2], n_steps=50),
}


def inferred(source, method):
    """The couplings, or None; all that was said, of the one or the other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = cb.infer(source, method)
        except cb.UnusableDataError as refusal:
            return None, str(refusal)
    assert all(issubclass(one.category, EstimationWarning) for one in caught)
    return found.values, " ".join(str(one.message) for one in caught)


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("case", NOTHING)
def test_of_nothing_comes_nothing(case, method):
    values, said = inferred(NOTHING[case], method)
    assert said
    assert values is None or np.isnan(values).all()


@pytest.mark.parametrize("method", ESTIMATORS)
def test_two_neurons_that_fire_as_one(method):
    """Correlograms see two that fire together; what asks for more says that they are one."""
    values, said = inferred(record(np.repeat(SOME, 2), np.tile([0, 1], len(SOME)), n_neurons=2), method)
    if values is None or np.isnan(values).all():
        assert "linearly dependent" in said
    else:
        off = values[~np.eye(2, dtype=bool)]
        assert off[0] == off[1]
