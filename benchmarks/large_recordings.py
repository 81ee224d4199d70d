"""Recordings that take the trust report longest: what it costs, and what its promise delivers.

    .venv/bin/python benchmarks/large_recordings.py docs/data/trust_large.csv       # resumes
    .venv/bin/python benchmarks/large_recordings.py TABLE --cases nest_300          # needs the extra `nest`
    .venv/bin/python benchmarks/large_recordings.py TABLE --files spikes.csv ...    # without a truth

100 of 1000 Izhikevich neurons with delays, 300 sigmoid units with delays (both as in `strangers.py`), an hour
at 2 Hz with bursts that all units share, and the 300 cells of NEST's example; with the twins that
`circuitbias trust` makes. Seconds are those of the process, `load` is the machine's when the report ended.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from strangers import STRANGERS, row
from trust import code_hash, rows_of_this_code

import circuitbias as cb
from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.trust.report import trust

DT_MS = 0.1
NEST_S = 30.0  # at 150 Hz or so


def low_rates_hour(seed, minutes=60, n=100):
    """2 Hz on average; every two seconds or so all units burst together; 200 connections of 2 to 6 ms."""
    rng = np.random.default_rng(seed)
    n_ms = int(minutes * 60_000)
    rates = rng.gamma(1.5, 1.2, size=n) * 1e-3
    gain = np.ones(n_ms)
    for start in np.flatnonzero(rng.random(n_ms) < 1 / 2000):
        left = min(120, n_ms - start)
        gain[start : start + left] += rng.gamma(2.0, 4.0) * np.exp(-np.arange(left) / 40)
    times = [np.flatnonzero(rng.random(n_ms) < np.minimum(one * gain / gain.mean(), 0.5)) for one in rates]
    weights, caused = np.zeros((n, n)), [[] for _ in range(n)]
    for pre, post in rng.integers(0, n, size=(200, 2)):
        if pre != post:
            drawn = times[pre][rng.random(len(times[pre])) < 0.1]
            caused[post].append(drawn + rng.integers(2, 7, size=len(drawn)))
            weights[pre, post] += 0.1
    times = [np.concatenate([own, *more]) for own, more in zip(times, caused, strict=True)]
    units = np.repeat(np.arange(n), [len(one) for one in times])
    # Each spike somewhere within its millisecond.
    steps = np.concatenate(times) * 10 + rng.integers(0, 10, len(units))
    steps, units = np.unique(np.column_stack([steps, units])[steps < 10 * n_ms], axis=0).T
    return weights, SpikeRecord.from_events(steps, units, n, 10 * n_ms)


def nest_300(seed):
    """300 integrate-and-fire cells of NEST with delays of 2 ms, and its external inputs."""
    script = Path(__file__).parents[1] / "tests" / "recordings" / "nest_network.py"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(script), str(NEST_S), folder], check=True, capture_output=True)
        recording, weights = cb.recording(Path(folder) / "spikes.h5"), np.load(Path(folder) / "weights.npy")
    order = [int(unit) for unit in recording.units]
    return weights[np.ix_(order, order)], recording.to_spikes(DT_MS)[0]


CASES = {name: STRANGERS[name] for name in ("izhikevich_100_of_1000", "many_units")}
CASES |= {"low_rates_hour": low_rates_hour, "nest_300": nest_300}


def of_file(path, seed, variants):
    """The report of a recording whose truth nobody knows."""
    started = time.process_time()
    spikes = cb.recording(path).to_spikes(DT_MS)[0]
    n_spikes = sum(len(one.neurons) for one in spikes.segments())
    found = {"case": path.name, "seed": seed, "units": spikes.n_neurons, "spikes": n_spikes}
    try:
        report = trust(spikes, seed=seed, variants=variants)
        found |= {"refused": report.refused, "estimator": report.first, "worse": report.worse}
        found |= {f"listed_{promise:g}": int(one.sum()) for promise, one in report.lists.items()}
    except UnusableDataError as refusal:
        found["refused"] = str(refusal)
    return found | {"seconds": time.process_time() - started}


def main():
    """Make the table, or what is missing of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=302)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--variants", nargs="+", help="of twins; default: as many as the command makes")
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="recordings without a truth")
    arguments = parser.parse_args()
    path = Path(arguments.output)
    variants = tuple(arguments.variants) if arguments.variants else None
    rows = rows_of_this_code(path)
    done = {(one["case"], one["seed"]) for one in rows}
    wanted = [(name, CASES[name]) for name in ([] if arguments.files else arguments.cases)]
    wanted += [(one.name, one) for one in arguments.files]
    for name, one in wanted:
        if (name, arguments.seed) in done:
            continue
        made = (
            of_file(one, arguments.seed, variants)
            if isinstance(one, Path)
            else row(name, arguments.seed, variants, *one(arguments.seed))
        )
        rows.append(made | {"load": os.getloadavg()[1]})
        pd.DataFrame(rows).assign(code=code_hash()).to_csv(path, index=False, float_format="%.5g")
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
