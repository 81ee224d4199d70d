import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import SilentNetworkError
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network

SMALL = ring_network(20, 1.39, 1.4)
PARAMETERS = ThresholdParameters(0.025, 0.00115)  # about 0.01 spikes per neuron and step
TOO_HIGH = ThresholdParameters(0.025, 1.0)
RUN = {"seed": 1, "n_steps": 300, "trials": 3, "burn_in": 20}


def run(parameters=PARAMETERS, network=SMALL, **options):
    return list(simulate(network, parameters, **options))


def events(segments):
    """Per trial its length and its spikes as (step, neuron), having checked that segments follow on."""
    trials = {}
    for segment in segments:
        n_steps, spikes = trials.setdefault(segment.trial, (0, []))
        assert segment.first_step == n_steps
        end = n_steps + segment.n_steps
        assert np.all((segment.steps >= n_steps) & (segment.steps < end))
        spikes += zip(segment.steps.tolist(), segment.neurons.tolist(), strict=True)
        trials[segment.trial] = end, spikes
    for _, spikes in trials.values():
        assert all(first < second for first, second in pairwise(spikes))  # sorted
    return trials


# --- what the spikes depend on ------------------------------------------------------------------


@settings(max_examples=30)
@given(
    threads=st.integers(1, 4),
    chunk_steps=st.integers(1, 400),
    burn_in=st.sampled_from([0, 20, "first_spike"]),
    length=st.sampled_from([{"n_steps": 300}, {"n_spikes": 100}]),
)
def test_threads_and_chunks_make_no_difference(threads, chunk_steps, burn_in, length):
    options = {"seed": 1, "trials": 3, "burn_in": burn_in} | length
    cut = events(run(**options, threads=threads, chunk_steps=chunk_steps))
    assert cut == events(run(**options)) and len(cut) == 3


def test_a_trial_depends_on_its_number_alone():
    trials = events(run(**RUN))
    assert events(run(**RUN | {"trials": 2})) == {number: trials[number] for number in (0, 1)}
    assert events(run(**RUN | {"trials": 1})) == {0: trials[0]}


def test_trials_and_seeds_differ():
    seeds = (0, 1, 2, 2**32, 2**64 - 1)
    spikes = [trial[1] for seed in seeds for trial in events(run(**RUN | {"seed": seed})).values()]
    assert len(spikes) == 15
    for one in range(15):
        for other in range(one):
            shared = len(set(spikes[one]) & set(spikes[other]))
            assert shared < 0.2 * min(len(spikes[one]), len(spikes[other]))


def test_initial_states_differ_between_trials():
    # theta = 2 b, r = 2 b, no noise: 0 fires at once if b (1 + 2 s1) > theta, so if s1 > 1/2; 1 has no
    # drive and would need s0 > 1. Of s uniform on (0, 1), half of the trials fire.
    excited = Network(np.array([[0.0, 1], [1, 0]]), [0, 1], [1, 0], "pair", False, {})
    parameters = ThresholdParameters(r=2e-3, theta=2e-3, sigma=0.0)
    segments = run(parameters, excited, seed=1, n_steps=1, trials=200, burn_in=0)
    fired = sum(segment.steps.size for segment in segments)
    assert abs(fired - 100) < 4 * np.sqrt(200 / 4)


def test_seeds_keep_their_meaning():
    # Recorded from this very code. If it changes, every seed in use means other spikes: say so in the
    # release, and do not change it by accident.
    segments = run(seed=2020, n_spikes=2000, trials=2)
    table = np.array([(s.trial, *event) for s in segments for event in zip(s.steps, s.neurons, strict=True)])
    table = table[np.lexsort(table.T[::-1])].astype("<i8")
    assert hashlib.sha256(table.tobytes()).hexdigest()[:16] == "317145d5babb6430"


# --- how much is recorded -----------------------------------------------------------------------


