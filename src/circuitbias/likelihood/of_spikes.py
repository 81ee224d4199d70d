"""The likelihood of spikes, step by step, under a link of the decaying sums of all neurons' past spikes.

With s_i(t) the sum over spikes of neuron i at steps k < t of decay^(t - 1 - k), eta_j = a_j + sum_i g_ij s_i
and a spike's probability p(eta), the log-likelihood of target j is

    sum over its spikes of log(p / (1 - p)) + sum over all steps of log(1 - p).

The first sum is exact: between spikes all s_i share one decaying factor, so a spike costs two products of n
numbers, and a step without one nothing. The second is taken on one step of every ``bin_steps``, with that
weight: its integrand varies as slowly as the sums do.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from circuitbias.likelihood.kernels import advance as advance_sums
from circuitbias.likelihood.kernels import silence
from circuitbias.likelihood.link import ExponentialLink, LearnedLink, RectifiedLink, ThresholdLink
from circuitbias.spikes.segments import SpikeSource

_BLOCK_ROWS = 1024  # lattice points whose sums are worked on at a time: they stay in a core's cache
_FORGOTTEN = 40.0  # factors e by which a sum decays to less than the rounding of others
_RENEW = 16.0  # factors e after which the common decay is taken out of the sums
WARM_UP = 5.0  # time constants at the start of a trial that are left out: what came before is not known

Link = ThresholdLink | ExponentialLink | RectifiedLink | LearnedLink


class Exclusion(NamedTuple):
    """Steps of a target that are left out: those where it fitted eta above a bound before.

    Attributes
    ----------
    coefficients : ndarray, shape (n + 1, n)
        Of the fit before, the constants last.
    bound : float
    """

    coefficients: np.ndarray
    bound: float


class SpikeLikelihood:
    """Log-likelihoods of all targets, made anew from the spikes in each pass.

    Parameters
    ----------
    source : SpikeSource
    kept : ndarray of int, shape (n,)
        Neurons in the model: sources and targets.
    decay : float
        Factor by which the sums decay in a step, in (0, 1).
    link : Link
    bin_steps : int
        Steps for each lattice point.
    single : bool, optional
        Whether to sum over the lattice in single precision.
    uses : callable, optional
        Whether the block of that number is used. Default: all are.
    scale : ndarray, shape (n,), optional
        Mean spikes of each target in a step, for a link in rates.
    window : int, optional
        Steps after which a spike leaves the sums. Default: it only decays.

    Attributes
    ----------
    passes : int
        Times that the data have been gone over.
    warm_steps : int
        Steps at the start of each trial that are left out.
    excluded : Exclusion or None
    left_out : ndarray, shape (3, n)
        Spikes, and steps, left out of each target's sums when it was last evaluated; and all spikes.
    held : ndarray of bool, shape (n + 1, n)
        Coefficients whose gradient is taken as zero.
    spike_slopes : ndarray, shape (n + 1, n)
        Sum over a target's spikes of the slope of log(p / (1 - p)) times each s_i, at its last evaluation.
    """

    def __init__(
        self,
        source: SpikeSource,
        kept: np.ndarray,
        decay: float,
        link: Link,
        bin_steps: int,
        single: bool = False,
        uses: Callable[[int], bool] | None = None,
        scale: np.ndarray | None = None,
        window: int | None = None,
    ):
        self._source, self.decay, self.link, self.bin_steps = source, decay, link, bin_steps
        self.scale, self.window = np.ones(len(kept)) if scale is None else scale, window
        self._kept, self._uses = kept, uses or (lambda block: True)
        self.n = len(kept)
        self._column = np.full(source.n_neurons, -1)
        self._column[kept] = np.arange(self.n)
        self._dtype = np.float32 if single else np.float64
        self.single = single
        reach = max(int(_RENEW / -np.log(decay)), 1)
        self._powers = decay ** np.arange(reach + 2)
        self.warm_steps = int(np.ceil(WARM_UP / (1 - decay)))
        self.passes = 0
        self.excluded: Exclusion | None = None
        self.left_out = np.zeros((3, self.n))
        self.held = np.zeros((self.n + 1, self.n), dtype=bool)
        self.spike_slopes = np.zeros((self.n + 1, self.n))

    def part(self, every: int) -> "SpikeLikelihood":
        """The likelihood of one of so many blocks of the recording, evenly spread."""
        return self.of_blocks(lambda block: block % every == every // 2)

    def of_blocks(self, uses: Callable[[int], bool]) -> "SpikeLikelihood":
        """The likelihood of the blocks of some numbers, of those that are used."""

        def both(block):
            return self._uses(block) and uses(block)

        kind = self.decay, self.link, self.bin_steps, self.single, both, self.scale, self.window
        part = SpikeLikelihood(self._source, self._kept, *kind)
        part.excluded, part.held, part.warm_steps = self.excluded, self.held, self.warm_steps
        return part

    def n_blocks(self) -> int:
        """Blocks of the recording."""
        first, last = self._bounds(self._source.trial_steps, self.bin_steps)
        return int((-(-np.maximum(last - first, 0) // (_BLOCK_ROWS * self.bin_steps))).sum())

    def used_steps(self) -> int:
        """Steps of the recording that its sums go over."""
        steps, block, length = 0, 0, _BLOCK_ROWS * self.bin_steps
        for first, end in zip(*self._bounds(self._source.trial_steps, self.bin_steps), strict=True):
            for begin in range(int(first), int(end), length):
                steps += self._uses(block) * min(length, int(end) - begin)
                block += 1
        return steps

    def evaluate(self, coefficients, *, targets=None, single=False):
        """Negative log-likelihoods, shape (m,), and their gradients, (n + 1, m), in one pass.

        Parameters
        ----------
        coefficients : ndarray, shape (n + 1, m)
            The constants last.
        targets : ndarray of bool, shape (n,), optional
            Which m targets these are of, if not of all.
        single : bool, optional
            Not used: the precision of the lattice sums does not change.
        """
        self.passes += 1
        chosen = np.arange(self.n) if targets is None else np.flatnonzero(targets)
        beta = np.ascontiguousarray(coefficients.T)  # a row for each target
        m = len(chosen)
        target_of = np.full(self.n, -1)
        target_of[chosen] = np.arange(m)
        value, gradient, left_out = np.zeros(m), np.zeros((m, self.n + 1)), np.zeros((3, m))
        bound, before = np.inf, beta[:0]
        if self.excluded is not None:
            bound = self.excluded.bound
            before = np.ascontiguousarray(self.excluded.coefficients.T[chosen])
        spikes = target_of, beta, before, bound, self.link.log_odds, value, gradient, left_out
        weights = self.bin_steps * self.scale[chosen]
        lattice_gradient = np.zeros((self.n + 1, m))
        beta_lattice, before_lattice = (np.ascontiguousarray(x.T, self._dtype) for x in (beta, before))
        for rows in self._sums(self.bin_steps, spikes):
            eta = rows @ beta_lattice
            eta_before = rows @ before_lattice if len(before) else eta[:0]
            silence(eta, eta_before, bound, self.link.log_silence, weights, value)
            left_out[1] += self.bin_steps * (eta_before > bound).sum(0)
            lattice_gradient += rows.T @ eta
        self.left_out[:, chosen], self.spike_slopes[:, chosen] = left_out, gradient.T
        gradient = np.where(self.held[:, chosen], 0.0, -gradient.T - lattice_gradient)
        return -value, gradient

    def log_loss(self, coefficients: np.ndarray) -> float:
        """Negative log-likelihood of all targets together."""
        return float(self.evaluate(coefficients)[0].sum())

    def sample(self, most_rows: int) -> tuple[np.ndarray, float]:
        """Evenly spaced rows (s, 1) of the lattice, (n_rows, n + 1), and the steps that each stands for."""
        stride = self.bin_steps * max(1, -(-self.used_steps() // (self.bin_steps * most_rows)))
        none = np.zeros((0, 0))
        no_spikes = (
            np.full(self.n, -1), none, none, np.inf, self.link.log_odds, np.zeros(0), none, none,
        )  # fmt: skip
        rows = [rows.copy() for rows in self._sums(stride, no_spikes)]
        rows = np.concatenate(rows) if rows else np.empty((0, self.n + 1), self._dtype)
        return rows, self.used_steps() / max(len(rows), 1)

    def informative(self, rows: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """Fisher information on eta of each row and target, (n_rows, m), zero where they are left out."""
        information = np.empty((len(rows), coefficients.shape[1]), rows.dtype)
        for first in range(0, len(rows), _BLOCK_ROWS):  # functions of all rows at once would take much memory
            some = rows[first : first + _BLOCK_ROWS]
            found = self.link.information((some @ coefficients.astype(rows.dtype)).astype(np.float64))
            found *= self.scale
            if self.excluded is not None:
                found[some @ self.excluded.coefficients.astype(rows.dtype) > self.excluded.bound] = 0.0
            information[first : first + _BLOCK_ROWS] = np.where(found < 1e-30, 0.0, found)
        return information

    def _bounds(self, trial_steps, stride):
        """First step of each trial that counts, and the one after the last."""
        warm = -(-self.warm_steps // self.bin_steps) * self.bin_steps
        complete = trial_steps // self.bin_steps * self.bin_steps
        return np.full_like(complete, warm), warm + (complete - warm) // stride * stride

    def blocks(self, stride: int, trial, n_columns: int):
        """Go over the recording; yield the lattice rows of one block at a time.

        Parameters
        ----------
        stride : int
            Steps for a row: a multiple of ``bin_steps``. Of more, rows are of all blocks, used or not.
        trial : callable
            Called with the first step of each trial that counts. Returns a function ``(steps, columns, event,
            until, rows, n_rows, active)`` that takes the sums from event to event up to step ``until``,
            writes rows if the block is active, and returns the next event and the number of rows.
        n_columns : int
            Of the rows; those that are not written are 1.
        """
        firsts, ends = self._bounds(self._source.trial_steps, stride)
        rows = np.ones((_BLOCK_ROWS, n_columns), self._dtype)
        block_steps, block = _BLOCK_ROWS * stride, 0
        # A block forgets what came before it: of those that are not used, one before each used one will do.
        forgets = self.window is None and block_steps * -np.log(self.decay) > _FORGOTTEN
        for number in range(len(firsts)):
            first, end = int(firsts[number]), int(ends[number])
            if end <= first:
                continue
            advance = trial(first)
            step, n_rows, block_end = 0, 0, min(first + block_steps, end)
            leaving = np.empty((2, 0), dtype=np.int64)
            for segment in self._source.segments(number):
                steps, columns, event = segment.steps, self._column[segment.neurons], 0
                segment_end = min(segment.first_step + segment.n_steps, end)
                if self.window is not None:
                    steps, columns, leaving = self._with_leaving(steps, columns, leaving, segment_end)
                while step < segment_end:
                    until = min(segment_end, block_end)
                    active = stride != self.bin_steps or self._uses(block)
                    if active or not forgets or self._uses(block + 1):
                        event, n_rows = advance(steps, columns, event, until, rows, n_rows, active)
                    else:
                        event = int(np.searchsorted(steps, until))
                    step = until
                    if step == block_end:
                        if n_rows:
                            yield rows[:n_rows]
                        n_rows, block, block_end = 0, block + 1, min(block_end + block_steps, end)

    def _with_leaving(self, steps, columns, waiting, end):
        """Events of a segment, and spikes that leave the window in it, as columns -2, -3 ...; who waits."""
        known = columns >= 0
        later = np.stack([steps[known] + self.window, -2 - columns[known]])
        later = np.concatenate([waiting, later], axis=1)
        now = later[0] < end
        steps, columns = np.concatenate([steps, later[0, now]]), np.concatenate([columns, later[1, now]])
        order = np.argsort(steps, kind="stable")
        return steps[order], columns[order], later[:, ~now]

    def _sums(self, stride, spikes):
        """Blocks of rows (s, 1); ``spikes`` is what `advance_sums` needs for the sums over spikes."""

        def trial(first):
            sums, clock = np.zeros(self.n), np.array([0, first + stride // 2])
            left = 0.0 if self.window is None else self.decay**self.window

            def advance(steps, columns, event, until, rows, n_rows, active):
                return advance_sums(
                    steps, columns, event, until, stride, first, self.decay, self._powers, left,
                    sums, clock, rows, n_rows, active, *spikes,
                )  # fmt: skip

            return advance

        return self.blocks(stride, trial, self.n + 1)
