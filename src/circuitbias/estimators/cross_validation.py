"""How a penalty is chosen: by the likelihood of bins left out, or by an oracle that sees the true weights."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import count

import numpy as np

from circuitbias.device import namespace, on_cpu, quietly
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.logistic_path import fires
from circuitbias.fitting.tuning import tuning

CHOICES = ("cross_validation", "oracle")


def fold_edges(n_rows: int, folds: int) -> list[int]:
    """Where folds begin, and the end: fold k is the rows ``edges[k] ... edges[k + 1] - 1``.

    A fold is an interval of the recording, as neighbouring bins are correlated: among left-out bins
    scattered over it, a fit would be judged by near copies of what it was fitted to.
    """
    return [fold * n_rows // folds for fold in range(folds + 1)]


def split_by_fold(blocks: Iterable, n_rows: int, folds: int) -> Iterator[tuple]:
    """Cut blocks of rows at the edges of the folds.

    Parameters
    ----------
    blocks : iterable of ndarray or tensor, each of shape (rows, ...)
        Blocks of rows, in order, ``n_rows`` rows together.
    n_rows, folds : int
        At least one row a fold.

    Yields
    ------
    fold : int
    rows : ndarray or tensor
        Some of the fold's rows: a view of a block.
    """
    edges = fold_edges(n_rows, folds)
    fold = row = 0
    for block in blocks:
        start = 0
        while start < len(block):
            stop = min(len(block), start + edges[fold + 1] - row)
            yield fold, block[start:stop]
            row += stop - start
            start = stop
            if row == edges[fold + 1]:
                fold += 1


def check_oracle(weights, n_neurons: int) -> None:
    """Check that an oracle is shown the true weights of all neurons.

    Raises
    ------
    ValueError
        If it is not.
    """
    if weights is None:
        raise ValueError("l1='oracle' chooses by the true weights, but weights=None")
    if np.shape(weights) != (n_neurons, n_neurons):
        raise ValueError(f"weights have shape {np.shape(weights)}, but the neurons are {n_neurons}")


def relative_misfit(weights: np.ndarray, values: np.ndarray) -> float:
    r"""Relative error of couplings on the scale that suits them best, as for Das & Fiete (2020).

    .. math:: \min_\alpha \|\alpha J - W\| / \|W\| = \sqrt{1 - \langle W, J\rangle^2 / (\|W\|^2 \|J\|^2)}

    Parameters
    ----------
    weights, values : ndarray, shape (n, n)
        W and J, [pre, post]. The diagonal and pairs that are not finite in both are left out.

    Returns
    -------
    float
        NaN where no scale can be fitted.
    """
    observed = np.isfinite(weights) & np.isfinite(values) & ~np.eye(len(values), dtype=bool)
    w, j = np.asarray(weights, dtype=float)[observed], values[observed]
    if not (w.any() and j.any()):
        return math.nan
    return float(np.linalg.norm(w @ j / (j @ j) * j - w) / np.linalg.norm(w))


def mean_log_likelihoods(of_neurons: np.ndarray) -> np.ndarray:
    """Mean over neurons of the log-likelihood at each penalty.

    Parameters
    ----------
    of_neurons : ndarray, shape (n_penalties, n)
        NaN where a neuron has no fit in some fold.

    Returns
    -------
    ndarray, shape (n_penalties,)
        Over the neurons that have a fit at some penalty; NaN at a penalty at which one of these has none.
    """
    fitted = np.isfinite(of_neurons)
    comparable = fitted.any(axis=0)
    if not comparable.any():
        return np.full(len(of_neurons), np.nan)
    return of_neurons[:, comparable].mean(axis=1)


def choose(penalties: Sequence[float], measure: str, scores: Sequence[float]) -> tuple[float, dict]:
    """Choose the penalty of the least ``error``, or of the largest ``held_out_log_likelihood``.

    Parameters
    ----------
    penalties : sequence of float
    measure : {"error", "held_out_log_likelihood"}
    scores : sequence of float
        NaN where there is none; without any, the largest penalty is chosen.

    Returns
    -------
    chosen : float
    diagnostics : dict
        ``l1`` (the choice) and ``l1_path``, for each penalty its score.
    """
    scores = np.asarray(scores, dtype=float)
    merits = -scores if measure == "error" else scores
    chosen = penalties[int(np.nanargmax(merits))] if np.isfinite(merits).any() else max(penalties)
    path = [
        {"l1": penalty, measure: float(score) if np.isfinite(score) else None}
        for penalty, score in sorted(zip(penalties, scores, strict=True))
    ]
    return chosen, {"l1": chosen, "l1_path": path}


class CrossValidation:
    """Fits to all bins but one fold's, for each fold, begun at the fit to all bins.

    Parameters
    ----------
    design : Design
    path : object
        Fits to all bins, as `circuitbias.fitting.logistic_path` makes them.
    folds : int
    """

    def __init__(self, design, path, folds):
        self._design, self._path, self._folds, self._n_rows = design, path, folds, design.n_rows
        fewest = min(design.n_rows - n for n in np.diff(fold_edges(design.n_rows, folds)))
        if fewest <= design.n_columns or folds > design.n_rows:
            raise UnusableDataError(
                f"folds={folds} of {design.n_rows} bins leave {fewest} for {design.n_columns} coefficients a "
                "neuron: more bins than coefficients are needed"
            )
        shape = folds, design.n_columns, design.n_targets
        xp = self._xp = namespace(path.whole.cross_moment)
        self._cross = xp.zeros(shape, dtype=xp.float64, device=path.whole.cross_moment.device)
        totals = 0 * self._cross[:, :, 0]
        lowest, highest = totals + xp.inf, totals - xp.inf
        for fold, rows in self._by_fold():
            self._cross[fold] += rows.T @ fires(rows)
            totals[fold] += rows.sum(0)
            lowest[fold] = xp.minimum(lowest[fold], xp.amin(rows, 0))
            highest[fold] = xp.maximum(highest[fold], xp.amax(rows, 0))
        self._training = []
        for left_out in range(folds):
            others = np.arange(folds) != left_out
            bounds = xp.stack([xp.amin(lowest[others], 0), xp.amax(highest[others], 0)])
            # A covariate that is constant but for the left-out bins says nothing about the others.
            free = design.free_coefficients()
            free[:-1] &= (bounds[0] < bounds[1])[:-1, None]
            n_rows = int(totals[others, -1].sum())
            cross_moment, means = self._cross[others].sum(0) / n_rows, totals[others].sum(0) / n_rows
            blocks = partial(self._rows_outside, left_out)
            self._training.append(path.regressions_on(blocks, n_rows, cross_moment, means, bounds, free))
        self._fits, self.passes = [], 0

    def _by_fold(self):
        return split_by_fold(self._design.blocks(), self._n_rows, self._folds)

    def _rows_outside(self, left_out):
        return (rows for fold, rows in self._by_fold() if fold != left_out)

    @quietly
    def fit(self, l1):
        """Fit with a penalty that all bins have just been fitted with."""
        whole = self._path.last
        tolerance = max(self._path.tolerance, tuning().fold_tolerance / self._n_rows**0.5)
        limits = tolerance, min(self._path.max_passes, tuning().fold_passes)
        fits = []
        for training in self._training:
            separable = training.separable(l1)
            free = training.free & ~separable
            begin = self._xp.where(whole.fitted, whole.coefficients, training.start(separable)) * free
            hessians_at = self._hessians(training, free)
            solution, passes = training.minimise(l1 / self._n_rows, separable, begin, hessians_at, *limits)
            self.passes += passes
            fitted = solution.converged & ~separable
            fits.append(self._xp.where(fitted, solution.coefficients, np.nan))
        self._fits.append(fits)

    def _hessians(self, training, free):
        """For one fit: those that all bins share, then its own."""
        uses = count()

        def hessians_at(coefficients):
            if next(uses) < tuning().shared_hessians:
                return self._path.last_hessians()
            return self._path.problem.hessians_of_sample(coefficients, free, rows=training.rows)

        return hessians_at

    def log_likelihoods(self):
        """Mean log-likelihood of the bins left out, in nats per bin and neuron: (n_penalties,)."""
        totals = self._xp.stack(
            [
                sum((cross * fit).sum(0) for cross, fit in zip(self._cross, fits, strict=True))
                for fits in self._fits
            ]
        )
        for fold, rows in self._by_fold():
            for total, fits in zip(totals, self._fits, strict=True):
                total -= LOGISTIC.evaluate(rows @ fits[fold])[0].sum(0)
        return mean_log_likelihoods(on_cpu(totals / self._n_rows))
