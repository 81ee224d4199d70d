"""Poisson GLM on spike histories through one temporal filter that all pairs share and the fit finds.

The likelihood is convex in the couplings given the filter, and in the filter given the couplings. So the two
alternate on a subsample of the bins, where that is cheap. From there all bins polish both together, led by
the joint Hessian of the subsample: a pass over the data gives the gradients of couplings and filter alike.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.designs.counts import STEEPNESS
from circuitbias.fitting.designs.raised_cosines import BasisDesign, raised_cosines
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import shared_preconditioner, target_preconditioner
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.sample_hessians import sample_hessians
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import regression_bytes, require_memory
from circuitbias.options import convergence, most_passes, quadratic_penalty, response_width, with_own_past
from circuitbias.progress import Descent
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.events import Events
from circuitbias.spikes.moments import count_moments
from circuitbias.spikes.segments import SpikeSource

_TINY = 1e-300  # in place of a zero that is divided by


class GlmSpatiotemporal(Estimator):
    """Poisson regression on past spikes through one temporal filter for all pairs, which the fit finds."""

    bin_steps: int = response_width()
    history_ms: float = option(20.0, "How far back the temporal filter reaches (ms).", above=0)
    n_basis: int = option(10, "Number of raised cosines that make up the temporal filter.", least=1, most=50)
    own_past: bool = with_own_past()
    ridge: float = quadratic_penalty()
    tolerance: float = convergence()
    max_passes: int = most_passes()

    directed = True
    cost = Cost(seconds=72)
    look = Look("regressions", {"glm_spatiotemporal": ("#44AA99", "X")}, ("GLM",))
    examples = Examples({"bin_steps": 20, "n_basis": 4})


@GlmSpatiotemporal.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    history_ms: float,
    n_basis: int,
    own_past: bool,
    ridge: float,
    tolerance: float,
    max_passes: int,
    memory_mb: float = 1500.0,
    device: str = "auto",
) -> Couplings:
    """Fit ``count_j(t) ~ Poisson(exp(b_j + sum_i W[i, j] f_i(t)))``, f being histories through one filter h.

    Here t is the first step of a bin, and h is a sum of raised cosines that all pairs share:

        f_i(t) = sum over spikes of i at steps t - q, q = 1 ... history, of h(q),    h = sum_k a_k phi_k.

    The largest absolute value of h is 1 and its sum is positive: the couplings W carry the size. A neuron's
    own past is a covariate too, unless ``own_past`` is false, but no coupling. This is the spatio-temporal
    variant in the code of Das & Fiete (2020); the functions phi are the log-spaced bumps of Pillow et al.
    (2008), made narrower: see
    `circuitbias.fitting.designs.raised_cosines.raised_cosines`. The likelihood may have several maxima: the
    fit is that which is reached from a constant filter.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin of the response; the past is filtered step by step.
    history_ms : float, optional
        How far back the filter reaches.
    n_basis : int, optional
        Number of raised cosines that make up the filter.
    own_past : bool, optional
        Whether a neuron's own history is a covariate of its regression.
    ridge : float, optional
        Penalty ``ridge / 2 sum_ijq (W[i, j] h(q))^2`` on the mean negative log-likelihood of a bin, summed
        over neurons. It does not depend on how the size is shared between W and h.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which the fit has converged. For couplings: per
        standard deviation of the covariate and per mean count of the response. For a_k: of the sum over
        all neurons, per sum over neurons of the mean count times the standard deviation of
        ``sum_i W[i, j] (phi_k * s_i)(t)``. Standard deviations are those in a subsample of the bins.
    max_passes : int, optional
        Most passes over the data.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``passes``, ``n_alternations`` (of couplings and filter, on a
        subsample), ``largest_scaled_gradient`` (the certificate of the couplings: over all neurons
        that have a fit), ``filter_scaled_gradient`` (that of the filter), ``n_not_converged``.
        Arrays: ``filter_ms`` (lags,) and ``temporal_filter`` (lags,), h at these lags;
        ``basis_coefficients`` (n_basis,);
        ``coefficients`` (n, n), W with a neuron's own past on the diagonal; ``intercepts`` (n,);
        ``scaled_gradient`` (n,); ``standard_errors`` (n, n), those that the Poisson model itself predicts
        given the filter, from the Hessian on the subsample.

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        The coupling to a neuron that fires only where the history of another one is empty has no finite
        value: it is NaN, and all others are those in this limit (see `circuitbias.fitting.limits`). That to a
        neuron that fires only where it is largest is NaN and left out.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN: all of them, and the filter, if the filter did not.

    Raises
    ------
    ValueError
        If history_ms is shorter than a step or longer than every trial, n_basis does not fit it, there are
        not more bins than neurons, or the histories are linearly dependent.
    """
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, memory_mb=memory_mb)
    needed = regression_bytes(n := counts.n_neurons, n + 1, tuning().least_rows_per_column * (n + 1))
    needed += 64 * n_basis * n * (n + 1)  # the least sample, and what couplings and filter share
    require_memory(memory_mb, needed, f"a spatio-temporal GLM of {n} neurons and {n_basis} basis functions")
    longest = _history_steps(source, history_ms)
    basis = raised_cosines(longest, n_basis)
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    block_bins, n_kept = counts.block_bins, len(usable.kept)
    del counts  # the histories are made from the events
    events = partial(Events, source, bin_steps, usable.kept, look_back=longest)
    design = BasisDesign(events(block_bins=block_bins), usable.kept, basis, device, own_past)
    # A block of all basis functions holds as much as one of a single filter.
    survey = design.survey_basis(
        events(block_bins=max(1, 4 * block_bins // (4 + n_basis))),
        _sample_rows(design.n_columns, int(memory_mb * 1e6 / 4 / (4 * n_basis * n_kept))),
    )
    pairs = design.free_coefficients()[:-1]
    at_lowest, at_highest = (
        at & pairs & (ridge == 0) for at in (survey.at_lowest[:-1], survey.at_highest[:-1])
    )
    warn_infinite(
        (at_lowest | at_highest).cpu().numpy(),
        usable.kept,
        "fire only where the history of some neuron is empty, or only where it is largest",
    )
    problem = _Problem(
        survey.cross, torch.from_numpy(basis).to(device), at_lowest, ~pairs | at_highest, ridge
    )
    free = problem.free
    sample = _Sample(problem, survey.sample, block_bins)
    coefficients, weights, n_alternations = sample.alternate()
    rows_at = partial(design.rows, present=problem.present.cpu().numpy())
    given = Objective(
        DenseRows(lambda: (rows for rows, _ in rows_at(weights)), design.n_rows, len(free)),
        problem.cross_moment(weights),
        free,
        ridge * problem.filter_square(weights),
    )
    lead, _, scale = sample.lead_couplings(coefficients, weights)
    limits = tuning().given_tolerance, min(max_passes - 1, tuning().given_passes)  # one is left for both
    single = tuning().worth_single_precision(design.n_rows, design.n_columns, n_kept)
    coefficients = lbfgs(
        given, coefficients, lead, scale, *limits, Descent(tuning().given_tolerance), begin_in_single=single
    ).coefficients
    objective = _Joint(problem, rows_at, design.n_rows, given.passes)
    report = Descent(tolerance)
    while True:
        begin = _pack(coefficients, weights)
        precondition, inverse_diagonal, scale = sample.lead(coefficients, weights)
        solution = lbfgs(
            objective,
            begin,
            precondition,
            scale,
            tolerance,
            min(max(max_passes - objective.passes, 1), tuning().filter_passes),
            report,
            begin_in_single=single,
        )
        single = False
        coefficients, weights = problem.unpack(solution.coefficients)
        stuck = torch.equal(solution.coefficients, begin)  # rounding leaves no better point
        if solution.converged or stuck or objective.passes >= max_passes:
            break
    of_couplings, of_filter = problem.unpack(objective.gradient_at(solution.coefficients).abs() / scale)
    scaled_gradient, filter_gradient = of_couplings.amax(0), of_filter.max().item()
    found = filter_gradient <= tolerance
    fitted = (scaled_gradient <= tolerance) & found
    warn_not_converged(usable.kept, _Ended(fitted, scaled_gradient, objective.passes), tolerance, max_passes)

    coefficients, weights = coefficients.cpu().numpy(), weights.cpu().numpy()
    size = np.abs(basis @ weights).max() * np.where((basis @ weights).sum() < 0, -1, 1)
    weights = weights / size if found else np.full(n_basis, np.nan)

    def of_fitted(values):
        return np.where(fitted.cpu().numpy(), values, np.nan)

    some = free[:n_kept].cpu().numpy()
    infinite = (at_lowest | at_highest).cpu().numpy()
    values = usable.pairs(of_fitted(np.where(infinite, np.nan, coefficients[:n_kept]) * size))
    errors = (inverse_diagonal[:n_kept] / design.n_rows).sqrt().cpu().numpy()
    return Couplings(
        values,
        diagnostics={
            "n_bins": design.n_rows,
            "n_counts": moments.total,
            "passes": objective.passes,
            "n_alternations": n_alternations,
            "largest_scaled_gradient": scaled_gradient[fitted].max().item() if fitted.any() else None,
            "filter_scaled_gradient": filter_gradient,
            "n_not_converged": int((~fitted).sum()),
        },
        arrays={
            "filter_ms": np.arange(1, longest + 1) * source.dt_ms,
            "temporal_filter": basis @ weights,
            "basis_coefficients": weights,
            "coefficients": values,
            "intercepts": usable.neurons(of_fitted(coefficients[-1])),
            "scaled_gradient": usable.neurons(of_fitted(scaled_gradient.cpu().numpy())),
            "standard_errors": usable.pairs(of_fitted(np.where(some, errors, np.nan) * abs(size))),
        },
    )


def _history_steps(source, history_ms):
    if not history_ms / source.dt_ms + 1e-9 >= 1:
        raise ValueError(
            f"history_ms={history_ms:g} must be at least a step of {source.dt_ms:g} ms: it is made of them"
        )
    longest = min(history_ms / source.dt_ms + 1e-9, np.iinfo(np.int64).max)
    if longest >= source.trial_steps.max():
        raise UnusableDataError(
            f"history_ms={history_ms:g} is longer than every trial "
            f"(longest: {source.trial_steps.max() * source.dt_ms:g} ms): no spike has that much before it"
        )
    return int(longest)


def _sample_rows(n_columns, allowed):
    wanted = max(tuning().sample_rows_per_column * n_columns, tuning().filter_sample_rows)
    return max(min(allowed, wanted), tuning().least_rows_per_column * n_columns)


def _pack(coefficients, weights):
    """Put couplings with intercepts and filter weights into one column: a single target for `lbfgs`."""
    return torch.cat([coefficients.flatten(), weights])[:, None]


class _Problem:
    """What the objective needs of the data beside the rows of the design.

    Columns of the design are histories, whether the neurons ``present`` have spikes in theirs, and 1.

    Parameters
    ----------
    cross : tensor
        See `BasisSurvey`.
    basis : tensor, shape (n_lags, n_basis)
    at_lowest : tensor of bool, shape (n_kept, n_kept)
        Pairs of which the second never fires with spikes of the first in its history: what has some says
        nothing more of it.
    left_out : tensor of bool, shape (n_kept, n_kept)
        Pairs whose coupling is left out.
    ridge : float

    Attributes
    ----------
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    held : tensor, shape (n_columns, n_targets)
        The others: zero, or where the rate is zero in their limit.
    """

    def __init__(self, cross, basis, at_lowest, left_out, ridge):
        self.ridge = ridge
        self.means = cross[-1]
        self.n_kept, self.present = len(at_lowest), at_lowest.any(1).nonzero()[:, 0]
        gone = at_lowest[self.present]
        none = torch.zeros_like(at_lowest)
        self.held = -STEEPNESS * torch.cat([none, gone, none[:1]]).double()
        self.free = torch.cat([~(at_lowest | left_out), torch.zeros_like(gone), ~none[:1]])
        self.cross_by_function = cross[:-1].unflatten(0, (-1, basis.shape[1]))  # pre, function, post
        self.gram = basis.T @ basis

    def unpack(self, packed):
        """Undo `_pack`."""
        n_basis = len(self.gram)
        return packed[:-n_basis, 0].unflatten(0, self.free.shape), packed[-n_basis:, 0]

    def filter_square(self, weights):
        """Sum over lags of the square of the filter."""
        return (weights @ self.gram @ weights).item()

    def cross_moment(self, weights):
        """Mean products of histories through the filter, and of 1, with responses: (n_columns, n_targets)."""
        of_pairs = torch.einsum("ikj,k->ij", self.cross_by_function, weights)
        # What is held is so where there are no spikes: its products with these are zero.
        return torch.cat([of_pairs, self.held[self.n_kept : -1] * 0, self.means[None]])

    def cross_by_weight(self, slopes):
        """Derivative with respect to the weights of the sum over all pairs of slope times cross moment."""
        return torch.einsum("ikj,ij->k", self.cross_by_function, slopes)


class _Ended(NamedTuple):
    """How the fits of all targets have ended."""

    converged: torch.Tensor
    scaled_gradient: torch.Tensor
    passes: int


class _Joint:
    """The objective as a function of couplings and filter: a `lbfgs.Objective` of one target."""

    def __init__(self, problem, rows, n_rows, passes):
        self._problem, self._rows, self._n_rows = problem, rows, n_rows
        self._last = None
        self.passes = passes

    def evaluate(self, packed, *, single=False):
        """Value, shape (1,), and gradient, shape (n, 1), in one pass."""
        self.passes += 1
        problem = self._problem
        coefficients, weights = problem.unpack(packed)
        slopes = coefficients[: problem.n_kept]
        total = 0.0
        gradient, by_weight = torch.zeros_like(coefficients), torch.zeros_like(weights)
        dtype = torch.float32 if single else torch.float64
        given = coefficients.to(dtype)
        for design, by_function in self._rows(weights):
            design = design.to(dtype)
            rates = (design @ given).exp_()
            total += rates.sum(0).double().sum()
            gradient += design.T @ rates
            by_weight += by_function(rates @ given[: problem.n_kept].T)
        cross_moment = problem.cross_moment(weights)
        slopes_square, filter_square = (slopes**2).sum(), problem.filter_square(weights)
        value = total / self._n_rows - (cross_moment * coefficients).sum()
        value = value + problem.ridge / 2 * slopes_square * filter_square
        gradient = gradient / self._n_rows - cross_moment
        gradient[: problem.n_kept] += problem.ridge * filter_square * slopes
        by_weight = by_weight / self._n_rows - problem.cross_by_weight(slopes)
        by_weight = by_weight + problem.ridge * slopes_square * (problem.gram @ weights)
        gradient = _pack(gradient * problem.free, by_weight)
        if not single:
            self._last = packed.clone(), gradient
        return value[None], gradient

    def gradient_at(self, packed):
        """Gradient, mostly that of the last pass."""
        if self._last is None or not torch.equal(self._last[0], packed):
            self.evaluate(packed)
        return self._last[1]


class _Sample:
    """A subsample of the bins: starts the fit close to its end, and gives the Hessians.

    Parameters
    ----------
    problem : _Problem
        All bins say how often neurons fire after each other: rare pairs need not do so in the sample.
    histories : tensor of float32, shape (n_sampled, n_targets, n_basis)
    block_rows : int
    """

    def __init__(self, problem, histories, block_rows):
        self._problem, self._histories = problem, histories
        self._block_rows = block_rows

    def _design(self, weights):
        histories = (self._histories @ weights.float()).double()
        ones = torch.ones_like(histories[:, :1])
        return torch.cat([histories, self._present(self._histories), ones], dim=1)

    def _present(self, histories):
        """Whether neurons have spikes in their histories: the functions add up to 1 there."""
        return (histories[:, self._problem.present].sum(2) > 0.5).double()

    def alternate(self):
        """Alternate couplings given the filter and Newton steps of the filter given the couplings.

        Returns
        -------
        coefficients : tensor, shape (n_columns, n_targets)
        weights : tensor, shape (n_basis,)
        n_alternations : int
        """
        problem = self._problem
        weights = torch.ones_like(problem.gram[0]) / problem.gram.sum().sqrt()
        flat = problem.held.clone()
        flat[-1] = problem.means.log()
        coefficients = flat
        for n_alternations in range(1, tuning().most_alternations + 1):  # noqa: B007
            coefficients = self._couplings(weights, coefficients, flat)
            gradient, hessian, scale = self._filter_derivatives(coefficients, weights)
            if not (gradient.abs() > tuning().filter_tolerance * scale).any():
                break
            weights = self._filter_step(coefficients, weights, gradient, hessian)
            size = problem.filter_square(weights) ** 0.5
            weights = weights / size
            coefficients[: problem.n_kept] *= size
        return coefficients, weights, n_alternations

    def _couplings(self, weights, begin, flat):
        """Fit the couplings given the filter; ``flat`` where a target does not let itself be fitted."""
        problem = self._problem
        design = self._design(weights)
        ridge = problem.ridge * problem.filter_square(weights)
        sampled = problem.free & (design != 0).any(0)[:, None]
        fitted = torch.ones_like(design[0], dtype=torch.bool)
        fitted[problem.n_kept : -1] = False
        columns = design[:, fitted]
        second_moment = columns.T @ columns / len(design)
        second_moment += 1e-6 * second_moment.diagonal().mean() * torch.eye(len(second_moment)).to(design)
        shared = shared_preconditioner(second_moment, problem.means, problem.free[fitted], ridge)

        def precondition(gradient):
            step = torch.zeros_like(gradient)
            step[fitted] = shared(gradient[fitted])
            return step * sampled

        solution = lbfgs(
            Objective(
                DenseRows(lambda: iter(design.split(self._block_rows)), *design.shape),
                problem.cross_moment(weights),
                sampled,
                ridge,
            ),
            torch.where(sampled, begin, problem.held),
            precondition,
            self._coupling_scale(design),
            tuning().coarse_tolerance,
            tuning().rough_passes,
            begin_in_single=tuning().worth_single_precision(len(design), *problem.free.shape),
        )
        return torch.where(solution.converged, solution.coefficients, flat)

    def _coupling_scale(self, design):
        """Natural size of the gradient: standard deviation of the covariate times mean response."""
        spread = design.std(0, correction=0)
        spread[-1] = 1
        return (spread[:, None] * self._problem.means).clamp(min=_TINY)

    def _parts(self, coefficients, weights):
        """Yield rows of the design, the rates there, and what each basis function adds to their logarithms.

        The latter has shape (n_rows, n_basis, n_targets) before it is weighted.
        """
        n_kept = self._problem.n_kept
        slopes, intercepts = coefficients[:n_kept], coefficients[-1]
        for histories in self._histories.split(max(1, self._block_rows // len(weights))):
            parts = torch.einsum("tik,ij->tkj", histories.double(), slopes)
            held = self._present(histories) @ coefficients[n_kept:-1]
            rates = (torch.einsum("tkj,k->tj", parts, weights) + held + intercepts).exp_()
            yield histories, rates, parts

    def _filter_derivatives(self, coefficients, weights):
        """Gradient, Hessian and natural size of the gradient of the sum over targets, given the couplings."""
        problem, n_rows = self._problem, len(self._histories)
        slopes = coefficients[: problem.n_kept]
        gradient, hessian = torch.zeros_like(weights), torch.zeros_like(problem.gram)
        total = square = 0.0
        for _, rates, parts in self._parts(coefficients, weights):
            weighted = parts * rates[:, None]
            gradient += weighted.sum((0, 2))
            hessian += torch.einsum("tkj,tlj->kl", weighted, parts)
            total, square = total + parts.sum(0), square + (parts**2).sum(0)
        penalty = problem.ridge * (slopes**2).sum() * problem.gram
        gradient = gradient / n_rows - problem.cross_by_weight(slopes) + penalty @ weights
        spread = (square / n_rows - (total / n_rows) ** 2).clamp(min=0).sqrt()
        return gradient, hessian / n_rows + penalty, (spread @ problem.means).clamp(min=_TINY)

    def _filter_step(self, coefficients, weights, gradient, hessian):
        """Newton step of the filter given the couplings, shortened until the objective falls."""
        problem, design_rows = self._problem, len(self._histories)
        slopes_square = (coefficients[: problem.n_kept] ** 2).sum()

        def value(weights):
            total = (self._design(weights) @ coefficients).exp_().sum() / design_rows
            penalty = problem.ridge / 2 * slopes_square * (weights @ problem.gram @ weights)
            return total - (problem.cross_moment(weights) * coefficients).sum() + penalty

        step = -_solver(hessian)(gradient)
        before, slope, length = value(weights), gradient @ step, 1.0
        while length > tuning().filter_shortest_step:
            if value(weights + length * step) <= before + tuning().sufficient_decrease * length * slope:
                return weights + length * step
            length *= 0.5
        return weights

    def lead_couplings(self, coefficients, weights):
        """What leads the fit of the couplings given the filter: the Hessians of the targets.

        Returns
        -------
        precondition : callable
            From gradients to steps.
        inverse_diagonal : tensor, shape (n_columns, n_targets)
            Diagonals of the inverses of the Hessians.
        scale : tensor, shape (n_columns, n_targets)
            Natural size of the gradient.
        """
        problem = self._problem
        design = self._design(weights)
        filter_square = problem.filter_square(weights)
        hessians = sample_hessians(
            [design],
            lambda rows: (rows @ coefficients.float()).exp_(),
            problem.free,
            problem.cross_moment(weights) ** 2 / problem.means,
            problem.ridge * filter_square,
        )
        precondition, inverse_diagonal = target_preconditioner(hessians, problem.free)
        return precondition, inverse_diagonal, self._coupling_scale(design)

    def lead(self, coefficients, weights):
        """What leads the fit of couplings and filter together: the joint Hessian of Gauss and Newton.

        Its blocks are the Hessians H_j of each target, H_aa of the filter, and J_j between them. Along
        ``(coefficients, -weights)`` it is zero: that only moves size between couplings and filter.

        Returns
        -------
        precondition : callable
            From packed gradients to packed steps.
        inverse_diagonal : tensor, shape (n_columns, n_targets)
            Diagonals of the inverses of H_j.
        scale : tensor
            Natural size of the packed gradient.
        """
        problem = self._problem
        design = self._design(weights)
        by_target, inverse_diagonal, coupling_scale = self.lead_couplings(coefficients, weights)
        _, hessian, filter_scale = self._filter_derivatives(coefficients, weights)
        mixed = torch.zeros((len(weights), *coefficients.shape)).to(coefficients)
        for rows, (_, rates, parts) in zip(
            design.split(max(1, self._block_rows // len(weights))),
            self._parts(coefficients, weights),
            strict=True,
        ):
            mixed += torch.einsum("tc,tkj->kcj", rows, parts * rates[:, None])
        mixed /= len(design)
        slopes = coefficients[: problem.n_kept]
        mixed[:, : problem.n_kept] += problem.ridge * (problem.gram @ weights)[:, None, None] * slopes
        mixed *= problem.free
        solved = torch.stack([by_target(of_function) for of_function in mixed])
        solve = _solver(hessian - torch.einsum("kcj,lcj->kl", mixed, solved), hessian, weights)

        def precondition(packed):
            gradient, by_weight = problem.unpack(packed)
            step = by_target(gradient)
            weight_step = solve(by_weight - torch.einsum("kcj,cj->k", mixed, step))
            return _pack(step - torch.einsum("kcj,k->cj", solved, weight_step), weight_step)

        return precondition, inverse_diagonal, _pack(coupling_scale, filter_scale)


def _solver(matrix, hessian=None, null=None):
    """Solve with a positive semi-definite matrix, scaled by the diagonal of a Hessian.

    Along ``null``, where the matrix is zero but for sampling error, it is made one.
    """
    size = (matrix if hessian is None else hessian).diagonal().clamp(min=_TINY).sqrt()
    scaled = (matrix + matrix.T) / 2 / size / size[:, None]
    if null is not None:
        direction = null * size
        direction /= direction.norm()
        rest = torch.eye(len(null)).to(matrix) - direction[:, None] * direction
        scaled = rest @ scaled @ rest + direction[:, None] * direction
    values, vectors = torch.linalg.eigh(scaled)
    values = values.clamp(min=tuning().filter_null * values[-1])
    return lambda right: vectors @ (vectors.T @ (right / size) / values) / size
