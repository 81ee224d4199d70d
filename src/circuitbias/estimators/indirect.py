"""Indirect inference: the couplings under which an estimator finds what it finds in the recording."""

from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.dynamics.parameters import RHO_PAPER, model_parameter
from circuitbias.estimators.couplings import Certificate, SaturatedNeuronWarning, warn
from circuitbias.estimators.indirect_rounds import Correction, family_of, spike_counts
from circuitbias.estimators.prepare import prepare
from circuitbias.exceptions import UnusableDataError
from circuitbias.options import bin_width
from circuitbias.spikes.views import ObservedNeurons

_FASTEST = 0.9  # of the rate that the threshold model can have below its threshold


class Indirect(Estimator):
    """Couplings under which simulated spikes give an estimator what the recording gave it.

    With J the estimate from the recording and J(g) that from spikes simulated with couplings g,

        g <- g + step (J - J(g)),

    with steps that get smaller, from weak couplings on; constants so that each neuron fires as often as it
    does. The result is the mean over the last half of the rounds. An estimator's own bias is in both J and
    J(g), and goes.

    Simulated is not the network by itself, which freezes where couplings are strong and noisy: each bin is
    drawn from the past that was observed before it (`circuitbias.estimators.indirect_bins`). The history GLM
    is fitted to responses that are drawn and histories that were observed. Rounds begin with a part of the
    bins, 10,000 spikes a neuron or more, and draw twice as many each time until half of them are over.

    The spikes are taken to be those of ``generator``, by default that of the spike file, else the threshold
    model's. Couplings are in the units of `circuitbias.estimators.matched.Matched`.
    """

    estimator: Literal["glm", "glm_history", "logistic", "mean_field"] = option(
        "glm",
        "Method whose bias is taken out, with bins of this width (10 steps suit `glm_history`) and its other "
        "defaults.",
    )
    bin_steps: int = bin_width()
    generator: Literal["threshold", "lnp", "glm_exp"] | None = option(
        None, "Family that is assumed to make such spikes; null takes that which made the recording."
    )
    rounds: int = option(16, "Times that spikes are simulated.", least=4, most=1000)
    damping: float = option(0.8, "Share of the first corrections that is made.", above=0, most=1)
    drawn_share: float = option(
        1.0,
        "Part of the bins that rounds which count simulate; of few spikes, all are.",
        above=0,
        most=1,
    )
    seed: int = option(0, "Of the simulated spikes.", least=0, most=2**31 - 1)

    reversible = False

    @property
    def directed(self):
        """A history tells who came first."""
        return self.estimator == "glm_history"

    @property
    def n_fits(self):
        """As many as there are rounds, in units of its default."""
        return max(1, -(-self.rounds // 16))

    cost = Cost(seconds=160)
    look = Look("matched", {"indirect": ("#117733", "X")})
    examples = Examples(
        {"generator": "threshold"},
        {"estimator": "mean_field", "rounds": 6},
        {"estimator": "glm_history", "bin_steps": 20, "rounds": 8},
    )

    def estimate(self, source, *, memory_mb, device):
        """Fit, and correct.

        Returns
        -------
        Couplings
            Symmetric, but for those of the history GLM. Its `Certificate` has the size of the difference
            between J and the mean J(g) of the last half of the rounds, relative to J. Diagnostics:
            ``misfits`` (of every round), ``rejected`` (rounds whose step was halved), ``generator``. Arrays:
            ``uncorrected`` (n, n).

        Warns
        -----
        EstimationWarning
            As the method that it corrects does; pairs without a coupling there have none here.
        SaturatedNeuronWarning
            Neurons that fire as often as the threshold model can are left out: their couplings are NaN.
        SeparableCountsWarning
            Pairs that spikes drawn never gave a coupling have none.

        Raises
        ------
        UnusableDataError
            As that method does; or the counts of all neurons are those of one; or trials are not longer than
            the first five time constants, of which no bins are drawn.
        """
        given = prepare(source, self.bin_steps, memory_mb=memory_mb, device=device)
        kept = given.kept
        if len(kept) < 2:
            raise UnusableDataError(
                f"only {len(kept)} of {source.n_neurons} neurons is left: counts of the others are linearly "
                "dependent on its counts; at least 2 are needed"
            )
        order = _label_free(source, kept[~self._too_fast(source, kept)])
        given.drop_counts()
        work = Correction(self, ObservedNeurons(source, order), memory_mb, device, source)
        values, uncorrected, misfits, rejected, residual = work.run()
        place = np.searchsorted(kept, order)
        said = {"misfits": misfits, "rejected": rejected, "generator": work.family}
        return given.result(
            _among(values, place, len(kept)), said,
            certificate=Certificate(self.rounds + 1, residual),
            pairs={"uncorrected": _among(uncorrected, place, len(kept))},
        )  # fmt: skip

    def _too_fast(self, source, kept):
        """Which neurons fire more often than the threshold model can below its threshold; warns of them."""
        rho = model_parameter(source, "rho", RHO_PAPER)
        fast = (spike_counts(source)[kept] > _FASTEST * rho * source.trial_steps.sum()) & (
            family_of(self, source) == "threshold"
        )
        if fast.any():
            says = (
                f"neurons {kept[fast].tolist()} fire in more than {_FASTEST * rho:.1%} of all steps, as "
                "often as the threshold model can below its threshold: left out, their couplings are NaN"
            )
            warn(SaturatedNeuronWarning(says, neurons=kept[fast]))
        if len(kept) - fast.sum() < 2:
            raise UnusableDataError(
                f"of {source.n_neurons} neurons, {len(kept) - fast.sum()} are usable: two are needed"
            )
        return fast


def _among(values, place, n):
    """Values of some neurons among those of n."""
    found = np.full((n, n), np.nan)
    found[np.ix_(place, place)] = values
    return found


def _label_free(source, kept):
    """Kept neurons in an order that does not depend on their numbers: by how often they fire, and when."""
    times = np.zeros(source.n_neurons)
    for segment in source.segments():
        times += np.bincount(segment.neurons, segment.steps, minlength=source.n_neurons)
    return kept[np.lexsort((times[kept], spike_counts(source)[kept]))]
