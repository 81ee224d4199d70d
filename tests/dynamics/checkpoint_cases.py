"""A simulation with checkpoints that tests of these share."""

import numpy as np

from circuitbias.dynamics.checkpoint import Checkpoint
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.trials import Simulation
from circuitbias.networks.ring import ring_network

NETWORK = ring_network(20, 1.39, 1.4)
PARAMETERS = ThresholdParameters(0.025, 0.00115)  # about 0.01 spikes per neuron and step
RUN = {"seed": 3, "n_spikes": 4000, "trials": 3, "chunk_steps": 50}
MADE_FROM = "0" * 64


class Cut(Exception):
    """Stands for whatever ends a run; tests/faults kills real processes."""


def run(folder, stop_after=None, spikes_a_part=700, made_from=MADE_FROM, **options):
    """Run with checkpoints; return the segments, those of before the cut if it is cut."""
    checkpoint = Checkpoint(folder, made_from, spikes_a_part)
    segments = []
    for segment in checkpoint.run(Simulation(NETWORK, PARAMETERS, **RUN | options)):
        segments.append(segment)
        if stop_after is not None and sum(s.steps.size for s in segments) >= stop_after:
            return segments
    checkpoint.remove()
    return segments


def parts_in(folder):
    return sorted(path.name for path in folder.glob("part_*.npz"))


def same(first, second):
    """Whether two lists of segments are the same, to the bit and in types."""
    return len(first) == len(second) and all(
        one[:3] == other[:3]
        and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one[3:], other[3:], strict=True))
        for one, other in zip(first, second, strict=True)
    )
