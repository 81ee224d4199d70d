"""The simulator on a CUDA device, from one trial to many, beside the CPU's; estimators on both."""

import os

import numpy as np
import pytest

from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.spikes.segments import SpikeRecord

pytest.importorskip("numba_cuda", reason="needs numba-cuda, of the extra gpu")
cuda = pytest.importorskip("numba.cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda.is_available(), reason="needs a CUDA device, and numba-cuda sees none"),
]

R = 0.0125
STRENGTHS = [0.0005, 0.0025, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.0225, 0.025]
BATCH_SPIKES = int(float(os.environ.get("BENCH_GPU_SPIKES", "1e8")))  # per strength
BATCH_TRIALS = 1024
LAUNCH_STEPS = 2**13
MOST_LAUNCHED = 2**25  # network-steps: a second or so is enough to be timed


@pytest.fixture(autouse=True)
def say_it_at_once(benchmark, request, capsys):
    """Print each time as soon as it is known: what comes at the end alone is lost if there is no end."""
    yield
    if benchmark.stats:
        with capsys.disabled():
            told = ("network_steps_per_second", "n_spikes", "passes")
            extra = {name: benchmark.extra_info[name] for name in told if name in benchmark.extra_info}
            print(f"\n{request.node.name}: {benchmark.stats.stats.median:.4g} s {extra}", flush=True)


def note_rate(benchmark, n_steps):
    benchmark.extra_info |= {
        "network_steps": n_steps,
        "network_steps_per_second": n_steps / benchmark.stats.stats.median,
    }


@pytest.mark.benchmark(group="simulator, r = 0.0125, N = 100")
def test_cpu(benchmark, ring, parameters):
    n_steps = 2_000_000

    def run():
        return sum(s.n_steps for s in simulate(ring, parameters(R), seed=1, n_steps=n_steps))

    assert benchmark.pedantic(run, rounds=3, warmup_rounds=1) == n_steps
    note_rate(benchmark, n_steps)


@pytest.mark.benchmark(group="simulator, r = 0.0125, N = 100")
@pytest.mark.parametrize("trials", [1, 16, 64, 256, 1024, 4096, 16384])
def test_kernel_and_copies(benchmark, ring, parameters, trials):
    """Launches and the copies of their events, two under way; nothing is done with the events."""
    from circuitbias.dynamics.simulate_cuda import CudaSimulation, on_device

    simulation = CudaSimulation(ring, parameters(R), seed=1, n_steps=1, trials=trials)
    launch_steps = min(LAUNCH_STEPS, MOST_LAUNCHED // trials)
    device, n_launches = on_device([simulation], launch_steps), 4

    def run():
        n_steps = 0
        for launch in range(n_launches + 1):
            if launch < n_launches:
                device.launch(range(trials), [launch_steps] * trials)
            if launch:
                n_steps += device.collect()[0][:, 0].sum()
        return n_steps

    n_steps = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    assert n_steps == n_launches * launch_steps * trials  # no buffer was full before
    note_rate(benchmark, int(n_steps))


@pytest.mark.benchmark(group="fits of all 100 neurons from the spike file, r = 0.0125")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("method", ["glm", "logistic", "mpf", "glm_history", "glm_spatiotemporal"])
def test_fit(benchmark, recording, ring, parameters, method, device):
    source = recording(R)
    start = SpikeRecord(100, 0.1, list(simulate(ring, parameters(R), seed=2, n_spikes=30_000)))
    estimate(method, start, device=device)  # compiles, and loads the device's libraries
    fit = benchmark.pedantic(lambda: estimate(method, source, device=device), rounds=1)
    benchmark.extra_info |= {"n_spikes": source.n_spikes} | fit.diagnostics
    assert fit.diagnostics["largest_scaled_gradient"] <= 1e-8


@pytest.mark.benchmark(group="eleven strengths at once, all spikes on the host")
def test_batch(benchmark, ring, parameters):
    from circuitbias.dynamics.simulate_cuda import simulate_batch

    models, seeds = [parameters(r) for r in STRENGTHS], range(1, len(STRENGTHS) + 1)
    counts = np.zeros((len(STRENGTHS), 2), dtype=np.int64)

    def run(n_spikes, trials):
        counts[:] = 0
        batch = simulate_batch([ring] * len(STRENGTHS), models, seeds, n_spikes=n_spikes, trials=trials)
        for index, segment in batch:
            counts[index] += segment.n_steps, segment.steps.size

    run(100_000, 16)  # compiles
    benchmark.pedantic(run, (BATCH_SPIKES, BATCH_TRIALS), rounds=1)
    note_rate(benchmark, int(counts[:, 0].sum()))
    benchmark.extra_info |= {"n_spikes": int(counts[:, 1].sum()), "trials": BATCH_TRIALS}
    assert (counts[:, 1] >= BATCH_SPIKES).all()
