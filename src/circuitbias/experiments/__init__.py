"""Experiments on one recording: what an estimate becomes when data are fewer, partial or binned otherwise.

A module here is named after its experiment and has pure functions: ``run``, from a network and its spikes
to a tidy table (or a table and arrays), all sweeps inside; and, where there is something to sum up over runs,
``summarise``, from the table of all runs to another one.
"""

EXPERIMENTS = ("data_volume", "partial_observation", "bin_width", "patterns", "synchrony")

SUMMARISED = ("data_volume", "partial_observation")
"""Those that have a function ``summarise``."""

WITH_ARRAYS = ("synchrony",)
"""Those that give arrays beside the table."""
