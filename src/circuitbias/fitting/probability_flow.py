r"""The flow of probability of an Ising model, as an objective of its symmetric couplings and biases.

See `circuitbias.estimators.mpf` for the equations. It is a regression of every neuron on all others, with an
exponential loss; what ties these together is that J is symmetric.
"""

import numpy as np
from numba import njit

from circuitbias.device import double, namespace, on_cpu, parts, placed, single
from circuitbias.fitting.conjugate_gradients import conjugate_gradients
from circuitbias.fitting.families import POISSON, Family
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.spikes.moments import Moments, state_counts

_COLUMNS = 32  # solved for at a time


class Packing:
    """The free parameters, a column of them: J above the diagonal, then b."""

    def __init__(self, n: int, device):
        self._pairs = [placed(index, device) for index in np.triu_indices(n, 1)]
        self._n = n

    def spread(self, parameters):
        """To coefficients, (n + 1, n): J, symmetric with zero diagonal, and b in the last row."""
        return self.spread_columns(parameters)[:, :, 0]

    def gather(self, coefficients):
        """Adjoint of `spread`: from gradients by coefficients to those by parameters, (n_parameters, 1)."""
        return self.gather_columns(coefficients[:, :, None])

    def spread_columns(self, parameters):
        """The same of several columns, (n_parameters, k): (n + 1, n, k)."""
        (i, j), xp = self._pairs, namespace(parameters)
        n_pairs, shape = len(i), (self._n + 1, self._n, parameters.shape[1])
        coefficients = xp.zeros(shape, dtype=parameters.dtype, device=parameters.device)
        coefficients[i, j] = coefficients[j, i] = parameters[:n_pairs]
        coefficients[-1] = parameters[n_pairs:]
        return coefficients

    def gather_columns(self, coefficients):
        """Adjoint of `spread_columns`."""
        i, j = self._pairs
        return namespace(coefficients).concat([coefficients[i, j] + coefficients[j, i], coefficients[-1]])


class Flow:
    """The flow of probability as an objective of all parameters: a single target.

    Parameters
    ----------
    blocks : callable
        Goes over the data once: blocks of rows, whose last column is 1.
    n_rows : int
    packing : Packing
    all_flip : bool
        Whether the flow into the state with all neurons flipped is added.
    free : array or float, optional
        1 at the parameters that are fitted, 0 at others.
    events : SparseRows, optional
        The same rows, kept as events.
    """

    def __init__(self, blocks, n_rows: int, packing: Packing, all_flip: bool, free=1.0, events=None):
        self._events = events
        self._blocks, self._n_rows, self._packing = blocks, n_rows, packing
        self._all_flip, self._free = all_flip, free
        self.passes = 0

    def evaluate(self, parameters, *, single=False):
        """Value, shape (1,), and gradient, shape (n_parameters, 1)."""
        self.passes += 1
        if self._events is not None:
            value, *gradients = self._of_events(self._packing.spread(parameters))
            return value[None] / self._n_rows, self._gathered(*gradients) / self._n_rows * self._free
        xp = namespace(parameters)
        dtype = xp.float32 if single else xp.float64
        spread = self._packing.spread(parameters)
        value, gradient, flip_gradient = 0 * parameters[0], 0 * spread, 0 * spread[-1]
        coefficients = xp.asarray(spread, dtype=dtype)
        for design in self._blocks():
            design = xp.asarray(design, dtype=dtype)
            signs, pulls, flips = self._flows(design, coefficients, value)
            gradient += design.T @ pulls
            if self._all_flip:
                flip_gradient += flips @ signs
        return value / self._n_rows, self._gathered(gradient, flip_gradient) / self._n_rows * self._free

    def _of_events(self, coefficients):
        """Sums over all rows of the flows, and of their derivatives but for a factor of -1/2.

        As if nobody fired in any bin, and what the neurons that do so change.
        """
        rows, n = self._events, coefficients.shape[1]
        twice, silent = rows.sums(coefficients, _HALF)
        value, gradient = np.zeros(1), -silent
        _add_firing(value, gradient, rows.entries.indptr, rows.entries.indices, rows.weights, coefficients)
        total, flip_gradient = twice.sum() / 2 + value[0], 0 * coefficients[-1]
        if self._all_flip:
            # -s f / 2 = sum(f) / 2 - x f, with s = 2 x - 1
            fields = (coefficients[-1] + coefficients[:-1].sum(0) / 2)[:, None]
            flips, of_firing = rows.sums(np.concat([-fields, fields.sum(0)[None] / 2]), POISSON)
            total = total + flips[0]
            flip_gradient = 2 * of_firing[:n, 0] - flips[0]
        return total, gradient, flip_gradient

    def _flows(self, design, coefficients, value):
        """Add the flows in some rows; signs of the neurons, and flows of one of them, signed, and of all."""
        signs = 2 * design[:, :-1] - 1
        flows, flips = flows_at(design, coefficients), None
        value += flows.sum()
        if self._all_flip:
            flips = flips_at(signs, coefficients)
            value += flips.sum()
        return signs, flows * signs, flips

    def _gathered(self, gradient, flip_gradient):
        gradient[-1] += flip_gradient
        gradient[:-1] += flip_gradient / 2  # once for each end of a pair
        return self._packing.gather(gradient) / -2

    def scores(self, parameters, groups: Groups):
        """Sums of the gradient over groups of rows: (n_parameters, n_groups)."""
        self.passes += 1
        coefficients, xp = self._packing.spread(parameters), namespace(parameters)
        sums = xp.stack([0 * coefficients] * groups.n)
        of_flips, value = 0 * sums[:, -1:], 0 * parameters[0]
        first = 0
        for design in self._blocks():
            design = double(design)
            signs, pulls, flips = self._flows(design, coefficients, value)
            groups.add(sums, first, design, pulls)
            if self._all_flip:
                groups.add(of_flips, first, flips[:, None], signs)
            first += len(design)
        return xp.concat([self._gathered(*both) for both in zip(sums, of_flips[:, 0], strict=True)], 1)

    def curvature(self, parameters):
        """Diagonals of the Hessians of single flips by the coefficients of each neuron, shape (n + 1, n)."""
        self.passes += 1
        coefficients = self._packing.spread(parameters)
        diagonals = 0 * coefficients
        for design in self._blocks():
            design = double(design)
            diagonals += design.T @ flows_at(design, coefficients)
        return diagonals / (4 * self._n_rows)


