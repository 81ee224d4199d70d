"""Poisson GLM on exponentially filtered spike histories."""

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.estimators.prepare import prepare
from circuitbias.estimators.result import AT_BOUND_OF_A_HISTORY
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.fitting.regressions import fit, require_fit_memory
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


class GlmHistory(Estimator):
    """Poisson regression of a neuron's counts on the filtered past spikes of all neurons.

    For every neuron j, ``count_j(t) ~ Poisson(exp(b_j + sum_i J[i, j] f_i(t)))``. Here t is the first step of
    a bin and the covariate is the filtered past of neuron i,

        f_i(t) = sum over spikes of i at steps k < t of exp(-(t - k) dt / filter_ms),

    which is empty at the start of a trial. A neuron's own past is a covariate too, unless ``own_past`` is
    false, but no coupling. A variant in the code of Das & Fiete (2020) has bins of one step and a filter of
    100 steps, cut after 1000. The ``tolerance`` is that of `circuitbias.estimators.glm.Glm`.
    """

    bin_steps: int = response_width()
    filter_ms: float | None = option(
        None,
        "Decay time of the exponential filter of past spikes (ms); null takes `generator.tau_ms`.",
        above=0,
    )
    own_past: bool = with_own_past()
    ridge: float = quadratic_penalty()
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    directed = True
    cost = Cost(seconds=39, bin_steps=10)
    look = Look("regressions", {"glm_history": ("#332288", "P")}, ("GLM",))
    examples = Examples({}, {"bin_steps": 20, "filter_ms": 5.0, "ridge": 0.001})

    def estimate(self, source, *, memory_mb, device):
        """Fit all neurons.

        Returns
        -------
        Couplings
            With its `Certificate` and the diagnostic ``filter_ms``. Arrays: ``coefficients`` (n, n), with
            those of a neuron's own past on the diagonal, ``intercepts`` (n,), ``scaled_gradient`` (n,),
            ``standard_errors`` (n, n).

        Warns
        -----
        ConstantNeuronWarning, CollinearNeuronsWarning
            Neurons whose couplings are not defined are NaN.
        SeparableCountsWarning
            The coefficient to a neuron that fires only where the history of another one is empty (below 1e-9
            of its largest value), or only where that is largest, has no finite value: it is NaN, and all
            others are those in this limit (see `circuitbias.fitting.limits`). With a ridge all are finite.
        NotConvergedWarning
            Fits that did not reach the tolerance are NaN.

        Raises
        ------
        UnusableDataError
            If there are not more bins than neurons, or the histories are linearly dependent.
        """
        filter_ms = synaptic_tau_ms(source) if self.filter_ms is None else self.filter_ms
        given = prepare(source, self.bin_steps, memory_mb=memory_mb, device=device)
        n, what = source.n_neurons, f"a GLM on the histories of {source.n_neurons} neurons"
        require_fit_memory(given.budget, n, n + 1, given.n_bins, what)
        block_bins = given.counts.block_bins
        given.drop_counts()  # the histories are made from the events, in the place of the counts
        source = Remembered(source, given.budget.kept)
        events = Events(source, self.bin_steps, given.kept, block_bins, look_back=0)
        design = ExponentialDesign(events, given.kept, filter_ms / source.dt_ms, given.device, self.own_past)
        limits = self.tolerance, self.max_passes
        fitted = fit(design, given.budget, self.ridge, *limits, self.errors)
        return given.result_of(fitted, limits, AT_BOUND_OF_A_HISTORY, {"filter_ms": filter_ms})
