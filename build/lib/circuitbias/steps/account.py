"""Give an account of a run: its configuration, versions, and the time and memory of each stage.

Times make it a page for a report, and no result: those follow from their input alone.
"""

import platform
from html import escape
from pathlib import Path

import pandas as pd
import yaml

from circuitbias.files import atomic_path
from circuitbias.provenance import describe, version
from circuitbias.steps import json_object

_TOOLS = ("snakemake", "pandas", "matplotlib", "h5py", "scikit-learn")
_STYLE = """body{font:15px/1.5 sans-serif;max-width:56em;margin:2em auto;color:#262626}
table{border-collapse:collapse}td,th{padding:.2em .9em;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}td.bar{width:16em;padding-right:0}
td.bar div{background:#0072B2;height:.8em}pre{background:#f5f5f5;padding:1em;overflow:auto}"""

EXAMPLES = """
circuitbias account --config '{"name": "ring"}' --benchmarks results/ring/benchmarks --output account.html
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--config", required=True, help="complete configuration, as JSON")
    parser.add_argument(
        "--benchmarks", nargs="*", default=[], help="folders of the benchmark files that Snakemake wrote"
    )
    parser.add_argument("--output", required=True, help="page (.html)")


def run(arguments):
    """Do the step."""
    config = json_object("--config", arguments.config)
    stages = by_stage(arguments.benchmarks)
    made = describe()
    versions = {
        **made["versions"],
        **{name: version(name) for name in _TOOLS},
        "system": f"{platform.system()} {platform.machine()}",
    }
    parts = [
        "<!doctype html><meta charset=utf-8><title>Account of the run</title>",
        f"<style>{_STYLE}</style><h1>Account of the run {escape(str(config.get('name', '')))}</h1>",
        "<h2>Run time by stage</h2>",
        _in_words(stages),
        _table(stages),
        "<h2>Versions</h2>",
        _rows(versions.items()),
        "<h2>Configuration</h2><p>Complete, with all defaults. Saved as a file it makes this run again: "
        "<code>snakemake --configfile FILE</code>.</p>",
        f"<pre>{escape(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))}</pre>",
    ]
    with atomic_path(arguments.output) as aside:
        aside.write_text("\n".join(parts) + "\n", encoding="utf-8")
    print(f"{arguments.output}: {int(stages.jobs.sum())} jobs in {len(stages)} stages")


def by_stage(folders: list[str]) -> pd.DataFrame:
    """Sum up benchmark files.

    Parameters
    ----------
    folders : list of str
        What lies in a folder of theirs, such as ``estimate/``, is one stage, and so is a file beside these.

    Returns
    -------
    DataFrame
        A row a stage, the longest first: jobs, minutes of all of them, seconds of the longest, minutes of
        processor, largest memory (MB). Files without a number, of jobs that were too short, count as 0.
    """
    rows = []
    for folder in map(Path, folders):
        for path in sorted(folder.rglob("*.tsv")):
            one = pd.read_csv(path, sep="\t", na_values="-")
            stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
            known = {name: pd.to_numeric(one[name], errors="coerce").fillna(0) for name in _COLUMNS}
            rows.append({"stage": stage, **{name: float(column.max()) for name, column in known.items()}})
    table = pd.DataFrame(rows, columns=["stage", *_COLUMNS])
    found = table.groupby("stage").agg(
        jobs=("s", "size"), minutes=("s", "sum"), longest_s=("s", "max"),
        cpu_minutes=("cpu_time", "sum"), memory_mb=("max_rss", "max"),
    )  # fmt: skip
    found[["minutes", "cpu_minutes"]] /= 60
    return found.sort_values("minutes", ascending=False).reset_index()


_COLUMNS = ("s", "max_rss", "cpu_time")


def _in_words(stages: pd.DataFrame) -> str:
    if stages.empty:
        return "<p>No job of this run has left a benchmark file.</p>"
    first = stages.iloc[0]
    return (
        f"<p>{int(stages.jobs.sum())} jobs took {stages.minutes.sum():.1f} minutes, one after the other, of "
        f"which {stages.cpu_minutes.sum():.1f} of a processor. Most went to <b>{escape(first.stage)}</b>: "
        f"{first.minutes / max(stages.minutes.sum(), 1e-9):.0%}. A job that shared its processor with others "
        "took longer than it would alone. Of a job that was run again, the last time counts.</p>"
    )


def _table(stages: pd.DataFrame) -> str:
    titles = ("stage", "jobs", "minutes", "", "longest job (s)", "processor (minutes)", "memory (MB)")
    longest = max(stages.minutes.max(), 1e-9) if len(stages) else 1.0
    lines = [
        f"<tr><td>{escape(one.stage)}<td>{one.jobs}<td>{one.minutes:.2f}"
        f'<td class=bar><div style="width:{100 * one.minutes / longest:.1f}%"></div>'
        f"<td>{one.longest_s:.1f}<td>{one.cpu_minutes:.2f}<td>{one.memory_mb:.0f}"
        for one in stages.itertuples()
    ]
    return f"<table><tr>{''.join(f'<th>{one}' for one in titles)}{''.join(lines)}</table>"


def _rows(items) -> str:
    return f"<table>{''.join(f'<tr><td>{escape(k)}<td>{escape(str(v))}' for k, v in items)}</table>"
