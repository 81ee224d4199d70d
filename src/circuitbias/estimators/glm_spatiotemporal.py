"""Poisson GLM on spike histories through one temporal filter that all pairs share and the fit finds."""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import on_cpu
from circuitbias.estimators.prepare import prepare
from circuitbias.estimators.result import AT_BOUND_OF_A_HISTORY
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.designs.raised_cosines import BasisDesign, raised_cosines
from circuitbias.fitting.filter_fit import fit_shared_filter
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import regression_bytes
from circuitbias.options import (
    ErrorKind,
    convergence,
    kind_of_errors,
    most_passes,
    quadratic_penalty,
    response_width,
    with_own_past,
)
from circuitbias.spikes.events import Events
from circuitbias.spikes.views import Remembered


class GlmSpatiotemporal(Estimator):
    """Poisson regression on past spikes through one temporal filter for all pairs, which the fit finds.

    ``count_j(t) ~ Poisson(exp(b_j + sum_i W[i, j] f_i(t)))``, t being the first step of a bin and f histories
    through one filter h, a sum of raised cosines that all pairs share:

        f_i(t) = sum over spikes of i at steps t - q, q = 1 ... history, of h(q),    h = sum_k a_k phi_k.

    The largest absolute value of h is 1 and its sum is positive: the couplings W carry the size. A neuron's
    own past is a covariate too, unless ``own_past`` is false, but no coupling. This is the spatio-temporal
    variant in the code of Das & Fiete (2020); the functions phi are the log-spaced bumps of Pillow et al.
    (2008), made narrower: see `circuitbias.fitting.designs.raised_cosines.raised_cosines`. The likelihood may
    have several maxima: the fit is that which is reached from the filter of the cross-covariances.

    The penalty is ``ridge / 2 sum_ijq (W[i, j] h(q))^2``, which does not depend on how the size is shared
    between W and h. The ``tolerance`` of couplings is per standard deviation of the covariate and per mean
    count of the response; that of a_k, of the sum over all neurons, is per sum over neurons of the mean count
    times the standard deviation of ``sum_i W[i, j] (phi_k * s_i)(t)``. Standard deviations are those in a
    subsample.
    """

    bin_steps: int = response_width()
    history_ms: float = option(20.0, "How far back the temporal filter reaches (ms).", above=0)
    n_basis: int = option(10, "Number of raised cosines that make up the temporal filter.", least=1, most=50)
    own_past: bool = with_own_past()
    ridge: float = quadratic_penalty()
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    directed = True
    cost = Cost(seconds=72)
    look = Look("regressions", {"glm_spatiotemporal": ("#44AA99", "X")}, ("GLM",))
    examples = Examples({"bin_steps": 20, "n_basis": 4})

    def estimate(self, source, *, memory_mb, device):
        """Fit all neurons and the filter.

        Returns
        -------
        Couplings
            With its `Certificate`, of the couplings. Diagnostics: ``filter_scaled_gradient`` (that of the
            filter). Arrays: ``filter_ms`` (lags,) and ``temporal_filter`` (lags,), h at these lags;
            ``basis_coefficients`` (n_basis,); ``coefficients`` (n, n), W with a neuron's own past on the
            diagonal; ``intercepts`` (n,); ``scaled_gradient`` (n,); ``standard_errors`` (n, n), from the
            Hessian on the subsample.

        Warns
        -----
        ConstantNeuronWarning, CollinearNeuronsWarning
            Neurons whose couplings are not defined are NaN.
        SeparableCountsWarning
            The coupling to a neuron that fires only where the history of another one is empty has no finite
            value: it is NaN, and all others are those in this limit (see `circuitbias.fitting.limits`). That
            to a neuron that fires only where it is largest is NaN and left out. A neuron of which several
            others tell for certain does not tell of the filter: its couplings are those given the filter.
        NotConvergedWarning
            Fits that did not reach the tolerance are NaN: all of them, and the filter, if the filter did not.

        Raises
        ------
        ValueError
            If history_ms is shorter than a step, or n_basis does not fit it.
        UnusableDataError
            If history_ms is longer than every trial, there are not more bins than neurons, or the histories
            are linearly dependent.
        """
        given, n = prepare(source, self.bin_steps, memory_mb=memory_mb, device=device), source.n_neurons
        needed = regression_bytes(n, n + 1, tuning().least_rows_per_column * (n + 1))
        needed += 64 * self.n_basis * n * (n + 1)  # the least sample, and what couplings and filter share
        what = f"a spatio-temporal GLM of {n} neurons and {self.n_basis} basis functions"
        given.budget.require(needed, what)
        longest = _history_steps(source, self.history_ms)
        basis = raised_cosines(longest, self.n_basis)
        block_bins = given.counts.block_bins
        given.drop_counts()  # the histories are made from the events, in the place of the counts
        source = Remembered(source, given.budget.kept)
        events = Events(source, self.bin_steps, given.kept, block_bins, look_back=longest)
        design = BasisDesign(events, given.kept, basis, given.device, self.own_past)
        n_sample = _sample_rows(
            design.n_columns, int(given.budget.kept / (4 * self.n_basis * len(given.kept)))
        )
        limits = self.tolerance, self.max_passes
        fitted, weights, gradient = fit_shared_filter(design, n_sample, self.ridge, *limits, self.errors)
        weights = on_cpu(weights)
        if gradient > self.tolerance:
            weights = np.full(self.n_basis, np.nan)
        return given.result_of(
            fitted,
            limits,
            AT_BOUND_OF_A_HISTORY,
            {"filter_scaled_gradient": gradient},
            arrays={
                "filter_ms": np.arange(1, longest + 1) * source.dt_ms,
                "temporal_filter": basis @ weights,
                "basis_coefficients": weights,
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
