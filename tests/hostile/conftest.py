import tracemalloc

import pytest


@pytest.fixture
def little_memory(monkeypatch):
    """Lower the limit, so that little files can break it; fail if much memory is taken all the same."""
    monkeypatch.setattr("circuitbias.reading.LARGEST_BYTES", 10_000_000)
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
