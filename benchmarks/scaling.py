"""How time grows with neurons, steps, spikes and cores: `make bench-scaling`.

Prints each measurement and writes all of them as a table; `benchmarks/page.py` fits the exponents.
"""

import argparse
import os
import resource
import time
from pathlib import Path

import pandas as pd

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.networks import ring_network, sparse_network
from circuitbias.published import thresholds
from circuitbias.spikes.correlograms import count_pairs
from circuitbias.spikes.segments import SpikeRecord

# Inhibition alone, so that the rate (16 Hz) hardly depends on the size: work is compared, not dynamics.
SPARSE = {"excitatory": 0.0, "inhibition": 1.0}
SLOW = ThresholdParameters(r=0.002, theta=0.00126)
# Neurons that excite and neurons that inhibit, at the rate of the paper's ring.
BALANCED = {"excitatory": 0.8, "inhibition": 6.0}
FAST = ThresholdParameters(r=0.001, theta=0.00115)
RING_R = 0.0125
RING = ThresholdParameters(RING_R, float(thresholds("ring")[RING_R]))


def timed(action):
    """Wall time of an action, and what it returns."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def simulated(network, parameters, n_steps, **options):
    """Wall time of a simulation, compiled before, and its spikes."""
    run = lambda: sum(  # noqa: E731
        segment.steps.size
        for segment in simulate(network, parameters, seed=1, n_steps=n_steps, burn_in=0, **options)
    )
    return timed(run)


class Table:
    """Rows of measurements: series, size, seconds and what else is worth knowing."""

    def __init__(self):
        self.rows = []

    def add(self, series, size, seconds, **more):
        """Keep a row and print it."""
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # of the process so far
        row = {"series": series, "size": size, "seconds": float(f"{seconds:.4g}"), "peak_mb": round(peak_mb)}
        self.rows.append(row | more)
        print(" ".join(f"{key}={value}" for key, value in self.rows[-1].items()), flush=True)


def network_size(table, sizes, n_inputs, n_steps, wiring=SPARSE, parameters=SLOW, series=None):
    """A step of a sparse network: grows with n_neurons + spikes * n_inputs."""
    for n in sizes:
        network = sparse_network(n, n_inputs, **wiring)
        simulated(network, parameters, 10)
        taken, spikes = min(simulated(network, parameters, n_steps) for _ in range(3))
        rate_hz = spikes / n / (n_steps * parameters.dt_ms / 1000)
        found = {"n_steps": n_steps, "n_spikes": spikes, "n_inputs": n_inputs, "rate_hz": round(rate_hz, 1)}
        table.add(series or f"sparse network, {n_inputs} inputs", n, taken, **found)


def ring_steps(table, sizes):
    """The ring of 100 neurons, for longer and longer."""
    for n_steps in sizes:
        taken, spikes = simulated(ring_network(), RING, n_steps)
        table.add("ring, steps", n_steps, taken, n_steps=n_steps, n_spikes=spikes)


def fits_by_spikes(table, sizes):
    """Fits of the ring's 100 neurons, from spikes in memory."""
    for n_spikes in sizes:
        source = SpikeRecord(100, 0.1, simulate(ring_network(), RING, seed=1, n_spikes=int(n_spikes)))
        for series, run in {
            "GLM, spikes": lambda source=source: estimate("glm", source),
            "correlograms, spikes": lambda source=source: count_pairs(source, 10, 50),
        }.items():
            table.add(series, source.n_spikes, timed(run)[0], n_spikes=source.n_spikes)


def fits_by_neurons(table, sizes, n_steps):
    """Fits of sparse networks, all recorded for the same time."""
    for n in sizes:
        network = sparse_network(n, 20, **SPARSE)
        source = SpikeRecord(n, 0.1, simulate(network, SLOW, seed=1, n_steps=n_steps))
        for series, run in {
            "GLM, neurons": lambda source=source: estimate("glm", source, memory_mb=5000),
            "correlograms, neurons": lambda source=source: count_pairs(source, 10, 50),
        }.items():
            table.add(series, n, timed(run)[0], n_steps=n_steps, n_spikes=source.n_spikes)


def cores(table, n_steps):
    """As many trials of the ring as there are cores, one after the other and all at once."""
    for threads in range(1, len(os.sched_getaffinity(0)) + 1):
        taken = min(simulated(ring_network(), RING, n_steps, trials=threads, threads=1)[0] for _ in range(3))
        table.add("trials on one core", threads, taken, n_steps=n_steps)
        taken = min(
            simulated(ring_network(), RING, n_steps, trials=threads, threads=threads)[0] for _ in range(3)
        )
        table.add("trials on a core each", threads, taken, n_steps=n_steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="table to write (.csv)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000, 100_000])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--spikes", type=float, nargs="+", default=[3e5, 1e6, 3e6, 1e7])
    parser.add_argument("--neurons", type=int, nargs="+", default=[50, 100, 200, 400])
    arguments = parser.parse_args()
    compiled, table = Table(), Table()  # everything is compiled before it is timed
    ring_steps(compiled, [1000])
    fits_by_spikes(compiled, [1e5])
    ring_steps(table, [100_000, 1_000_000, 10_000_000])
    cores(table, 5_000_000)
    network_size(table, arguments.sizes, 100, arguments.steps)
    network_size(table, [n for n in arguments.sizes if 1000 < n <= 10_000], 1000, arguments.steps)
    network_size(
        table, [10_000], 1000, 10_000, BALANCED, FAST, "excitation and inhibition, 1000 inputs, one second"
    )
    fits_by_spikes(table, arguments.spikes)
    fits_by_neurons(table, arguments.neurons, 20_000_000)
    if arguments.output:
        pd.DataFrame(table.rows).to_csv(arguments.output, index=False)


if __name__ == "__main__":
    main()
