"""The traits that methods claim, on two neurons: the first acts on the second, a few milliseconds later."""

import warnings

import numpy as np
import pytest
from test_contract import every_case

from circuitbias.catalogue import find
from circuitbias.estimators import estimate
from circuitbias.estimators.registry import complete_options
from circuitbias.spikes.segments import SpikeRecord

N_STEPS = 1_200_000


def record(*trains):
    steps = np.concatenate(trains)
    neurons = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    return SpikeRecord.from_events(steps, neurons, len(trains), N_STEPS)


def trains(effect, delays, seed):
    """Spikes of both: those of the second some steps after one of the first are added or removed."""
    rng = np.random.default_rng(seed)
    driver = np.flatnonzero(rng.random(N_STEPS) < 1 / 300)
    follower = np.flatnonzero(rng.random(N_STEPS) < (1 / 400 if effect > 0 else 1 / 120))
    if effect > 0:
        echoes = driver[rng.random(driver.size) < 0.5]
        echoes = echoes + rng.choice(delays, echoes.size)
        return driver, np.unique(np.concatenate([follower, echoes[echoes < N_STEPS]]))
    near = np.zeros(N_STEPS + 100, dtype=bool)
    for delay in delays:
        near[driver + delay] = True
    return driver, follower[~near[follower] | (rng.random(follower.size) < 0.1)]


@pytest.fixture(scope="module")
def examples():
    """Excitation and inhibition, 3 to 9 ms later and at once."""
    return {
        name: (trains(1, delays, 1), trains(-1, delays, 2))
        for name, delays in (("later", range(30, 90)), ("at once", range(1, 25)))
    }


def couplings(method, options, *spikes):
    with warnings.catch_warnings():
        warnings.simplefilter("error", category=RuntimeWarning)
        found = estimate(method, record(*spikes), device="cpu", **options)
    return found.values, found.diagnostics["traits"]


@every_case
def test_the_traits(method, options, examples):
    rule = options.get("rule", "peak_lag")  # the others look at jumps at lag zero, where delays leave none
    excited, inhibited = examples["later" if rule == "peak_lag" else "at once"]
    if rule == "zero_jump":  # made for inhibition alone: excitation passes for inhibition the other way round
        excited, inhibited = inhibited, excited
    forward, traits = couplings(method, options, *excited)
    effect = -1 if rule == "zero_jump" else 1

    # Directed: who acts on whom is told. The same spikes backward in time have it the other way round.
    backward, _ = couplings(method, options, *(N_STEPS - 1 - train for train in excited))
    if traits["directed"]:
        assert effect * forward[0, 1] > 2 * abs(forward[1, 0])
        assert effect * backward[1, 0] > 2 * abs(backward[0, 1])
    else:
        if find("estimators", method).reversible:
            np.testing.assert_allclose(backward, forward, rtol=1e-5, atol=1e-9)
        else:
            np.testing.assert_array_equal(forward, forward.T)
        assert forward[0, 1] > 0 and forward[1, 0] > 0

    # Signed: inhibition is negative where excitation is positive; without a sign, all is of one.
    suppressed, _ = couplings(method, options, *inhibited)
    signs = {np.sign(value) for value in (forward[0, 1], *suppressed[[0, 1], [1, 0]]) if value != 0}
    assert signs == ({-1, 1} if traits["signed"] else {effect})
    if traits["signed"]:
        assert suppressed[0, 1] < 0

    # Binary: a second spike in a bin makes no difference.
    width = complete_options(method, options)["bin_steps"]
    bursts = [doubled(train, width) for train in excited]
    again, _ = couplings(method, options, *bursts)
    assert np.array_equal(again, forward, equal_nan=True) == traits["binary"]


def doubled(train, width):
    """The same bins, with a second spike in every third of those that have one and room for it."""
    bins, first = np.unique(train // width, return_index=True)
    more = train[first] // width * width + (train[first] % width + 1) % width
    return np.unique(np.concatenate([train, more[bins % 3 == 0]]))
