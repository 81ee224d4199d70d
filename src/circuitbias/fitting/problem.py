"""What one pass over the data says of regressions."""

from dataclasses import dataclass, replace

from circuitbias.device import Array, namespace, quietly
from circuitbias.fitting.families import POISSON
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import SpikeTriggeredMoments
from circuitbias.fitting.rows import DenseRows, SparseRows
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget


@dataclass(kw_only=True)
class Problem(Objective):
    """The objectives of all targets on all rows, and what one pass says of them; names as in `fit`."""

    second_moment: Array
    sample: Array | None
    infinite: Array
    undefined: Array
    start: Array
    least_curvatures: Array
    spread: Array
    gradient_scale: Array

    @property
    def response_means(self) -> Array:
        """Mean responses of the targets, shape (n_targets,)."""
        return self.cross_moment[-1]

    def of(self, targets: Array) -> "Problem":
        """The same of some of the targets, with passes of their own."""
        return replace(self, **{name: getattr(self, name)[..., targets] for name in _OF_TARGETS})

    def constant_rates(self) -> SpikeTriggeredMoments:
        """What preconditions where nothing is known of how rates change."""
        curvatures = self.family.curvature(self.response_means)
        curvatures = namespace(curvatures).where(self.undefined, 1.0, curvatures)
        return SpikeTriggeredMoments.with_constant_means(
            self.second_moment, curvatures, self.free, self.ridge
        )

    def hessians_of_sample(self, coefficients, free, move=None, rows=None) -> Array:
        """Hessians of the sample; where rows are kept as events, those of all.

        Parameters
        ----------
        coefficients : array, shape (n_columns, n_targets)
        free : array of bool, shape (n_columns, n_targets)
        move : array, optional
            From `match_moments`, for the rows of the sample.
        rows : Rows, optional
            The diagonals are not much less than theirs: by default those of all rows.

        Returns
        -------
        array, shape (n_targets, n_columns, n_columns)
        """
        least = 0 * coefficients
        if isinstance(self.rows, SparseRows):
            return finished(self.rows.hessians(coefficients, self.family), free, least, self.ridge)
        if self.family is POISSON:
            least = self.least_curvatures
        else:
            least = tuning().least_share * (rows or self.rows).diagonals(coefficients, self.family)
        squares = weighted_squares([self.sample], self.family.curvatures_at(coefficients), free, move)
        return finished(squares, free, least, self.ridge)


_OF_TARGETS = ("cross_moment", "free", "infinite", "undefined", "start", "least_curvatures", "gradient_scale")


@quietly
def summarise(design, ridge: float, with_sample: bool, budget: Budget) -> Problem:
    """Go over the data once: moments, what is infinite, where to start, and a sample of the rows.

    Parameters
    ----------
    design : Design
    ridge : float
    with_sample : bool
        Whether memory holds a sample for all Hessians.
    budget : Budget

    Raises
    ------
    ValueError
        If columns of the design are linearly dependent.
    """
    sparse = design.sparse(tuning().most_density, budget)
    n_sample = tuning().sample_rows(design.n_columns)
    if sparse:
        rows, cross_moment, bounds = sparse
        second_moment = rows.second_moment()
        sample = None
    else:
        rows = DenseRows(design.narrow_blocks, design.n_rows, design.n_columns)
        second_moment, cross_moment, bounds, sample = design.survey(n_sample if with_sample else 1)
    means = second_moment[-1]  # of the columns; the last column is 1
    variances = second_moment.diagonal() - means**2
    response_means = cross_moment[-1]
    design.require_independent(second_moment, response_means)
    free = design.free_coefficients()
    family, xp = design.family, namespace(means)
    undefined = family.curvature(response_means) == 0  # what responds for certain
    free &= ~undefined
    start = design.limits(cross_moment, means, bounds, free & (ridge == 0))
    infinite = start != 0

    # The gradient's natural size: one standard deviation of the covariate times the mean response; of binary
    # ones, times their standard deviation.
    spread = xp.concat([variances[:-1] ** 0.5, means[-1:]])
    size = response_means if family is POISSON else family.curvature(response_means) ** 0.5
    size = xp.where(undefined, 1.0, size)
    start[-1] += xp.where(undefined, 0.0, family.link(response_means))
    fitted = free & ~infinite
    fitted[-1] = ~undefined
    return Problem(
        rows=rows,
        cross_moment=cross_moment,
        free=fitted,
        ridge=ridge,
        family=family,
        second_moment=second_moment,
        sample=sample,
        infinite=infinite,
        undefined=undefined,
        start=start,
        least_curvatures=design.least_curvatures(cross_moment, response_means),
        spread=spread[:, None],
        gradient_scale=spread[:, None] * size,
    )
