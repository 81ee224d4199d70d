"""Generators of users' own: quotas, burn-in, silence, and what their contract notices."""

import numpy as np
import pytest

from circuitbias import Generator, NetworkFamily, SpikeRecord, option
from circuitbias.catalogue import NETWORKS, find
from circuitbias.contract import hold
from circuitbias.dynamics.contract import OF_GENERATORS, OF_NETWORKS
from circuitbias.dynamics.recording import record
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import SilentNetworkError
from circuitbias.networks import Network, ring_network

RING = ring_network(10)


class Clock(Generator):
    """Neuron k fires at the steps k, k + period, ..."""

    period: int = option(50, "Steps.", least=10)
    late: int = option(0, "Steps before the first spike.", least=0)

    def spikes(self, network, *, chunk_steps, **_):
        first = 0
        while True:
            steps = np.arange(first, first + chunk_steps)
            on = (steps >= self.late) & ((steps - self.late) % self.period < network.n_neurons)
            yield steps[on] - first, ((steps - self.late) % self.period)[on]
            first += chunk_steps


class Poisson(Generator):
    """Independent neurons."""

    def spikes(self, network, *, rng, chunk_steps, **_):
        while True:
            yield np.nonzero(rng.random((chunk_steps, network.n_neurons)) < 0.01)


@pytest.mark.parametrize("chunk_steps", [7, 64, 1000])
@pytest.mark.parametrize(("burn_in", "start"), [("first_spike", 123), (0, 0), (150, 150), (200, 200)])
def test_a_recording_starts_and_ends_where_it_should(chunk_steps, burn_in, start):
    how = {"r": 1.0, "seed": 1, "n_spikes": 101, "trials": 2, "burn_in": burn_in}
    found = SpikeRecord(10, 0.1, list(record(Clock(late=123), RING, **how, chunk_steps=chunk_steps)))
    steps = np.arange(10_000)
    on = steps[(steps >= max(123, start)) & ((steps - 123) % 50 < 10)]
    for trial, quota in enumerate((51, 50)):
        mine = list(found.segments(trial))
        events = np.concatenate([piece.steps for piece in mine])
        np.testing.assert_array_equal(events, on[:quota] - start)
        neurons = np.concatenate([piece.neurons for piece in mine])
        np.testing.assert_array_equal(neurons, (on[:quota] - 123) % 50)
        assert found.trial_steps[trial] == events[-1] + 1


def test_silence_is_given_up():
    for generator, after in ((Clock(late=5000), 1000), (Clock(period=2000), 1500)):
        with pytest.raises(SilentNetworkError, match=f"for {after} steps"):
            list(record(generator, RING, r=1.0, seed=1, n_spikes=500, max_silent_steps=after))
    assert list(record(Clock(late=500), RING, r=1.0, seed=1, n_spikes=5, max_silent_steps=1000))


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (([0.5], [1]), "steps of the generator = .*a vector of whole numbers"),
        (([0.5] * 60, [1] * 60), "steps of the generator = .*a vector of whole numbers"),
        (([16384], [1]), "steps of the generator = .*within 0 ... 16383"),
        (([0], [10]), r"neurons of the generator = array\(\[10\]\): must be within 0 ... 9"),
        (([0], [-1]), "within 0 ... 9"),
        (([0, 1], [1]), "2 steps and 1 neurons.: must be as many neurons as steps"),
        (([3, 3], [1, 1]), "one spike a neuron and step at most"),
        (
            ([0], [1], [2]),
            r"a chunk of the generator = 'tuple of 3 parts': must be a pair \(steps, neurons\)",
        ),
        (None, "it must go on for ever"),
    ],
)
def test_what_are_no_spikes_is_named(chunk, says):
    class Bad(Generator):
        """Wrong."""

        def spikes(self, network, **_):
            if chunk is not None:
                yield chunk

    with pytest.raises(ValueError, match=says) as caught:
        list(record(Bad(), RING, r=1.0, seed=1, n_spikes=10))
    assert "\n" not in str(caught.value)


class Own(Poisson):
    """Randomness of its own."""

    def spikes(self, network, *, rng, **how):
        yield from super().spikes(network, rng=np.random.default_rng(), **how)


class Meddler(Poisson):
    """Changes the network."""

    def spikes(self, network, **how):
        network.weights.setflags(write=True)
        network.weights[4, 0] += 1
        yield from super().spikes(network, **how)


class Setter(Poisson):
    """Changes the network at the first run alone: later ones find it as they leave it."""

    def spikes(self, network, **how):
        network.weights[4, 0] = 7
        yield from super().spikes(network, **how)


class Short(Poisson):
    """Ends."""

    def spikes(self, network, **how):
        yield next(super().spikes(network, **how))


def failed(component, checks):
    return {outcome.check for outcome in hold(component, checks) if not outcome.passed}


def test_the_contract_of_generators():
    assert failed(Poisson, OF_GENERATORS) == set()
    assert "randomness" in failed(Clock, OF_GENERATORS)
    assert "randomness" in failed(Own, OF_GENERATORS)
    assert "spikes" in failed(Short, OF_GENERATORS)
    assert "leaves_the_network" in failed(Meddler, OF_GENERATORS)
    assert "leaves_the_network" in failed(Setter, OF_GENERATORS)


class Star(NetworkFamily):
    """One neuron that acts on all others."""

    n_neurons: int = option(6, "Number of neurons.", least=2)

    def build(self):
        weights = np.zeros((self.n_neurons,) * 2)
        weights[0, 1:] = 1
        made_of = {"family": "star", **self.options()}
        n = self.n_neurons
        return Network(weights, np.arange(n), np.ones(n), "star", False, made_of)


class Alike(Star):
    """Says that neurons are alike."""

    alike = True


class Matrix(Star):
    """Builds something else."""

    def build(self):
        return super().build().weights


class Changing(Star):
    """Builds another one each time."""

    def build(self):
        network = super().build()
        return Network(
            network.weights * np.random.default_rng().random(),
            network.positions,
            network.drive_scale,
            "star",
            False,
            network.provenance,
        )


def test_the_contract_of_networks():
    assert failed(Star, OF_NETWORKS) == set()
    assert failed(Alike, OF_NETWORKS) == {"alike"}
    assert "a_network" in failed(Matrix, OF_NETWORKS)
    assert failed(Changing, OF_NETWORKS) == {"the_same_each_time"}


@pytest.mark.parametrize("family", [name for name in NETWORKS if name != "file"])
def test_our_own_families_keep_to_it(family):
    assert failed(find("networks", family), OF_NETWORKS) == set()


@pytest.mark.parametrize(("family", "theta"), [("threshold", 1.1e-3), ("lnp", 0.9e-3)])
def test_what_has_an_engine_is_recorded_by_it(family, theta):
    generator, network = find("generators", family)(), ring_network(20)
    at, how = {"r": 1e-3, "theta": theta}, {"seed": 3, "n_spikes": 400, "trials": 2}
    expected = simulate(network, generator.engine(network, **at), **how)
    for found, wanted in zip(record(generator, network, **at, **how), expected, strict=True):
        np.testing.assert_array_equal(found.steps, wanted.steps)
        np.testing.assert_array_equal(found.neurons, wanted.neurons)
        assert (found.trial, found.first_step, found.n_steps) == (
            wanted.trial,
            wanted.first_step,
            wanted.n_steps,
        )
