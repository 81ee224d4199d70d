from itertools import product

import numpy as np
import pytest

from circuitbias.estimators import contract


@pytest.fixture(scope="session")
def ising_record(record_of):
    """Make a record whose bins of one step are distributed as an Ising model of counts 0 and 1 has it.

    The states are enumerated, each as often as it is expected: there is no sampling error, only rounding.
    """

    def ising_record(couplings, biases, n_bins=400_000):
        states = np.array(list(product((0, 1), repeat=len(biases))))
        log_weights = ((states @ np.triu(couplings, 1)) * states).sum(axis=1) + states @ biases
        probabilities = np.exp(log_weights) / np.exp(log_weights).sum()
        return record_of(np.repeat(states, np.rint(n_bins * probabilities).astype(int), axis=0), bin_steps=1)

    return ising_record


@pytest.fixture(scope="session")
def sparse_weights():
    """14 inhibitory connections among 12 neurons, hardly any of them mutual."""
    return contract.sparse_weights()


@pytest.fixture(scope="session")
def sparse_simulation():
    """Simulate that network at some strength for about 100 s, in several segments."""
    return contract.sparse_record


@pytest.fixture(scope="session")
def sparse_record():
    """A recording at which connections are plain to see."""
    return contract.sparse_record()
