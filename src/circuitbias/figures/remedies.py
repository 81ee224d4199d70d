"""What noise, resets, suppression and release buy, and what they cost: a row for each circuit."""

import json
import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias.component import Picture
from circuitbias.figures import notes, shared, style

_WANTED = 0.1
"""Variance error for which the cost is told."""

_PANELS = {
    "bias": "bias error",
    "total": "total error",
    "minutes": f"recording time for a\nvariance error of {_WANTED:g} (min)",
    "spikes": f"spikes for a\nvariance error of {_WANTED:g}",
}
_ROW_MM, _REST_MM = 3.6, 34


class Remedies(Picture):
    """What remedies buy and cost, a row for each circuit.

    **a**, **b**: bias and total error. **c**, **d**: how long one has to record, and how many spikes that
    gives, for a variance error of 0.1, whose square falls as one over the volume; suppression and bins
    that are not used count. Grey: the first circuit. Colours: estimators, from all bins, from one phase
    of the cycle, or with offsets by phase. Mean over seeds, with bars for the range. **What to
    conclude**: a remedy pays if it lies below the grey line in a and b, and its cost in c is one you can
    afford. One that lowers the bias and raises the total error has only changed one error for another: it
    needs the time in c.
    """

    title = "Remedies"
    table = "errors"
    inputs = ("table",)
    together = "drive"


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure: circuits from top to bottom, estimators by colour.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.errors.tables.error_table`, with a column circuit.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value: y counts the circuits from the top.
    """
    numbers = style.Numbers()
    table = costs(table)
    if not table.total.notna().any():
        figure = style.new_figure(40)
        shared.say(figure.subplots(), notes.why_empty(table))
        return figure, numbers.table()
    circuits, looks = list(table.circuit.unique()), style.estimator_styles(table.estimator.unique())
    figure = style.new_figure(_ROW_MM * len(circuits) + _REST_MM)
    row = figure.subplots(1, len(_PANELS), sharey=True)
    for letter, axes, (quantity, label) in zip("abcd", row, _PANELS.items(), strict=True):
        axes.set_title(style.lettered(letter))
        for name, look in looks.items():
            ours = table[table.estimator == name]
            seeds = ours.groupby("circuit", sort=False)[quantity].agg(["mean", "min", "max"]).dropna()
            places = [circuits.index(circuit) for circuit in seeds.index]
            axes.hlines(places, seeds["min"], seeds["max"], color=look["color"], linewidth=1.0)
            axes.plot(seeds["mean"], places, **look | {"linestyle": ""})
            numbers.add(letter, name, seeds["mean"], places, seeds["min"], seeds["max"])
        first = table[table.circuit == circuits[0]][quantity].mean()
        if np.isfinite(first):
            axes.axvline(first, color=style.GUIDE, linewidth=0.8, zorder=0)
        axes.set(xlabel=label)
        axes.margins(x=0.1)
        if quantity == "spikes":
            shared.volume_axis(axes.xaxis)
            axes.set_xlabel(label)
        else:
            shared.log_numbers(axes.xaxis)
    row[0].set_yticks(range(len(circuits)), [style.pretty(name) for name in circuits])
    row[0].invert_yaxis()
    handles = [
        Line2D([], [], label=style.pretty(name), **look | {"linestyle": ""}) for name, look in looks.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure, numbers.table()


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """Add what a variance error of a tenth costs: its square falls as one over the volume.

    Returns
    -------
    DataFrame
        With columns ``minutes`` (of recording, suppression and bins not used included), ``spikes`` (of the
        whole recording) and ``rate_hz`` (mean of a neuron).
    """
    longer = (table.variance / _WANTED) ** 2
    n_neurons = (1 + np.sqrt(1 + 4 * table.n_all_pairs)) / 2
    return table.assign(
        minutes=table.recorded_s / 60 * longer,
        spikes=table.n_spikes * longer,
        rate_hz=table.n_spikes / (table.recorded_s * n_neurons),
    )


def in_words(table: pd.DataFrame) -> str:
    """Return the numbers as a table of Markdown, a row for each circuit and estimator, means over seeds."""
    table = costs(table)
    heads = ("circuit", "drive", "estimator", "rate (Hz)", "bias", "variance", "total", "minutes", "spikes")
    lines = [f"| {' | '.join(heads)} |"]
    lines.append("|---" * 9 + "|")
    columns = ["rate_hz", "bias", "variance", "total", "minutes", "spikes"]
    for (circuit, estimator), rows in table.groupby(["circuit", "estimator"], sort=False):
        rate, bias, variance, total, minutes, spikes = rows[columns].mean()
        drive = json.loads(rows.drive.iloc[0])["family"] if rows.drive.iloc[0] else "steady"
        lines.append(
            f"| `{circuit}` | {drive} | `{estimator}` | {rate:.1f} | {bias:.3f} | {variance:.3f} "
            f"| {total:.3f} | {minutes:.1f} | {spikes:.1e} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":  # python -m circuitbias.figures.remedies results/remedies/errors.csv
    found = pd.read_csv(sys.argv[1]).fillna({"drive": ""})
    print(in_words(found), end="")
