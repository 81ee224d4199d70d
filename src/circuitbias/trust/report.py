"""The trust report of a recording: does the model fit, which couplings to believe, and what would help."""

import time
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from circuitbias.checks import require, whole
from circuitbias.exceptions import UnusableDataError
from circuitbias.progress import report_line
from circuitbias.spikes.segments import SpikeSource
from circuitbias.trust.calibration import PROMISES, Case, Judge, learn, lists, real_pairs
from circuitbias.trust.checks import FitChecks, check_fit, drifting
from circuitbias.trust.evidence import evidence
from circuitbias.trust.expected import ExpectedErrors, TwinError, expect, twin_error
from circuitbias.trust.fits import all_estimates, best_history, on_twins
from circuitbias.trust.guard import judged
from circuitbias.trust.traits import Traits, traits
from circuitbias.trust.twins import Plan, Twin, make_twin
from circuitbias.trust.wiring import Posterior, bias_of_none, posterior

SIMULATORS = ("exponential", "threshold")
PLAIN_PAIRS, MOST_PLAIN = 12_000, 8
"""Twins of each simulator without hidden units or common drive: for so many pairs in all, 2 to 8."""

_FEWEST_SPIKES = 1000
_BIASED = 0.1  # standard errors: mean estimate of unconnected pairs that twins are made anew for
_FEWEST_EVENTS = 3.0  # spikes of the median unit for each coefficient of its fit


class RefusedError(UnusableDataError):
    """No promise can be made about a recording; the message says why."""


@dataclass(eq=False)
class TrustReport:
    """All that was found; see `circuitbias.trust.words` for what it means.

    Attributes
    ----------
    units : list of str
    tau_ms : float
        Of the filter of past spikes, the one of three that fits best.
    traits : Traits
    checks : FitChecks
    estimates : dict of str to Couplings
    first : str
        The estimator that does best on the twins: the one whose couplings are judged.
    twins : list of Twin
        Without their spikes.
    twin_errors : dict of str to list of TwinError
        By estimator, on the twins that match.
    expected : dict of str to ExpectedErrors
    posterior : Posterior
    phantom : ndarray, shape (n, n)
        Probability that a coupling of the first estimator is a phantom: no connection, or one of the other
        sign. NaN without a promise.
    lists : dict of float to ndarray of bool, shape (n, n)
        Couplings to believe at each promised false discovery rate.
    delivered : dict of str to dict of float to float
        By twin: share of false ones in the lists of a judge that had not seen it.
    judge : Judge or None
    worse : str
        The simulator whose calibration is the promise: the one by which fewer couplings can be believed.
    refused : str
        Why there is no promise; empty if there is one.
    spread : float
        Scatter of phantoms, in standard errors, that lists reckon with (`circuitbias.trust.guard`).
    bias : float
        Mean estimate of unconnected pairs on the first twins, in standard errors.
    methods : dict of str to dict
        The estimators with their options.
    shift : float
        Mean estimate of unconnected pairs that the guard reckons with: of the first estimator, on all twins.
    """

    units: list
    tau_ms: float
    traits: Traits
    checks: FitChecks
    estimates: dict
    first: str
    twins: list
    twin_errors: dict
    expected: dict
    posterior: Posterior
    phantom: np.ndarray
    lists: dict
    delivered: dict = field(default_factory=dict)
    judge: Judge | None = None
    worse: str = ""
    refused: str = ""
    spread: float = 1.0
    bias: float = 0.0
    notes: list = field(default_factory=list)
    methods: dict = field(default_factory=dict)
    shift: float = 0.0


