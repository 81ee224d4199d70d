"""A spike file of this package."""

from pathlib import Path

import numpy as np

from circuitbias.component import Reader
from circuitbias.recordings.found import Found, of_pairs
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.storage import SpikeFile


class Spikes(Reader):
    """A spike file of circuitbias; its trials come one after the other."""

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        return of_source(SpikeFile(path))


def of_source(spikes: SpikeSource) -> Found:
    """Spikes in steps as times in seconds; a step is left free between trials, so that they stay apart."""
    dt_s = spikes.dt_ms / 1000
    starts = np.cumsum(spikes.trial_steps) - spikes.trial_steps + np.arange(len(spikes.trial_steps))
    parts = [(starts[one.trial] + one.steps, one.neurons) for one in spikes.segments()]
    steps, neurons = map(np.concatenate, zip(*parts, strict=True)) if parts else (np.empty(0, int),) * 2
    observed = np.column_stack([starts, starts + spikes.trial_steps]) * dt_s
    found = of_pairs(steps * dt_s, neurons, range(spikes.n_neurons), time_unit="s")
    found.observed_s = [observed] * spikes.n_neurons
    return found
