r"""The threshold model on a CUDA device: the spikes of the CPU's engine, many trials at once.

One block of threads runs one trial, one thread one neuron, and the loop over time is inside the kernel: h
and the constants of a neuron stay in registers. In a step each thread decides whether its neuron fires and,
if so, sets its bit in a mask in shared memory. After the one barrier of the step all threads read the mask
and so know who fired: each adds the rows of those neurons to its h, in ascending order, and a neuron that
fired finds the place of its event. So the events of a trial come out sorted, and every sum has the order of
the CPU's.

The arithmetic is that of the CPU, operation by operation: Philox and the table of tails are the same Python
functions, compiled twice. Two things could still differ.

1. A compiler for GPUs makes one rounding of a product and a sum (fma). The only sum of a product here is the
   decay of h with the rows added to it; `_product` rounds on its own.
2. The tail itself, which is evaluated where its table does not decide, comes from another library and may
   differ in the last bits. The kernel counts the decisions that such bits could turn (`_DOUBT`): without any,
   the spikes are those of the CPU, bit for bit. Such a decision comes about once in 4e13 spikes.
"""

import math
import operator
from collections import deque

import numpy as np
from numba import cuda, int32, uint32, uint64
from numba.core import config

from circuitbias.dynamics.engines.cpu import SQRT_HALF, UNDECIDED, tail_bracket
from circuitbias.dynamics.engines.philox import STREAM_NOISE, philox_rounds

# numba-cuda 0.30 asks for this old name of vstack as it compiles; NumPy 2.5 has it no more.
if not hasattr(np, "row_stack"):
    np.row_stack = np.vstack  # noqa: NPY201

MOST_NEURONS = 1024
"""A block has no more threads."""

MOST_STEPS = 2**22
"""An event is a word of 32 bits: 22 for its step within the launch, 10 for its neuron."""

NEURON_BITS = 10

_DOUBT = 2.0**-46  # relative; both libraries state errors of erfc of a few 2**-53
_WORDS = MOST_NEURONS // 32
_MASKS = 4  # three would do; a power of two turns faster

_philox_rounds = cuda.jit(device=True)(philox_rounds.py_func)
_tail_bracket = cuda.jit(device=True)(tail_bracket.py_func)

# A product rounded by this function is never fused with the sum that follows, which one by `*` may be; NumPy,
# in which the simulator computes, fuses nothing.
_product = operator.mul if config.ENABLE_CUDASIM else cuda.libdevice.dmul_rn

# Without it a thread may take more registers than there are for a full block. The simulator does not know it.
_OPTIONS = {} if config.ENABLE_CUDASIM else {"launch_bounds": MOST_NEURONS}


