"""How time and memory grow with the size of a network, and what a second core brings: `make bench-scaling`.

Prints tables in Markdown, and the exponent a of time ~ size**a fitted to each column.
"""

import argparse
import resource
import time

import numpy as np

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.networks import ring_network, sparse_network
from circuitbias.published import thresholds

# Inhibition alone, so that the rate (16 Hz) hardly depends on the size: work is compared, not dynamics.
SPARSE = {"excitatory": 0.0, "inhibition": 1.0}
PARAMETERS = ThresholdParameters(r=0.002, theta=0.00126)


def seconds(network, parameters, n_steps, **options) -> tuple[float, int]:
    """Wall time of a simulation, compiled before, and its spikes."""
    start = time.perf_counter()
    segments = simulate(network, parameters, seed=1, n_steps=n_steps, burn_in=0, **options)
    spikes = sum(len(segment.steps) for segment in segments)
    return time.perf_counter() - start, spikes


def by_size(sizes, n_inputs, n_steps):
    """Time a step of sparse networks: grows with n_neurons + spikes * n_inputs."""
    print(f"\n{n_inputs} inputs each, {n_steps} steps of {PARAMETERS.dt_ms} ms, one core:\n")
    print(
        "| neurons | rate (Hz) | µs a step | ns per (neuron + spike × input) | s per second of activity "
        "| peak memory (MB) |"
    )
    print("|---|---|---|---|---|---|")
    times = []
    for n in sizes:
        network = sparse_network(n, n_inputs, **SPARSE)
        seconds(network, PARAMETERS, 10)
        taken, spikes = seconds(network, PARAMETERS, n_steps)
        work = n + spikes / n_steps * n_inputs
        times.append(taken / n_steps)
        rate = spikes / n / (n_steps * PARAMETERS.dt_ms / 1000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {n} | {rate:.0f} | {1e6 * times[-1]:.3g} | {1e9 * times[-1] / work:.3g} "
            f"| {1e4 * times[-1]:.3g} | {peak:.0f} |",
            flush=True,
        )
    exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    print(f"\ntime a step ~ neurons^{exponent:.2f}")


def by_cores(n_steps):
    """Two trials of the ring on one core and on two, and the steps of one run."""
    r = 0.0125
    ring, parameters = ring_network(), ThresholdParameters(r, float(thresholds("ring")[r]))
    seconds(ring, parameters, 1000)
    for steps in (n_steps // 10, n_steps):
        taken, spikes = seconds(ring, parameters, steps)
        print(f"ring of 100, {steps} steps, {spikes} spikes: {1e9 * taken / steps:.0f} ns a step")
    for _ in range(3):
        one, two = (seconds(ring, parameters, n_steps, trials=2, threads=threads)[0] for threads in (1, 2))
        print(f"two trials of it: {one:.2f} s on one core, {two:.2f} s on two, ratio {one / two:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000, 100_000])
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--ring-steps", type=int, default=5_000_000)
    arguments = parser.parse_args()
    by_cores(arguments.ring_steps)
    by_size(arguments.sizes, arguments.inputs, arguments.steps)
    by_size([n for n in arguments.sizes if 1000 < n <= 10_000], 1000, arguments.steps)
