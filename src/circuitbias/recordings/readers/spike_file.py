"""A spike file of this package."""

from pathlib import Path

import numpy as np

from circuitbias.columns import Column
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
    n_spikes = sum(len(one.steps) for one in spikes.segments())

    def steps():
        return (starts[one.trial] + one.steps for one in spikes.segments())

    def neurons():
        return (one.neurons for one in spikes.segments())

    columns = Column(n_spikes, np.int64, steps), Column(n_spikes, np.int32, neurons)
    observed = np.column_stack([starts, starts + spikes.trial_steps]) * dt_s
    found = of_pairs(*columns, range(spikes.n_neurons), time_unit="samples", sampling_rate_hz=1 / dt_s)
    found.observed_s = [observed] * spikes.n_neurons
    return found
