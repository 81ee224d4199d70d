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
            biases of both. All others are those in this limit. Where a fit does not converge, so are neurons
            named whose rarer state is in fewer bins than there are couplings to them.
        NotConvergedWarning
            A fit that did not reach the tolerance is NaN altogether.
        """
        given, n = prepare(source, self.bin_steps, True, memory_mb=memory_mb, device=device), source.n_neurons
        needed = regression_bytes(n, n + 1, given.n_bins)
        given.budget.require(needed, f"minimum probability flow of {n} neurons")
        design = Design(given.counts, given.kept, [0], given.device, given.all_moments)
        limits = self.tolerance, self.max_passes
        fit = fit_flow(design, given.budget, given.moments, self.all_flip, *limits, self.errors)
        pairs = on_cpu(fit.infinite[:-1])
        warn_not_converged(given.kept, fit, *limits)
        seldom = np.minimum(given.moments.mean, 1 - given.moments.mean) * given.n_bins < len(given.kept)
        if seldom.any() and not on_cpu(fit.converged).all():
            says = (
                f"neurons {given.kept[seldom].tolist()} are in one of their two states in fewer bins than "
                "there are couplings to each: these bins do not tell them apart, so that the flow may "
                "have no minimum, and all couplings are NaN. Leave these neurons out, or record for longer"
            )
            warn(SeparableCountsWarning(says))
        if pairs.any():
            named = named_pairs(np.triu(pairs), given.kept)
            says = (
                f"{pairs.sum() // 2} pairs of neurons never fire together, never one of them alone, or "
                f"always at least one of them, perhaps given others ({named}): "
                "their couplings are infinite and given as NaN; all others are those in this limit. Leave "
                "out the neurons named, or use wider bins"
            )
            warn(SeparableCountsWarning(says))
        coefficients = fit.finite(fit.coefficients)
        return given.result(
            coefficients[:-1],
            {"n_undefined_pairs": int(pairs.sum()) // 2},
            certificate=Certificate(
                fit.passes, fit.scaled_gradient.max().item(), int((~fit.converged).sum())
            ),
            pairs={"standard_errors": fit.finite(fit.standard_errors)},
            neurons={"biases": coefficients[-1]},
        )
