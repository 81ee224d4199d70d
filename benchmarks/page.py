"""Write docs/performance.md from the tables in docs/data and a template of the prose: `make performance`."""

from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

DOCS = Path(__file__).parents[1] / "docs"
OURS = "circuitbias"
_ENDLESS = ("steps",)  # units of which no number is the whole


class Benchmarks:
    """What the template says of `make bench`."""

    def __init__(self, table: pd.DataFrame):
        self._table = table.fillna({"case": ""})

    def _rows(self, task, program=OURS):
        rows = self._table[(self._table.task == task) & self._table.program.str.startswith(program)]
        if rows.empty:
            raise ValueError(f"docs/data/benchmarks.csv has no row of {task!r} by {program!r}")
        return rows

    def ratio(self, task, program, case=None):
        """How many times our time a program takes: the smallest and the largest over cases."""
        rows = self._rows(task, program)
        ratios = (rows if case is None else rows[rows.case == case]).times_ours
        low, high = (_short(value, 2) for value in (ratios.min(), ratios.max()))
        return low if low == high else f"{low} to {high}"

    def verdict(self, task, program, target, case=None):
        """Whether the smallest ratio reaches a target."""
        rows = self._rows(task, program)
        ratios = (rows if case is None else rows[rows.case == case]).times_ours
        return "met" if ratios.min() >= target else "**not met**"

    def seconds(self, task, program=OURS, case=None):
        """Time of the whole task, in words."""
        rows = self._rows(task, program)
        rows = rows[rows.program == program] if case is None else rows[rows.case == case]
        return _seconds(rows.whole_s.iloc[0])

    def origin(self):
        """Machines, days and loads of the runs, in words."""
        of = self._table.agg(lambda column: sorted(set(column.dropna())))
        loads = self._table.load.dropna()
        return (
            f"{' and '.join(of.machine)}; Python {' and '.join(of.python)}; {' and '.join(of.date)}; "
            f"load of the machine {loads.min():.1f} to {loads.max():.1f}, 1 being the benchmark itself"
        )

    def table(self, *tasks):
        """Rows of some tasks: who, how much was timed, time of the whole, its multiple of ours, quality."""
        rows = self._table[self._table.task.isin(tasks)]
        cases = list(dict.fromkeys(rows.case))
        head = ["program", *(["task"] if len(tasks) > 1 else []), "timed"]
        for case in cases:
            head += [case or "seconds", "times ours"]
        head.append("quality")
        lines = [head, ["---"] * len(head)]
        # The fastest first within a task; ours is among them.
        order = rows.groupby(["task", "program"], sort=False).whole_s.min().reset_index()
        order["task"] = pd.Categorical(order.task, tasks, ordered=True)
        for _, (task, program, _) in order.sort_values(["task", "whole_s"]).iterrows():
            of = rows[(rows.task == task) & (rows.program == program)]
            line = [self._name(of.iloc[0]), *([task] if len(tasks) > 1 else []), _timed(of)]
            for case in cases:
                one = of[of.case == case]
                line += (
                    [_seconds(one.whole_s.iloc[0]), _short(one.times_ours.iloc[0])] if len(one) else ["", ""]
                )
            lines.append([*line, _quality(of)])
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    @staticmethod
    def _name(row):
        package, _, how = row.program.partition(",")
        name = f"**{package}**" if package == OURS else f"{package} {row.version}"
        return f"{name},{how}" if how else name


def _short(value, digits=3):
    """A number with so many digits, without an exponent."""
    return f"{float(f'{value:.{digits}g}'):g}"


def _seconds(value):
    return f"{_short(value)} s" if value >= 1e-3 else f"{1e6 * value:.3g} µs"


def _timed(rows):
    row = rows.iloc[0]
    rounds = f", median of {row.rounds}" if row.rounds > 1 else ""
    if row.unit in _ENDLESS:
        share = f"{_count(row.done)} {row.unit}"
    else:
        share = "all" if row.done == row.whole else f"{_count(row.done)} of {_count(row.whole)} {row.unit}"
    return share + rounds


def _count(number):
    return f"{number:,}".replace(",", " ")


def _quality(rows):
    said = []
    if (rates := rows.rate_hz.dropna()).size:
        said.append(" and ".join(f"{rate:.1f}" for rate in rates) + " Hz")
    if (gradients := rows.largest_scaled_gradient.dropna()).size:
        said.append(f"gradient {gradients.max():.0e}")
    if (differences := rows.largest_difference.dropna()).size:
        said.append(f"equal to {differences.max():.0e}")
    if (counts := rows.counts.dropna()).size:
        said.append(f"{counts.iloc[0]} counts")
    return ", ".join(said)


class Scaling:
    """What the template says of `make bench-scaling`."""

    def __init__(self, table: pd.DataFrame):
        self._table = table

    def _rows(self, series):
        rows = self._table[self._table.series == series]
        if rows.empty:
            raise ValueError(f"docs/data/scaling.csv has no series {series!r}")
        return rows

    def exponent(self, series):
        """Exponent a of seconds ~ size**a."""
        rows = self._rows(series)
        return f"{np.polyfit(np.log(rows['size']), np.log(rows.seconds), 1)[0]:.2f}"

    def rate(self, series):
        """Spikes a second of a neuron, in the last row of a series."""
        return f"{self._rows(series).rate_hz.iloc[-1]:.0f}"

    def seconds(self, series, size=None):
        """Time of one size, or of the only one."""
        rows = self._rows(series)
        return _seconds((rows if size is None else rows[rows["size"] == size]).seconds.iloc[-1])

    def line(self, series, unit):
        """Sizes and times of a series, in words."""
        rows = self._rows(series)
        return ", ".join(
            f"{_seconds(row.seconds)} for {_count(row['size'])} {unit}" for _, row in rows.iterrows()
        )

    def networks(self, *series):
        """Network sizes: rate, time a step, by the work in it and for a second of activity, memory."""
        lines = [
            "| neurons | inputs each | rate (Hz) | µs a step | ns per (neuron + spike × input) "
            "| s per second of activity | peak of the process (MB) |",
            "|---|---|---|---|---|---|---|",
        ]
        for _, row in pd.concat([self._rows(name) for name in series]).iterrows():
            step = row.seconds / row.n_steps
            work = row["size"] + row.n_spikes / row.n_steps * row.n_inputs
            lines.append(
                f"| {_count(row['size'])} | {_count(int(row.n_inputs))} | {row.rate_hz:.0f} "
                f"| {1e6 * step:.3g} | {1e9 * step / work:.2g} | {1e4 * step:.3g} | {row.peak_mb} |"
            )
        return "\n".join(lines)


def performance_page(benchmarks: pd.DataFrame, scaling: pd.DataFrame, template: str) -> str:
    """Fill the template.

    Parameters
    ----------
    benchmarks, scaling : DataFrame
        docs/data/benchmarks.csv and docs/data/scaling.csv.
    template : str
        Jinja, with ``bench`` (`Benchmarks`) and ``scaling`` (`Scaling`).

    Returns
    -------
    str
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    page = environment.from_string(template)
    return page.render(bench=Benchmarks(benchmarks), scaling=Scaling(scaling))


def from_docs(docs: Path = DOCS) -> str:
    """The page that belongs to the tables and the template in a folder."""
    tables = [pd.read_csv(docs / "data" / f"{name}.csv") for name in ("benchmarks", "scaling")]
    return performance_page(*tables, (docs / "performance.template.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    (DOCS / "performance.md").write_text(from_docs(), encoding="utf-8")
