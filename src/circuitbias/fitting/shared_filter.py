"""The objective of Poisson regressions on histories through one temporal filter that all pairs share.

The likelihood is convex in the couplings given the filter, and in the filter given the couplings. Both are
found together: a pass over the data gives the gradients of couplings and filter alike, and the joint Hessian
on a subsample of the bins leads (`circuitbias.fitting.filter_sample`).
"""

from circuitbias.device import double, namespace
from circuitbias.fitting.designs.counts import STEEPNESS
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.rows import DenseRows


def pack(coefficients, weights):
    """Put couplings with intercepts and filter weights into one column: a single target for `lbfgs`."""
    return namespace(weights).concat([coefficients.flatten(), weights])[:, None]


class FilterProblem:
    """What the objective needs of the data beside the rows of the design.

    Columns of the design are histories, whether the neurons ``present`` have spikes in theirs, and 1.

    Parameters
    ----------
    cross : array
        See `BasisSurvey`.
    basis : array, shape (n_lags, n_basis)
    at_lowest : array of bool, shape (n_kept, n_kept)
        Pairs of which the second never fires with spikes of the first in its history: what has some says
        nothing more of it.
    left_out : array of bool, shape (n_kept, n_kept)
        Pairs whose coupling is left out.
    ridge : float

    Attributes
    ----------
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    start : array, shape (n_columns, n_targets)
        Rates as they are on average. What is not free stays there: zero, or where the rate is zero in its
        limit.
    """

    def __init__(self, cross, basis, at_lowest, left_out, ridge):
        self.ridge = ridge
        self.means = cross[-1]
        xp, self.n_kept = namespace(cross), len(at_lowest)
        self.present = xp.where(at_lowest.any(1))[0]
        gone, none = at_lowest[self.present], xp.zeros_like(at_lowest)
        self.start = -STEEPNESS * double(xp.concat([none, gone, none[:1]]))
        self.start[-1] = xp.log(self.means)
        self.free = xp.concat([~(at_lowest | left_out), xp.zeros_like(gone), ~none[:1]])
        self.cross_by_function = cross[:-1].reshape(self.n_kept, -1, self.n_kept)  # pre, function, post
        self.gram = basis.T @ basis

    def unpack(self, packed):
        """Undo `pack`."""
        n_basis = len(self.gram)
        return packed[:-n_basis, 0].reshape(self.free.shape), packed[-n_basis:, 0]

    def normalised(self, packed):
        """The same couplings and filter, packed, with a filter whose squares over lags add up to 1."""
        coefficients, weights = self.unpack(packed)
        size = self.filter_square(weights) ** 0.5
        slopes = coefficients[: self.n_kept] * size
        return pack(namespace(weights).concat([slopes, coefficients[self.n_kept :]]), weights / size)

    def filter_square(self, weights):
        """Sum over lags of the square of the filter."""
        return (weights @ self.gram @ weights).item()

    def cross_moment(self, weights):
        """Mean products of histories through the filter, and of 1, with responses: (n_columns, n_targets)."""
        xp = namespace(weights)
        of_pairs = xp.einsum("ikj,k->ij", self.cross_by_function, weights)
        # What is held is so where there are no spikes: its products with these are zero.
        return xp.concat([of_pairs, self.start[self.n_kept : -1] * 0, self.means[None]])

    def cross_by_weight(self, slopes):
        """Derivative with respect to the weights of the sum over all pairs of slope times cross moment."""
        return namespace(slopes).einsum("ikj,ij->k", self.cross_by_function, slopes)


class JointObjective:
    """The objective as a function of couplings and filter: a `lbfgs.Objective` of one target.

    Parameters
    ----------
    problem : FilterProblem
    rows : callable
        Goes over the data once: see `BasisDesign.rows`.
    n_rows : int
    sampled : array of bool, shape (n_columns, n_targets)
        Coefficients of which these rows tell.

    Attributes
    ----------
    passes, apart : int
        Times that the data have been gone over: for couplings and filter together, and for couplings alone.
    """

    def __init__(self, problem, rows, n_rows, sampled):
        self.problem, self._rows, self.n_rows, self._sampled = problem, rows, n_rows, sampled
        self._last, self.passes, self.apart = None, 0, 0

    def given_filter(self, weights) -> Objective:
        """The regressions of all targets on histories through this filter."""
        problem, free = self.problem, self.problem.free & self._sampled
        rows = DenseRows(lambda: (design for design, _ in self._rows(weights)), self.n_rows, len(free))
        ridge = problem.ridge * problem.filter_square(weights)
        return Objective(rows, problem.cross_moment(weights), free, ridge)

    def evaluate(self, packed, *, single=False):
        """Value, shape (1,), and gradient, shape (n, 1), in one pass."""
        self.passes += 1
        xp, problem = namespace(packed), self.problem
        coefficients, weights = problem.unpack(packed)
        slopes = coefficients[: problem.n_kept]
        total, gradient, by_weight = 0.0, 0 * coefficients, 0 * weights
        dtype = xp.float32 if single else xp.float64
        given = xp.asarray(coefficients, dtype=dtype)
        for design, by_function in self._rows(weights):
            design = xp.asarray(design, dtype=dtype)
            rates = xp.exp(design @ given)
            total += rates.sum(0).sum(dtype=xp.float64)
            gradient += design.T @ rates
            by_weight += by_function(rates @ given[: problem.n_kept].T)
        cross_moment = problem.cross_moment(weights)
        slopes_square, filter_square = (slopes**2).sum(), problem.filter_square(weights)
        value = total / self.n_rows - (cross_moment * coefficients).sum()
        value = value + problem.ridge / 2 * slopes_square * filter_square
        gradient = gradient / self.n_rows - cross_moment
        gradient[: problem.n_kept] += problem.ridge * filter_square * slopes
        by_weight = by_weight / self.n_rows - problem.cross_by_weight(slopes)
        by_weight = by_weight + problem.ridge * slopes_square * (problem.gram @ weights)
        gradient = pack(gradient * (problem.free & self._sampled), by_weight)
        if not single:
            self._last = xp.asarray(packed, copy=True), gradient
        return value[None], gradient

    def gradient_at(self, packed):
        """Gradient, mostly that of the last pass."""
        if self._last is None or not (self._last[0] == packed).all():
            self.evaluate(packed)
        return self._last[1]
