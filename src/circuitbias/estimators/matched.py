"""Maximum likelihood of the generator itself: no mismatch between model and data."""

from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.estimators.couplings import Certificate, SaturatedNeuronWarning, warn
from circuitbias.estimators.matched_sparse import fit_under
from circuitbias.estimators.prepare import prepare
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.tuning import tuning
from circuitbias.likelihood.errors import standard_errors, without
from circuitbias.likelihood.fit import BOUNDS, SATURATED
from circuitbias.likelihood.model import MatchedModel
from circuitbias.likelihood.symmetric import of_couplings, symmetric_fit
from circuitbias.spikes.phases import cycle_of
from circuitbias.spikes.views import Remembered


class Matched(Estimator):
    r"""Maximum likelihood of the generator, step by step: what can be known with the right model.

    ``generator`` says which: that of a spike file by default, else the threshold model. With that, for every
    neuron j, the probability of a spike in a step is the threshold model's own,

    .. math::
        P(\text{spike of } j \text{ at } t) = \rho\, \Phi(a_j + \sum_i J_{ij} s_i(t)), \quad
        s_i(t) = \sum_{k < t} (1 - dt/\tau)^{t - 1 - k},

    the inner sum over the spikes of i: the `ThresholdSAM`, with :math:`J_{ij} = r W_{ij} / (b_j \sigma)` and
    :math:`a_j = (b_j - \theta) / (b_j \sigma)`. A coupling is in standard deviations of the noise. The
    probability jumps where the input reaches the threshold; steps at which a first fit says that it does are
    left out. A neuron's own past is always a covariate. The first five time constants of each trial are left
    out, as what came before them is not known.

    Of the others counts are Poisson, with mean :math:`\exp(\eta_j)` (``glm_exp``; couplings are changes of
    the log rate) or :math:`[\eta_j]_+` (``lnp``, ``glm_relu``; couplings are spikes in a step), eta being the
    same sum; in those of a GLM a spike leaves it after the generator's window.

    ``generator: learned`` is for spikes of unknown origin. Counts are Poisson with mean
    :math:`\bar\lambda \exp(h(\eta_j))`, :math:`\bar\lambda` the mean rate of all neurons, and h one of a
    family that holds the exponential, the logistic, rectified lines and powers, and all but a millionth of a
    nat of the threshold model's (`circuitbias.likelihood.link.LearnedLink`). Its two parameters and
    the time constant, from ``tau_ms`` or 10 ms on, are fitted with the couplings. These are
    changes of the log rate where a neuron fires at the mean rate.

    ``signs`` bounds the couplings at zero. ``l1`` adds ``l1 sd_ij |J_ij|`` to the negative log-likelihood,
    with sd_ij the standard deviation of that coupling's score if there are none. A neuron's own past is free.

    ``tau_ms: estimate`` fits the time constant, the same for all neurons, from the model's or 10 ms; ``rho:
    estimate`` does so from the model's or 0.0668. If rho is too high or low, couplings keep their form and
    change their scale. The ``tolerance`` is in standard deviations of the derivative at the true couplings:
    about the distance from the maximum, in standard errors.
    """

    generator: Literal["threshold", "lnp", "glm_relu", "glm_exp", "learned"] | None = option(
        None,
        "Family that makes such spikes; null takes that which made the recording, `learned` fits a link and "
        "a time constant that all neurons share.",
    )
    bin_steps: int = option(
        20,
        "Steps for each one at which the likelihood of silence is taken; spikes are taken step by step.",
        least=1,
        most=100_000,
    )
    tau_ms: Literal["estimate"] | float | None = option(
        None,
        "Synaptic time constant (ms); null takes that of the model that made the recording.",
        above=0,
    )
    rho: Literal["estimate"] | float | None = option(
        None,
        "Probability that the threshold model's noise is on in a step; null takes that of the recording's.",
        above=0,
        below=1,
    )
    symmetric: bool = option(False, "Whether couplings are known to be the same both ways.")
    signs: Literal["excitatory", "inhibitory", "by_presynaptic"] | None = option(
        None,
        "Sign of all couplings, if it is known; `by_presynaptic` fits one for each neuron that they leave "
        "(Dale's law).",
    )
    l1: Literal["cross_validation"] | float = option(
        0.0,
        "Penalty on absolute couplings, in standard deviations of a coupling's score where there are none: a "
        "number, or the one of `l1_grid` under which spikes left out are likeliest.",
        least=0,
    )
    l1_grid: tuple[float, ...] = option(
        (0, 0.5, 1, 1.5, 2, 3, 4, 6), "Penalties to choose from.", least=0, fewest=1, different=True
    )
    folds: int = option(
        5, "Parts of the recording that cross-validation leaves out in turn.", least=2, most=100
    )
    tolerance: float = option(
        0.01,
        "Largest derivative of the log-likelihood at which the fit has converged (standard deviations).",
        above=0,
        most=1,
    )
    max_passes: int = option(100, "Largest number of passes over the data.", least=1)

    cost = Cost(seconds=45, bin_steps=20)
    look = Look("matched", {"matched": ("#000000", "*")})
    examples = Examples(
        {"generator": "threshold"},
        {"bin_steps": 7, "rho": 0.05},
        {"generator": "lnp"},
        {"generator": "glm_exp"},
        {"generator": "learned"},
        {"signs": "by_presynaptic"},
        {"l1": 2.0},
    )

    @property
    def directed(self) -> bool:
        """Unless couplings are known to be the same both ways."""
        return not self.symmetric

    @property
    def signed(self):
        """Unless all couplings are bounded on the same side."""
        return self.signs not in ("excitatory", "inhibitory")

    @property
    def n_fits(self):
        """One; a tenth for every penalty to choose from and fold; more where a link is learned."""
        penalties = len(self.l1_grid) * self.folds // 10 if self.l1 == "cross_validation" else 0
        return 1 + penalties + 3 * (self.generator == "learned")

    def estimate(self, source, *, memory_mb, device):
        """Fit all neurons; the likelihood is summed on the CPU.

        Returns
        -------
        Couplings
            With its `Certificate`. Diagnostics: ``n_steps`` (those of the likelihood), ``tau_ms``, ``rho``,
            ``reached_threshold``, ``spikes_left_out`` and ``steps_left_out`` (shares of those of all
            targets). Of what is estimated also ``tau_ms_error``, ``rho_error`` (standard errors) and
            ``not_identifiable``, the names of those whose standard error would be more than half of their
            value: they keep their defaults. Errors of couplings are those with these parameters known.
            Of ``generator: learned``, ``curvature`` and ``exponent`` of the link, ``log_curvature_error``,
            its ``ceiling`` (mean rates; None if it is too high to matter), ``tau_ms_error`` and ``settled``.
            Of ``l1: cross_validation``, ``l1`` is the choice and ``l1_path`` has the
            ``held_out_log_likelihood`` of every penalty (nats a neuron). Arrays: ``standard_errors`` (n, n)
            of the couplings, from the Fisher information at the estimate; ``coefficients`` (n, n), with the
            same taken as free both ways, those of a neuron's own past on the diagonal, and
            ``coefficient_errors``; ``intercepts`` (n,); ``scaled_gradient`` (n,), under constraints the
            steepest fall that these allow; of ``signs``, ``signs`` (n,) of each neuron. Couplings that a sign
            or the penalty holds at zero have no standard error; those of others take them for zero.

        Warns
        -----
        ConstantNeuronWarning, CollinearNeuronsWarning
            Neurons whose couplings are not defined are NaN.
        SaturatedNeuronWarning
            Couplings to a neuron with most of its spikes above threshold are NaN.
        SeparableCountsWarning
            The coupling to a neuron that fires only when another one has long been silent is infinite: NaN.
        NotConvergedWarning
            Fits that did not reach the tolerance are NaN.

        Raises
        ------
        ValueError
            If tau_ms is not longer than a step, rho is no probability, or constraints are asked for that do
            not go together.
        UnusableDataError
            If there are not more bins than neurons, no trial is longer than five time constants, or there
            are fewer blocks of the likelihood than folds.
        """
        if cycle_of(source)[0]:
            raise UnusableDataError(
                "the drive of this recording changes in time, and matched takes it for constant: a GLM with "
                "phase_offsets does not"
            )
        if self.symmetric and (self.signs or self.l1 != 0):
            raise ValueError(
                f"symmetric = true: signs = {self.signs} and l1 = {self.l1} are for directed couplings; "
                "must be null and 0"
            )
        model = MatchedModel.of(self, source)
        bin_steps, limits, symmetric = self.bin_steps, (self.tolerance, self.max_passes), self.symmetric
        given, n = prepare(source, bin_steps, memory_mb=memory_mb, device=device), source.n_neurons
        given.budget.require(_bytes(n, given.n_bins, symmetric), f"the matched likelihood of {n} neurons")
        given.drop_counts()
        source = Remembered(source, given.budget.kept)  # in the place of the counts
        kept, moments = given.kept, given.all_moments
        single = tuning().worth_single_precision(given.n_bins, len(kept) + 1, len(kept))
        rates = moments.mean[kept] / bin_steps
        shared, start = model.fit(source, kept, rates, moments.total, bin_steps, single, limits)
        likelihood, fitted = shared.likelihood, shared.fit
        at_constraint, said = np.zeros((len(kept),) * 2, dtype=bool), {}
        if self.signs or self.l1 != 0:
            fitted, at_constraint, signs, said = fit_under(self, likelihood, fitted, start)
        warn_not_converged(kept, fitted, *limits)
        saturated = fitted.saturated
        _warn_saturated(kept[saturated])
        infinite = fitted.infinite
        if model.rectified:  # from mean rates of each target to spikes in a step
            fitted.coefficients *= rates
            fitted.information /= rates[:, None, None] ** 2
        warn_infinite(
            infinite,
            kept,
            "fire only where the history of some neuron is empty",
            "More data may give them one",
        )
        spikes_left_out, steps_left_out, spikes = likelihood.left_out
        steps = likelihood.used_steps()
        failed = saturated | ~fitted.converged
        defined = ~(infinite | failed)
        values = fitted.coefficients[:-1].copy()
        own_errors = standard_errors(fitted.information, infinite | at_constraint)
        couplings, errors = values.copy(), own_errors.copy()
        # A target's own past stays its own.
        values[~defined], own_errors[~defined] = np.nan, np.nan
        if symmetric:
            information = of_couplings(without(fitted.information, infinite)) * ~failed[:, None, None]
            couplings, errors = symmetric_fit(couplings, information)
            defined &= defined.T
        couplings[~defined], errors[~defined] = np.nan, np.nan
        return given.result(
            couplings,
            {
                "generator": model.family,
                "n_steps": steps,
                "tau_ms": shared.tau_ms,
                "rho": shared.rho,
                "reached_threshold": fitted.reached,
                "spikes_left_out": float(
                    spikes_left_out[~saturated].sum() / max(spikes[~saturated].sum(), 1)
                ),
                "steps_left_out": float(
                    steps_left_out[~saturated].sum() / max(steps * (~saturated).sum(), 1)
                ),
                **shared.said(model.wanted),
                **said,
            },
            certificate=Certificate(
                fitted.passes, float(fitted.scaled_gradient.max()), int((~fitted.converged).sum())
            ),
            pairs={"coefficients": values, "standard_errors": errors, "coefficient_errors": own_errors},
            neurons={
                "intercepts": np.where(failed, np.nan, fitted.coefficients[-1]),
                "scaled_gradient": fitted.scaled_gradient,
                **({"signs": signs} if self.signs else {}),
            },
        )


def _bytes(n, n_bins, symmetric):
    """Hessians and their factors; the sample and its information; the pairs' own matrix."""
    columns = n + 1
    needed = 24 * n * columns**2 + 16 * columns * min(1000 * columns, n_bins)
    return needed + symmetric * (8 * n**3 + 8 * (n * (n - 1) / 2) ** 2)


def _warn_saturated(neurons):
    if len(neurons):
        says = (
            f"neurons {neurons.tolist()} have more than {SATURATED:.0%} of their spikes where their input is "
            f"above threshold (fitted eta > {BOUNDS[-1]:g}): couplings to them are NaN"
        )
        warn(SaturatedNeuronWarning(says))
