"""The checks of the contract notice what they are for: estimators that are each wrong in one way."""

import warnings

import numpy as np
import pytest

from circuitbias import BinnedCounts, Couplings, Estimator, option
from circuitbias.contract import hold
from circuitbias.estimators.contract import CHECKS


class Honest(Estimator):
    """Covariance of counts with those of the next bin."""

    bin_steps: int = option(100, "Width of a bin (steps).", least=1)
    directed = True

    def estimate(self, source, *, memory_mb, **_):
        counts = self.counts(source, memory_mb)
        return Couplings(self.couple(counts - counts.mean(axis=0)))

    def counts(self, source, memory_mb):
        return BinnedCounts(source, self.bin_steps, memory_mb=memory_mb).all().astype(float)

    def couple(self, counts):
        return counts[:-1].T @ counts[1:] / len(counts)


class Wordless(Honest):
    """Says nothing of an option."""

    lag: int = option(1)


class Lax(Honest):
    """Takes any option."""

    @classmethod
    def schema(cls):
        return super().schema() | {"additionalProperties": True}


class Gap(Honest):
    """Leaves a pair out."""

    def couple(self, counts):
        values = super().couple(counts)
        values[3, 5] = np.nan
        return values


class Unbounded(Honest):
    """Has an infinite coupling."""

    def couple(self, counts):
        values = super().couple(counts)
        values[3, 5] = -np.inf
        return values


class Arrays(Honest):
    """Says more of itself than JSON can hold."""

    def estimate(self, source, *, memory_mb, **_):
        return Couplings(super().estimate(source, memory_mb=memory_mb).values, {"more": np.arange(3)})


class Random(Honest):
    """Differs each time."""

    def couple(self, counts):
        return super().couple(counts) + 1e-9 * np.random.default_rng().standard_normal()


class Meddler(Honest):
    """Changes the spikes that it was given, and back only where nobody looks."""

    def counts(self, source, memory_mb):
        found = super().counts(source, memory_mb)
        source.pieces[0].neurons[0] ^= 1
        return found


class Partial(Honest):
    """Thinks more of the first neuron."""

    def couple(self, counts):
        values = super().couple(counts)
        values[0] *= 1.1
        return values


class Forgetful(Honest):
    """Looks at less if memory is short."""

    def counts(self, source, memory_mb):
        return super().counts(source, memory_mb)[: 2000 if memory_mb < 1 else None]


class Inventive(Honest):
    """Gives a neuron that never fires a coupling."""

    def couple(self, counts):
        return super().couple(counts) - 1e-6


class Symmetric(Honest):
    """Says that it is directed."""

    def couple(self, counts):
        return -np.linalg.pinv(np.cov(counts.T))


class Shy(Honest):
    """Says that it is not directed."""

    directed = False


class Unsigned(Honest):
    """Says that it is signed."""

    def couple(self, counts):
        return abs(super().couple(counts))


class Opposite(Honest):
    """Says that it is not signed."""

    signed = False


class Binarised(Honest):
    """Says that it is not binary."""

    def counts(self, source, memory_mb):
        return (super().counts(source, memory_mb) > 0).astype(float)


class Counting(Honest):
    """Says that it is binary."""

    binary = True


class Noise(Honest):
    """Finds nothing."""

    def couple(self, counts):
        sums = counts[0].tobytes() + counts.std(axis=0).tobytes()
        return np.random.default_rng(list(sums[:8])).standard_normal((counts.shape[1],) * 2)


BROKEN = {
    Wordless: {"words"},
    Lax: {"options"},
    Gap: {"form"},
    Unbounded: {"form"},
    Arrays: {"form"},
    Random: {"repeatable"},
    Meddler: {"repeatable"},
    Partial: {"relabelling"},
    Forgetful: {"memory"},
    Inventive: {"silent_neuron", "no_data"},
    Symmetric: {"directed"},
    Shy: {"directed"},
    Unsigned: {"signed"},
    Opposite: {"signed"},
    Binarised: {"binary"},
    Counting: {"binary"},
    Noise: {"connections"},
}


def failed(component):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {outcome.check: outcome.says for outcome in hold(component, CHECKS) if not outcome.passed}


def test_an_honest_estimator_passes():
    assert failed(Honest) == {}


@pytest.mark.parametrize("component", BROKEN, ids=lambda component: component.__name__)
def test_what_is_wrong_is_named(component):
    found = failed(component)
    assert BROKEN[component] <= set(found)
    assert all(found.values())


class Turned(Honest):
    """Has [to, from]."""

    def couple(self, counts):
        return super().couple(counts).T


class Bare(Honest):
    """Returns an array."""

    def estimate(self, source, *, memory_mb, **_):
        return super().estimate(source, memory_mb=memory_mb).values


def test_likely_mistakes_are_told_what_to_do():
    turned = failed(Turned)
    assert "values are [from, to]" in turned["directed"]
    assert "transposed they do: values are [from, to]" in turned["connections"]
    assert "set directed = True" in failed(Shy)["directed"]
    assert "returned ndarray, and must return Couplings(values)" in failed(Bare)["form"]
    assert "pairs [[3, 5]] have infinite couplings" in failed(Unbounded)["form"]
    assert failed(Arrays)["form"].startswith("its diagnostics cannot be written as JSON")


def test_every_check_has_been_seen_to_fail():
    assert set().union(*BROKEN.values()) == set(CHECKS)
