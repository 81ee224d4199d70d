"""Every constant of the fits, with its unit and what it was measured by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Constants of the fits: none changes a result by more than the tolerance, all of them change the time.

    Attributes
    ----------
    sample_rows_per_column : float
        Rows of the sample for each column of the design. Hessians of a hundred are off by a tenth.
    most_density : float
        Share of entries that are not zero, up to which rows are kept as events. A pass over the counts of a
        hundred neurons takes as long either way at about .1 (in single precision at .06).
    rough_tolerance, rough_enough, rough_passes : float, float, int
        Scaled gradient at which a fit to the sample ends; at which it is used as a start; and most passes.
    led_tolerance, led_passes : float, int
        Scaled gradient that spike-triggered moments must reach on the sample, and in how many passes, if they
        are to precondition the fit to all rows.
    group_tolerance : float
        Scaled gradient that groups of targets reach with constant rates, before moments precondition them.
    moment_passes, moment_descent : int, float
        If so many passes shrink most gradients less than so many times, moments stop preconditioning.
    patience : int
        Passes that a preconditioner made of a sample gets. Fits that have not converged then get Hessians of
        all rows.
    passes_per_hessian : int
        Passes for which a Hessian of all rows is used, before it is made again.
    astray : float
        Times that a gradient may be as large as with constant rates, before a fit begins anew.
    least_targets : int
        Targets that are fitted together at least: with fewer, the data would be gone over too often.
    single_from : float
        Multiply-adds of a pass from which on fits begin in single precision; smaller ones are fast enough in
        double precision, and do not depend on its rounding then.
    identified : float
        Responses that must tell of a direction of the coefficients (the curvature of the log-likelihood, in
        responses per squared unit), or else it is one along which the likelihood has no maximum.
    steep : float
        Largest absolute coefficient up to which nobody asks whether the likelihood has a maximum.
    """

    sample_rows_per_column: float = 100
    most_density: float = 0.06
    rough_tolerance: float = 1e-3
    rough_enough: float = 1e-2
    rough_passes: int = 200
    led_tolerance: float = 1e-5
    led_passes: int = 6
    group_tolerance: float = 3e-2
    moment_passes: int = 8
    moment_descent: float = 100
    patience: int = 40
    passes_per_hessian: int = 8
    astray: float = 10
    least_targets: int = 64
    single_from: float = 1e8
    identified: float = 1e-3
    steep: float = 8.0

    def worth_single_precision(self, n_rows: int, n_columns: int, n_targets: int) -> bool:
        """Whether regressions of this size are to begin in single precision."""
        return n_rows * n_columns * n_targets >= self.single_from


DEFAULT = Tuning()


def tuning() -> Tuning:
    """Constants in use: `DEFAULT`, which tests replace."""
    return DEFAULT
