"""Time of a step of every generator beside the floor of its arithmetic and its readable reference.

``python benchmarks/generators.py`` prints a table for docs/generators.md: the ring of 100 neurons, the best
of some runs on one core. The floor is what no kernel of this kind can do without: random words for every
neuron and step (for sweeps two), and the rows of spikes, with a window also taken away again, or of flips,
added to the inputs.
"""

import time

import numpy as np
import torch
from numba import njit

from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, draw_block, neuron_terms, uniforms
from circuitbias.dynamics.engines.threshold import ThresholdEngine
from circuitbias.dynamics.named import NamedModel
from circuitbias.dynamics.threshold_sam import ThresholdSAM
from circuitbias.networks import ring_network
from circuitbias.published import thresholds

RING = ring_network()
N = RING.n_neurons
CASES = {"threshold": 1, "lnp": 1, "glm_relu": 2, "glm_exp": 2, "adaptive_lif": 1, "ising": 1}
"""Rows that are added for every spike or flip."""


def model_of(family):
    """A generator of the ring: r = 0.0125 at the published threshold; of the Ising model r = 50."""
    if family == "ising":
        return NamedModel.of({"r": 50.0, "family": family})
    known = "threshold" if family == "adaptive_lif" else family
    theta = 4e-4 if family == "adaptive_lif" else float(thresholds("ring", known)[0.0125])
    return NamedModel.of({"r": 0.0125, "theta": theta, "family": family})


@njit
def floor(words, terms, h, rows, n_blocks, n_rows):
    """Draw words, and add rows to h."""
    for block in range(n_blocks):
        draw_block(words, terms, np.uint64(1), 0, block)
    for k in range(n_rows):
        for i in range(h.shape[0]):
            h[i] += rows[k % 100, i]


def best(function, repeats):
    """Least time of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def reference(family, model, n_steps):
    """A run of the readable reference, as a function."""
    u = uniforms(1, 0, 0, n_steps, N)
    start = uniforms(1, 0, 0, 1, N, STREAM_INITIAL_STATE)[0]
    how = {"r": model.r, "theta": model.theta}
    if family == "threshold":
        sam = ThresholdSAM.from_parameters(model.parameters, torch.Generator(), RING.drive_scale)
        given = {"equilibration_steps": 0, "initial_activation": 0.1 * start, "uniforms": u}
        return lambda: sam.simulate(RING.weights, n_steps, **given)
    if family == "ising":
        words = np.random.default_rng(1).integers(0, 2**32, (n_steps, 2, N), dtype=np.uint32)
        x = np.where(start < 0.5, 1, -1)
        return lambda: model.generator.reference(RING, **how, words=words, x=x)
    more = {"lnp": {"activation": start}, "adaptive_lif": {"potential": model.theta * start}}.get(family, {})
    return lambda: model.generator.reference(RING, **how, uniforms=u, **more)


def main():
    """Print the table."""
    print("| family | kernel (us) | floor (us) | kernel / floor | reference / kernel |")
    print("|---|---|---|---|---|")
    for family, rows_a_spike in CASES.items():
        model = model_of(family)
        made = model.engine(RING)
        engine = ThresholdEngine(RING, made) if model.parameters else made
        n_steps, n_read = (500, 100) if family == "ising" else (10_000, 400)
        room = n_steps * N // (1 if family == "ising" else 40) + engine.most_events
        buffers = np.empty(room, np.int64), np.empty(room, np.int32)
        state = engine.start(1, 0)
        engine.advance(state, 1, 0, 0, n_steps, 2**62, *buffers)

        def run(engine=engine, state=state, n_steps=n_steps, buffers=buffers):
            return engine.advance(state.copy(), 1, 0, n_steps, n_steps, 2**62, *buffers)

        done, found = run()
        kernel, additions = best(run, 300) / done, found
        if family == "ising":  # at least as many flips as neurons that differ from one sweep to the next
            states = np.zeros((done, N), dtype=bool)
            states[buffers[0][:found] - n_steps, buffers[1][:found]] = True
            additions = (states[1:] != states[:-1]).sum()
        words, terms = np.zeros((4, 112), np.uint32), neuron_terms(N, np.uint64(1), 0, 0)
        given = words, terms, np.zeros(N), np.ascontiguousarray(RING.weights)
        sizes = done // (2 if family == "ising" else 4), int(rows_a_spike * additions)
        floor(*given, 1, 1)
        least = best(lambda given=given, sizes=sizes: floor(*given, *sizes), 300) / done
        slow = best(reference(family, model, n_read), 1) / n_read
        numbers = f"{1e6 * kernel:.3f} | {1e6 * least:.3f} | {kernel / least:.1f} | {slow / kernel:.0f}"
        print(f"| `{family}` | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
