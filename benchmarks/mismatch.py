"""What makes the bias: the walk from the matched model to the paper's GLM, and the same with common input.

    .venv/bin/python benchmarks/mismatch.py docs/data/mismatch.csv docs/images/mismatch   # 7 minutes
    .venv/bin/python benchmarks/mismatch.py --print docs/data/mismatch.csv

The ring at r = .0125 and .025, three recordings of 5e5 spikes each. Common input: five units that are not
recorded, fire at random and drive all neurons, with as much power as the neurons' own input.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import circuitbias as cb
from circuitbias.errors.floor import least_errors
from circuitbias.experiments.mismatch import STEPS, run, take
from circuitbias.figures import style
from circuitbias.figures.mismatch import draw
from circuitbias.networks.network import Network
from circuitbias.spikes.views import ObservedNeurons

STRENGTHS, SEEDS, N_SPIKES, RATE_HZ = (0.0125, 0.025), (1, 2, 3), 500_000, 62.5
RESOURCES = {"memory_mb": 1500, "device": "cpu"}
DRIVERS = 5
FLOORS = Path(__file__).parents[1] / "docs" / "data" / "floor.csv"
WITH_COMMON = ("matched", "1 ms", "paper's GLM", "paper's GLM, logistic")


def with_drivers(ring, seed):
    """The ring with units that drive all of its neurons, and are driven by none."""
    n = ring.n_neurons
    rng = np.random.default_rng(seed)
    weights = np.zeros((n + DRIVERS,) * 2)
    weights[:n, :n] = ring.dense_weights()
    power = np.square(weights[:n, :n]).sum() / n  # of one neuron's inputs, at equal rates
    weights[n:, :n] = rng.normal(size=(DRIVERS, n)) * np.sqrt(power / DRIVERS)
    drive = np.append(np.ones(n), np.full(DRIVERS, 0.98))
    return Network(weights, np.arange(n + DRIVERS), drive, "driven", False, {})


def main():
    """Make the table and the figure, or print the table of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("table")
    parser.add_argument("figure", nargs="?")
    arguments = parser.parse_args()
    if not arguments.print:
        tables = []
        for seed in SEEDS:
            for r in STRENGTHS:
                tables.append(walk(r, seed).assign(r=r, seed=seed))
                pd.concat(tables).to_csv(arguments.table, index=False, float_format="%.5g")
                print(f"r = {r}, seed {seed}", flush=True)
    table = pd.read_csv(arguments.table)
    print_table(table)
    if arguments.figure:
        figure, numbers = draw(table)
        style.save(figure, numbers, arguments.figure, formats=("png", "svg"))


def walk(r, seed):
    """All steps at one strength, on one recording; and those with common input, on another."""
    ring = cb.network("ring")
    recording = {"r": r, "rate_hz": RATE_HZ, "seed": seed}
    spikes = cb.simulate(ring, n_spikes=N_SPIKES, **recording)
    table, _ = run(ring, spikes, n_spikes=None, resources=RESOURCES)
    driven = with_drivers(ring, seed)
    spikes = cb.simulate(driven, n_spikes=N_SPIKES * driven.n_neurons // ring.n_neurons, **recording)
    seen = ObservedNeurons(spikes, np.arange(ring.n_neurons))
    rows = []
    for step in STEPS:
        if step.name in WITH_COMMON:
            change = {"name": f"{step.name}, common", "parent": step.name, "kind": "common"}
            rows.append(take(step._replace(**change, change="common input"), ring, seen, RESOURCES))
    table = pd.concat([table, pd.DataFrame(rows)])
    return in_order(table).assign(floor_total=floor_of(r))


def floor_of(r):
    """Least total error at this volume, from the table of floors."""
    known = pd.read_csv(FLOORS).query("r == @r").iloc[0]
    return least_errors(known.noise, 100, N_SPIKES / known.n_spikes).total


def in_order(table):
    """Children below their parents."""
    order = []

    def place(name):
        order.append(name)
        for child in table.estimator[table.parent == name]:
            place(child)

    place("matched")
    return table.set_index("estimator").loc[order].reset_index()


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
