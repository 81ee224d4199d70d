"""Every constant of the fits, with its unit and what it was measured by.

None of them changes a result by more than the tolerance that was asked for, but ``identified``, which decides
what counts as infinite; all of them change the time. Times are those of one core, on the ring of 100 neurons
(r = .0125, .025) and on 100 neurons at 2.5 Hz with shared bursts (bins of 5 ms at four lags).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Constants of the fits; a comment says what the constants below it are."""

    # Rows of a sample for each column of the design, as Hessians of a hundred are off by a tenth; and the
    # least: of a few columns, a hundred rows each would leave a tenth to standard errors, too.
    sample_rows_per_column: int = 100
    least_sample_rows: int = 10_000
    # Share of entries that are not zero up to which rows are kept as events. Of the time over dense rows, in
    # double (single) precision, a pass takes .11 (.22) at .013, .11 (.19) at .03, .4 (.7) at .06, .6 (1.2) at
    # .125. Kept as events, equal ones once, low rates take a quarter (logistic regression, probability flow).
    most_density: float = 0.08
    # Scaled gradient at which a fit to the sample ends; at which it is used as a start; and most passes.
    # Without this start, the ring takes ten times as long at r = .025.
    rough_tolerance: float = 1e-3
    rough_enough: float = 1e-2
    rough_passes: int = 200
    # The same for fits that only need the Hessian near the end.
    coarse_tolerance: float = 1e-2
    coarse_passes: int = 50
    # Scaled gradient that spike-triggered moments must reach on the sample, and in how many passes, if they
    # are to precondition the fit to all rows: 1.3 to 1.5 times as fast as own Hessians at r = .0125, and a
    # tenth slower if they are tried on all rows first (60 % at r = .025).
    led_tolerance: float = 1e-5
    led_passes: int = 6
    # Scaled gradient that groups of targets reach with constant rates, before moments precondition them. On
    # 3e5 spikes of the ring at r = .025, 3e-2 takes 9 % more passes (with a ridge 25 %) and leaves standard
    # errors off by up to 18 % (34 %), by Hessians made too far from the end; at 1e-2 it is 7 % (9 %).
    group_tolerance: float = 1e-2
    # If so many passes shrink most gradients less than so many times, moments stop preconditioning.
    moment_passes: int = 8
    moment_descent: float = 100
    # Passes that a preconditioner gets that is not of all rows; the ring takes 5 to 9. Fits that have not
    # converged then get Hessians of all rows.
    patience: int = 20
    # Passes for which a Hessian of all rows is used before it is made again (it costs ten passes over
    # events).
    passes_per_hessian: int = 8
    # By how much of the natural curvature diagonals of these Hessians are raised, for a scaled gradient of
    # 1. Of 40 neurons, some silent in 5 of 18 265 bins, logistic regressions end in 46 passes (1e-4 to .1: 43
    # to 46); with none, four of them do not in 200.
    damping: float = 0.003
    # Times that a gradient may be as large as with constant rates, before a fit begins anew.
    astray: float = 10
    # Targets that are fitted together at least: with fewer, the data would be gone over too often.
    least_targets: int = 64
    # Multiply-adds of a pass from which on fits begin in single precision (twice as fast); smaller ones are
    # fast enough in double precision, and do not depend on its rounding then.
    single_from: float = 1e8
    # Scaled gradient below which single precision tells too little; passes without halving that end it.
    single_until: float = 3e-6
    single_stalled: int = 3
    # Responses that must tell of a direction of the coefficients (the curvature of the log-likelihood, in
    # responses per squared unit), or else it is one along which the likelihood has no maximum. One
    # coincidence is 1; a fit on its way to infinity ends at 1e-8 times the target's responses.
    identified: float = 1e-3
    # Largest absolute coefficient, per spike, up to which nobody asks whether the likelihood has a maximum.
    steep: float = 8.0
    # Standard error from which on it is made anew, by the Hessian of all rows at the end: with Hessians of a
    # sample, or from before the end, those of covariates with 3 spikes were up to 48 times too large.
    vague: float = 1.0
    # Steps that limited-memory BFGS remembers.
    steps_kept: int = 8
    # Of a line search: share of the promised decrease, and most of the slope that may be left.
    sufficient_decrease: float = 1e-4
    least_flattening: float = 0.9
    # Of an objective, relative.
    rounding: float = 1e-13
    # Factor by which rejected steps are shortened, and the shortest.
    backtrack: float = 0.3
    proximal_backtrack: float = 0.5
    shortest_step: float = 1e-8
    # Most sweeps of coordinate descent for a step, and how much less the last moves than the first; passes
    # that a Hessian is kept.
    proximal_sweeps: int = 1000
    proximal_descent: float = 3e-3
    proximal_refresh: int = 3
    # Of the standard deviation over spikes to that over all rows: what hardly varies over the spikes in a
    # sample may do so in all rows.
    least_scale: float = 0.1
    # Of a diagonal of all rows, where a sample makes it less.
    least_share: float = 0.3
    # Rows whose products of columns, and whose rates, are worked on at a time: they stay in 1 MB of cache.
    rows_of_pairs: int = 256
    chunk_rows: int = 1024
    # Of fits for cross-validation: gradient in units of its sampling error; most passes; uses of the Hessians
    # of all bins before a fold makes its own.
    fold_tolerance: float = 1e-3
    fold_passes: int = 60
    shared_hessians: int = 4
    # Bins of a sample in which a state of two neurons must occur for a coupling to be fitted to it.
    seen: int = 5
    # Relative residual, and most iterations, of equations solved by conjugate gradients.
    solved: float = 1e-2
    most_solving: int = 1000
    # Rows of the sample that finds a temporal filter; and the least for each column where memory is short.
    filter_sample_rows: int = 20_000
    least_rows_per_column: int = 10
    # Passes of couplings and filter together for one Hessian; least eigenvalue of the filter's scaled
    # Hessian, relative: single precision says no more.
    filter_passes: int = 15
    filter_null: float = 1e-6
    # Scaled gradient (1: as at constant rates) from which on couplings are then fitted given the filter; and
    # at which these end, small enough for `identified` where few spikes tell of a target.
    behind: float = 1.0
    aside_tolerance: float = 1e-6
    # Groups of rows that tell sandwich errors, and intervals that a jackknife leaves out in turn: from g of
    # them, errors are known to 1 / sqrt(2 g), 4 % and 10 %.
    dealt_groups: int = 256
    left_out_blocks: int = 50

    def sample_rows(self, n_columns: int) -> int:
        """Rows of a sample that Hessians of so many columns are made on."""
        return max(self.sample_rows_per_column * n_columns, self.least_sample_rows)

    def worth_single_precision(self, n_rows: int, n_columns: int, n_targets: int) -> bool:
        """Whether regressions of this size are to begin in single precision."""
        return n_rows * n_columns * n_targets >= self.single_from


DEFAULT = Tuning()


def tuning() -> Tuning:
    """Constants in use: `DEFAULT`, which tests replace."""
    return DEFAULT
