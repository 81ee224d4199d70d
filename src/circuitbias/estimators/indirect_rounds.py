"""The rounds of indirect inference: draw, compare, correct."""

import warnings

import numpy as np

from circuitbias.dynamics.parameters import RHO_PAPER, model_parameter, synaptic_tau_ms
from circuitbias.estimators.couplings import EstimationWarning, SeparableCountsWarning, warn
from circuitbias.estimators.glm import Glm
from circuitbias.estimators.glm_history import GlmHistory
from circuitbias.estimators.indirect_bins import (
    BLOCK_BINS,
    WARM_UP,
    DrawnBins,
    filter_steps,
    hazard_at,
    sums_at_spikes,
)
from circuitbias.estimators.indirect_history import couplings_of
from circuitbias.estimators.logistic import Logistic
from circuitbias.estimators.mean_field import MeanField
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.link import ExponentialLink, RectifiedLink, ThresholdLink

_CORRECTED = {"glm": Glm, "glm_history": GlmHistory, "logistic": Logistic, "mean_field": MeanField}
_START = 0.3  # inputs by one spike of the first couplings, for those of the estimator in log rates
_SCALING = 3  # rounds that also fit the factor between the two
_FULL, _RECOVERY = 5, 1.25  # rounds before steps get smaller; growth of a step that was halved
_FEW_SPIKES = 10_000  # a neuron, that are enough for the first rounds
_TUNING, _TUNED_OF = 2, 8  # draws of one block of so many, that find constants before each round
_DETAIL = 2.0**-14  # of the largest coupling: less is rounded off, so that rounding elsewhere changes no draw
_RATES_OFF, _WORSE = 0.5, 1.5  # of a round that is rejected: relative difference of rates; of misfits


class Correction:
    """The rounds of one estimate; neurons are those of the view that it is given.

    Parameters
    ----------
    options : circuitbias.estimators.indirect.Indirect
    source : SpikeSource
    memory_mb, device
        See `circuitbias.estimators.estimate`.
    made_by : SpikeSource
        That says how spikes were made, if it is known.
    """

    def __init__(self, options, source, memory_mb, device, made_by):
        self._options, self._source = options, source
        self._resources = {"memory_mb": memory_mb, "device": device}
        self.family = family_of(options, made_by)
        self._rates = spike_counts(source) / source.trial_steps.sum()
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
        return self._both_ways(self._fit.estimate(source, **self._resources).values)

    def _estimate_drawn(self, drawn):
        if self._options.directed:
            return couplings_of(drawn, self._fit, **self._resources)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)  # of drawn spikes, not of the recording
            return self._estimate(drawn)

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
        if not self._draw(g, self._start, 0).n_bins:
            raise UnusableDataError(
                f"the past of the first {WARM_UP:g} time constants of each trial is not known: no bin of "
                f"bin_steps={self._options.bin_steps} is left of trials of at most "
                f"{self._source.trial_steps.max()} steps"
            )
        sums = sums_at_spikes(self._source, self._options.bin_steps, self._decay)
        constants = self._start - np.sum(sums * g, axis=0)
        corrected = np.zeros(known.shape, dtype=bool)
        last, misfits, rejected, kept, left, n_steps, least = None, [], 0, [], [], 0, np.inf
        for k in range(self._options.rounds):
            g, every = _rounded(g), self._every(k)
            for draw in range(_TUNING):
                drawn = self._draw(g, constants, (_TUNING + 1) * k + draw, _TUNED_OF * every)
                for _ in drawn.segments():
                    pass
                constants, _ = self._retuned(constants, drawn)
            drawn = self._draw(g, constants, (_TUNING + 1) * k + _TUNING, every)
            found = self._estimate_drawn(drawn)
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
                corrected |= np.isfinite(found)
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
            kept, left, corrected = [last[0]], [difference], known
        _warn_uncorrected(known & ~corrected)
        values = np.where(known & corrected, np.mean(kept, axis=0), np.nan)
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


def _warn_uncorrected(pairs):
    if pairs.any():
        says = (
            f"{pairs.sum()} couplings are NaN: spikes that were drawn never gave these pairs one to compare "
            "with that of the recording"
        )
        warn(SeparableCountsWarning(says))


def family_of(options, made_by):
    """Generator that is assumed."""
    found = model_parameter(made_by, "family", "threshold")
    family = options.generator or {"glm_relu": "lnp"}.get(found, found)
    return family if family in ("lnp", "glm_exp") else "threshold"


def spike_counts(source):
    """Spikes of each neuron."""
    return sum(
        (np.bincount(s.neurons, minlength=source.n_neurons) for s in source.segments()),
        np.zeros(source.n_neurons),
    )
