"""When to stimulate: Fisher information per second and per spike under resets, releases and pulses.

    .venv/bin/python benchmarks/timing.py docs/data/timing.csv docs/images/timing.png

Drives of the threshold model at the threshold that gives 62.5 Hz without them. For each, minutes and spikes
that a matched estimator needs for a variance error of 0.1, by `circuitbias.errors.floor_driven`; it knows the
drive. The best of each family is chosen on seed 1 and scored on seed 2, beside a steady drive on seed 2. Ten
minutes of one core.
"""

import argparse
from itertools import product

import matplotlib
import numpy as np
import pandas as pd

import circuitbias as cb
from circuitbias.dynamics.drives import Pulses, Release, Reset
from circuitbias.dynamics.engines.threshold import ThresholdEngine
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_search import threshold_for_rate
from circuitbias.errors.floor_driven import driven_floor
from circuitbias.exceptions import UnusableDataError
from circuitbias.figures import style
from circuitbias.spikes.segments import SpikeRecord

matplotlib.use("agg")
import matplotlib.pyplot as plt

NETWORKS = {"ring": 0.025, "random_symmetric": 0.01}
SECONDS, WANTED = 200, 0.1
N_TARGETS = 10
X_TICKS = (2, 5, 10, 20, 40, 80, 160)
PULSED = tuple(range(0, 100, 4))
DRIVES = {
    "reset": [Reset(every_ms=t) for t in (2, 5, 10, 20, 40, 80, 160)],
    "release": [Release(on_ms=on, off_ms=off) for off, on in product((10, 20, 50), (10, 20, 40, 80))],
    "pulses": [
        Pulses(neurons=PULSED, size=size, width_ms=10.0, rest_ms=rest)
        for size, rest in product((1e-4, 3e-4), (10, 40, 90))
    ],
}


def needed(network, parameters, drive, seed):
    """Minutes and spikes for the wanted variance error, and the rate."""
    schedule = drive.schedule(network.n_neurons, parameters.dt_ms) if drive else None
    engine = ThresholdEngine(network, parameters, schedule)
    steps = int(SECONDS * 1000 / parameters.dt_ms)
    pieces = list(simulate(network, engine, seed=seed, n_steps=steps, burn_in=10_000))
    spikes = SpikeRecord(network.n_neurons, parameters.dt_ms, pieces)
    targets = np.arange(0, network.n_neurons, network.n_neurons // N_TARGETS)
    try:
        noise = driven_floor(network, parameters, schedule, spikes, targets=targets, seed=seed).noise
    except UnusableDataError:
        noise = np.nan
    times = noise / WANTED**2
    rate = spikes.n_spikes / network.n_neurons / SECONDS
    return {"minutes": times * SECONDS / 60, "spikes": times * spikes.n_spikes, "rate_hz": rate}


def main():
    """Sweep, choose, score; write the table and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("figure")
    parser.add_argument("--draw-only", action="store_true", help="from a table that is there")
    arguments = parser.parse_args()
    if not arguments.draw_only:
        rows = []
        for family, r in NETWORKS.items():
            network = cb.network(family)
            free = ThresholdParameters(r=r, theta=0.0)
            theta = threshold_for_rate(network, free, 62.5).theta
            parameters = ThresholdParameters(r=r, theta=theta)

            def row(drive, seed, network=network, parameters=parameters, family=family):
                kind = type(drive).__name__.lower() if drive else "steady"
                told = {k: v for k, v in (drive.options() if drive else {}).items() if k != "neurons"}
                said = ", ".join(f"{key} {value:g}" for key, value in told.items() if key != "level")
                found = needed(network, parameters, drive, seed)
                print(family, kind, said, seed, found, flush=True)
                return {"network": family, "drive": kind, "options": said, **told, "seed": seed} | found

            rows += [row(None, 1), row(None, 2)]
            for drives in DRIVES.values():
                tried = [row(drive, 1) for drive in drives]
                rows += tried
                for by in ("minutes", "spikes"):
                    values = np.array([one[by] for one in tried])
                    if np.isfinite(values).any():
                        rows.append(row(drives[int(np.nanargmin(values))], 2) | {"chosen_by": by})
            pd.DataFrame(rows).to_csv(arguments.table, index=False, float_format="%.5g")
    table = pd.read_csv(arguments.table)
    tell(table)
    draw(table, arguments.figure)


def tell(table):
    """Print what was chosen, scored on seed 2, beside the steady drive."""
    print(
        "| network | drive | chosen for | options | rate (Hz) | minutes | spikes | of steady: time | spikes |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for family, part in table[table.seed == 2].groupby("network", sort=False):
        steady = part[part.drive == "steady"].iloc[0]
        for one in part.itertuples():
            print(
                f"| `{family}` | {one.drive} | {one.chosen_by if one.drive != 'steady' else ''} | "
                f"{one.options if one.drive != 'steady' else ''} | {one.rate_hz:.1f} | {one.minutes:.1f} | "
                f"{one.spikes:.1e} | {one.minutes / steady.minutes:.2f} | {one.spikes / steady.spikes:.2f} |"
            )


@style.styled
def draw(table, path):
    """Draw minutes and spikes against the time that a drive leaves the network alone."""
    first = table[table.seed == 1]
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 5.6), sharex=True, layout="constrained")
    for column, (family, part) in zip(axes.T, first.groupby("network", sort=False), strict=True):
        steady = part[part.drive == "steady"].iloc[0]
        lines = [("every_ms", part[part.drive == "reset"], "resets")]
        for off, some in part[part.drive == "release"].groupby("off_ms"):
            lines.append(("on_ms", some, f"release, {off:g} ms off"))
        for size, some in part[part.drive == "pulses"].groupby("size"):
            lines.append(("rest_ms", some, f"pulses of {size:g}"))
        for axis, by in zip(column, ("minutes", "spikes"), strict=True):
            axis.axhline(steady[by], color=style.GUIDE, linewidth=1, label="steady drive")
            for number, (x, some, label) in enumerate(lines):
                look = {"marker": "ov^sD<"[number], "markersize": 4, "linewidth": 1}
                axis.plot(some[x], some[by], color=f"C{number}", label=label, **look)
            axis.set(xscale="log", yscale="log", xticks=X_TICKS, xticklabels=map(str, X_TICKS))
            axis.minorticks_off()
        column[0].set_title(f"{family}, r = {NETWORKS[family]:g}")
        column[1].set_xlabel("on, or between resets or pulses (ms)")
    axes[0, 0].set_ylabel("minutes needed")
    axes[1, 0].set_ylabel("spikes needed")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