def trust(
    source: SpikeSource,
    units: list | None = None,
    *,
    estimators: dict[str, dict] | None = None,
    simulators: tuple[str, ...] = SIMULATORS,
    variants: tuple[str, ...] | None = None,
    seed: int = 0,
    memory_mb: float = 1500.0,
) -> TrustReport:
    """Say which couplings of a recording may be believed.

    Parameters
    ----------
    source : SpikeSource
    units : list of str, optional
        Their ids.
    estimators : dict of str to dict, optional
        Methods under trust with their options; beside the history GLM, which the twins are made from.
        Default: ``glm``, with bins of 10 ms.
    simulators : tuple of str, optional
        Links of the twins (`circuitbias.trust.links`), at least two for a promise.
    variants : tuple of str, optional
        Of the twins of each (`circuitbias.trust.twins.Plan`); default: 2 to 8 plain ones, and one each with
        common drive and with hidden units.
    seed : int, optional
        The same seed gives the same report.
    memory_mb : float, optional

    Returns
    -------
    TrustReport
        With ``refused`` set where there can be no promise: then there are no probabilities and lists.

    Raises
    ------
    UnusableDataError
        If there is next to nothing in the recording.
    ValueError
        If an argument is not allowed.
    """
    seed = whole("seed", seed, most=2**31)
    n = source.n_neurons
    if variants is None:
        n_plain = int(np.clip(np.ceil(PLAIN_PAIRS / max(n * (n - 1), 1)), 2, MOST_PLAIN))
        variants = ("plain",) * n_plain + ("common", "hidden")
    require("plain" in variants, "variants", variants, "plain at least once")
    units = [str(k) for k in range(n)] if units is None else list(units)
    if n < 3:
        raise UnusableDataError(f"there are {n} units: trust needs at least 3")
    found = traits(source, memory_mb=memory_mb)
    seconds = source.trial_steps.sum() * source.dt_ms / 1000
    if found.rates_hz.sum() * seconds < _FEWEST_SPIKES:
        raise UnusableDataError(
            f"there are {found.rates_hz.sum() * seconds:.0f} spikes in all: trust needs at least "
            f"{_FEWEST_SPIKES}"
        )
    tau_ms, history, before = best_history(source, memory_mb)
    methods = {"glm": {"bin_steps": max(round(10 / source.dt_ms), 1)}} if estimators is None else estimators
    methods = {**methods, "glm_history": history}
    estimates = all_estimates(source, methods, memory_mb)
    fitted = estimates["glm_history"]
    report_line("looking at what the model leaves unexplained")
    checks = check_fit(source, fitted, before, seed=seed)
    known = np.isfinite(fitted.standard_errors)
    if not known.any():
        raise UnusableDataError(
            "the history GLM gives no coupling with a standard error: no twin can be made"
        )
    prior = posterior(fitted.values, fitted.standard_errors)
    own_past = np.nan_to_num(np.diag(fitted.arrays["coefficients"])).copy()
    report = TrustReport(
        units, tau_ms, found, checks, estimates, "", [], {name: [] for name in methods}, {}, prior,
        np.full((n, n), np.nan), {}, methods=methods,
    )  # fmt: skip
    events = np.median(found.rates_hz) * seconds / n
    if events < _FEWEST_EVENTS:
        report.first = "glm_history"
        report.refused = (
            f"the median unit has {events:.1f} spikes for each of the {n} coefficients of its fit, and "
            f"at least {_FEWEST_EVENTS:g} are needed: record for longer, or choose fewer units"
        )
        return report
    report.refused = drifting(found)
    if report.refused:
        report.first = "glm_history"
        return report
    plans = [
        Plan(simulator, variant, seed + 10_000 * (1 + k) + 100_000 * simulators.index(simulator))
        for k, variant in enumerate(variants)
        for simulator in simulators
    ]
    series = partial(_series, report, source, own_past, on_twins(methods), memory_mb)
    pilots, rest = plans[: len(simulators)], plans[len(simulators) :]
    found_on = series(pilots, len(plans))
    report.bias = _bias(found_on, "glm_history")
    if abs(report.bias) > _BIASED:
        # Unconnected pairs of the recording have it, too: it is not to be drawn as wiring.
        report.posterior = posterior(fitted.values, fitted.standard_errors, report.bias)
        report.twins.clear()
        for errors in report.twin_errors.values():
            errors.clear()
        found_on, rest = [], plans
    found_on += series(rest, len(plans))
    report.refused = _refusal(report, simulators)
    good = [twin.plan.variant == "plain" for twin in report.twins if not twin.refused]
    for name, one in report.twin_errors.items():
        if one:
            plain = [e for e, is_plain in zip(one, good, strict=True) if is_plain]
            report.expected[name] = expect(plain or one, one, n)
    ranking = sorted(report.expected, key=lambda name: -report.expected[name].average_precision)
    report.first = ranking[0] if ranking else "glm_history"
    if not report.refused:
        _judge(report, found_on, seed)
    return report


