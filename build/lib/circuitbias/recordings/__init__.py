"""Recordings of others: spike times of sorted units, read from many formats, selected, turned into steps."""

from circuitbias.recordings.opening import recording
from circuitbias.recordings.recording import Recording

__all__ = ["Recording", "recording"]