def _half(parameters):
    flows = np.exp(parameters / 2)
    return 2 * flows, flows


_HALF = Family(_half, lambda mean: mean / 2)  # exp(a / 2): the flow out of silence


@njit(nogil=True, cache=True)
def _add_firing(value, gradient, starts, columns, weights, coefficients):
    """Put the flows of neurons that fire in place of those that they would have if silent."""
    for row in range(weights.shape[0]):
        first, last = starts[row], starts[row + 1]
        for entry in range(first, last - 1):  # the last one is that of the constant
            neuron, field = columns[entry], 0.0
            for other in range(first, last):
                field += coefficients[columns[other], neuron]
            silent, fires = np.exp(field / 2), np.exp(-field / 2)
            value[0] += weights[row] * (fires - silent)
            change = weights[row] * (fires + silent)
            for other in range(first, last):
                gradient[columns[other], neuron] += change


def flows_at(design, coefficients):
    """``exp(-s a / 2)`` of every neuron in some bins, shape (n_rows, n)."""
    return namespace(design).exp((design @ coefficients) * (0.5 - design[:, :-1]))


def flips_at(signs, coefficients):
    """Flow into the state with all neurons flipped, shape (n_rows,).

    ``E(x) - E(1 - x) = - sum_i s_i (b_i + sum_j J_ij / 2)``.
    """
    return namespace(signs).exp(signs @ (coefficients[-1] + coefficients[:-1].sum(0) / 2) / -2)


def flow_solver(sample, packing: Packing, parameters, least_diagonal, free, all_flip=False):
    """Solve with the Hessian on a sample of rows, whose diagonals are raised to at least those given.

    Parameters
    ----------
    sample : array, shape (n_sampled, n + 1)
    packing : Packing
    parameters : array, shape (n_parameters, 1)
    least_diagonal : array, shape (n + 1, n)
        Of single flips, by the coefficients of each neuron.
    free : array of bool, shape (n + 1, n)
    all_flip : bool, optional
        Whether to add the Hessian of the flow into the state with all neurons flipped.

    Returns
    -------
    callable
        From right sides, (n_parameters, k), to solutions.
    """
    xp, coefficients = namespace(parameters), packing.spread(parameters)
    given = single(coefficients)
    squares = weighted_squares([sample], lambda rows: flows_at(rows, given) / 4, free)
    hessians = finished(squares, free, least_diagonal, 0.0)
    diagonal = packing.gather(hessians.diagonal(0, 1, 2).T)
    signs = 2 * sample[:, :-1] - 1
    weights = flips_at(signs, coefficients)[:, None] / (4 * len(sample)) if all_flip else None

    def product(steps):
        spread = packing.spread_columns(steps)
        image = (hessians @ spread.swapaxes(0, 1)).swapaxes(0, 1)
        if all_flip:
            fields = signs.T @ (weights * (signs @ (spread[-1] + spread[:-1].sum(0) / 2)))
            image[-1] += fields
            image[:-1] += fields / 2
        return packing.gather_columns(image)

    def solve(right):
        limits = tuning().solved, tuning().most_solving
        solved = [
            conjugate_gradients(product, diagonal, some.T, *limits) for some in parts(right.T, _COLUMNS)
        ]
        return xp.concat(solved, 1)

    return solve


def told_by(sample):
    """1 at the coefficients of which a sample tells, shape (n + 1, n): all states in some bins."""
    x = sample[:, :-1]
    mean, second = on_cpu(x.mean(0)), on_cpu(x.T @ x) / len(x)
    states = state_counts(Moments.from_second(len(x), mean, second))
    alone = states[:2].min(axis=0).diagonal()
    told = np.vstack([states.min(axis=0), alone]) >= tuning().seen
    return placed(told.astype(np.float64), sample.device)
