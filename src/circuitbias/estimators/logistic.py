"""Logistic regression: whether a neuron fires in a bin, given the counts of the others."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings, SeparableCountsWarning
from circuitbias.estimators.cross_validation import (
    CHOICES,
    CrossValidation,
    check_choice,
    choose,
    relative_misfit,
)
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.fitting.designs.counts import STEEPNESS, Design
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.lbfgs import Solution, lbfgs
from circuitbias.fitting.limits import limits_at, unidentified
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import target_preconditioner
from circuitbias.fitting.proximal_newton import minimise_with_penalty
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.sample_hessians import sample_hessians
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import regression_bytes, require_memory
from circuitbias.options import bin_width, convergence, most_passes
from circuitbias.progress import Descent
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import count_moments
from circuitbias.spikes.segments import SpikeSource


class Logistic(Estimator):
    """Logistic regression of whether a neuron fires in a bin on the counts of the others."""

    bin_steps: int = bin_width()
    binarise: bool = option(False, "Reduce the covariates to 0 or 1; the response is whether a neuron fires.")
    l1: Literal["cross_validation", "oracle"] | float = option(
        0.0,
        "Penalty on the sum of absolute couplings, beside the sum over bins of the log-losses: a number, or "
        "how to choose it from `l1_grid`. An `oracle` looks at the true weights.",
        least=0,
    )
    l1_grid: tuple[float, ...] = option(
        (0, 10, 30, 100, 300, 1000), "Penalties to choose from.", least=0, fewest=1, different=True
    )
    folds: int = option(5, "Blocks of bins that cross-validation leaves out in turn.", least=2, most=100)
    tolerance: float = convergence()
    max_passes: int = most_passes()

    cost = Cost(seconds=5)
    look = Look("regressions", {"logistic": ("#AA4499", "h")})
    examples = Examples(
        {},
        {"binarise": True, "bin_steps": 80},
        {"l1": 5.0},
        {"l1": "cross_validation", "l1_grid": [0, 3, 10], "folds": 3},
    )

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise

    @property
    def n_fits(self):
        """One, or one for every penalty to choose from, and for every fold."""
        of_a_penalty = {"cross_validation": self.folds, "oracle": 1}.get(self.l1)
        return len(self.l1_grid) * of_a_penalty if of_a_penalty else 1


@Logistic.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    binarise: bool,
    l1: float | str,
    l1_grid: Sequence[float],
    folds: int,
    tolerance: float,
    max_passes: int,
    memory_mb: float = 1500.0,
    device: str = "auto",
    weights: np.ndarray | None = None,
) -> Couplings:
    """Fit, for every neuron j, ``P(count_j > 0) = 1 / (1 + exp(-b_j - sum_i J[i, j] count_i))``.

    Covariates are the counts of all other neurons in the same bin.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` as covariate too: the conditional of an Ising model.
    l1 : float or {"cross_validation", "oracle"}, optional
        Penalty ``l1 * sum_i |J[i, j]|`` on the sum over bins of the negative log-likelihood: as for Das &
        Fiete (2020), and the inverse of scikit-learn's ``C``. The intercept b is not penalised. As the
        sum grows with the number of bins, so must l1 if it is to mean the same. They chose, for 1e8 spikes,
        what came closest to the true weights: 260, 310, 210, 110, 0, 0, 0, 0, 0, 60, 260 for r = 0.0005,
        0.0025, ... 0.025.
        ``oracle`` does the same: of ``l1_grid``, what brings the couplings, on their best scale, closest to
        ``weights``. ``cross_validation`` takes what makes bins likeliest that were left out of the fit,
        intervals of the recording in turn, on the mean over neurons; as fewer bins are fitted then, the
        penalty is scaled by their share. One penalty is chosen for all neurons.
    l1_grid : sequence of float, optional
        Penalties to choose from.
    folds : int, optional
        Intervals that cross-validation leaves out in turn.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which a fit has converged, per standard deviations
        of covariate and response; with ``l1``, that of the subgradient of least size.
    max_passes : int, optional
        Most passes over the data.
    memory_mb, device
        See `circuitbias.estimators.estimate`.
    weights : ndarray, shape (n, n), optional
        True weights [pre, post], for the oracle alone.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``passes``, ``largest_scaled_gradient`` (the certificate:
        over all neurons that have a fit), ``n_not_converged``. Where the penalty
        was chosen also ``l1``, the choice, and ``l1_path``, for every penalty its ``error`` or its
        ``held_out_log_likelihood`` (nats per bin and neuron); that is None where some neuron has no fit.
        Arrays, of the chosen fit: ``intercepts`` (n,), ``scaled_gradient`` (n,) and, without a penalty,
        ``standard_errors`` (n, n), those that the model itself predicts, from Hessians on a subsample.

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        A coefficient from a neuron whose count decides whether another one fires, off its lowest or off its
        highest value, has no finite value: it is NaN, and all others are those in this limit (see
        `circuitbias.fitting.limits`); a penalty makes all finite. A neuron that fires in every bin has no
        fit: NaN.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN.

    Raises
    ------
    ValueError
        If l1 is negative or unknown, the oracle is not shown the weights, or there are not more bins than
        neurons.
    """
    check_choice(l1, l1_grid, folds, weights, source.n_neurons)
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, binarise, memory_mb)
    needed = regression_bytes(n := counts.n_neurons, n + 1, counts.n_bins)
    # A penalty keeps the Hessians of the fit before.
    require_memory(memory_mb, needed * (1 if l1 == 0 else 2), f"logistic regressions of {n} neurons")
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    design = Design(counts, usable.kept, [0], device, moments)
    path = _Path(design, counts.block_bins, tolerance, max_passes)

    penalties = [l1] if l1 not in CHOICES else sorted(map(float, l1_grid), reverse=True)
    validation = CrossValidation(design, path, folds) if l1 == "cross_validation" else None
    fits = {}
    for penalty in penalties:
        fits[penalty] = path.fit(penalty)
        if validation:
            validation.fit(penalty)
    chosen, choice = penalties[0], {}
    if validation:
        chosen, choice = choose(penalties, "held_out_log_likelihood", validation.log_likelihoods())
    elif l1 == "oracle":
        found = [torch.where(fit.fitted, fit.coefficients[:-1], torch.nan) for fit in fits.values()]
        errors = [relative_misfit(weights, usable.pairs(values.cpu().numpy())) for values in found]
        chosen, choice = choose(penalties, "error", errors)

    fit = fits[chosen]
    if fit.separable.any():
        warnings.warn(
            f"neurons {usable.kept[fit.separable.cpu().numpy()].tolist()} fire always, in every bin: their "
            "likelihood has no maximum and their couplings are NaN",
            SeparableCountsWarning,
            stacklevel=3,
        )
    warn_infinite(
        fit.infinite[:-1].cpu().numpy(),
        usable.kept,
        "fire, or do not, for certain where some other neuron's count is not its lowest, or not its highest",
        "Option l1 > 0, a penalty l1 |J_j| on the negative log-likelihood of all bins (nats), gives all of "
        "them finite values",
    )
    some = ~fit.separable
    warn_not_converged(usable.kept[some.cpu().numpy()], fit.of(some), tolerance, max_passes)
    coefficients = torch.where(fit.fitted & ~fit.infinite, fit.coefficients, torch.nan).cpu().numpy()
    scaled_gradient = torch.where(fit.fitted, fit.scaled_gradient, torch.nan).cpu().numpy()
    arrays = {}
    if chosen == 0:  # a penalty makes errors of another kind
        errors = torch.where(fit.fitted & ~fit.infinite, path.standard_errors(fit), torch.nan)[:-1]
        arrays["standard_errors"] = usable.pairs(errors.cpu().numpy())
    return Couplings(
        usable.pairs(coefficients[:-1]),
        diagnostics={
            "n_bins": design.n_rows,
            "n_counts": moments.total,
            "passes": path.passes + (validation.passes if validation else 0),
            "largest_scaled_gradient": float(np.nanmax(scaled_gradient)) if fit.fitted.any() else None,
            "n_not_converged": int((some & ~fit.converged).sum()),
        }
        | choice,
        arrays={
            "intercepts": usable.neurons(coefficients[-1]),
            "scaled_gradient": usable.neurons(scaled_gradient),
            **arrays,
        },
    )


@dataclass
class _Fit(Solution):
    """A solution, which of its neurons have none to be found, and the passes it took."""

    separable: torch.Tensor
    infinite: torch.Tensor
    passes: int

    @property
    def fitted(self):
        return self.converged & ~self.separable

    def of(self, targets):
        """The same of some of the neurons."""
        parts = {name: part[..., targets] for name, part in vars(self).items() if name != "passes"}
        return _Fit(**parts, passes=self.passes)


class _Regressions:
    """The regressions of all neurons on some rows of the design matrix.

    Parameters
    ----------
    blocks : callable
        Goes over these rows once.
    n_rows : int
    cross_moment : tensor, shape (n_columns, n_targets)
        ``X'Y / T`` over these rows.
    means : tensor, shape (n_columns,)
        Of the columns over these rows.
    bounds : tensor, shape (2, n_columns)
        Lowest and highest count.
    spread : tensor, shape (n_columns,)
        Natural size of the columns.
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    """

    def __init__(self, blocks, n_rows, cross_moment, means, bounds, spread, free):
        self.blocks, self.n_rows, self.cross_moment, self.free = blocks, n_rows, cross_moment, free
        rates = cross_moment[-1]
        self._rates, self._spread = rates, spread
        self.certain = (rates > 1 - 0.5 / n_rows) | (rates < 0.5 / n_rows)
        self._limits = _limits(cross_moment, means, bounds, n_rows, free)

    def separable(self, l1):
        """Targets whose likelihood has no maximum."""
        return self._limits.held.any(0) & (l1 == 0) | self.certain

    def infinite(self, l1):
        """Coefficients without a finite value, of targets whose others have one."""
        return self._limits.held & (l1 == 0) & ~self.certain

    def variances(self, separable):
        """Of the targets, a stand-in where that is no use."""
        return torch.where(separable, 1.0, self._rates * (1 - self._rates))

    def start(self, separable, infinite=None):
        """Every neuron on its own; with infinite coefficients in their limits."""
        start = torch.zeros_like(self.cross_moment)
        if infinite is not None:
            start = torch.where(infinite, self._limits.values, start)
        start[-1] += torch.where(separable, 0.0, (self._rates / (1 - self._rates)).log())
        return start

    def objective(self, separable, infinite=None):
        """The objectives; a separable target rests at zero."""
        rows, free = DenseRows(self.blocks, self.n_rows, len(self.free)), self.free & ~separable
        if infinite is not None:
            free[:-1] &= ~infinite[:-1]
        return Objective(rows, self.cross_moment, free, family=LOGISTIC)

    def floor(self, coefficients):
        """Bound of the diagonals of the Hessians, from all rows."""
        weights = _weights_at(coefficients)
        return tuning().least_share * sum((rows**2).T @ weights(rows) for rows in self.blocks()) / self.n_rows

    def minimise(self, objective, separable, l1_per_row, begin, hessians_at, *limits):
        """Minimise the objectives of these rows, or of some of them."""
        # The gradient's natural size: the standard deviations of covariate and response.
        scale = self._spread[:, None] * self.variances(separable).sqrt()
        free = objective.free
        if l1_per_row > 0:
            return minimise_with_penalty(objective, begin, hessians_at, free, l1_per_row, scale, *limits)
        precondition, _ = target_preconditioner(hessians_at(begin), free)
        single = tuning().worth_single_precision(self.n_rows, *scale.shape)
        return lbfgs(objective, begin, precondition, scale, *limits, begin_in_single=single)


class _Path:
    """Fits to all bins at one penalty after another, each begun at the one before."""

    def __init__(self, design, block_bins, tolerance, max_passes):
        second_moment, _, bounds, sample = design.survey(tuning().sample_rows_per_column * design.n_columns)
        means = second_moment[-1]
        self._spread = torch.cat([(second_moment.diagonal() - means**2)[:-1].sqrt(), means[-1:]])
        cross_moment, free = _cross_moment(design.blocks(), design.n_rows), design.free_coefficients()
        self.whole = self.regressions_on(design.blocks, design.n_rows, cross_moment, means, bounds, free)
        self.tolerance, self.max_passes, self.passes = tolerance, max_passes, 0
        self._squares, self._sample, self._block_bins = second_moment.diagonal(), sample, block_bins
        self._floor = self.last = self._known = None

    def regressions_on(self, blocks, n_rows, cross_moment, means, bounds, free):
        """The regressions on some of the bins, with gradients in the units of all of them."""
        return _Regressions(blocks, n_rows, cross_moment, means, bounds, self._spread, free)

    def fit(self, l1):
        """Fit with a penalty.

        Returns
        -------
        _Fit
        """
        regressions = self.whole
        separable, infinite = regressions.certain, regressions.infinite(l1)
        objective = regressions.objective(separable, infinite)
        per_row = l1 / regressions.n_rows
        start = regressions.start(separable, infinite)
        # Where coefficients newly go to their limits, the last fit is no beginning.
        last = self.last if self.last and torch.equal(self.last.infinite, infinite) else None
        rough = last or self._rough_fit(separable, objective.free, per_row, start)
        begin = torch.where(rough.converged & ~separable, rough.coefficients, start)
        if self._floor is None:
            self._floor = regressions.floor(begin)

        known, self._known = self._known, None

        def hessians_at(coefficients):
            if known and torch.equal(coefficients, known[0]) and torch.equal(objective.free, known[1]):
                return known[2]
            return self.hessians_at(coefficients, objective.free, self._floor)

        limits = self.tolerance, self.max_passes, Descent(self.tolerance)
        solution = regressions.minimise(objective, separable, per_row, begin, hessians_at, *limits)
        self.passes += objective.passes
        infinite = infinite | self._unidentified(objective, solution, start, l1)
        self.last = _Fit(**vars(solution), separable=separable, infinite=infinite, passes=objective.passes)
        return self.last

    def _unidentified(self, objective, solution, start, l1):
        """Coefficients that were still on their way to infinity when their gradients got small."""
        found, tuned = torch.zeros_like(objective.free), tuning()
        way = ((solution.coefficients - start).abs() * objective.free).amax(0)
        targets = ((way > tuned.steep) & solution.converged & (l1 == 0)).nonzero()[:, 0]
        if len(targets):
            part = objective.of(targets)
            hessians = part.hessians(solution.coefficients[:, targets], 0 * start[:, targets])
            found[:, targets] = unidentified(hessians, objective.rows.n_rows, part.free, tuned.identified)
        return found

    def _rough_fit(self, separable, free, per_row, start):
        """On a subsample, which a small ridge keeps from what only the sample separates."""
        sample = self._sample
        sampled = Objective(
            DenseRows(lambda: iter(sample.split(self._block_bins)), *sample.shape),
            _cross_moment([sample], len(sample)),
            free,
            tuning().rough_ridge,
            LOGISTIC,
        )
        floor = tuning().least_share * self._squares[:, None] * self.whole.variances(separable)

        def hessians_at(coefficients):
            return sample_hessians([sample], _weights_at(coefficients), free, floor, tuning().rough_ridge)

        limits = tuning().coarse_tolerance, tuning().coarse_passes
        return self.whole.minimise(sampled, separable, per_row, start, hessians_at, *limits)

    def hessians_at(self, coefficients, free, floor):
        """Hessians of the sample, with diagonals of at least the floor."""
        return sample_hessians([self._sample], _weights_at(coefficients), free, floor)

    def standard_errors(self, fit):
        """Those that the model itself predicts, (n_columns, n_targets); NaN where nothing is fitted."""
        free = self.whole.free & ~fit.separable
        free[:-1] &= ~fit.infinite[:-1]
        hessians = self.hessians_at(fit.coefficients, free, 0 * self._floor)
        inverse_diagonal = target_preconditioner(hessians, free)[1]
        return torch.where(free, inverse_diagonal / self.whole.n_rows, torch.nan).sqrt()

    def last_hessians(self):
        """Those at the last fit, kept for the next one to begin with."""
        if self._known is None:
            coefficients, free = self.last.coefficients, self.whole.free & ~self.last.separable
            self._known = coefficients, free, self.hessians_at(coefficients, free, self._floor)
        return self._known[2]


def _weights_at(coefficients):
    """Weights of the rows in the Hessians: the variances that the model gives to the targets."""

    def weights(rows):
        mean = (rows @ coefficients.to(rows)).sigmoid_()
        return mean * (1 - mean)

    return weights


def _cross_moment(blocks, n_rows):
    """``X'Y / T``, Y being whether each neuron fires."""
    return sum(rows.T @ (rows[:, :-1] > 0).to(rows) for rows in blocks) / n_rows


def _limits(cross_moment, means, bounds, n_rows, free):
    """Coefficients of neurons that fire only, or are silent only, where some covariate is at a bound."""
    rates = cross_moment[-1]
    firing, silent = (
        [
            free & ((sums - bounds[0][:, None] * share).abs() * n_rows < 0.5),  # the sums are whole numbers
            free & ((bounds[1][:, None] * share - sums).abs() * n_rows < 0.5),
        ]
        for sums, share in ((cross_moment, rates), (means[:, None] - cross_moment, 1 - rates))
    )
    # Off the bound the response is certain: what is left to fit are rows at the bound.
    steepness = torch.full_like(means, STEEPNESS)
    return limits_at([firing[0], silent[1]], [silent[0], firing[1]], bounds, steepness)
