"""Record any generator of spikes: quotas, burn-in and silence as for the threshold model."""

from collections.abc import Iterator

import numpy as np

from circuitbias.checks import require, whole
from circuitbias.component import Generator
from circuitbias.dynamics.generator import SilentNetworkError
from circuitbias.dynamics.simulate import simulate
from circuitbias.dynamics.trials import FIRST_SPIKE
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import Segment


def record(
    generator: Generator,
    network: Network,
    *,
    r: float,
    theta: float = 0.0,
    seed: int,
    n_spikes: int,
    trials: int = 1,
    burn_in: str | int = FIRST_SPIKE,
    max_silent_steps: int = 1_000_000,
    chunk_steps: int = 2**14,
) -> Iterator[Segment]:
    """Record the spikes of a generator, one trial after the other: by its engine, if it has one.

    Parameters
    ----------
    generator : Generator
    network : Network
    r, theta : float
        Handed to the generator.
    seed : int
        With the number of the trial it makes the trial's random numbers.
    n_spikes, trials, burn_in, max_silent_steps
        As for `circuitbias.dynamics.simulate.simulate`.
    chunk_steps : int, optional
        Steps that the generator makes at a time.

    Yields
    ------
    Segment

    Raises
    ------
    SilentNetworkError
        If nobody fires for ``max_silent_steps``.
    ValueError
        If an argument is out of range, or the generator gives what are no spikes.
    """
    if engine := generator.engine(network, r=r, theta=theta):
        options = {"burn_in": burn_in, "max_silent_steps": max_silent_steps, "chunk_steps": chunk_steps}
        yield from simulate(network, engine, seed=seed, n_spikes=n_spikes, trials=trials, **options)
        return
    trials = whole("trials", trials, least=1)
    n_spikes = whole("n_spikes", n_spikes, least=trials)
    if burn_in != FIRST_SPIKE:
        burn_in = whole("burn_in", burn_in)
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial])
        chunks = generator.spikes(network, r=r, theta=theta, rng=rng, chunk_steps=chunk_steps)
        quota = n_spikes // trials + (trial < n_spikes % trials)
        yield from _trial(chunks, trial, quota, network.n_neurons, burn_in, max_silent_steps, chunk_steps)


def _trial(chunks, trial, quota, n_neurons, burn_in, max_silent_steps, chunk_steps):
    start = None if burn_in == FIRST_SPIKE else burn_in
    last, first = -1, 0  # the last spike's step, and the first step of the chunk, from the trial's start
    while quota > 0:
        steps, neurons = _checked(next(chunks, None), n_neurons, chunk_steps)
        steps = steps + first
        end = first + chunk_steps
        if (steps[0] if len(steps) else end) - last > max_silent_steps:
            raise SilentNetworkError(
                f"no neuron has fired for {max_silent_steps} steps from step {last + 1} of trial {trial} on. "
                "Change the model, or raise max_silent_steps"
            )
        last = int(steps[-1]) if len(steps) else last
        if start is None and len(steps):
            start = int(steps[0])
        if start is not None and end > start:
            kept = steps >= start
            steps, neurons, begin = steps[kept], neurons[kept], max(first, start)
            if len(steps) >= quota:  # the trial ends with the step in which it has its share
                end = int(steps[quota - 1]) + 1
                inside = steps < end
                steps, neurons = steps[inside], neurons[inside]
            quota -= len(steps)
            yield Segment(trial, begin - start, end - begin, steps - start, neurons)
        first += chunk_steps


def _checked(chunk, n_neurons, chunk_steps):
    """Spikes of a chunk, sorted by step and neuron."""
    if chunk is None:
        raise ValueError("the generator has ended; it must go on for ever, `while True: yield ...`")
    pair = isinstance(chunk, tuple | list | np.ndarray) and len(chunk) == 2
    what = f"{type(chunk).__name__}{f' of {len(chunk)} parts' if hasattr(chunk, '__len__') else ''}"
    require(pair, "a chunk of the generator", what, "a pair (steps, neurons)")
    steps, neurons = (np.asarray(part) for part in chunk)
    for name, part, most in (("steps", steps, chunk_steps), ("neurons", neurons, n_neurons)):
        whole_numbers = part.ndim == 1 and (part.dtype.kind in "iu" or not part.size)
        require(whole_numbers, f"{name} of the generator", part, "a vector of whole numbers")
        outside = part[(part < 0) | (part >= most)]
        require(not outside.size, f"{name} of the generator", outside, f"within 0 ... {most - 1}")
    lengths = f"{len(steps)} steps and {len(neurons)} neurons"
    require(len(steps) == len(neurons), "spikes of the generator", lengths, "as many neurons as steps")
    order = np.lexsort((neurons, steps))
    steps, neurons = steps[order].astype(np.int64), neurons[order].astype(np.int32)
    twice = (np.diff(steps) == 0) & (np.diff(neurons) == 0)
    require(
        not twice.any(), "steps of the generator", steps[1:][twice], "one spike a neuron and step at most"
    )
    return steps, neurons
