"""Minimum probability flow: an Ising model of binary counts without its partition function."""

from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import on_cpu
from circuitbias.estimators.couplings import Certificate, SeparableCountsWarning, warn
from circuitbias.estimators.prepare import prepare
from circuitbias.estimators.result import named_pairs, warn_not_converged
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.flow_fit import fit_flow
from circuitbias.memory import regression_bytes
from circuitbias.options import bin_width, convergence, kind_of_errors, most_passes


class Mpf(Estimator):
    r"""Minimum probability flow: an Ising model fitted without its partition function.

    A bin with spikes has x = 1, one without has x = 0. The model is

    .. math:: P(x) \propto e^{-E(x)}, \quad -E(x) = \sum_{i<j} J_{ij} x_i x_j + \sum_i b_i x_i,

    and the objective the mean over bins of the flow of probability into states one flip away,

    .. math:: K = \frac1T \sum_t \sum_i e^{[E(x_t) - E(x_t^{(i)})] / 2}
                = \frac1T \sum_t \sum_i e^{-s_{ti} a_{ti} / 2}, \quad
              a_{ti} = b_i + \sum_j J_{ij} x_{tj}, \quad s = 2x - 1.

    K is convex: a regression of every neuron on all others, with an exponential loss, tied together as J is
    symmetric. With ``all_flip``, the flow into the state with all neurons flipped is added, ``exp([E(x) - E(1
    - x)] / 2)``, as for Das & Fiete (2020). The ``tolerance`` is of the gradient, in units of ``2 sd_i sd_j``
    for a coupling and ``sd_i`` for a bias: what each bin contributes to it where neurons are uncoupled. There
    is no likelihood, and so no standard error that the model itself predicts.

    References
    ----------
    Sohl-Dickstein, Battaglino & DeWeese, Phys. Rev. Lett. 107:220601 (2011).
    """

    bin_steps: int = bin_width()
    all_flip: bool = option(
        False, "Add the flow into the state with all neurons flipped, as in the published objective."
    )
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: Literal["sandwich", "jackknife"] = kind_of_errors("jackknife")

    binary = True
    across_bins = False
    cost = Cost(seconds=14)
    look = Look("inverse Ising", {"mpf": ("#6A3D9A", "p")}, ("MPF",))
    examples = Examples({}, {"all_flip": True, "bin_steps": 80})

    def estimate(self, source, *, memory_mb, device):
        """Fit the symmetric couplings J of all neurons.

        Returns
        -------
        Couplings
            With its `Certificate` and the diagnostic ``n_undefined_pairs``. Arrays: ``biases`` (n,),
            ``standard_errors`` (n, n).

        Warns
        -----
        ConstantNeuronWarning, CollinearNeuronsWarning
            Neurons whose couplings are not defined are NaN.
        SeparableCountsWarning
            A pair that is never seen in one of its four states has an infinite coupling: NaN, and so are the
            biases of both. All others are those in this limit. Where a fit does not converge, neurons whose
            rarer state is in fewer bins than there are couplings to them are left out of a second one.
        NotConvergedWarning
            A fit that did not reach the tolerance is NaN altogether.
        """
        given, n = prepare(source, self.bin_steps, True, memory_mb=memory_mb, device=device), source.n_neurons
        needed = regression_bytes(n, n + 1, given.n_bins)
        given.budget.require(needed, f"minimum probability flow of {n} neurons")
        everyone, mean = np.arange(len(given.kept)), given.moments.mean
        fit, some = self._fit(given, everyone), everyone
        # Where few bins are to tell of many couplings there may be no minimum: others have one without them.
        told = np.minimum(mean, 1 - mean) * given.n_bins >= len(everyone)
        if not on_cpu(fit.converged).all() and 2 <= told.sum() < len(everyone):
            some, passes = everyone[told], fit.passes
            fit = self._fit(given, some)
            fit.passes += passes
            says = (
                f"neurons {given.kept[~told].tolist()} are in one of their two states in fewer bins than "
                "there are couplings to each: these bins do not tell them apart, so that the flow may "
                "have no minimum. They are left out, and their couplings are NaN: record for longer"
            )
            warn(SeparableCountsWarning(says))
        kept, pairs = given.kept[some], on_cpu(fit.infinite[:-1])
        warn_not_converged(kept, fit, self.tolerance, self.max_passes)
        if pairs.any():
            named = named_pairs(np.triu(pairs), kept)
            says = (
                f"{pairs.sum() // 2} pairs of neurons never fire together, never one of them alone, or "
                f"always at least one of them, perhaps given others ({named}): "
                "their couplings are infinite and given as NaN; all others are those in this limit. Leave "
                "out the neurons named, or use wider bins"
            )
            warn(SeparableCountsWarning(says))
        coefficients = np.full((len(everyone) + 1, len(everyone)), np.nan)
        coefficients[np.ix_([*some, -1], some)] = fit.finite(fit.coefficients)
        errors = np.full((len(everyone),) * 2, np.nan)
        errors[np.ix_(some, some)] = fit.finite(fit.standard_errors)
        return given.result(
            coefficients[:-1],
            {"n_undefined_pairs": int(pairs.sum()) // 2},
            certificate=Certificate(
                fit.passes, fit.scaled_gradient.max().item(), int((~fit.converged).sum())
            ),
            pairs={"standard_errors": errors},
            neurons={"biases": coefficients[-1]},
        )

    def _fit(self, given, some):
        """Fit some of the kept neurons."""
        kept = given.kept[some]
        design = Design(given.counts, kept, [0], given.device, given.all_moments)
        moments, limits = given.all_moments.of(kept), (self.tolerance, self.max_passes)
        return fit_flow(design, given.budget, moments, self.all_flip, *limits, self.errors)
