"""Standard errors by what the residuals show: of independent rows, or of intervals of a recording.

The estimate of target j solves ``sum_t g_tj = 0``, with the scores ``g_tj = (mu_tj - y_tj) x_t``. So its
error is that of the sum, seen through the Hessian H_j of the mean over T rows:

    Cov(beta_j) = H_j^-1 Cov(sum_t g_tj) H_j^-1 / T^2.

Sums over groups of rows tell the covariance of the sum over all. If rows are dealt out to the groups in turn,
those of a group lie apart in time, and nothing is seen of what neighbours share: the sandwich of Huber and
White, for independent responses that scatter more or less than the model says. If a group is an interval of
the recording, the errors hold slow changes, too: a jackknife that leaves out one interval after the other,
each fit made by one Newton step from that to all rows.

References
----------
White, Econometrica 50:1 (1982); Efron & Tibshirani, An Introduction to the Bootstrap, ch. 11 (1993).
"""

from bisect import bisect_left, bisect_right
from math import nan

from circuitbias.device import Array, namespace, positive_inverses
from circuitbias.fitting.tuning import tuning


class Groups:
    """Groups of rows.

    Parameters
    ----------
    kind : {"sandwich", "jackknife"}
        Rows dealt out in turn, or intervals of the recording.
    n_rows : int
    """

    def __init__(self, kind: str, n_rows: int):
        most = tuning().dealt_groups if kind == "sandwich" else tuning().left_out_blocks
        self.n, self._dealt = min(most, n_rows), kind == "sandwich"
        self._edges = [group * n_rows // self.n for group in range(self.n + 1)]

    def add(self, sums: Array, first: int, left: Array, right: Array) -> None:
        """Add ``left' right`` of the rows of each group to its sum, of consecutive rows.

        Parameters
        ----------
        sums : array, shape (n_groups, n_left, n_right)
        first : int
            Place of the first of these rows among all.
        left, right : array, shape (rows, n_left), (rows, n_right)
        """
        for group, inside in self._rows_of_groups(first, first + len(left)):
            sums[group] += left[inside].T @ right[inside]

    def _rows_of_groups(self, first, end):
        if self._dealt:
            return ((group, slice((group - first) % self.n, None, self.n)) for group in range(self.n))
        groups = range(bisect_right(self._edges, first) - 1, bisect_left(self._edges, end))
        edges = self._edges
        return ((g, slice(max(edges[g] - first, 0), edges[g + 1] - first)) for g in groups)

    def spread(self, influence: Array) -> Array:
        """Standard errors from what each group adds to the estimate, by the last axis."""
        return ((influence**2).sum(-1) * self.n / max(self.n - 1, 1)) ** 0.5


def grouped_errors(kind, blocks, n_rows, mean, hessians, free):
    """Standard errors of all coefficients of some targets, in one pass.

    Parameters
    ----------
    kind : {"sandwich", "jackknife"}
    blocks : iterable of (array, shape (rows, n_columns); array, shape (rows, n_targets))
        Rows of the design, and the responses there.
    n_rows : int
    mean : callable
        From rows to the means of the responses.
    hessians : array, shape (n_targets, n_columns, n_columns)
        Of the mean negative log-likelihood, with unit rows for what is held.
    free : array of bool, shape (n_columns, n_targets)

    Returns
    -------
    array, shape (n_columns, n_targets)
        NaN for those that are held.
    """
    xp, groups, first = namespace(free), Groups(kind, n_rows), 0
    scores = xp.zeros((groups.n, *free.T.shape), dtype=xp.float64, device=free.device)
    for rows, responses in blocks:
        groups.add(scores, first, mean(rows) - responses, rows)
        first += len(rows)
    influence = positive_inverses(hessians) @ xp.moveaxis(scores * free.T, 0, 2) / n_rows
    return xp.where(free, groups.spread(influence).T, nan)
