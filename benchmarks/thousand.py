"""The GLM of a thousand neurons at 5 Hz, a million bins of 10 ms: `python benchmarks/thousand.py SPIKES.h5`.

Simulates a sparse network, 100 inputs to each neuron, unless the spike file is there already; then fits, and
prints what it took.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from circuitbias.dynamics import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.networks import sparse_network
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes

PARAMETERS = ThresholdParameters(r=0.001, theta=0.00168)  # 5 Hz
BIN_STEPS = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spikes", type=Path)
    parser.add_argument("--neurons", type=int, default=1000)
    parser.add_argument("--bins", type=int, default=1_000_000)
    parser.add_argument("--memory-mb", type=float, default=3000.0)
    parser.add_argument("--options", nargs="*", default=[], help="KEY=NUMBER of the estimator")
    arguments = parser.parse_args()
    network = sparse_network(arguments.neurons, 100, excitatory=0.3, inhibition=2.0)
    if not arguments.spikes.exists():
        segments = simulate(network, PARAMETERS, seed=1, n_steps=arguments.bins * BIN_STEPS)
        write_spikes(arguments.spikes, segments, arguments.neurons, 0.1, {})
    source = SpikeFile(arguments.spikes)
    seconds = source.trial_steps.sum() * source.dt_ms / 1000
    print(f"{source.n_spikes} spikes, {source.n_spikes / arguments.neurons / seconds:.2f} Hz", flush=True)
    options = {key: float(value) for key, value in (pair.split("=") for pair in arguments.options)}
    begun, worked = time.perf_counter(), time.process_time()
    found = estimate("glm", source, bin_steps=BIN_STEPS, memory_mb=arguments.memory_mb, **options)
    taken, worked = time.perf_counter() - begun, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{taken:.0f} s, {worked:.0f} s of a core, {peak:.2f} GB in all")
    print({key: found.diagnostics[key] for key in ("passes", "n_not_converged", "largest_scaled_gradient")})
    off = ~np.eye(arguments.neurons, dtype=bool)
    truth, values = network.dense_weights()[off], found.values[off]
    finite = np.isfinite(values)
    errors = np.isfinite(found.arrays["standard_errors"][0][off])
    agreement = np.corrcoef(truth[finite], values[finite])[0, 1]
    print(f"{finite.mean():.4f} finite, {errors.mean():.4f} with errors; r = {agreement:.3f}")


if __name__ == "__main__":
    main()
