"""A subsample of the bins: the Hessians that lead a fit of couplings and the filter that they share."""

from functools import partial

from circuitbias.device import double, namespace, parts
from circuitbias.fitting.families import POISSON
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.preconditioners import own_inverses
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
    means : array, shape (n_targets, n_basis)
        Of the histories, over all bins.
    block_rows : int
    """

    def __init__(self, problem, histories, means, block_rows):
        self._problem, self._histories, self.free = problem, histories, problem.free
        self._means = means
        # Covariances of histories with responses, over all bins.
        self._apart = problem.cross_by_function - means[:, :, None] * problem.means
        self._block_rows = block_rows

    @property
    def n_rows(self):
        """How many bins these are."""
        return len(self._histories)

    def _design(self, weights):
        return self.rows_of(self._histories, weights)

    def rows(self, weights):
        """Yield rows of the design and a function, as `BasisDesign.rows` does of all bins."""
        for histories in parts(self._histories, self._block_rows):
            yield self.rows_of(histories, weights), partial(_by_function, histories)

    def rows_of(self, histories, weights):
        """Rows of the design from histories through each basis function."""
        xp = namespace(histories)
        through = histories @ xp.asarray(weights, dtype=histories.dtype)
        # Whether neurons have spikes in their histories: the functions add up to 1 there.
        present = histories[:, self._problem.present].sum(2) > 0.5
        return double(xp.concat([through, present, xp.ones_like(through[:, :1])], 1))

    def start(self):
        """Where a fit begins: rates as they are on average, and the filter of the cross-covariances.

        To first order in couplings, the most that the likelihood of target j gains by neuron i with a filter
        w is ``(c_ij . w)^2 / (2 m_j w' V_i w)``, where c_ij are the covariances of responses with histories
        through each function, of all rows, and V_i the covariances of these histories. With all V_i alike
        but for their size, the sum over pairs is largest at an eigenvector.

        Returns
        -------
        coefficients : array, shape (n_columns, n_targets)
        weights : array, shape (n_basis,)
        sampled : array of bool, shape (n_columns, n_targets)
            Coefficients of which the sample tells.
        """
        problem, means, apart = self._problem, self._means, self._apart
        xp, n = namespace(means), len(means)
        covariances = xp.einsum("tik,til->ikl", self._histories, self._histories) / self.n_rows
        covariances = double(covariances) - means[:, :, None] * means[:, None]
        size = _positive(means.sum(1))  # as the variance of a count is about its mean
        information = xp.where(problem.free[:n], 1 / (size[:, None] * _positive(problem.means)), 0.0)
        gains = xp.einsum("ikj,ilj->kl", apart * information[:, None], apart)
        values, vectors = xp.linalg.eigh((covariances / size[:, None, None]).sum(0))
        white = vectors / _positive(values) ** 0.5
        weights = white @ xp.linalg.eigh(white.T @ gains @ white)[1][:, -1]
        weights = weights / problem.filter_square(weights) ** 0.5
        coefficients = xp.asarray(problem.start, copy=True)
        return coefficients, weights, problem.free & (self._design(weights) != 0).any(0)[:, None]

    def _coupling_scale(self, design):
        """Natural size of the gradient: standard deviation of the covariate times mean response."""
        spread = ((design - design.mean(0)) ** 2).mean(0) ** 0.5
        spread[-1] = 1
        return _positive(spread[:, None] * self._problem.means)

    def units(self, weights):
        """Largest absolute entry of each column, (n_columns, 1): what a spike is to counts."""
        return _positive(namespace(weights).amax(abs(self._design(weights)), 0))[:, None]

    def lead(self, coefficients, weights):
        """What leads the fit of couplings and filter together: their joint Hessian.

        Its blocks are the Hessians H_j of each target, H_aa of the filter, and J_j between them. Along
        ``(coefficients, -weights)`` it is zero: that only moves size between couplings and filter. J_j holds
        the covariances of residuals with histories, too, which are not small where couplings are within their
        noise: without them the ring at r = .0005 takes a hundred passes. Those with responses are of all
        bins, and means are subtracted from what the sample is asked for.

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
        xp, slopes, n = namespace(weights), coefficients[: problem.n_kept], self.n_rows
        hessian, mixed, total, square = 0 * problem.gram, 0.0, 0.0, 0.0
        varied, squares_varied = 0.0, 0.0
        at_a_time = max(1, self._block_rows // len(weights))
        for rows, histories in zip(parts(design, at_a_time), parts(self._histories, at_a_time), strict=True):
            # What each basis function adds to the logarithm of rates, before it is weighted.
            of_functions = double(histories).swapaxes(1, 2) @ slopes
            rates = xp.exp(rows @ coefficients)
            weighted = of_functions * rates[:, None]
            away = (double(histories) - self._means).reshape(len(rows), -1)
            varied = varied + away.T @ (rates - problem.means)
            squares_varied = squares_varied + (away**2).T @ (rates - problem.means) ** 2
            hessian += (weighted @ of_functions.swapaxes(1, 2)).sum(0)
            mixed = mixed + rows.T @ weighted.swapaxes(0, 1)
            total, square = total + of_functions.sum(0), square + (of_functions**2).sum(0)
        hessian = hessian / n + problem.ridge * (slopes**2).sum() * problem.gram
        filter_scale = xp.clip(square / n - (total / n) ** 2, 0, None) ** 0.5 @ problem.means
        mixed = mixed / n
        residual = (varied / n).reshape(self._apart.shape) - self._apart
        # Of which the sample tells less, the more rates vary: as much is taken as is more than its error.
        known = 1 - (squares_varied / n**2).sum() / _positive((residual**2).sum())
        mixed[:, : problem.n_kept] += max(known.item(), 0.0) * residual.swapaxes(0, 1)
        mixed[:, : problem.n_kept] += problem.ridge * (problem.gram @ weights)[:, None, None] * slopes
        mixed = mixed * problem.free
        solved = xp.stack([by_target(of_function) for of_function in mixed])
        schur = _solver(hessian - xp.einsum("kcj,lcj->kl", mixed, solved), hessian, weights)
        if not slopes.any():  # nothing is known of the filter yet

            def schur(right):
                return 0 * right

        joint = JointHessian(problem, by_target, inverse_diagonal, mixed, solved, schur)
        return joint, pack(self._coupling_scale(design), _positive(filter_scale))


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
        self._problem, self._by_target, self.inverse_diagonal = problem, by_target, inverse_diagonal
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
        return size**2 * self.inverse_diagonal + xp.einsum("kcj,kl,lcj->cj", by_weight, of_filter, by_weight)


def _by_function(histories, values):
    """Sum values at histories, (n_rows, n_kept), times the history through each function: (n_basis,)."""
    xp = namespace(histories)
    return double(xp.einsum("tik,ti->k", histories, xp.asarray(values, dtype=histories.dtype)))


def _solver(matrix, hessian, null):
    """Solve with a positive semi-definite matrix, scaled by the diagonal of a Hessian.

    Along ``null``, where the matrix is zero but for sampling error, it is made one.
    """
    xp = namespace(matrix)
    size = _positive(hessian.diagonal()) ** 0.5
    scaled = (matrix + matrix.T) / 2 / size / size[:, None]
    direction = null * size
    direction = direction / (direction @ direction) ** 0.5
    rest = xp.eye(len(null), dtype=matrix.dtype, device=matrix.device) - direction[:, None] * direction
    scaled = rest @ scaled @ rest + direction[:, None] * direction
    values, vectors = xp.linalg.eigh(scaled)
    # A step along a direction in which the objective is not convex goes down it.
    values = xp.clip(abs(values), tuning().filter_null * values[-1], None)

    def solve(right):
        columns = right.reshape(len(size), -1) / size[:, None]
        return (vectors @ (vectors.T @ columns / values[:, None]) / size[:, None]).reshape(right.shape)

    return solve
