r"""The flow of probability of an Ising model, as an objective of its symmetric couplings and biases.

See `circuitbias.estimators.mpf` for the equations. It is a regression of every neuron on all others, with an
exponential loss; what ties these together is that J is symmetric.
"""

import numpy as np

from circuitbias.device import double, namespace, on_cpu, parts, placed
from circuitbias.fitting.conjugate_gradients import conjugate_gradients
from circuitbias.fitting.designs.counts import STEEPNESS
from circuitbias.fitting.families import FLOW, signs
from circuitbias.fitting.hessians import finished
from circuitbias.fitting.limits import limits_at
from circuitbias.fitting.rows import DenseRows, Rows
from circuitbias.fitting.standard_errors import Groups
from circuitbias.fitting.tuning import tuning
from circuitbias.spikes.moments import Moments, state_counts

_COLUMNS = 32  # solved for at a time


class Packing:
    """The free parameters, a column of them: J above the diagonal, then b.

    Parameters
    ----------
    n : int
        Neurons.
    device
    all_flip : bool
        Whether there is a further target, the flow into the state with all neurons flipped: with ``f_i = b_i
        + sum_j J_ij / 2``, it is ``exp(-(2 f x - sum(f)) / 2)``, a neuron whose own column is the constant.
    """

    def __init__(self, n: int, device, all_flip: bool):
        self._pairs = [placed(index, device) for index in np.triu_indices(n, 1)]
        self.n, self._all_flip = n, all_flip

    def spread(self, parameters):
        """To coefficients, (n + 1, n_targets): J, symmetric with zero diagonal, and b in the last row."""
        return self.spread_columns(parameters)[:, :, 0]

    def gather(self, coefficients):
        """Adjoint of `spread`: from gradients by coefficients to those by parameters, (n_parameters, 1)."""
        return self.gather_columns(coefficients[:, :, None])

    def spread_columns(self, parameters):
        """The same of several columns, (n_parameters, k): (n + 1, n_targets, k)."""
        (i, j), xp = self._pairs, namespace(parameters)
        n_pairs, shape = len(i), (self.n + 1, self.n, parameters.shape[1])
        coefficients = xp.zeros(shape, dtype=parameters.dtype, device=parameters.device)
        coefficients[i, j] = coefficients[j, i] = parameters[:n_pairs]
        coefficients[-1] = parameters[n_pairs:]
        if not self._all_flip:
            return coefficients
        fields = coefficients[-1] + coefficients[:-1].sum(0) / 2
        flips = xp.concat([2 * fields, -fields.sum(0)[None]])
        return xp.concat([coefficients, flips[:, None]], 1)

    def gather_columns(self, coefficients):
        """Adjoint of `spread_columns`; of gradients of single flips alone, too."""
        (i, j), by_bias = self._pairs, coefficients[-1, : self.n]
        by_pair = coefficients[i, j] + coefficients[j, i]
        if coefficients.shape[1] > self.n:
            by_field = 2 * coefficients[:-1, -1] - coefficients[-1, -1]
            by_pair, by_bias = by_pair + (by_field[i] + by_field[j]) / 2, by_bias + by_field
        return namespace(coefficients).concat([by_pair, by_bias])


class Flow:
    """The flow of probability as an objective of all parameters: a single target.

    Parameters
    ----------
    blocks : callable
        Goes over the data once: blocks of rows, whose last column is 1.
    rows : Rows
        The same rows, perhaps kept as events.
    packing : Packing
    free : array of bool, shape (n_parameters, 1)
        Parameters that are fitted.
    """

    def __init__(self, blocks, rows: Rows, packing: Packing, free):
        self._blocks, self.rows, self._packing, self._free = blocks, rows, packing, free
        self.passes = 0

    def evaluate(self, parameters, *, single=False):
        """Value, shape (1,), and gradient, shape (n_parameters, 1)."""
        self.passes += 1
        twice, gradient = self.rows.sums(self._packing.spread(parameters), FLOW, single)
        return twice.sum()[None] / (2 * self.rows.n_rows), self._gathered(gradient) / self.rows.n_rows

    def _gathered(self, gradient):
        return self._packing.gather(gradient) / 2 * self._free

    def scores(self, parameters, groups: Groups):
        """Sums of the gradient over groups of rows: (n_parameters, n_groups)."""
        self.passes += 1
        coefficients, xp = self._packing.spread(parameters), namespace(parameters)
        sums, flows, first = xp.stack([0 * coefficients] * groups.n), FLOW.means_at(coefficients), 0
        for rows in self._blocks():
            rows = double(rows)
            groups.add(sums, first, rows, flows(rows) * signs(rows, coefficients.shape[1]))
            first += len(rows)
        return xp.concat([self._gathered(of_group) for of_group in sums], 1)

    def curvature(self, parameters):
        """Diagonals of the Hessians by the coefficients of each target, shape (n + 1, n_targets)."""
        self.passes += 1
        rows = DenseRows(self._blocks, self.rows.n_rows, self.rows.n_columns)
        return rows.diagonals(self._packing.spread(parameters), FLOW) / 2


def flow_solver(rows: Rows, packing: Packing, parameters, least_diagonal, free):
    """Solve with the Hessian on some rows, whose diagonals are raised to at least those given.

    Parameters
    ----------
    rows : Rows
    packing : Packing
    parameters : array, shape (n_parameters, 1)
    least_diagonal : array, shape (n + 1, n_targets)
        Of the Hessian of each target.
    free : array of bool, shape (n_parameters, 1)

    Returns
    -------
    callable
        From right sides, (n_parameters, k), to solutions.
    """
    xp, coefficients = namespace(parameters), packing.spread(parameters)
    fitted = packing.spread(free * 1.0) > 0
    fitted[:, packing.n :] = True
    hessians = finished(rows.hessians(coefficients, FLOW) / 2, fitted, least_diagonal, 0.0)
    diagonal = packing.gather(hessians.diagonal(0, 1, 2).T[:, : packing.n])

    def product(steps):
        spread = packing.spread_columns(steps * free)
        return packing.gather_columns((hessians @ spread.swapaxes(0, 1)).swapaxes(0, 1)) * free

    def solve(right):
        limits = tuning().solved, tuning().most_solving
        shares = parts((right * free).T, _COLUMNS)
        return xp.concat([conjugate_gradients(product, diagonal, some.T, *limits) for some in shares], 1)

    return solve


def flow_limits(moments: Moments, free):
    """Where to hold couplings of pairs that are never seen in one of their four states: see `limits_at`."""
    unseen = np.pad(state_counts(moments) == 0, [(0, 0), (0, 1), (0, 0)])
    both, neither, first, second = (placed(state, free.device) & free for state in unseen)
    bounds = placed(np.repeat([[0.0], [1.0]], len(free), 1), free.device)
    return limits_at([both, neither], [first, second], bounds, 0 * bounds[0] + 2 * STEEPNESS)


def told_by(sample):
    """1 at the coefficients of which a sample tells, shape (n + 1, n): all states in some bins."""
    x = sample[:, :-1]
    mean, second = on_cpu(x.mean(0)), on_cpu(x.T @ x) / len(x)
    states = state_counts(Moments.from_second(len(x), mean, second))
    alone = states[:2].min(axis=0).diagonal()
    told = np.vstack([states.min(axis=0), alone]) >= tuning().seen
    return placed(told.astype(np.float64), sample.device)
