"""Regressions of many targets on one shared design matrix, all solved together.

Target j has the canonical parameter ``eta_tj = x_t . beta_j``, and the mean negative log-likelihood is

    F_j(beta_j) = 1/T sum_t (A(eta_tj) - y_tj eta_tj) + ridge/2 |beta_j|^2 (without the intercept),

A being exp for Poisson counts and log(1 + exp) for binary ones: the objective of scikit-learn's
``PoissonRegressor`` with ``alpha = ridge``. As the design matrix X is the same for all targets, two matrix
products, ``X B`` and ``X' (A' - Y)``, give all gradients at once. What is left is to need few passes over
the data: see `circuitbias.fitting.lbfgs`.
"""

from dataclasses import dataclass, field, replace

from circuitbias.device import Array, namespace, parts
from circuitbias.fitting.families import POISSON, Family
from circuitbias.fitting.hessians import finished
from circuitbias.fitting.limits import unidentified
from circuitbias.fitting.preconditioners import own_inverses
from circuitbias.fitting.rows import Rows
from circuitbias.fitting.tuning import tuning


@dataclass
class Objective:
    """The objectives of all targets.

    Attributes
    ----------
    rows : Rows
        Of the design matrix.
    cross_moment : array, shape (n_columns, n_targets)
        ``X'Y / T``: all that is needed of the targets, as the objective is linear in them.
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted; the others are held where they start.
    ridge : float
    family : Family
    passes : int
        Times that the data have been gone over.
    """

    rows: Rows
    cross_moment: Array
    free: Array
    ridge: float = 0.0
    family: Family = POISSON
    passes: int = field(default=0, init=False)

    def of(self, targets: Array) -> "Objective":
        """The objectives of some targets, with passes of their own."""
        return replace(self, cross_moment=self.cross_moment[:, targets], free=self.free[:, targets])

    def evaluate(
        self, coefficients: Array, *, targets: Array | None = None, single: bool = False
    ) -> tuple[Array, Array]:
        """Values, shape (n_targets,), and gradients, shape (n_columns, n_targets), in one pass.

        Parameters
        ----------
        coefficients : array, shape (n_columns, n_targets)
        targets : array of bool, optional
            Which targets these are of, if not of all.
        single : bool, optional
            Sum over the rows of each block in single precision.
        """
        self.passes += 1
        cross_moment, free, family = self.cross_moment, self.free, self.family
        if targets is not None:
            cross_moment, free, family = cross_moment[:, targets], free[:, targets], family.of(targets)
        total, gradient = self.rows.sums(coefficients, family, single)
        slopes, n_rows = coefficients[:-1], self.rows.n_rows
        value = total / n_rows - (cross_moment * coefficients).sum(0) + self.ridge / 2 * (slopes**2).sum(0)
        gradient = gradient / n_rows - cross_moment
        gradient[:-1] += self.ridge * slopes
        return value, gradient * free

    def hessians(self, coefficients: Array, least_diagonal: Array) -> Array:
        """Hessians of all targets, in one pass; those that are held have rows of the unit matrix.

        Parameters
        ----------
        coefficients, least_diagonal : array, shape (n_columns, n_targets)
            The latter bounds the diagonals from below.

        Returns
        -------
        array, shape (n_targets, n_columns, n_columns)
        """
        self.passes += 1
        hessians = self.rows.hessians(coefficients, self.family)
        return finished(hessians, self.free, least_diagonal, self.ridge)

    def separated(self, found) -> Array:
        """Targets whose responses are all told for certain as the coefficients grow: a mask."""
        return (self.ridge == 0) & (found.value * self.rows.n_rows < self.family.separated)

    def examine(self, coefficients, start, inverse_diagonal, converged, n_together: int, units=1.0):
        """Find coefficients that were on their way to infinity when their gradients got small.

        Those of targets that have come far, or of whose slopes hardly anything tells, are looked at with
        Hessians of all rows where they are; so are their errors then.

        Parameters
        ----------
        coefficients, start : array, shape (n_columns, n_targets)
            Where they are, and where they began.
        inverse_diagonal : array, shape (n_columns - 1, n_targets)
            Of the Hessians as they are known, by which the slopes have their errors; changed in place.
        converged : array of bool, shape (n_targets,)
        n_together : int
            Targets whose Hessians are made at a time.
        units : array, shape (n_columns, 1), optional
            Of the columns, if they are no counts: what is as much as a spike.

        Returns
        -------
        array of bool, shape (n_columns, n_targets)
        """
        xp, tuned, n_rows = namespace(start), tuning(), self.rows.n_rows
        infinite = xp.zeros_like(self.free)
        units = units * xp.ones_like(start[:, :1])
        way = xp.amax(abs(coefficients - start) * units * self.free, 0)
        variances = xp.where(self.free[:-1], inverse_diagonal, 0.0) * units[:-1] ** 2 / n_rows
        vague = variances > tuned.vague**2
        asked = converged & ((way > tuned.steep) | vague.any(0)) & (self.ridge == 0)
        for targets in parts(xp.where(asked)[0], n_together):
            part = self.of(targets)
            hessians = part.hessians(coefficients[:, targets], 0 * start[:, targets])
            infinite[:, targets] = unidentified(
                hessians / units / units.T, n_rows, part.free, tuned.identified
            )
            inverse_diagonal[:, targets] = own_inverses(hessians, part.free)[1][:-1]
            self.passes += part.passes
        return infinite