@pytest.mark.parametrize(("n_spikes", "trials"), [(1, 1), (100, 1), (100, 3), (101, 3), (5, 5)])
@pytest.mark.parametrize("burn_in", [0, "first_spike"])
def test_each_trial_ends_with_the_step_that_reaches_its_share(n_spikes, trials, burn_in):
    recorded = events(run(seed=4, n_spikes=n_spikes, trials=trials, burn_in=burn_in))
    assert sorted(recorded) == list(range(trials))
    shares = [n_spikes // trials + (trial < n_spikes % trials) for trial in range(trials)]
    assert sum(shares) == n_spikes
    for trial, (n_steps, spikes) in recorded.items():
        before_the_last_step = [spike for spike in spikes if spike[0] < n_steps - 1]
        assert len(spikes) >= shares[trial] > len(before_the_last_step)


def test_a_step_with_many_spikes_is_recorded_whole(raster):
    # without weights and noise, with the drive above theta, everybody fires in every step
    silent = Network(np.zeros((7, 7)), np.arange(7), np.ones(7), "none", False, {})
    everybody = ThresholdParameters(r=0.0, theta=0.0, sigma=0.0)
    spikes = raster(run(everybody, silent, seed=0, n_spikes=8), 7)
    assert spikes.shape == (2, 7) and spikes.all()
    # more spikes than the engine's buffer holds at a time
    spikes = raster(run(everybody, silent, seed=0, n_steps=60_000), 7)
    assert spikes.shape == (60_000, 7) and spikes.all()


@pytest.mark.parametrize("chunk_steps", [1, 17, 1000])
def test_recording_starts_with_the_first_spike(chunk_steps):
    rare = ThresholdParameters(0.025, 0.0018)
    options = {"seed": 3, "trials": 2, "n_steps": 500, "chunk_steps": chunk_steps}
    everything = events(run(rare, **options | {"n_steps": 5000}, burn_in=0))
    recorded = events(run(rare, **options))
    for trial in (0, 1):
        first = everything[trial][1][0][0]
        assert first > 5  # there is something to skip
        spikes = [(step - first, neuron) for step, neuron in everything[trial][1]]
        assert recorded[trial] == (500, [spike for spike in spikes if spike[0] < 500])
        assert recorded[trial][1][0][0] == 0


def test_burn_in_of_a_number_of_steps():
    everything = events(run(seed=3, n_steps=400, burn_in=0))[0][1]
    n_steps, spikes = events(run(seed=3, n_steps=250, burn_in=150))[0]
    assert n_steps == 250
    assert spikes == [(step - 150, neuron) for step, neuron in everything if step >= 150]


# --- silence and wrong arguments ----------------------------------------------------------------


@pytest.mark.parametrize("burn_in", [0, 10_000, "first_spike"])
def test_a_threshold_out_of_reach_is_an_error(burn_in):
    with pytest.raises(SilentNetworkError, match=r"theta=1 .*r=0\.025 .*max_silent_steps=5000\.") as error:
        run(TOO_HIGH, seed=1, n_spikes=10, burn_in=burn_in, max_silent_steps=5000, chunk_steps=1000)
    assert "no neuron has fired for 5000 steps (0.5 s) from step 0 of trial 0 on" in str(error.value)


def test_the_default_patience_with_silence_ends():
    with pytest.raises(SilentNetworkError, match="max_silent_steps=1000000"):
        run(TOO_HIGH, seed=1, n_spikes=10)


@pytest.mark.parametrize("chunk_steps", [1, 64, 2**16])
def test_a_silence_is_measured_in_any_chunks(chunk_steps):
    rare = ThresholdParameters(0.025, 0.00165)
    options = {"seed": 4, "n_steps": 3000, "burn_in": 0, "chunk_steps": chunk_steps}
    steps = [step for step, _ in events(run(rare, **options))[0][1]]
    silences = np.diff([-1, *steps, 3000]) - 1
    assert 0 < silences.argmax() < len(silences) - 1  # the longest lies between two spikes
    run(rare, **options, max_silent_steps=int(silences.max()) + 1)
    with pytest.raises(SilentNetworkError, match=f"from step {steps[silences.argmax() - 1] + 1} of trial 0"):
        run(rare, **options, max_silent_steps=int(silences.max()))


def test_silence_is_no_error_where_a_number_of_steps_is_asked_for():
    assert events(run(TOO_HIGH, seed=1, n_steps=1000, burn_in=0)) == {0: (1000, [])}


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_spikes": 100},  # beside n_steps
        {"n_steps": None},  # neither
        {"n_steps": 0},
        {"n_steps": 10.5},
        {"n_steps": None, "n_spikes": 0},
        {"n_steps": None, "n_spikes": 2, "trials": 3},
        {"seed": -1},
        {"seed": 2**64},
        {"seed": 1.5},
        {"seed": "1"},
        {"seed": np.nan},
        {"trials": True},
        {"seed": None},
        {"trials": 0},
        {"threads": 0},
        {"chunk_steps": 0},
        {"max_silent_steps": 0},
        {"burn_in": -1},
        {"burn_in": "first"},
        {"burn_in": True},
    ],
)
def test_wrong_arguments(wrong):
    name, value = list(wrong.items())[-1]
    with pytest.raises(ValueError, match=name) as error:
        run(**RUN | wrong)
    assert str(value) in str(error.value)


def test_seeds_of_numpy_are_seeds():
    assert events(run(**RUN | {"seed": np.uint64(2**63)})) == events(run(**RUN | {"seed": 2**63}))
