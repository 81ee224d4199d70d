"""The trust report of a recording: does the model fit, which couplings to believe, and what would help."""

import warnings
from dataclasses import dataclass, field

import numpy as np

from circuitbias.checks import require, whole
from circuitbias.estimators.couplings import Couplings, EstimationWarning
from circuitbias.estimators.registry import estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.progress import report_line
from circuitbias.spikes.segments import SpikeSource
from circuitbias.trust.calibration import PROMISES, Case, Judge, learn, lists, real_pairs
from circuitbias.trust.checks import FitChecks, check_fit, held_out_bits, held_out_parts
from circuitbias.trust.evidence import evidence
from circuitbias.trust.expected import ExpectedErrors, TwinError, expect, twin_error
from circuitbias.trust.traits import Traits, traits
from circuitbias.trust.twins import Plan, Twin, make_twin
from circuitbias.trust.wiring import Posterior, posterior

SIMULATORS = ("exponential", "threshold")
PLAIN_PAIRS, MOST_PLAIN = 12_000, 8
"""Twins of each simulator without hidden units or common drive: for so many pairs in all, 2 to 8."""

_TAUS_MS = (3.0, 10.0, 30.0)
_WIDTH = 0.1  # of the response bins of histories, in time constants
_FEWEST_SPIKES = 1000
_LARGEST = 2.0  # couplings of the history GLM are held to about this size: a spike changes a rate seven times
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
    notes: list = field(default_factory=list)


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
    tau_ms, history, before = _history(source, memory_mb)
    methods = {"glm": {"bin_steps": max(round(10 / source.dt_ms), 1)}} if estimators is None else estimators
    methods = {**methods, "glm_history": history}
    estimates = _estimates(source, methods, memory_mb)
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
        np.full((n, n), np.nan), {},
    )  # fmt: skip
    events = np.median(found.rates_hz) * seconds / n
    if events < _FEWEST_EVENTS:
        report.first = "glm_history"
        report.refused = (
            f"the median unit has {events:.1f} spikes for each of the {n} coefficients of its fit, and "
            f"at least {_FEWEST_EVENTS:g} are needed: record for longer, or choose fewer units"
        )
        return report
    plans = [
        Plan(simulator, variant, seed + 10_000 * (1 + k) + 100_000 * simulators.index(simulator))
        for k, variant in enumerate(variants)
        for simulator in simulators
    ]
    found_on, strengths = [], dict.fromkeys(simulators, 1.0)
    for number, plan in enumerate(plans):
        report_line(f"twin {number + 1} of {len(plans)}: {plan.words}")
        weights = prior.draw(np.random.default_rng(plan.seed))
        if not weights.any():
            continue
        strength = strengths[plan.simulator]
        twin = make_twin(plan, weights, own_past, source, found, tau_ms, memory_mb, strength)
        report.twins.append(twin)
        if not twin.refused:
            strengths[plan.simulator] = twin.strength
            on_twin = _estimates(twin.spikes, methods, memory_mb)
            for name, couplings in on_twin.items():
                report.twin_errors[name].append(twin_error(weights, couplings))
            found_on.append((twin, on_twin))
        twin.spikes = None
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


def _history(source, memory_mb):
    """Time constant that predicts held-out spikes best; options of the history GLM; its held-out fit."""
    first, _ = held_out_parts(source)
    tried = []
    for tau_ms in _TAUS_MS:
        options = _history_options(source, tau_ms)
        fitted = _estimates(first, {"glm_history": options}, memory_mb)["glm_history"]
        gained = held_out_bits(source, fitted)
        tried.append((gained, tau_ms, options, fitted))
    _, tau_ms, options, fitted = max(tried, key=lambda one: np.nan_to_num(one[0], nan=-np.inf))
    return tau_ms, options, fitted


def _history_options(source, tau_ms):
    bin_steps = max(round(_WIDTH * tau_ms / source.dt_ms), 1)
    n_bins = max(int((source.trial_steps // bin_steps).sum()), 1)
    # As of a normal prior: next to nothing where there are data, finite couplings where there are few.
    return {"bin_steps": bin_steps, "filter_ms": tau_ms, "ridge": 1 / (n_bins * _LARGEST**2)}


def _estimates(source, methods, memory_mb) -> dict[str, Couplings]:
    """Couplings by each method; what could not be estimated is NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return {
            name: estimate(name, source, memory_mb=memory_mb, device="cpu", **options)
            for name, options in methods.items()
        }


def _refusal(report, simulators) -> str:
    """Why there is no promise."""
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
    features, signs, _ = evidence(report.estimates, report.first, report.traits)
    off = ~np.eye(n, dtype=bool)
    phantom, report.worse = judge.phantom(features, signs)
    report.phantom[off] = phantom
    for promise, chosen in lists(phantom, signs).items():
        report.lists[promise] = np.zeros((n, n), dtype=bool)
        report.lists[promise][off] = chosen


__all__ = ["PROMISES", "ExpectedErrors", "RefusedError", "TrustReport", "Twin", "TwinError", "trust"]
