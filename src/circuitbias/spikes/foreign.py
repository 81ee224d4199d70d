"""Spikes of somebody else's make, checked each time they come."""

from collections.abc import Iterator

import numpy as np

from circuitbias.checks import number, whole, whole_numbers
from circuitbias.spikes.segments import Segment, SpikeSource, checked_segments, cut

_OF_A_SOURCE = ("n_neurons", "dt_ms", "trial_steps", "segments")


class CheckedSource:
    """A source of spikes of somebody else's make, whose segments are checked each time they come.

    The kernels that count spikes look at no bounds: what leads out of them must not get through.

    Parameters
    ----------
    source : SpikeSource

    Raises
    ------
    ValueError
        If it is no source of spikes; while segments come, if one is not what `checked_segments` asks for.
    """

    def __init__(self, source: SpikeSource):
        if missing := [name for name in _OF_A_SOURCE if not hasattr(source, name)]:
            raise ValueError(
                f"source = {source!r:.100}: must be spikes, such as a SpikeRecord or a SpikeFile "
                f"(it has no {', '.join(missing)})"
            )
        self._source = source
        self.n_neurons = whole("n_neurons", source.n_neurons, least=1)
        self.dt_ms = number("dt_ms", source.dt_ms, above=0)

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""
        return whole_numbers("trial_steps", self._source.trial_steps)

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`; the source is asked for whole trials."""
        return cut(checked_segments(self._source.segments(trial), self.n_neurons), first_step, last_step)


def checked_source(source: SpikeSource) -> SpikeSource:
    """A source of this package as it is, as it was checked when it was made; any other as `CheckedSource`."""
    return source if type(source).__module__.startswith("circuitbias.") else CheckedSource(source)
