"""The same spikes in every format: what goes in must come out."""

import numpy as np
import pytest

from circuitbias.recordings.recording import Recording

RATES_HZ = (0.0, 0.7, 3.0, 5.0, 40.0, 9.0)
SECONDS = 30.0


@pytest.fixture(scope="session")
def trains():
    """Spike times of six units of very different rates, one of them silent, in whole samples of 30 kHz."""
    rng = np.random.default_rng(3)
    drawn = [np.unique(rng.integers(0, int(30_000 * SECONDS), int(rate * SECONDS))) for rate in RATES_HZ]
    return {str(k + 3): samples / 30_000 for k, samples in enumerate(drawn)}


@pytest.fixture(scope="session")
def pairs(trains):
    """The same as a list of spikes in order of time: times and ids."""
    times = np.concatenate(list(trains.values()))
    units = np.repeat([int(unit) for unit in trains], [len(train) for train in trains.values()])
    order = np.argsort(times, kind="stable")
    return times[order], units[order]


@pytest.fixture(scope="session")
def same():
    """Whether a recording has these trains; silent units only where the format can hold them."""

    def same(recording: Recording, trains: dict, silent: bool = True, atol: float = 1e-9):
        expected = {unit: times for unit, times in trains.items() if silent or len(times)}
        assert recording.units == tuple(expected)
        for found, times in zip(recording.times_s, expected.values(), strict=True):
            assert found.shape == times.shape
            np.testing.assert_allclose(found, times, rtol=0, atol=atol)

    return same
