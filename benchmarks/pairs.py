"""Spurious couplings of the ring, pair by pair: docs/why-it-is-wrong.md.

    .venv/bin/python benchmarks/pairs.py docs/data/pairs.csv docs/images/pairs   # 3 minutes
    .venv/bin/python benchmarks/pairs.py --print docs/data/pairs.csv

The ring at r = .0125 and .0225, three recordings of 1e6 spikes each, by the paper's GLM and by mean field.
"""

import argparse

import pandas as pd

import circuitbias as cb
from circuitbias.experiments.pairs import run
from circuitbias.figures import style
from circuitbias.figures.pairs import draw

THETA, SEEDS, N_SPIKES = {0.0125: 9.5e-4, 0.0225: 7.7e-4}, (1, 2, 3), 1_000_000
ESTIMATORS = {
    "glm": {"method": "glm"},
    "mean_field": {"method": "mean_field"},
    "mean_field_binarised": {"method": "mean_field", "binarise": True},
}
OPTIONS = {"bin_steps": 100, "n_groups": 8, "least_weight": 0.05, "n_spikes": None}


def table() -> pd.DataFrame:
    """All rows of `circuitbias.experiments.pairs.run`, with columns r and seed."""
    ring, tables = cb.network("ring"), []
    for r, theta in THETA.items():
        for seed in SEEDS:
            spikes = cb.simulate(ring, r=r, theta=theta, n_spikes=N_SPIKES, seed=seed)
            resources = {"memory_mb": 1500, "device": "cpu"}
            found, _ = run(ring, spikes, estimators=ESTIMATORS, resources=resources, **OPTIONS)
            tables.append(found.assign(r=r, seed=seed))
    return pd.concat(tables, ignore_index=True)


def in_words(table: pd.DataFrame) -> str:
    """Rows of Markdown for the unconnected pairs: mean over seeds, with their range."""
    rows = table[table.kind == "unconnected"]
    groups = rows[rows.against == "correlation"].copy()
    groups["group"] = groups.groupby(["estimator", "r", "seed"]).cumcount()
    ends = groups[groups.group.isin([0, groups.group.max()])]
    far = rows[rows.against == "distance"]
    lines = []
    for (r, name), one in ends.groupby(["r", "estimator"]):
        cells = [f"{r:g}", f"`{name}`"]
        cells += [
            f"{_range(found['mean'])} at {found['at'].mean():+.2f}" for _, found in one.groupby("group")
        ]
        cells.append(_range(one.drop_duplicates("seed").rank_correlation))
        here = far[(far.r == r) & (far.estimator == name)]
        cells += [_range(here[here["at"] == distance].systematic, "") for distance in (2, 3)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _range(values, sign="+"):
    return f"{values.mean():{sign}.2f} ({values.min():{sign}.2f} ... {values.max():{sign}.2f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="write the table as Markdown")
    parser.add_argument("table")
    parser.add_argument("figure", nargs="?")
    arguments = parser.parse_args()
    if arguments.print:
        print(in_words(pd.read_csv(arguments.table)))
    else:
        rows = table()
        rows.to_csv(arguments.table, index=False, float_format="%.5g")
        style.save(*draw(rows), arguments.figure, formats=("png",))
