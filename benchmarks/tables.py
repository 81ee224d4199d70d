"""Reduce what `make bench` and `make bench-scaling` leave to the tables in docs/data: `make bench-tables`.

Rows of a kind that was not timed again stay as they are.
"""

import argparse
import json
import shutil
from pathlib import Path

import pandas as pd

OURS = "circuitbias"
_SAID = ["task", "case", "program", "version", "done", "whole", "unit", "threads", "dtype", "load"]
_FOUND = ["n_neurons", "n_spikes", "n_bins", "passes"]
_QUALITY = ["rate_hz", "largest_scaled_gradient", "largest_difference", "counts"]
_WHICH = ["run", "task", "case", "program"]
_DIGITS = 4


def rows_of(path: Path) -> list[dict]:
    """Rows of one process: a file of pytest-benchmark."""
    report = json.loads(path.read_text())
    origin = {
        "run": path.stem,
        "date": report["datetime"][:10],
        "machine": report["machine_info"]["cpu"].get("brand_raw", ""),
        "python": report["machine_info"]["python_version"],
    }
    rows = []
    for one in report["benchmarks"]:
        info, stats = one["extra_info"], one["stats"]
        seconds = {
            "rounds": stats["rounds"],
            "median_s": stats["median"],
            "best_s": stats["min"],
            "whole_s": stats["median"] * info["whole"] / info["done"],
        }
        said = {key: info.get(key) for key in _SAID}
        rows.append(origin | said | seconds | {key: info.get(key) for key in _FOUND + _QUALITY})
    return rows


def benchmark_table(paths: list[Path]) -> pd.DataFrame:
    """All rows, with the ratio of each to ours in the same process."""
    table = pd.DataFrame([row for path in paths for row in rows_of(path)])
    same = ["run", "task", "case"]
    ours = table[table.program == OURS].set_index(same).whole_s
    table.insert(
        table.columns.get_loc("whole_s") + 1,
        "times_ours",
        table.whole_s / ours.reindex(pd.MultiIndex.from_frame(table[same])).to_numpy(),
    )
    whole_numbers = table[_FOUND].astype("Int64")
    numbers = table.select_dtypes("float").map(lambda value: float(f"{value:.{_DIGITS}g}"))
    return table.assign(**numbers).assign(**whole_numbers)


def _require_no_loss(before, table, target):
    """Stop if a process that was run again has not timed all that the table has of it: peers were missing."""
    again = before[before.run.isin(table.run)]
    timed = set(table[_WHICH].itertuples(index=False, name=None))
    lost = [row for row in again[_WHICH].itertuples(index=False, name=None) if row not in timed]
    if lost:
        programs = ", ".join(sorted({program for *_, program in lost}))
        raise SystemExit(
            f"{target} is left as it is: it has {len(lost)} rows that were not timed again, of {programs}. "
            "Run make peers and make bench, or take these rows out of it"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder with the files of the runs (.json, scaling.csv)")
    parser.add_argument("tables", type=Path, help="folder of the tables")
    arguments = parser.parse_args()
    paths, scaling = sorted(arguments.results.glob("*.json")), arguments.results / "scaling.csv"
    if not paths and not scaling.exists():
        raise SystemExit(f"nothing in {arguments.results}: run make bench or make bench-scaling first")
    if paths:
        target, table = arguments.tables / "benchmarks.csv", benchmark_table(paths)
        if target.exists():
            before = pd.read_csv(target).astype(dict.fromkeys(_FOUND, "Int64"))
            _require_no_loss(before, table, target)
            table = pd.concat([before[~before.run.isin(table.run)], table])
        # Brian2's process times ours again: where both tell of the same, the main one counts.
        table = table.sort_values("run", key=lambda runs: runs.where(runs != "brian2", "~"), kind="stable")
        table.drop_duplicates(["task", "case", "program"]).to_csv(target, index=False)
    if scaling.exists():
        shutil.copy(scaling, arguments.tables)


if __name__ == "__main__":
    main()
