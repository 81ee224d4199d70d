"""Logistic regression: whether a neuron fires in a bin, given the counts of the others."""

from dataclasses import replace
from typing import Literal

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import on_cpu
from circuitbias.estimators.couplings import SeparableCountsWarning, warn
from circuitbias.estimators.cross_validation import (
    CHOICES,
    CrossValidation,
    check_oracle,
    choose,
    relative_misfit,
)
from circuitbias.estimators.prepare import prepare
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.logistic_path import LogisticPath
from circuitbias.fitting.regressions import fit
from circuitbias.fitting.standardised_logistic import StandardisedPath
from circuitbias.memory import regression_bytes
from circuitbias.options import ErrorKind, bin_width, convergence, kind_of_errors, most_passes

_WHY_INFINITE = (
    "fire, or do not, for certain where some other neuron's count is not its lowest, or not its highest"
)
_REMEDY = (
    "Option l1 > 0, a penalty l1 |J_j| on the negative log-likelihood of all bins (nats), gives all of "
    "them finite values"
)


class Logistic(Estimator):
    """Logistic regression of whether a neuron fires in a bin on the counts of the others.

    For every neuron j, ``P(count_j > 0) = 1 / (1 + exp(-b_j - sum_i J[i, j] count_i))``. Covariates are the
    counts of all other neurons in the same bin; with ``binarise``, this is the conditional of an Ising model.

    The penalty ``l1 * sum_i |J[i, j]|`` is on the sum over bins of the negative log-likelihood: as for Das &
    Fiete (2020), and the inverse of scikit-learn's ``C``. The intercept b is not penalised. As the sum grows
    with the number of bins, so must l1 if it is to mean the same. They chose, for 1e8 spikes, what came
    closest to the true weights: 260, 310, 210, 110, 0, 0, 0, 0, 0, 60, 260 for r = 0.0005, 0.0025, ... 0.025.
    ``oracle`` does the same: of ``l1_grid``, what brings the couplings, on their best scale, closest to
    ``weights``. ``cross_validation`` takes what makes bins likeliest that were left out of the fit, intervals
    of the recording in turn, on the mean over neurons; as fewer bins are fitted then, the penalty is scaled
    by their share. One penalty is chosen for all neurons.

    ``as_published`` repeats how they fitted the pinned ring: every count is standardised, that of the
    response too, and there is no intercept (`circuitbias.fitting.standardised_logistic`). Couplings are then
    the weights of standardised counts, the mean of both directions. It is no regression of whether a neuron
    fires, unless all fire in half of the bins.

    The ``tolerance`` is of the gradient of the mean log-likelihood, per standard deviations of covariate and
    response; with ``l1``, of the subgradient of least size.
    """

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
    as_published: bool = option(
        False,
        "Standardise covariates and response, leave the intercept out, and take the mean of both directions: "
        "the paper's pinned ring.",
    )
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    across_bins = False
    cost = Cost(seconds=5)
    look = Look("regressions", {"logistic": ("#AA4499", "h")})
    examples = Examples(
        {},
        {"binarise": True, "bin_steps": 80},
        {"l1": 5.0},
        {"l1": "cross_validation", "l1_grid": [0, 3, 10], "folds": 3},
        {"as_published": True, "binarise": True},
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

    def estimate(self, source, *, memory_mb, device, weights=None):
        """Fit all neurons.

        Parameters
        ----------
        weights : ndarray, shape (n, n), optional
            True weights [pre, post], for the oracle alone.

        Returns
        -------
        Couplings
            With its `Certificate`. Where the penalty was chosen, diagnostics are ``l1``, the choice, and
            ``l1_path``, for every penalty its ``error`` or its ``held_out_log_likelihood`` (nats per bin and
            neuron); that is None where some neuron has no fit. Arrays, of the chosen fit: ``coefficients``
            (n, n), ``intercepts`` (n,), ``scaled_gradient`` (n,) and, without a penalty or ``as_published``,
            ``standard_errors`` (n, n).

        Warns
        -----
        ConstantNeuronWarning, CollinearNeuronsWarning
            Neurons whose couplings are not defined are NaN.
        SeparableCountsWarning
            A coefficient from a neuron whose count decides whether another one fires, off its lowest or off
            its highest value, has no finite value: it is NaN, and all others are those in this limit (see
            `circuitbias.fitting.limits`); a penalty makes all finite. A neuron that fires in every bin has no
            fit: NaN.
        NotConvergedWarning
            Fits that did not reach the tolerance are NaN.

        Raises
        ------
        ValueError
            If the oracle is not shown the weights, or a standardised response is to be cross-validated.
        UnusableDataError
            If there are not more bins than neurons.
        """
        l1, n = self.l1, source.n_neurons
        if l1 == "oracle":
            check_oracle(weights, n)
        if self.as_published and l1 == "cross_validation":
            raise ValueError("as_published: l1='cross_validation' is not allowed; a number or 'oracle' is")
        given = prepare(source, self.bin_steps, self.binarise, memory_mb=memory_mb, device=device)
        needed = regression_bytes(n, n + 1, given.n_bins)
        # A penalty keeps the Hessians of the fit before.
        given.budget.require(needed * (1 if l1 == 0 else 2), f"logistic regressions of {n} neurons")
        design = Design(given.counts, given.kept, [0], given.device, given.all_moments, fires=True)
        limits = self.tolerance, self.max_passes
        if self.as_published:
            path = StandardisedPath(design, given.moments, *limits)
        elif l1 == 0:
            return self._result(given, fit(design, given.budget, 0.0, *limits, self.errors), {})
        else:
            path = LogisticPath(design, *limits, given.budget, self.errors)

        penalties = [l1] if l1 not in CHOICES else sorted(map(float, self.l1_grid), reverse=True)
        validation = CrossValidation(design, path, self.folds) if l1 == "cross_validation" else None
        fits = {}
        for penalty in penalties:
            fits[penalty] = path.fit(penalty)
            if validation:
                validation.fit(penalty)
        chosen, choice = penalties[0], {}
        if validation:
            chosen, choice = choose(penalties, "held_out_log_likelihood", validation.log_likelihoods())
        elif l1 == "oracle":
            found = [given.usable.pairs(one.of_fitted(one.coefficients[:-1])) for one in fits.values()]
            misfits = [relative_misfit(weights, values) for values in found]
            chosen, choice = choose(penalties, "error", misfits)

        passes = path.passes + (validation.passes if validation else 0)
        return self._result(given, replace(fits[chosen], passes=passes), choice)

    def _result(self, given, fit, choice):
        """Warn of what has no fit; the couplings."""
        if fit.undefined.any():
            neurons = given.kept[on_cpu(fit.undefined)].tolist()
            says = f"neurons {neurons} fire always, in every bin: their likelihood has no maximum and their "
            warn(SeparableCountsWarning(says + "couplings are NaN"))
        limits = self.tolerance, self.max_passes
        return given.result_of(fit, limits, _WHY_INFINITE, choice, remedy=_REMEDY)
