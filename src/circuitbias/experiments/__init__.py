"""Experiments on one recording: what an estimate becomes when data are fewer, partial or binned otherwise.

A module here is named after its experiment and has pure functions: ``run``, from a network and its spikes
to a tidy table (or a table and arrays), all sweeps inside; and, where there is something to sum up over runs,
``summarise``, from the table of all runs to another one.
"""

from circuitbias import catalogue

EXPERIMENTS = tuple(catalogue.EXPERIMENTS)

_TOLD = {name: catalogue.told(path) for name, path in catalogue.EXPERIMENTS.items()}

SUMMARISED = tuple(name for name, experiment in _TOLD.items() if experiment.summarised)
"""Those that have a function ``summarise``."""

WITH_ESTIMATORS = tuple(
    name for name, experiment in _TOLD.items() if "estimators" in experiment.schema()["properties"]
)
"""Those that try methods of one's choice; others have their own."""

WITH_ARRAYS = tuple(name for name, experiment in _TOLD.items() if experiment.with_arrays)
"""Those that give arrays beside the table."""

COLUMNS = {name: experiment.columns for name, experiment in _TOLD.items()} | {
    f"{name}_summary": _TOLD[name].summary_columns for name in SUMMARISED
}
"""Columns by which the table of each is known, and the summary of those that are summed up."""
