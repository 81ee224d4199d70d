"""The least error of recordings under a drive that changes in time: resets, suppression, clamps, pulses.

As `circuitbias.errors.floor`, with what the drive does known: for a neuron j whose drive has the factor L and
whose input gets x added, of the threshold model,

    eta_j = (L b_j + x + r sum_i W_ij s_i - theta) / (L b_j sigma).

A step tells I(eta) = p'^2 / (p (1 - p)) of eta, on both sides of the threshold, and nothing where the drive
is off or the input clamped. The place of the jump at eta = 0, which tells more, does not count. Steps
are drawn at random, one of so many in a row: what a reset does is over sooner than a lattice has points.
"""

import numpy as np
from numba import njit
from scipy.special import log_ndtr

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.schedule import Schedule
from circuitbias.errors.floor import Floor, couplings_at, neurons_that_fire
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.fit import information_of
from circuitbias.likelihood.of_spikes import WARM_UP
from circuitbias.memory import DEFAULT_MB, Budget
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeSource

_ROWS_A_COLUMN, _CHOSEN_A_COLUMN = 1000, 500  # as of the floor without a drive
_LOG_DENSITY = -0.5 * np.log(2 * np.pi)


def driven_floor(
    network: Network,
    parameters: ThresholdParameters,
    schedule: Schedule | None,
    source: SpikeSource,
    *,
    targets: np.ndarray | None = None,
    seed: int = 0,
    memory_mb: float = DEFAULT_MB,
) -> Floor:
    """Bound the errors of estimates from a recording of the threshold model under a drive.

    Parameters
    ----------
    network : Network
    parameters : ThresholdParameters
    schedule : Schedule or None
        The drive; trials of the recording begin with one of its cycles. None: it is steady.
    source : SpikeSource
    targets : ndarray of int, optional
        Neurons whose inputs stand for those of all. Default: all that fire.
    seed : int, optional
        Of the steps that are drawn.
    memory_mb : float, optional
        Bound of the memory, in 1e6 bytes.

    Returns
    -------
    Floor
        Its symmetric floor and its score are not computed: NaN.

    Raises
    ------
    UnusableDataError
        If fewer than two neurons fire, a target does not, or no step tells anything.
    MemoryLimitError
    """
    kept, n_spikes = neurons_that_fire(network, source)
    schedule = schedule or Schedule([max(int(source.trial_steps.max()), 1)])
    stride = max(int(source.trial_steps.sum()) // (_ROWS_A_COLUMN * (len(kept) + 1)), 1)
    sums, parts = _drawn_rows(source, kept, parameters.decay, schedule, stride, np.random.default_rng(seed))
    levels, clamps = schedule.levels[parts], schedule.clamps[parts]
    free = (levels > 0) & np.isnan(clamps)
    if not free.any():
        raise UnusableDataError("the drive is off, or the input clamped, in all steps whose past is known")
    targets = kept if targets is None else np.asarray(targets)
    if len(silent := np.setdiff1d(targets, kept)):
        raise UnusableDataError(f"neurons {silent.tolist()} do not fire: nothing is told of their inputs")
    chosen, n = np.searchsorted(kept, targets), len(kept)
    Budget(memory_mb).require(
        8 * len(chosen) * n**2 + 24 * _ROWS_A_COLUMN * n**2, f"the information on {n} neurons"
    )
    noise_sd = parameters.b * parameters.sigma * network.drive_scale[kept][chosen]
    rows = np.column_stack([sums[free], np.ones(free.sum())]) / levels[free, None]
    numbers, which = np.unique(parts[free], return_inverse=True)
    inputs = np.broadcast_to(schedule.inputs(numbers), (len(numbers), network.n_neurons))
    offsets = inputs[which][:, kept[chosen]] / (levels[free, None] * noise_sd)
    # The drive over the noise, 1 / sigma, is in the offsets: it is the same at all levels.
    coefficients = couplings_at(network, parameters, kept)[:, chosen]
    coefficients[-1] = -parameters.theta / noise_sd
    known = _Known(offsets + 1 / parameters.sigma, parameters.rho)
    information = information_of(known, (rows, float(stride)), coefficients, _CHOSEN_A_COLUMN)
    weights = network.dense_weights()[np.ix_(kept, kept)]
    off_diagonal = ~np.eye(len(kept), dtype=bool)
    variance = 0.0
    for target, matrix, sd in zip(chosen, information, noise_sd, strict=True):
        columns = np.flatnonzero(matrix.diagonal() > 0)
        inverse = np.linalg.inv(matrix[np.ix_(columns, columns)]).diagonal()
        others = (columns != target) & (columns < len(kept))
        if others.sum() < len(kept) - 1:
            raise UnusableDataError(f"nothing tells of some inputs of neuron {kept[target]}")
        variance += inverse[others].sum() * (sd / parameters.r) ** 2
    noise = variance * len(kept) / len(chosen) / np.square(weights[off_diagonal]).sum()
    steps, pairs = int(source.trial_steps.sum()), len(kept) * (len(kept) - 1)
    return Floor(n_spikes, steps, float(noise), np.nan, np.nan, np.nan, pairs)


class _Known:
    """What a step tells of the inputs, beside offsets of each row and target."""

    def __init__(self, offsets, rho):
        self._offsets, self._rho = offsets, rho

    def informative(self, rows, coefficients):
        return step_information(rows @ coefficients + self._offsets, self._rho)


def step_information(eta: np.ndarray, rho: float) -> np.ndarray:
    """Fisher information of a step on eta, in the threshold model: the same at eta and -eta."""
    log_tail = log_ndtr(-np.abs(eta))
    return rho * np.exp(2 * (_LOG_DENSITY - eta**2 / 2) - log_tail) / (1 - rho * np.exp(log_tail))


def _drawn_rows(source, kept, decay, schedule, stride, rng):
    """Sums of the kept neurons at one random step of every ``stride``, and the parts of the cycle there."""
    warm = int(np.ceil(WARM_UP / (1 - decay)))
    column = np.full(source.n_neurons, -1)
    column[kept] = np.arange(len(kept))
    ends = np.cumsum(schedule.lengths)
    resets_at = (ends - schedule.lengths)[schedule.resets]
    rows, parts = [], []
    for trial, n_steps in enumerate(source.trial_steps):
        n_steps = int(n_steps)
        found = [
            (piece.steps[column[piece.neurons] >= 0], column[piece.neurons])
            for piece in source.segments(trial)
        ]
        steps = np.concatenate([piece for piece, _ in found])
        columns = np.concatenate([piece[piece >= 0] for _, piece in found])
        begins = np.arange(0, n_steps, schedule.cycle_steps)
        resets = (begins[:, None] + resets_at).ravel()
        wanted = np.arange(0, n_steps, stride)
        wanted = wanted + rng.integers(stride, size=len(wanted))
        known = resets[0] if len(resets) else warm  # before the first reset, or long after the start
        wanted = wanted[(wanted >= min(known, warm)) & (wanted < n_steps)]
        sums = np.empty((len(wanted), len(kept)))
        _sums_at(sums, wanted, steps, columns, resets, decay)
        rows.append(sums)
        parts.append(np.searchsorted(ends, wanted % schedule.cycle_steps, side="right"))
    return np.concatenate(rows), np.concatenate(parts)


@njit(nogil=True, cache=True)
def _sums_at(sums, wanted, steps, columns, resets, decay):
    """Write s at the wanted steps: spikes of earlier steps alone, and none from before a reset."""
    s, now, event, reset = np.zeros(sums.shape[1]), 0, 0, 0
    for row in range(sums.shape[0]):
        t = wanted[row]
        while True:
            until = t
            emptied = reset < resets.shape[0] and resets[reset] <= t
            if emptied:
                until = resets[reset]
            while event < steps.shape[0] and steps[event] < until:
                s *= decay ** (steps[event] + 1 - now)
                now = steps[event] + 1
                while event < steps.shape[0] and steps[event] == now - 1:
                    s[columns[event]] += 1.0
                    event += 1
            s *= decay ** (until - now)
            now = until
            if not emptied:
                break
            s[:] = 0.0
            reset += 1
        for i in range(sums.shape[1]):
            sums[row, i] = s[i]
