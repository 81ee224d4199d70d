"""A subsample of the bins, on which couplings and the filter that they share are found in turn."""

from circuitbias.device import double, namespace, parts
from circuitbias.fitting.families import POISSON
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import SpikeTriggeredMoments, own_inverses
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.shared_filter import pack
from circuitbias.fitting.tuning import tuning


def _positive(values):
    """What may be divided by: with next to nothing in place of zeros."""
    return namespace(values).clip(values, 1e-300, None)


class FilterSample:
    """A subsample of the bins: starts the fit close to its end, and gives the Hessians.

    Parameters
    ----------
    problem : FilterProblem
        All bins say how often neurons fire after each other: rare pairs need not do so in the sample.
    histories : array of float32, shape (n_sampled, n_targets, n_basis)
    block_rows : int
    """

    def __init__(self, problem, histories, block_rows):
        self._problem, self._histories, self.free = problem, histories, problem.free
        self._block_rows = block_rows

    def _design(self, weights):
        return self.rows_of(self._histories, weights)

    def rows_of(self, histories, weights):
        """Rows of the design from histories through each basis function."""
        xp = namespace(histories)
        through = histories @ xp.asarray(weights, dtype=histories.dtype)
        # Whether neurons have spikes in their histories: the functions add up to 1 there.
        present = histories[:, self._problem.present].sum(2) > 0.5
        return double(xp.concat([through, present, xp.ones_like(through[:, :1])], 1))

    def alternate(self):
        """Alternate couplings given the filter and Newton steps of the filter given the couplings.

        Returns
        -------
        coefficients : array, shape (n_columns, n_targets)
        weights : array, shape (n_basis,)
        n_alternations : int
        """
        problem = self._problem
        xp = namespace(problem.means)
        weights = xp.ones_like(problem.gram[0]) / problem.gram.sum() ** 0.5
        flat = xp.asarray(problem.held, copy=True)
        flat[-1] = xp.log(problem.means)
        coefficients = flat
        for n_alternations in range(1, tuning().most_alternations + 1):  # noqa: B007
            coefficients = self._couplings(weights, coefficients, flat)
            gradient, hessian, scale = self._filter_derivatives(coefficients, weights)
            if not (abs(gradient) > tuning().filter_tolerance * scale).any():
                break
            weights = self._filter_step(coefficients, weights, gradient, hessian)
            size = problem.filter_square(weights) ** 0.5
            weights = weights / size
            coefficients[: problem.n_kept] *= size
        return coefficients, weights, n_alternations

    def _couplings(self, weights, begin, flat):
        """Fit the couplings given the filter; ``flat`` where a target does not let itself be fitted."""
        problem = self._problem
        design = self._design(weights)
        ridge = problem.ridge * problem.filter_square(weights)
        sampled = problem.free & (design != 0).any(0)[:, None]
        xp = namespace(design)
        fitted = xp.ones_like(design[0], dtype=xp.bool)
        fitted[problem.n_kept : -1] = False
        columns = design[:, fitted]
        second_moment = columns.T @ columns / len(design)
        unit = xp.eye(len(second_moment), dtype=design.dtype, device=design.device)
        second_moment += 1e-6 * second_moment.diagonal().mean() * unit
        shared = SpikeTriggeredMoments.with_constant_means(
            second_moment, problem.means, problem.free[fitted], ridge
        )

        def precondition(gradient):
            step = xp.zeros_like(gradient)
            step[fitted] = shared.solve(gradient[fitted])
            return step * sampled

        solution = lbfgs(
            Objective(
                DenseRows(lambda: parts(design, self._block_rows), *design.shape),
                problem.cross_moment(weights),
                sampled,
                ridge,
            ),
            xp.where(sampled, begin, problem.held),
            precondition,
            self._coupling_scale(design),
            tuning().coarse_tolerance,
            tuning().rough_passes,
            begin_in_single=tuning().worth_single_precision(len(design), *problem.free.shape),
        )
        return xp.where(solution.converged, solution.coefficients, flat)

    def _coupling_scale(self, design):
        """Natural size of the gradient: standard deviation of the covariate times mean response."""
        spread = ((design - design.mean(0)) ** 2).mean(0) ** 0.5
        spread[-1] = 1
        return _positive(spread[:, None] * self._problem.means)

    def _parts(self, coefficients, weights):
        """Yield rows of the design, the rates there, and what each basis function adds to their logarithms.

        The latter has shape (n_rows, n_basis, n_targets) before it is weighted.
        """
        n_kept = self._problem.n_kept
        slopes, intercepts = coefficients[:n_kept], coefficients[-1]
        xp = namespace(weights)
        for histories in parts(self._histories, max(1, self._block_rows // len(weights))):
            of_functions = double(histories).swapaxes(1, 2) @ slopes
            held = self.rows_of(histories, weights)[:, n_kept:-1] @ coefficients[n_kept:-1]
            rates = xp.exp(xp.einsum("tkj,k->tj", of_functions, weights) + held + intercepts)
            yield rates, of_functions

    def _filter_derivatives(self, coefficients, weights):
        """Gradient, Hessian and natural size of the gradient of the sum over targets, given the couplings."""
        problem, n_rows = self._problem, len(self._histories)
        slopes = coefficients[: problem.n_kept]
        xp, gradient, hessian = namespace(weights), 0 * weights, 0 * problem.gram
        total = square = 0.0
        for rates, of_functions in self._parts(coefficients, weights):
            weighted = of_functions * rates[:, None]
            gradient += weighted.sum((0, 2))
            hessian += (weighted @ of_functions.swapaxes(1, 2)).sum(0)
            total, square = total + of_functions.sum(0), square + (of_functions**2).sum(0)
        penalty = problem.ridge * (slopes**2).sum() * problem.gram
        gradient = gradient / n_rows - problem.cross_by_weight(slopes) + penalty @ weights
        spread = xp.clip(square / n_rows - (total / n_rows) ** 2, 0, None) ** 0.5
        return gradient, hessian / n_rows + penalty, _positive(spread @ problem.means)

    def _filter_step(self, coefficients, weights, gradient, hessian):
        """Newton step of the filter given the couplings, shortened until the objective falls."""
        xp, problem, design_rows = namespace(weights), self._problem, len(self._histories)
        slopes_square = (coefficients[: problem.n_kept] ** 2).sum()

        def value(weights):
            total = xp.exp(self._design(weights) @ coefficients).sum() / design_rows
            penalty = problem.ridge / 2 * slopes_square * (weights @ problem.gram @ weights)
            return total - (problem.cross_moment(weights) * coefficients).sum() + penalty

        step = -_solver(hessian)(gradient)
        before, slope, length = value(weights), gradient @ step, 1.0
        while length > tuning().filter_shortest_step:
            if value(weights + length * step) <= before + tuning().sufficient_decrease * length * slope:
                return weights + length * step
            length *= 0.5
        return weights

    def lead(self, coefficients, weights):
        """What leads the fit of couplings and filter together: the joint Hessian of Gauss and Newton.

        Its blocks are the Hessians H_j of each target, H_aa of the filter, and J_j between them. Along
        ``(coefficients, -weights)`` it is zero: that only moves size between couplings and filter.

        Returns
        -------
        JointHessian
        scale : tensor
            Natural size of the packed gradient.
        """
        problem, design = self._problem, self._design(weights)
        least = problem.cross_moment(weights) ** 2 / problem.means
        ridge = problem.ridge * problem.filter_square(weights)
        squares = weighted_squares([design], POISSON.curvatures_at(coefficients), problem.free)
        by_target, inverse_diagonal = own_inverses(
            finished(squares, problem.free, least, ridge), problem.free
        )
        _, hessian, filter_scale = self._filter_derivatives(coefficients, weights)
        xp, mixed = namespace(weights), 0.0
        blocks = parts(design, max(1, self._block_rows // len(weights)))
        for rows, (rates, of_functions) in zip(blocks, self._parts(coefficients, weights), strict=True):
            weighted = (of_functions * rates[:, None]).swapaxes(0, 1)
            mixed = mixed + rows.T @ weighted
        mixed = mixed / len(design)
        slopes = coefficients[: problem.n_kept]
        mixed[:, : problem.n_kept] += problem.ridge * (problem.gram @ weights)[:, None, None] * slopes
        mixed = mixed * problem.free
        solved = xp.stack([by_target(of_function) for of_function in mixed])
        schur = _solver(hessian - xp.einsum("kcj,lcj->kl", mixed, solved), hessian, weights)
        joint = JointHessian(problem, by_target, inverse_diagonal, mixed, solved, schur)
        return joint, pack(self._coupling_scale(design), filter_scale)


class JointHessian:
    """The joint Hessian of couplings and filter, by its blocks: H_j, J_j and what is left of H_aa.

    Parameters
    ----------
    problem : FilterProblem
    by_target : callable
        Solves with the H_j: from (n_columns, n_targets) to the same.
    inverse_diagonal : array, shape (n_columns, n_targets)
        Of the H_j.
    mixed, solved : array, shape (n_basis, n_columns, n_targets)
        J_j, and H_j^-1 J_j.
    schur : callable
        Solves with ``H_aa - sum_j J_j' H_j^-1 J_j``: from (n_basis, ...) to the same.
    """

    def __init__(self, problem, by_target, inverse_diagonal, mixed, solved, schur):
        self._problem, self._by_target, self._inverse_diagonal = problem, by_target, inverse_diagonal
        self._mixed, self._solved, self._schur = mixed, solved, schur

    def solve(self, packed):
        """From packed gradients to packed steps."""
        gradient, by_weight = self._problem.unpack(packed)
        step = self._by_target(gradient)
        einsum = namespace(packed).einsum
        weight_step = self._schur(by_weight - einsum("kcj,cj->k", self._mixed, step))
        return pack(step - einsum("kcj,k->cj", self._solved, weight_step), weight_step)

    def variances(self, coefficients, size, size_by_weight):
        """Variances of the coefficients times the size of the filter, but for 1 / T: (n_columns, n_targets).

        Parameters
        ----------
        coefficients : array, shape (n_columns, n_targets)
        size : float
        size_by_weight : array, shape (n_basis,)
            Its derivatives.
        """
        xp, of_weights = namespace(coefficients), size_by_weight
        of_filter = self._schur(xp.eye(len(of_weights), dtype=of_weights.dtype, device=of_weights.device))
        by_weight = coefficients * size_by_weight[:, None, None] - size * self._solved
        return size**2 * self._inverse_diagonal + xp.einsum("kcj,kl,lcj->cj", by_weight, of_filter, by_weight)


def _solver(matrix, hessian=None, null=None):
    """Solve with a positive semi-definite matrix, scaled by the diagonal of a Hessian.

    Along ``null``, where the matrix is zero but for sampling error, it is made one.
    """
    xp = namespace(matrix)
    size = _positive((matrix if hessian is None else hessian).diagonal()) ** 0.5
    scaled = (matrix + matrix.T) / 2 / size / size[:, None]
    if null is not None:
        direction = null * size
        direction = direction / (direction @ direction) ** 0.5
        rest = xp.eye(len(null), dtype=matrix.dtype, device=matrix.device) - direction[:, None] * direction
        scaled = rest @ scaled @ rest + direction[:, None] * direction
    values, vectors = xp.linalg.eigh(scaled)
    values = xp.clip(values, tuning().filter_null * values[-1], None)

    def solve(right):
        columns = right.reshape(len(size), -1) / size[:, None]
        return (vectors @ (vectors.T @ columns / values[:, None]) / size[:, None]).reshape(right.shape)

    return solve
