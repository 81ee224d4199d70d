"""Recordings and pairs that tests of correlograms share."""

from itertools import product

import numpy as np

from circuitbias.spikes.segments import Segment, SpikeRecord


def random_record(n_neurons=4, n_steps=6000, seed=0, trials=1):
    rng = np.random.default_rng(seed)
    pieces = []
    for trial in range(trials):
        steps, neurons = np.nonzero(rng.random((n_steps + 37 * trial, n_neurons)) < 0.05)
        pieces.append(Segment(trial, 0, n_steps + 37 * trial, steps, neurons))
    return SpikeRecord(n_neurons, 0.1, pieces)


def off_diagonal(n=4):
    return ((i, j) for i, j in product(range(n), repeat=2) if i != j)
