"""The engine beside the torch reference and a plain numpy loop, on one core, N = 100."""

import numpy as np
import pytest
import torch

from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_sam import ThresholdSAM

STRENGTHS = [0.0125, 0.025]


def numpy_loop(network, p, n_steps, rng):
    """The equations as they stand, one matrix product a step."""
    s = rng.random(network.n_neurons)
    spikes = np.zeros((n_steps, network.n_neurons), dtype=bool)
    for step in range(n_steps):
        noise = rng.standard_normal(network.n_neurons) * (rng.random(network.n_neurons) < p.rho)
        spikes[step] = p.r * (s @ network.weights) + p.b * (1 + p.sigma * noise) > p.theta
        s = s * p.decay + spikes[step]
    return spikes


@pytest.mark.benchmark(group="simulator, microseconds a step")
@pytest.mark.parametrize("r", STRENGTHS)
@pytest.mark.parametrize("which", ["engine", "ThresholdSAM (torch)", "numpy loop"])
def test_time_per_step(benchmark, ring, parameters, which, r):
    p = parameters(r)
    n_steps = {"engine": 2_000_000}.get(which, 10_000)

    def run():
        if which == "engine":
            return sum(s.steps.size for s in simulate(ring, p, seed=1, n_steps=n_steps))
        if which == "numpy loop":
            return numpy_loop(ring, p, n_steps, np.random.default_rng(1)).sum()
        model = ThresholdSAM.from_parameters(p, torch.Generator().manual_seed(1))
        return int(model.simulate(ring.weights, n_steps, equilibration_steps=0).sum())

    n_spikes = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    benchmark.extra_info |= {
        "n_neurons": ring.n_neurons,
        "n_steps": n_steps,
        "microseconds_a_step": benchmark.stats.stats.median / n_steps * 1e6,
    }
    isi_ms = ring.n_neurons * n_steps * p.dt_ms / n_spikes
    assert isi_ms == pytest.approx(16, rel=0.1)  # all of them simulate the same thing