def _series(report, source, own_past, methods, memory_mb, plans, n_plans):
    """Make twins, and run the estimators on those that match; report all of them."""
    found_on, strengths, started = [], {}, time.monotonic()
    for twin in report.twins:
        strengths[twin.plan.simulator] = 1.0 if twin.refused else twin.strength
    for number, plan in enumerate(plans):
        left = ""
        if number:
            seconds_left = (time.monotonic() - started) / number * (len(plans) - number)
            left = f", about {seconds_left:.0f} s left in all"
        place = f"twin {len(report.twins) + 1} of {n_plans}"
        report_line(f"{place}{left}: {plan.words}", always=True)
        weights = report.posterior.draw(np.random.default_rng(plan.seed))
        if not weights.any():
            continue
        strength = strengths.get(plan.simulator, 1.0)
        twin = make_twin(plan, weights, own_past, source, report.traits, report.tau_ms, memory_mb, strength)
        report.twins.append(twin)
        if not twin.refused:
            strengths[plan.simulator] = twin.strength
            estimates = all_estimates(twin.spikes, methods, memory_mb)
            for name, couplings in estimates.items():
                report.twin_errors[name].append(twin_error(weights, couplings))
            found_on.append((twin, estimates))
        twin.spikes = None
    return found_on


def _bias(found_on, name) -> float:
    """Mean estimate of unconnected pairs of plain twins, in standard errors; 0 without them."""
    found = [
        bias_of_none(twin.weights, on_twin[name].values, on_twin[name].standard_errors)
        for twin, on_twin in found_on
        if twin.plan.variant == "plain"
    ]
    return float(np.mean(found)) if found else 0.0


def _refusal(report, simulators) -> str:
    """Why there is no promise, as far as twins tell."""
    good = {t.plan.simulator for t in report.twins if t.plan.variant == "plain" and not t.refused}
    plain = [twin for twin in report.twins if twin.plan.variant == "plain"]
    why = "; ".join(dict.fromkeys(f"{t.plan.simulator}: {t.refused}" for t in plain if t.refused))
    if not report.twins:
        return "no coupling differs from 0: every draw of the wiring is empty"
    missing = [name for name in simulators if name not in good]
    if missing:
        return f"no twin of the {' and the '.join(missing)} simulator matches the recording ({why})"
    if len(good) < 2:
        return "a promise needs twins of at least two simulators"
    return ""


def _judge(report, found_on, seed):
    """Learn from twins, and judge the recording."""
    n = len(report.units)
    cases = []
    for twin, estimates in found_on:
        features, signs, _ = evidence(estimates, report.first, twin.traits)
        real, plan = real_pairs(twin.weights, signs), twin.plan
        cases.append(Case(features, signs, real, plan.simulator, plan.variant == "plain"))
    report.judge = judge = learn(cases, seed=seed)
    for (twin, _), case, phantom in zip(found_on, cases, judge.held_out, strict=True):
        chosen = lists(phantom, case.signs)
        report.delivered[twin.plan.words] = {
            promise: float(1 - case.real[one].mean()) if one.any() else np.nan
            for promise, one in chosen.items()
        }
    report.shift = _bias(found_on, report.first)
    excess = float(np.nanmax(report.checks.residual))
    phantom, chosen, report.worse, report.spread = judged(
        judge, report.estimates, report.first, report.traits, report.shift, excess
    )
    off = ~np.eye(n, dtype=bool)
    report.phantom[off] = phantom
    for promise, one in chosen.items():
        report.lists[promise] = np.zeros((n, n), dtype=bool)
        report.lists[promise][off] = one


__all__ = ["PROMISES", "ExpectedErrors", "RefusedError", "TrustReport", "Twin", "TwinError", "trust"]
