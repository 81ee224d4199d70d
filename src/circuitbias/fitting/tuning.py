"""Every constant of the fits, with its unit and what it was measured by.

None of them changes a result by more than the tolerance that was asked for, but ``identified``, which decides
what counts as infinite; all of them change the time. Times are those of one core, on the ring of 100 neurons
(r = .0125, .025) and on 100 neurons at 2.5 Hz with shared bursts (bins of 5 ms at four lags).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Constants of the fits.

    Attributes
    ----------
    sample_rows_per_column, least_sample_rows : int
        Rows of a sample for each column of the design, as Hessians of a hundred are off by a tenth; and the
        least: of a few columns, a hundred rows each would leave a tenth to standard errors, too.
    most_density : float
        Share of entries that are not zero up to which rows are kept as events. Of the time over dense rows,
        in double (single) precision, a pass takes .11 (.22) at .013, .11 (.19) at .03, .4 (.7) at .06, and
        .6 (1.2) at .125.
    rough_tolerance, rough_enough, rough_passes : float, float, int
        Scaled gradient at which a fit to the sample ends; at which it is used as a start; and most passes.
    coarse_tolerance, coarse_passes : float, int
        The same for logistic regressions and others that only need the Hessian near the end.
    rough_ridge : float
        Nats a row: keeps logistic regressions on a sample from what only the sample separates.
    led_tolerance, led_passes : float, int
        Scaled gradient that spike-triggered moments must reach on the sample, and in how many passes, if they
        are to precondition the fit to all rows (1.3 to 1.5 times as fast as own Hessians at r = .0125).
    group_tolerance : float
        Scaled gradient that groups of targets reach with constant rates, before moments precondition them.
    moment_passes, moment_descent : int, float
        If so many passes shrink most gradients less than so many times, moments stop preconditioning.
    patience : int
        Passes that a preconditioner made of a sample gets; the ring takes 5 to 9. Fits that have not
        converged then get Hessians of all rows.
    passes_per_hessian, line_search : int
        Passes for which a Hessian of all rows is used before it is made again (it costs ten passes over
        events); and those in which a line search that has found no step yet may go on.
    astray : float
        Times that a gradient may be as large as with constant rates, before a fit begins anew.
    least_targets : int
        Targets that are fitted together at least: with fewer, the data would be gone over too often.
    single_from : float
        Multiply-adds of a pass from which on fits begin in single precision (twice as fast); smaller ones are
        fast enough in double precision, and do not depend on its rounding then.
    single_until, single_stalled : float, int
        Scaled gradient below which single precision tells too little; passes without halving that end it.
    identified : float
        Responses that must tell of a direction of the coefficients (the curvature of the log-likelihood, in
        responses per squared unit), or else it is one along which the likelihood has no maximum. One
        coincidence is 1; a fit on its way to infinity ends at 1e-8 times the target's responses.
    steep : float
        Largest absolute coefficient, per spike, up to which nobody asks whether the likelihood has a maximum.
    steps_kept : int
        Steps that limited-memory BFGS remembers.
    sufficient_decrease, least_flattening : float
        Of a line search: share of the promised decrease, and most of the slope that may be left.
    rounding : float
        Of an objective, relative.
    backtrack, proximal_backtrack, shortest_step, filter_shortest_step : float
        Factor by which rejected steps are shortened, and the shortest.
    proximal_sweeps, proximal_guesses, proximal_refresh : int
        Sweeps of coordinate descent and guesses of the active set for a step; passes that a Hessian is kept.
    exactly_held : int
        Columns held at zero that are taken out of an inverse exactly.
    least_scale : float
        Of the standard deviation over spikes to that over all rows: what hardly varies over the spikes in a
        sample may do so in all rows.
    least_share : float
        Of a diagonal of all rows, where a sample makes it less.
    rows_of_pairs, chunk_rows : int
        Rows whose products of columns, and whose rates, are worked on at a time: they stay in 1 MB of cache.
    fold_tolerance, fold_passes, shared_hessians : float, int, int
        Of fits for cross-validation: gradient in units of its sampling error; most passes; uses of the
        Hessians of all bins before a fold makes its own.
    seen : int
        Bins of a sample in which a state of two neurons must occur for a coupling to be fitted to it.
    solved, most_solving : float, int
        Relative residual, and most iterations, of equations solved by conjugate gradients.
    filter_sample_rows, least_rows_per_column : int
        Rows of the sample that finds a temporal filter; and the least for each column where memory is short.
    given_tolerance, given_passes : float, int
        Of couplings given the filter of the sample, before both are fitted together.
    filter_passes, filter_tolerance, most_alternations : int, float, int
        Passes of couplings and filter together for one Hessian; scaled gradient of the filter at which the
        sample is done, and most alternations.
    dealt_groups, left_out_blocks : int
        Groups of rows that tell sandwich errors, and intervals that a jackknife leaves out in turn: from g of
        them, errors are known to 1 / sqrt(2 g), 4 % and 10 %.
    filter_null : float
        Least eigenvalue of the filter's scaled Hessian, relative: single precision says no more.
    """

    sample_rows_per_column: int = 100
    least_sample_rows: int = 10_000
    most_density: float = 0.08
    rough_tolerance: float = 1e-3
    rough_enough: float = 1e-2
    rough_passes: int = 200
    coarse_tolerance: float = 1e-2
    coarse_passes: int = 50
    rough_ridge: float = 1e-3
    led_tolerance: float = 1e-5
    led_passes: int = 6
    group_tolerance: float = 3e-2
    moment_passes: int = 8
    moment_descent: float = 100
    patience: int = 40
    passes_per_hessian: int = 8
    line_search: int = 20
    astray: float = 10
    least_targets: int = 64
    single_from: float = 1e8
    single_until: float = 3e-6
    single_stalled: int = 3
    identified: float = 1e-3
    steep: float = 8.0
    steps_kept: int = 8
    sufficient_decrease: float = 1e-4
    least_flattening: float = 0.9
    rounding: float = 1e-13
    backtrack: float = 0.3
    proximal_backtrack: float = 0.5
    shortest_step: float = 1e-8
    filter_shortest_step: float = 1e-6
    proximal_sweeps: int = 3
    proximal_guesses: int = 20
    proximal_refresh: int = 3
    exactly_held: int = 8
    least_scale: float = 0.1
    least_share: float = 0.3
    rows_of_pairs: int = 256
    chunk_rows: int = 1024
    fold_tolerance: float = 1e-3
    fold_passes: int = 60
    shared_hessians: int = 4
    seen: int = 5
    solved: float = 1e-2
    most_solving: int = 1000
    filter_sample_rows: int = 20_000
    least_rows_per_column: int = 10
    given_tolerance: float = 1e-3
    given_passes: int = 20
    filter_passes: int = 15
    filter_tolerance: float = 1e-3
    most_alternations: int = 50
    filter_null: float = 1e-6
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
