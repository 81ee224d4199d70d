"""What an experiment and a figure of a run say of themselves; `component` has them beside its own."""

import inspect

from circuitbias.model import Component


class Experiment(Component):
    """A module's ``run``: all sweeps over one recording; its options are a section of the config.

    Attributes
    ----------
    cost : Cost or None
        Of one that has methods of its own; others take the time of their estimates.
    n_recordings : float
        How many estimates from the whole recording it is worth.
    summarised : bool
        Whether its module has a function ``summarise``.
    with_arrays : bool
        Whether it gives arrays beside the table.
    sweeps_over : str
        Option that its estimators must have, if any.
    columns, summary_columns : tuple of str
        Columns by which its table, and the summary of it, are told from those of other experiments.
    """

    cost = None
    n_recordings = 1.0
    summarised = False
    with_arrays = False
    sweeps_over = ""
    columns = ()
    summary_columns = ()

    def work(self, entries: list[dict], seconds) -> float:
        """Return the seconds it takes for 1e7 spikes of 100 neurons, given those of one estimate."""
        return self.n_recordings * sum(map(seconds, entries))


class Picture(Component):
    """A figure of a run; its docstring is the caption in the report.

    Its module has a function ``draw``, from tables and arrays to a matplotlib figure and the numbers in it.

    Attributes
    ----------
    title : str
        What the report calls it.
    inputs : tuple of str
        What it is drawn from, as arguments of its step: ``network``, ``activity`` and ``couplings`` (files of
        all runs), ``errors``, ``profiles``, ``table``, its ``summary`` and ``arrays``, the ``comparison``
        with the paper, ``floor``.
    table : str
        Which table ``table`` is: its place in the folder of a circuit, without suffix.
    compared : tuple of (str, str)
        Published numbers that it shows: quantities of the comparison with the paper, and a pattern of their
        condition (empty: they have none). Its caption sets them beside ours (`comparison.beside`).
    in_full : bool
        Whether it shows some strengths in full (``figures.example_strengths`` of a config).
    together : {"", "circuits", "generator", "drive"}
        What circuits of a run it shows side by side: several, with several generators, or with several
        drives. Other figures are of one circuit.
    """

    title = ""
    inputs = ("network", "table")
    table = ""
    compared = ()
    in_full = False
    together = ""

    @classmethod
    def caption(cls) -> str:
        """Caption in reStructuredText, whose summary is the first sentence."""
        return inspect.getdoc(cls).replace("\n\n", " ", 1)
