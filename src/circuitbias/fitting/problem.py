"""What one pass over the data says of regressions."""

from dataclasses import dataclass

from circuitbias.device import Array, namespace, quietly
from circuitbias.fitting.families import POISSON, Family
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import SpikeTriggeredMoments
from circuitbias.fitting.rows import DenseRows, Rows
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget


@dataclass(frozen=True)
class Problem:
    """What one pass over the data says of the regressions; names as in `fit` and `Objective`."""

    rows: Rows
    second_moment: Array
    sample: Array | None
    cross_moment: Array
    free: Array
    infinite: Array
    undefined: Array
    start: Array
    least_curvatures: Array
    spread: Array
    gradient_scale: Array
    ridge: float
    family: Family

    @property
    def response_means(self) -> Array:
        """Mean responses of the targets, shape (n_targets,)."""
        return self.cross_moment[-1]

    def of(self, targets: Array) -> "Problem":
        """The same of some of the targets."""
        parts = {name: getattr(self, name)[..., targets] for name in _OF_TARGETS}
        return Problem(**(vars(self) | parts))

    def constant_rates(self) -> SpikeTriggeredMoments:
        """What preconditions where nothing is known of how rates change."""
        curvatures = self.family.curvature(self.response_means)
        curvatures = namespace(curvatures).where(self.undefined, 1.0, curvatures)
        return SpikeTriggeredMoments.with_constant_means(
            self.second_moment, curvatures, self.free, self.ridge
        )

    def objective(self, rows=None, free=None) -> Objective:
        """The objective on these rows, by default all of them."""
        free = self.free if free is None else free
        rows = self.rows if rows is None else rows
        return Objective(rows, self.cross_moment, free, self.ridge, self.family)


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
    infinite, start = design.limits(cross_moment, means, bounds, free & (ridge == 0))

    # The gradient's natural size: one standard deviation of the covariate times the mean response; of binary
    # ones, times their standard deviation.
    spread = xp.concat([variances[:-1] ** 0.5, means[-1:]])
    size = response_means if family is POISSON else family.curvature(response_means) ** 0.5
    size = xp.where(undefined, 1.0, size)
    start[-1] += xp.where(undefined, 0.0, family.link(response_means))
    fitted = free & ~infinite
    fitted[-1] = ~undefined
    return Problem(
        rows,
        second_moment,
        sample,
        cross_moment,
        fitted,
        infinite,
        undefined,
        start,
        design.least_curvatures(cross_moment, response_means),
        spread[:, None],
        spread[:, None] * size,
        ridge,
        family,
    )
