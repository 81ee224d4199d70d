"""Poisson GLM with log link: one regression per neuron on the counts of the others."""

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.estimators.prepare import prepare
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.iteration_limit import where_iterations_end
from circuitbias.fitting.regressions import fit, require_fit_memory
from circuitbias.options import (
    ErrorKind,
    bin_width,
    binarised,
    convergence,
    kind_of_errors,
    most_passes,
    quadratic_penalty,
    with_own_past,
)


class Glm(Estimator):
    """Poisson regression of a neuron's counts on those of the others, in the same or in earlier bins.

    For every neuron j, ``count_j(t) ~ Poisson(exp(b_j + sum_{l, i} J_l[i, j] count_i(t - l)))``. With lag 0
    alone the covariates are the counts of all other neurons in the same bin: the main method of Das & Fiete
    (2020). At other lags a neuron's own past is a covariate too, unless ``own_past`` is false, but no
    coupling. With several lags, the coupling is the sum over them.

    The literature often leaves the own past out, and the couplings to others are biased otherwise then (the
    unpinned ring at r = 0.0125, lag 1 bin of 10 ms, 5e6 spikes: a bias of .542 with it, .523 without). The
    ``tolerance`` is of the gradient of the mean log-likelihood, per standard deviation of the covariate and
    per mean count of the response.

    ``as_published`` gives coefficients that fall without end the value at which the published fits, of
    Matlab's ``fitglm``, broke off (`circuitbias.fitting.iteration_limit`): numbers from -30 to -45, which say
    only that a pair never coincides, and which spoil the error of all couplings.
    """

    bin_steps: int = bin_width()
    binarise: bool = binarised()
    ridge: float = quadratic_penalty()
    lags: tuple[int, ...] = option(
        (0,),
        "Lags (bins) of the presynaptic counts that enter the regression.",
        least=0,
        fewest=1,
        different=True,
    )
    own_past: bool = with_own_past()
    as_published: bool = option(
        False, "Give coefficients that fall without end the value at which the paper's fits broke off."
    )
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    cost = Cost(seconds=7)
    look = Look("regressions", {"glm": ("#0072B2", "o"), "glm_lagged": ("#56B4E9", "v")}, ("GLM",))
    examples = Examples(
        {},
        {"binarise": True},
        {"lags": [1], "ridge": 1e-3},
        {"lags": [0, 1], "bin_steps": 50},
        {"as_published": True},
    )

    @property
    def directed(self):
        """A lag tells who came first."""
        return set(self.lags) != {0}

    @property
    def across_bins(self):
        """Lags do."""
        return self.directed

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise

    @property
    def n_fits(self):
        """As many columns for each neuron as there are lags."""
        return len(self.lags)

    def estimate(self, source, *, memory_mb, device):
        """Fit all neurons.

        Returns
        -------
        Couplings
            With its `Certificate`. Arrays: ``coefficients`` (lags, n, n), ``intercepts`` (n,),
            ``scaled_gradient`` (n,), ``standard_errors`` (lags, n, n). The coefficients of a neuron's own
            count in the same bin, and of its past if that is no covariate, are held at 0 and have no standard
            error.

        Warns
        -----
        ConstantNeuronWarning, CollinearNeuronsWarning
            Neurons whose couplings are not defined are NaN.
        SeparableCountsWarning
            The coefficient to a neuron that never fires together with another one (at a lag), or only where
            that has its largest count, has no finite value: it is NaN, and all others are those in this limit
            (see `circuitbias.fitting.limits`). With a ridge all are finite, ``as_published`` those that
            fall.
        NotConvergedWarning
            Fits that did not reach the tolerance are NaN.

        Raises
        ------
        UnusableDataError
            If there are not more bins than neurons and lags, or the past counts are linearly dependent.
        """
        lags = sorted(self.lags)
        given = prepare(source, self.bin_steps, self.binarise, memory_mb=memory_mb, device=device)
        n, what = source.n_neurons, f"a GLM of {source.n_neurons} neurons at {len(lags)} lags"
        require_fit_memory(given.budget, n, len(lags) * n + 1, given.n_bins, what)
        design = Design(given.counts, given.kept, lags, given.device, given.all_moments, self.own_past)
        limits = self.tolerance, self.max_passes
        found = fit(design, given.budget, self.ridge, *limits, self.errors)
        if self.as_published:
            found = where_iterations_end(design, found, given.budget)
        return given.result_of(
            found,
            limits,
            f"never fire in the bins (at lags {lags}) of some other neuron, or only in those where it fires "
            "most",
            {"n_bins": design.n_rows},
            n_lags=len(lags),
        )
