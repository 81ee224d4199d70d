"""The objective of Poisson regressions on histories through one temporal filter that all pairs share.

The likelihood is convex in the couplings given the filter, and in the filter given the couplings. So the two
alternate on a subsample of the bins, where that is cheap (`circuitbias.fitting.filter_sample`). From there
all bins polish both together, led by the joint Hessian of the subsample: a pass over the data gives the
gradients of couplings and filter alike.
"""

import torch

from circuitbias.fitting.designs.counts import STEEPNESS


def pack(coefficients, weights):
    """Put couplings with intercepts and filter weights into one column: a single target for `lbfgs`."""
    return torch.cat([coefficients.flatten(), weights])[:, None]


class FilterProblem:
    """What the objective needs of the data beside the rows of the design.

    Columns of the design are histories, whether the neurons ``present`` have spikes in theirs, and 1.

    Parameters
    ----------
    cross : tensor
        See `BasisSurvey`.
    basis : tensor, shape (n_lags, n_basis)
    at_lowest : tensor of bool, shape (n_kept, n_kept)
        Pairs of which the second never fires with spikes of the first in its history: what has some says
        nothing more of it.
    left_out : tensor of bool, shape (n_kept, n_kept)
        Pairs whose coupling is left out.
    ridge : float

    Attributes
    ----------
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    held : tensor, shape (n_columns, n_targets)
        The others: zero, or where the rate is zero in their limit.
    """

    def __init__(self, cross, basis, at_lowest, left_out, ridge):
        self.ridge = ridge
        self.means = cross[-1]
        self.n_kept, self.present = len(at_lowest), at_lowest.any(1).nonzero()[:, 0]
        gone = at_lowest[self.present]
        none = torch.zeros_like(at_lowest)
        self.held = -STEEPNESS * torch.cat([none, gone, none[:1]]).double()
        self.free = torch.cat([~(at_lowest | left_out), torch.zeros_like(gone), ~none[:1]])
        self.cross_by_function = cross[:-1].unflatten(0, (-1, basis.shape[1]))  # pre, function, post
        self.gram = basis.T @ basis

    def unpack(self, packed):
        """Undo `pack`."""
        n_basis = len(self.gram)
        return packed[:-n_basis, 0].unflatten(0, self.free.shape), packed[-n_basis:, 0]

    def filter_square(self, weights):
        """Sum over lags of the square of the filter."""
        return (weights @ self.gram @ weights).item()

    def cross_moment(self, weights):
        """Mean products of histories through the filter, and of 1, with responses: (n_columns, n_targets)."""
        of_pairs = torch.einsum("ikj,k->ij", self.cross_by_function, weights)
        # What is held is so where there are no spikes: its products with these are zero.
        return torch.cat([of_pairs, self.held[self.n_kept : -1] * 0, self.means[None]])

    def cross_by_weight(self, slopes):
        """Derivative with respect to the weights of the sum over all pairs of slope times cross moment."""
        return torch.einsum("ikj,ij->k", self.cross_by_function, slopes)


class JointObjective:
    """The objective as a function of couplings and filter: a `lbfgs.Objective` of one target."""

    def __init__(self, problem, rows, n_rows, passes):
        self._problem, self._rows, self._n_rows = problem, rows, n_rows
        self._last = None
        self.passes = passes

    def evaluate(self, packed, *, single=False):
        """Value, shape (1,), and gradient, shape (n, 1), in one pass."""
        self.passes += 1
        problem = self._problem
        coefficients, weights = problem.unpack(packed)
        slopes = coefficients[: problem.n_kept]
        total = 0.0
        gradient, by_weight = torch.zeros_like(coefficients), torch.zeros_like(weights)
        dtype = torch.float32 if single else torch.float64
        given = coefficients.to(dtype)
        for design, by_function in self._rows(weights):
            design = design.to(dtype)
            rates = (design @ given).exp_()
            total += rates.sum(0).double().sum()
            gradient += design.T @ rates
            by_weight += by_function(rates @ given[: problem.n_kept].T)
        cross_moment = problem.cross_moment(weights)
        slopes_square, filter_square = (slopes**2).sum(), problem.filter_square(weights)
        value = total / self._n_rows - (cross_moment * coefficients).sum()
        value = value + problem.ridge / 2 * slopes_square * filter_square
        gradient = gradient / self._n_rows - cross_moment
        gradient[: problem.n_kept] += problem.ridge * filter_square * slopes
        by_weight = by_weight / self._n_rows - problem.cross_by_weight(slopes)
        by_weight = by_weight + problem.ridge * slopes_square * (problem.gram @ weights)
        gradient = pack(gradient * problem.free, by_weight)
        if not single:
            self._last = packed.clone(), gradient
        return value[None], gradient

    def gradient_at(self, packed):
        """Gradient, mostly that of the last pass."""
        if self._last is None or not torch.equal(self._last[0], packed):
            self.evaluate(packed)
        return self._last[1]