@cuda.jit(**_OPTIONS)
def run_trials(
    h, next_step, owner, number, row_weights, margin, noise_sd, scalars, gates, seeds, tasks, outcomes, events
):
    """Run the trials of a launch: block k runs trial ``tasks[k, 0]`` for at most ``tasks[k, 1]`` steps.

    Launched with as many threads as neurons, n. State and results of trials, of which there are T:

    h : float64 (T, n)
        Recurrent input; overwritten.
    next_step : int64 (T,)
        Absolute number of the next step; overwritten.
    owner, number : int32 (T,), int64 (T,)
        Recording that the trial belongs to, and its number in there.

    What recordings, of which there are K, have of their own (see `circuitbias.dynamics.engines.cpu`):

    row_weights : float64 (K, n, n)
    margin, noise_sd : float64 (K, n)
    scalars : float64 (K, 2)
        ``decay`` and the factor that makes V of a word.
    gates, seeds : uint64 (K,)
        Words below the gate turn the noise on.

    Of the launch, with B blocks:

    tasks : int32 (B, 2)
    outcomes : int32 (B, 3)
        Written: steps done, events, decisions in doubt. A trial also stops when less than n places are left.
    events : uint32 (B, capacity)
        Written: step within the launch and neuron of each spike, sorted.
    """
    masks = cuda.shared.array((_MASKS, _WORDS), dtype=np.uint32)  # who fires: see below why several
    block, i, n = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    trial, n_steps = tasks[block, 0], tasks[block, 1]
    recording = owner[trial]
    first_step = next_step[trial]
    own = h[trial, i]
    own_margin, own_sd = margin[recording, i], noise_sd[recording, i]
    decay, word_to_tail = scalars[recording, 0], scalars[recording, 1]
    gate = gates[recording] if own_sd > 0.0 else uint64(0)
    seed = seeds[recording]
    k0, k1 = seed & uint64(0xFFFFFFFF), seed >> uint64(32)
    c2 = uint64(number[trial])
    room = events.shape[1] - n
    n_words = (n + 31) >> 5
    own_word, own_bit, own_column = i >> 5, uint32(1 << (i & 31)), uint32(i)
    lower_bits = uint32(own_bit - uint32(1))
    rows = row_weights[recording]
    for word in range(i, _MASKS * _WORDS, n):
        masks[word // _WORDS, word % _WORDS] = 0
    if i == 0:
        outcomes[block, 2] = 0
    cuda.syncthreads()

    w0 = w1 = w2 = w3 = uint64(0)
    slot = n_events = n_doubtful = done = 0
    while done < n_steps and n_events <= room:
        step = first_step + done
        k = step & 3
        if k == 0 or done == 0:
            c0, c1, c3 = uint64(i), uint64(step >> 2), uint64(STREAM_NOISE)
            w0, w1, w2, w3 = _philox_rounds(c0, c1, c2, c3, k0, k1, 10)
        random = w0 if k == 0 else w1 if k == 1 else w2 if k == 2 else w3
        fires = own > own_margin
        if random < gate:
            u = (own_margin - own) / own_sd
            v = (random + 0.5) * word_to_tail
            decided = _tail_bracket(u, v)
            if decided == UNDECIDED:
                tail = 0.5 * math.erfc(u * SQRT_HALF)
                fires = tail > v
                if abs(tail - v) <= _DOUBT * v:
                    n_doubtful += 1
            else:
                fires = decided == 1
        if fires:
            cuda.atomic.or_(masks, (slot, own_word), own_bit)
        somebody_fires = cuda.syncthreads_or(int32(fires))
        own = _product(own, decay)
        if somebody_fires:
            n_fired = 0
            for word in range(n_words):
                mask = masks[uint32(slot), uint32(word)]
                if fires and word == own_word:
                    place = n_events + n_fired + cuda.popc(uint32(mask & lower_bits))
                    events[block, place] = uint32((done << NEURON_BITS) | i)
                n_fired += cuda.popc(mask)
                while mask != 0:
                    own += rows[uint32(32 * word + cuda.ffs(mask) - 1), own_column]
                    mask = uint32(mask & uint32(mask - uint32(1)))
            n_events += n_fired
            # Masks take turns, so that one barrier a step is enough: that of the spikes before these is
            # cleared, as no thread still reads it; that of the spikes to come was, before this barrier.
            if i < n_words:
                masks[(slot + _MASKS - 1) & (_MASKS - 1), i] = 0
            slot = (slot + 1) & (_MASKS - 1)
        done += 1

    h[trial, i] = own
    cuda.atomic.add(outcomes, (block, 2), n_doubtful)
    if i == 0:
        next_step[trial] = first_step + done
        outcomes[block, 0] = done
        outcomes[block, 1] = n_events


class DeviceTrials:
    """State of many trials on the device, advanced launch by launch.

    Two launches can be under way: while the kernel runs the later one, the events of the earlier one are
    copied to the host, or used there.

    Parameters
    ----------
    h : ndarray of float64, shape (T, n)
        Recurrent input of each trial before its first step.
    owner, number : array_like of int, shape (T,)
        Recording of each trial, 0 ... K - 1, and its number in there.
    row_weights : ndarray of float64, shape (K, n, n)
    margin, noise_sd : ndarray of float64, shape (K, n)
    decay, rho : array_like of float, shape (K,)
    seeds : array_like of int, shape (K,)
        As `circuitbias.dynamics.engines.cpu.advance` takes them, one for each recording.
    most_steps : int
        Most steps of a launch, up to `MOST_STEPS`.
    """

    def __init__(self, h, owner, number, row_weights, margin, noise_sd, decay, rho, seeds, most_steps):
        n_trials, self._n_neurons = h.shape
        self._state = [cuda.to_device(h), cuda.to_device(np.zeros(n_trials, dtype=np.int64))]
        word_to_tail = [1.0 / (2.0**32 * p) if p > 0.0 else 0.0 for p in rho]
        constants = (
            np.asarray(owner, dtype=np.int32),
            np.asarray(number, dtype=np.int64),
            row_weights,
            margin,
            noise_sd,
            np.array([decay, word_to_tail]).T.copy(),
            np.array([math.ceil(p * 2.0**32 - 0.5) for p in rho], dtype=np.uint64),
            np.array(seeds, dtype=np.uint64),
        )
        self._constants = [cuda.to_device(array) for array in constants]
        capacity = self._n_neurons + most_steps  # as many events as steps: the kernel stops before it is full
        self._computing, self._copying = cuda.stream(), cuda.stream()
        self._idle = [_Buffers(n_trials, capacity) for _ in range(2)]
        self._under_way = deque()

    @property
    def n_under_way(self) -> int:
        """Launches not yet collected, 0 ... 2."""
        return len(self._under_way)

    def launch(self, trials, n_steps) -> None:
        """Queue a launch behind those that are under way, of which there must be less than two.

        Parameters
        ----------
        trials, n_steps : sequence of int
            Trials to advance, each once, and by how many steps at most.
        """
        buffers, size = self._idle.pop(), len(trials)
        buffers.host_tasks[:size, 0], buffers.host_tasks[:size, 1] = trials, n_steps
        buffers.tasks[:size].copy_to_device(buffers.host_tasks[:size], stream=self._computing)
        run = run_trials[size, self._n_neurons, self._computing]
        run(*self._state, *self._constants, buffers.tasks, buffers.outcomes, buffers.events)
        buffers.ran.record(self._computing)
        buffers.ran.wait(self._copying)
        for device, host in buffers.results:
            device[:size].copy_to_host(host[:size], stream=self._copying)
        buffers.copied.record(self._copying)
        self._under_way.append((buffers, size))

    def collect(self):
        """Wait for the earliest launch.

        Returns
        -------
        outcomes : ndarray of int32, shape (size, 3)
            Steps done, events and decisions in doubt of each trial, in the order of the launch.
        events : list of ndarray of uint32
            Events of each: step within the launch ``<< NEURON_BITS |`` neuron; valid until the next launch.
        """
        buffers, size = self._under_way.popleft()
        buffers.copied.synchronize()
        self._idle.append(buffers)
        outcomes, events = (host[:size] for _, host in buffers.results)
        return outcomes, [row[:n_events] for row, n_events in zip(events, outcomes[:, 1], strict=True)]

    def input_of(self, trial: int) -> np.ndarray:
        """Recurrent input of a trial after the last launch, (n,)."""
        return self._state[0][trial].copy_to_host()


class _Buffers:
    """What a launch needs and gives, on the device and in pinned memory of the host."""

    def __init__(self, n_trials, capacity):
        self.tasks, self.host_tasks = _pair((n_trials, 2), np.int32)
        self.outcomes, host_outcomes = _pair((n_trials, 3), np.int32)
        self.events, host_events = _pair((n_trials, capacity), np.uint32)
        self.results = ((self.outcomes, host_outcomes), (self.events, host_events))
        self.ran, self.copied = cuda.event(), cuda.event()


def _pair(shape, dtype):
    return cuda.device_array(shape, dtype=dtype), cuda.pinned_array(shape, dtype=dtype)
