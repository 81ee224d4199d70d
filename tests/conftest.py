# ruff: noqa: E402
import dataclasses
import os

for library in ("OMP", "OPENBLAS", "MKL"):  # read when the libraries are loaded, so before any import
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.fitting import tuning
from circuitbias.networks.ring import ring_network
from circuitbias.spikes.segments import Segment, SpikeRecord

# No chance in what is tried, and no clock: the first example may wait for a compiler.
settings.register_profile("circuitbias", deadline=None, derandomize=True, database=None)
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


@pytest.fixture(scope="session")
def record_of():
    """Make a record with given counts: an array (n_bins, n_neurons), or a list of them, one a trial.

    With ``segment_steps`` a trial comes in segments of that length.
    """

    def record_of(trials, bin_steps=10, segment_steps=None):
        trials = [np.asarray(counts) for counts in (trials if isinstance(trials, list) else [trials])]
        pieces = []
        for trial, counts in enumerate(trials):
            assert counts.max(initial=0) <= bin_steps
            n_bins, n_neurons = counts.shape
            raster = np.arange(bin_steps)[None, :, None] < counts[:, None, :]
            raster = raster.reshape(n_bins * bin_steps, n_neurons)
            for start in range(0, len(raster), segment_steps or max(len(raster), 1)):
                piece = raster[start : start + (segment_steps or len(raster))]
                steps, neurons = np.nonzero(piece)
                pieces.append(Segment(trial, start, len(piece), steps + start, neurons))
        return SpikeRecord(n_neurons, 0.1, pieces)

    return record_of


@pytest.fixture(scope="session")
def ring_record(ring):
    """The ring at its strongest coupling, where counts are strongly correlated."""
    parameters = ThresholdParameters(r=0.025, theta=7.35e-4)
    return SpikeRecord(ring.n_neurons, 0.1, list(simulate(ring, parameters, seed=1, n_spikes=300_000)))


@pytest.fixture
def note_precision(monkeypatch):
    """Of a class of objectives, for each pass from now on whether it is in single precision."""

    def note(objective):
        made, evaluate = [], objective.evaluate

        def noted(self, coefficients, *, single=False, **options):
            made.append(single)
            return evaluate(self, coefficients, single=single, **options)

        monkeypatch.setattr(objective, "evaluate", noted)
        return made

    return note


@pytest.fixture
def tune(monkeypatch):
    """Change constants of the fits for a test."""

    def tune(**constants):
        changed = dataclasses.replace(tuning.DEFAULT, **constants)
        monkeypatch.setattr(tuning, "DEFAULT", changed)

    return tune
