"""Input that changes in time: what holds from which step on, as the engines take it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Pieces(NamedTuple):
    """Consecutive steps in pieces in which nothing changes.

    Attributes
    ----------
    ends : ndarray of int64, shape (k,)
        One past the last step of each piece; it begins where the one before it ends.
    which : ndarray of int64, shape (k,)
        Row of the tables below that holds in a piece.
    resets : ndarray of bool, shape (k,)
        Whether all synaptic variables, or histories, are emptied before its first step.
    levels : ndarray, shape (m,)
        Factor of the drive b, and so of its noise.
    inputs : ndarray, shape (m, n) or (m, 1)
        What is added to the input.
    clamps : ndarray, shape (m,)
        What the whole input is held at, without noise; NaN: it is free.
    """

    ends: np.ndarray
    which: np.ndarray
    resets: np.ndarray
    levels: np.ndarray
    inputs: np.ndarray
    clamps: np.ndarray


@dataclass
class Schedule:
    """Input that repeats itself.

    Parameters
    ----------
    lengths : array_like of int, shape (p,)
        Steps of the parts of a cycle.
    inputs : callable or array_like, optional
        What is added to the input in each part, (p, n) or (p, 1); or a function of the numbers of some parts
        in rising order that returns their rows.
    levels, clamps : array_like, shape (p,), optional
        See `Pieces`.
    resets : array_like of bool, shape (p,), optional
        Whether the synaptic variables are emptied as a part begins.

    Attributes
    ----------
    cycle_steps : int
    """

    lengths: np.ndarray
    inputs: Callable | np.ndarray | None = None
    levels: np.ndarray | None = None
    clamps: np.ndarray | None = None
    resets: np.ndarray | None = None

    def __post_init__(self):
        self.lengths = np.asarray(self.lengths, dtype=np.int64)
        self._ends = np.cumsum(self.lengths)
        self.cycle_steps = int(self._ends[-1])
        p = len(self.lengths)
        self.levels = np.ones(p) if self.levels is None else np.asarray(self.levels, dtype=float)
        self.clamps = np.full(p, np.nan) if self.clamps is None else np.asarray(self.clamps, dtype=float)
        self.resets = np.zeros(p, dtype=bool) if self.resets is None else np.asarray(self.resets)
        if not callable(self.inputs):
            rows = np.zeros((p, 1)) if self.inputs is None else np.asarray(self.inputs, dtype=float)
            self.inputs = rows.__getitem__

    def pieces(self, first_step: int, n_steps: int, most: int = 4096) -> Pieces:
        """Pieces of consecutive steps, the first ones if there are more than ``most``."""
        p = len(self.lengths)
        cycle, within = divmod(first_step, self.cycle_steps)
        part = int(np.searchsorted(self._ends, within, side="right"))
        # Parts counted on through all cycles; no more than can be needed.
        shortest = int(self.lengths.min())
        numbers = part + np.arange(min(most, n_steps // shortest + 2))
        ends = (cycle + numbers // p) * self.cycle_steps + self._ends[numbers % p]
        n = int(np.searchsorted(ends, first_step + n_steps)) + 1
        numbers, ends = numbers[:n] % p, np.minimum(ends[:n], first_step + n_steps)
        parts, which = np.unique(numbers, return_inverse=True)
        resets = self.resets[numbers]
        resets[0] &= within == self._ends[part] - self.lengths[part]
        known = self.levels[parts], self.inputs(parts), self.clamps[parts]
        return Pieces(ends, which.astype(np.int64), resets, *known)


def run_pieces(engine, run: Callable, first_step, n_steps, stop_after, steps, neurons):
    """Advance an engine under its schedule; what is returned is what `Engine.advance` returns.

    Parameters
    ----------
    engine : Engine
    run : callable
        ``run(pieces, first_step, stop_after, steps, neurons) -> (steps_done, n_events)``; ends earlier where
        the spikes to stop after are reached, or the buffers are full.
    first_step, n_steps, stop_after, steps, neurons
        As in `circuitbias.dynamics.generator.Engine.advance`.
    """
    done = n_events = 0
    while done < n_steps:
        pieces = engine.schedule.pieces(first_step + done, n_steps - done)
        rest = steps[n_events:], neurons[n_events:]
        ran, found = run(pieces, first_step + done, stop_after - n_events, *rest)
        wanted = int(pieces.ends[-1]) - first_step - done
        done, n_events = done + ran, n_events + found
        if ran < wanted or n_events >= stop_after or len(steps) - n_events < engine.most_events:
            break
    return done, n_events
