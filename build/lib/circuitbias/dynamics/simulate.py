"""Simulate a model that has an engine: the front door, on a CPU or, the threshold model, on a GPU."""

from collections.abc import Iterator

from circuitbias.dynamics.device import simulation_device
from circuitbias.dynamics.generator import Engine
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.trials import FIRST_SPIKE, Simulation
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import Segment


def simulate(
    network: Network,
    parameters: ThresholdParameters | Engine,
    *,
    seed: int,
    n_spikes: int | None = None,
    n_steps: int | None = None,
    trials: int = 1,
    burn_in: str | int = FIRST_SPIKE,
    max_silent_steps: int = 1_000_000,
    threads: int = 1,
    chunk_steps: int = 2**16,
    device: str = "cpu",
) -> Iterator[Segment]:
    """Simulate the threshold model, or another one that has an engine, and record its spikes.

    Exact: see `circuitbias.dynamics.engines` for the equations. The spikes depend on the network, the
    parameters, the seed and the number of the trial alone, not on ``threads``, ``chunk_steps`` or ``device``.

    Parameters
    ----------
    network : Network
    parameters : ThresholdParameters or Engine
        Of the threshold model; or an engine on this network, as `circuitbias.component.Generator.engine`
        makes it.
    seed : int
        0 ... 2**64 - 1. Here and below, a whole number may also be a float without a fraction (``1e7``).
    n_spikes, n_steps : int
        Give one. Spikes to record in all trials together (a trial ends with the step in which it reaches
        its share), or steps to record in each trial.
    trials : int, optional
        Independent runs, each from its own random initial state: s uniform on (0, 1).
    burn_in : int or "first_spike", optional
        Recording starts with the step of the first spike of any neuron, as in the paper, or after this
        many steps.
    max_silent_steps : int, optional
        Give up when nobody fires for so many steps.
    threads : int, optional
        Trials that run at the same time, up to 32.
    chunk_steps : int, optional
        Most steps in a segment.
    device : {"cpu", "cuda", "auto"}, optional
        Where to run, other engines than that of the threshold model on a CPU alone; on a GPU all trials run
        at once, and ``threads`` has no meaning. See `circuitbias.dynamics.device.simulation_device`.

    Yields
    ------
    Segment
        Contiguous in time within each trial.

    Raises
    ------
    SilentNetworkError
        If nobody fires for ``max_silent_steps``.
    RunawayNetworkError
        If a neuron is to fire more often in a step than its model can stand for.
    ValueError
        If not exactly one of ``n_spikes`` and ``n_steps`` is given, or an argument is out of range.

    References
    ----------
    Das & Fiete, Nat. Neurosci. 23:1286 (2020).
    """
    options = {"n_spikes": n_spikes, "n_steps": n_steps, "trials": trials, "burn_in": burn_in}
    options |= {"max_silent_steps": max_silent_steps, "threads": threads, "chunk_steps": chunk_steps}
    simulation = Simulation(network, parameters, seed=seed, **options)  # checks them all, and now
    if simulation_device(device, network.n_neurons, trials, parameters) == "cuda":
        from circuitbias.dynamics.simulate_cuda import simulate_batch  # needs numba-cuda

        return (segment for _, segment in simulate_batch([network], [parameters], [seed], **options))
    return _segments(simulation)


def _segments(simulation: Simulation) -> Iterator[Segment]:
    while not simulation.finished:
        yield from simulation.advance_round()
