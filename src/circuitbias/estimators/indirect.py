"""Indirect inference: the couplings under which an estimator finds what it finds in the recording."""

import math
from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.dynamics.parameters import RHO_PAPER, model_parameter, synaptic_tau_ms
from circuitbias.estimators.couplings import Certificate
from circuitbias.estimators.glm import Glm
from circuitbias.estimators.glm_history import GlmHistory
from circuitbias.estimators.indirect_bins import (
    BLOCK_BINS,
    DrawnBins,
    filter_steps,
    hazard_at,
    sums_at_spikes,
)
from circuitbias.estimators.indirect_history import couplings_of
from circuitbias.estimators.logistic import Logistic
from circuitbias.estimators.matched_link import ExponentialLink, RectifiedLink, ThresholdLink
from circuitbias.estimators.mean_field import MeanField
from circuitbias.estimators.prepare import prepare
from circuitbias.exceptions import UnusableDataError
from circuitbias.options import bin_width
from circuitbias.spikes.views import ObservedNeurons

_CORRECTED = {"glm": Glm, "glm_history": GlmHistory, "logistic": Logistic, "mean_field": MeanField}
_START = 0.3  # inputs by one spike of the first couplings, for those of the estimator in log rates
_SCALING = 3  # rounds that also fit the factor between the two
_FULL, _RECOVERY = 5, 1.25  # rounds before steps get smaller; growth of a step that was halved
_FEW_SPIKES = 10_000  # a neuron, that are enough for the first rounds
_TUNING, _TUNED_OF = 2, 8  # draws of one block of so many, that find constants before each round
_DETAIL = 2.0**-14  # of the largest coupling: less is rounded off, so that rounding elsewhere changes no draw
_RATES_OFF, _WORSE = 0.5, 1.5  # of a round that is rejected: relative difference of rates; of misfits


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
        return max(1, math.ceil(self.rounds / 16))

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

        Raises
        ------
        UnusableDataError
            As that method does, or if the counts of all neurons are those of one.
        """
        given = prepare(source, self.bin_steps, memory_mb=memory_mb, device=device)
        kept = given.kept
        if len(kept) < 2:
            raise UnusableDataError(
                f"only {len(kept)} of {source.n_neurons} neurons is left: counts of the others are linearly "
                "dependent on its counts; at least 2 are needed"
            )
        order = kept[_label_free(source, kept)]
        given.drop_counts()
        work = _Correction(self, ObservedNeurons(source, order), memory_mb, device, source)
        values, uncorrected, misfits, rejected, residual = work.run()
        back = np.argsort(order)
        back = np.ix_(back, back)
        said = {"misfits": misfits, "rejected": rejected, "generator": work.family}
        return given.result(
            values[back], said,
            certificate=Certificate(self.rounds + 1, residual),
            pairs={"uncorrected": uncorrected[back]},
        )  # fmt: skip


class _Correction:
    """The rounds of one estimate; neurons are those of the view that it is given."""

    def __init__(self, options: Indirect, source, memory_mb, device, made_by):
        self._options, self._source = options, source
        self._resources = {"memory_mb": memory_mb, "device": device}
        found = model_parameter(made_by, "family", "threshold")
        family = options.generator or {"glm_relu": "lnp"}.get(found, found)
        self.family = family if family in ("lnp", "glm_exp") else "threshold"
        counts = np.zeros(source.n_neurons)
        for segment in source.segments():
            counts += np.bincount(segment.neurons, minlength=source.n_neurons)
        self._rates = counts / source.trial_steps.sum()
        self._decay = 1 - source.dt_ms / synaptic_tau_ms(made_by)
        given = {"filter_ms": filter_steps(self._decay) * source.dt_ms} if options.directed else {}
        self._fit = _CORRECTED[options.estimator](bin_steps=options.bin_steps, **given)
        self._both_ways = (lambda values: values) if options.directed else _both_ways
        if self.family == "threshold":
            self._link = ThresholdLink(model_parameter(made_by, "rho", RHO_PAPER))
            self._scale = np.ones(source.n_neurons)
        else:
            self._link = {"lnp": RectifiedLink, "glm_exp": ExponentialLink}[self.family]()
            self._scale = self._rates
        self._start = self._link.eta_of(self._rates / self._scale)
        self._gain = _gain(self._link, self._start)

    def _estimate(self, source):
        if self._options.directed and isinstance(source, DrawnBins):
            return couplings_of(source, self._fit, **self._resources)
        return self._both_ways(self._fit.estimate(source, **self._resources).values)

    def _draw(self, g, constants, seed, every=1):
        fixed = self._options.bin_steps, self._decay, self._link, self._scale
        return DrawnBins(self._source, *fixed, g, constants, self._options.seed * 10_007 + seed, every)

    def _every(self, k):
        """One block of how many is drawn in round k: few in the first ones, a share in those that count."""
        options, n_steps = self._options, self._source.trial_steps.sum()
        shares = self._rates.mean() * n_steps / _FEW_SPIKES, n_steps / (options.bin_steps * BLOCK_BINS)
        wanted = max(round(1 / options.drawn_share), 2 ** max(0, options.rounds // 2 - 2 - k))
        return min(max(1, int(min(shares))), wanted)

    def _retuned(self, constants, drawn):
        """Constants nearer to those at which each neuron fires as often as it does; how far off it was."""
        step = np.clip(np.log((drawn.observed + 1) / (drawn.counts + 1)), -1, 1) / self._gain
        off = np.abs(drawn.counts - drawn.observed).sum() / max(drawn.observed.sum(), 1)
        return constants + step, off

    def run(self):
        """Couplings, those uncorrected, misfits of all rounds, rejected ones, and what is left."""
        wanted = self._estimate(self._source)
        known = np.isfinite(wanted)
        target = np.where(known, wanted, 0.0)
        size = np.linalg.norm(target)
        factor, damping = _START, self._options.damping
        g = factor * self._both_ways(target / self._gain)
        sums = sums_at_spikes(self._source, self._options.bin_steps, self._decay)
        constants = self._start - np.sum(sums * g, axis=0)
        last, misfits, rejected, kept, left, n_steps, least = None, [], 0, [], [], 0, np.inf
        for k in range(self._options.rounds):
            g, every = _rounded(g), self._every(k)
            for draw in range(_TUNING):
                drawn = self._draw(g, constants, (_TUNING + 1) * k + draw, _TUNED_OF * every)
                for _ in drawn.segments():
                    pass
                constants, _ = self._retuned(constants, drawn)
            drawn = self._draw(g, constants, (_TUNING + 1) * k + _TUNING, every)
            found = self._estimate(drawn)
            difference = np.where(known & np.isfinite(found), target - found, 0.0)
            misfit = float(np.linalg.norm(difference) / size)
            misfits.append(misfit)
            retuned, off = self._retuned(constants, drawn)
            if last is not None and (off > _RATES_OFF or misfit > _WORSE * least):
                # Wild: half way back to the last couplings that were not, and smaller steps from there.
                rejected, damping = rejected + 1, damping / 2
                g, constants = (g + last[0]) / 2, (constants + last[1]) / 2
                continue
            last, least = (g, retuned), min(misfit, least)
            if k >= self._options.rounds // 2:
                kept.append(g)
                left.append(difference)
            if n_steps < _SCALING:
                shares = np.vdot(np.where(known & np.isfinite(found), found, 0.0), target) / size**2
                factor *= np.clip(1 / max(shares, 0.1), 0.5, 2.0)
            change = (
                damping * min(1.0, _FULL / (n_steps + 1)) * factor * self._both_ways(difference / self._gain)
            )
            n_steps, damping = n_steps + 1, min(_RECOVERY * damping, self._options.damping)
            g = g + change
            constants = retuned - np.sum(sums * change, axis=0)
        if not kept:
            kept, left = [last[0]], [difference]
        values = np.where(known, np.mean(kept, axis=0), np.nan)
        residual = float(np.linalg.norm(np.mean(left, axis=0)) / size)
        return values, wanted, misfits, rejected, residual


def _gain(link, eta):
    """Slope of the log rate at these inputs."""
    step = 0.05
    below, above = hazard_at(link, eta - step), hazard_at(link, eta + step)
    return np.log(above / below) / (2 * step)


def _both_ways(values):
    """Mean of both directions, which the methods that are corrected do not tell apart."""
    return (values + values.T) / 2


def _rounded(g):
    unit = _DETAIL * np.abs(g).max()
    return np.round(g / unit) * unit if unit else g


def _label_free(source, kept):
    """Order of neurons that does not depend on their numbers: by how often they fire, and when."""
    n = source.n_neurons
    counts, times = np.zeros(n), np.zeros(n)
    for segment in source.segments():
        counts += np.bincount(segment.neurons, minlength=n)
        times += np.bincount(segment.neurons, segment.steps, minlength=n)
    return np.lexsort((times[kept], counts[kept]))
