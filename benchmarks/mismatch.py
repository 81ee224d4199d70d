"""What makes the bias: the walk from the matched model to the paper's GLM, and the same with common input.

    .venv/bin/python benchmarks/mismatch.py docs/data/mismatch.csv docs/images/mismatch   # 7 minutes
    .venv/bin/python benchmarks/mismatch.py --print docs/data/mismatch.csv

The ring at r = .0125 and .025, three recordings of 5e5 spikes each. Common input: six units that are not
recorded drive all neurons, three of them as the others do but with the opposite sign, with a quarter of the
power of the neurons' own inputs.
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import circuitbias as cb
from circuitbias.errors.floor import least_errors
from circuitbias.experiments.mismatch import STEPS, take
from circuitbias.figures import style
from circuitbias.figures.mismatch import draw
from circuitbias.networks.network import Network
from circuitbias.spikes.views import ObservedNeurons

STRENGTHS, SEEDS, N_SPIKES, RATE_HZ = (0.0125, 0.025), (1, 2, 3), 500_000, 62.5
RESOURCES = {"memory_mb": 1500, "device": "cpu"}
DRIVERS, POWER = 6, 0.25
FLOORS = Path(__file__).parents[1] / "docs" / "data" / "floor.csv"
WITH_COMMON = ("matched", "1 ms", "paper's GLM", "paper's GLM, logistic")


def with_drivers(ring, seed):
    """The ring with units that drive its neurons, and fire about as often: all neurons inhibit them alike."""
    n = ring.n_neurons
    rng = np.random.default_rng(seed)
    weights = np.zeros((n + DRIVERS,) * 2)
    weights[:n, :n] = own = ring.dense_weights()
    weights[:n, n:] = own.sum(axis=0).mean() / n
    loads = rng.normal(size=(DRIVERS // 2, n)) * np.sqrt(POWER * np.square(own).sum() / n / DRIVERS)
    weights[n:, :n] = np.vstack([loads, -loads])
    return Network(weights, np.arange(n + DRIVERS), np.ones(n + DRIVERS), "driven", False, {})


def main():
    """Make the table and the figure, or print the table of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("table")
    parser.add_argument("figure", nargs="?")
    arguments = parser.parse_args()
    if not arguments.print:
        path = Path(arguments.table)
        rows = pd.read_csv(path).to_dict("records") if path.exists() else []  # of a run that was cut short
        done = {(row["seed"], row["r"], row["estimator"]) for row in rows}
        for seed in SEEDS:
            for r in STRENGTHS:
                for step, make in walk(r, seed):
                    if (seed, r, step.name) not in done:
                        rows.append(take(step, *make(), RESOURCES) | {"r": r, "seed": seed})
                        rows[-1]["floor_total"] = floor_of(r)
                        in_order(pd.DataFrame(rows)).to_csv(path, index=False, float_format="%.5g")
                print(f"r = {r}, seed {seed}", flush=True)
    table = in_order(pd.read_csv(arguments.table))
    print_table(table)
    if arguments.figure:
        figure, numbers = draw(table)
        style.save(figure, numbers, arguments.figure, formats=("png", "svg"))


def walk(r, seed):
    """All steps at one strength, on one recording; and those with common input, on another."""
    ring = cb.network("ring")
    recording = {"r": r, "rate_hz": RATE_HZ, "seed": seed}

    @cache
    def alone():
        return ring, cb.simulate(ring, n_spikes=N_SPIKES, **recording)

    @cache
    def driven():
        whole = with_drivers(ring, seed)
        spikes = cb.simulate(whole, n_spikes=N_SPIKES * whole.n_neurons // ring.n_neurons, **recording)
        return ring, ObservedNeurons(spikes, np.arange(ring.n_neurons))

    for step in STEPS:
        yield step, alone
    for step in STEPS:
        if step.name in WITH_COMMON:
            change = {"name": f"{step.name}, common", "parent": step.name, "kind": "common"}
            yield step._replace(**change, change="common input"), driven


def floor_of(r):
    """Least total error at this volume, from the table of floors."""
    known = pd.read_csv(FLOORS).query("r == @r").iloc[0]
    return least_errors(known.noise, 100, N_SPIKES / known.n_spikes).total


def in_order(table):
    """Children below their parents."""
    order = []

    def place(name):
        order.append(name)
        for child in table.estimator[table.parent == name].unique():
            place(child)

    table = table.fillna({"parent": "", "kind": ""})
    place("matched")
    rank = table.estimator.map(order.index)
    return table.assign(rank=rank).sort_values(["seed", "r", "rank"]).drop(columns="rank")


def print_table(table):
    """Print what docs/why-it-is-wrong.md holds."""
    first = table.drop_duplicates("estimator").set_index("estimator")
    strengths = sorted(table.r.unique())
    print("| changed in | what | " + " | ".join(f"r = {r:g}: bias | total" for r in strengths) + " |")
    print("|" + "---|" * (2 + 2 * len(strengths)))
    for name, row in first.iterrows():
        cells = ["" if name == "matched" else str(row.parent), row.change]
        for r in strengths:
            found = table[(table.estimator == name) & (table.r == r)]
            bias = found.bias_corrected
            cells += [
                f"{bias.mean():.3f} ({bias.min():.3f} to {bias.max():.3f})",
                f"{found.total.mean():.3f}",
            ]
        print("| " + " | ".join(cells) + " |")
    for r in strengths:
        here = table[table.r == r]
        print(f"\nr = {r:g}: floor of the total error {here.floor_total.mean():.3f}")


if __name__ == "__main__":
    main()
