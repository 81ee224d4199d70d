"""The engine beside everything else that runs the model's equations: one core, N = 100."""

from functools import partial

import numpy as np
import pytest
import torch
from beside import need, note

from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.threshold_sam import ThresholdSAM

STRENGTHS = [0.0125, 0.025]


def engine(network, p, n_steps):
    return lambda: sum(s.steps.size for s in simulate(network, p, seed=1, n_steps=n_steps))


def numpy_loop(network, p, n_steps):
    """The equations as they stand, one matrix product a step."""

    def run():
        rng = np.random.default_rng(1)
        s = rng.random(network.n_neurons)
        spikes = np.zeros((n_steps, network.n_neurons), dtype=bool)
        for step in range(n_steps):
            noise = rng.standard_normal(network.n_neurons) * (rng.random(network.n_neurons) < p.rho)
            spikes[step] = p.r * (s @ network.weights) + p.b * (1 + p.sigma * noise) > p.theta
            s = s * p.decay + spikes[step]
        return spikes.sum()

    return run


def torch_reference(network, p, n_steps):
    model = ThresholdSAM.from_parameters(p, torch.Generator().manual_seed(1))
    return lambda: int(model.simulate(network.weights, n_steps, equilibration_steps=0).sum())


def spikeometric(network, p, n_steps):
    """The released model; its noise is squared, so its rate is another one."""
    models, data = need("spikeometric.models", "torch_geometric.data"), need("torch_geometric.data")
    pre, post = np.nonzero(network.weights)
    graph = data.Data(
        edge_index=torch.from_numpy(np.stack([pre, post])),
        W0=torch.from_numpy(network.weights[pre, post]).float(),
        num_nodes=network.n_neurons,
    )
    model = models.ThresholdSAM(
        p.sam_strength(), p.b, p.tau_ms, p.dt_ms, p.sigma, p.rho, p.theta, torch.Generator().manual_seed(1)
    )
    return lambda: int(model.simulate(graph, n_steps, verbose=False, equilibration_steps=0).sum())


def brian2(network, p, n_steps, target):
    """The same equations in discrete time, h = r s W0: threshold, then decay, then what spikes add."""
    b2 = need("brian2")
    b2.start_scope()
    b2.seed(1)
    dt = p.dt_ms * b2.ms
    standalone = target == "cpp_standalone"
    if standalone:
        b2.set_device(target)
        b2.device.reinit()
        b2.device.activate(build_on_run=False)
    else:
        b2.set_device("runtime")
        b2.prefs.codegen.target = target
    constants = {"b": p.b, "sigma": p.sigma, "rho": p.rho, "theta": p.theta, "decay": p.decay}
    neurons = b2.NeuronGroup(
        network.n_neurons, "h : 1\ndrive : 1", threshold="h + drive > theta", dt=dt, namespace=constants
    )
    neurons.run_regularly("drive = b * (1 + sigma * randn() * int(rand() < rho))", when="before_thresholds")
    neurons.run_regularly("h = h * decay", when="after_thresholds")
    pre, post = np.nonzero(network.weights)
    synapses = b2.Synapses(neurons, neurons, "w : 1", on_pre="h_post += w", dt=dt)
    synapses.connect(i=pre, j=post)
    synapses.w = p.r * network.weights[pre, post]
    neurons.h = p.r * (np.random.default_rng(1).random(network.n_neurons) @ network.weights)
    spikes = b2.SpikeMonitor(neurons)  # in the end, all spikes and their times are kept, as in ours
    net = b2.Network(b2.collect())
    if not standalone:

        def run():
            before = spikes.num_spikes
            net.run(n_steps * dt, namespace={})
            return spikes.num_spikes - before

        return run
    net.run(n_steps * dt, namespace={})
    b2.device.build(directory=None, run=False, with_output=False)  # a new temporary one

    def run_binary():
        b2.device.run(with_output=False)
        return spikes.num_spikes

    return run_binary


PROGRAMS = {
    "circuitbias": (engine, 4_000_000, "float64"),
    "circuitbias, readable torch reference": (torch_reference, 10_000, "float64"),
    "numpy, loop over steps": (numpy_loop, 10_000, "float64"),
    "spikeometric": (spikeometric, 3_000, "float32"),
    "brian2, Cython": (partial(brian2, target="cython"), 20_000, "float64"),
    "brian2, C++ standalone": (partial(brian2, target="cpp_standalone"), 400_000, "float64"),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("r", STRENGTHS)
def test_time_per_step(benchmark, ring, parameters, program, r):
    p = parameters(r)
    make, n_steps, dtype = PROGRAMS[program]
    benchmark.group = f"simulator, r = {r}"
    n_spikes = benchmark.pedantic(make(ring, p, n_steps), rounds=5, warmup_rounds=1)
    rate_hz = n_spikes / ring.n_neurons / (n_steps * p.dt_ms / 1000)
    note(
        benchmark,
        "simulator",
        program,
        case=f"r = {r}",
        done=n_steps,
        whole=1_000_000,
        unit="steps",
        dtype=dtype,
        n_neurons=ring.n_neurons,
        rate_hz=rate_hz,
    )
    if program != "spikeometric":
        assert rate_hz == pytest.approx(62.5, rel=0.1)  # all of them simulate the same thing
