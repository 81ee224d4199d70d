# ruff: noqa: E402
import os

for library in ("OMP", "OPENBLAS", "MKL"):  # read when the libraries are loaded, so before any import
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from circuitbias.networks.ring import ring_network

settings.register_profile("circuitbias", deadline=None)  # the first example may wait for a compiler
settings.load_profile("circuitbias")


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device, and torch sees none")


@pytest.fixture(scope="session")
def ring():
    """The ring of the paper, 100 neurons."""
    return ring_network()


@pytest.fixture(scope="session")
def raster():
    """Turn the segments of one trial, in order, into a matrix of booleans (n_steps, n_neurons)."""

    def raster(segments, n_neurons):
        segments = list(segments)
        spikes = np.zeros((sum(segment.n_steps for segment in segments), n_neurons), dtype=bool)
        for segment in segments:
            assert not spikes[segment.steps, segment.neurons].any()  # at most one spike a step
            spikes[segment.steps, segment.neurons] = True
        return spikes

    return raster
