"""The trust report in sentences: each number with what it means."""

import numpy as np

from circuitbias.trust.calibration import PROMISES
from circuitbias.trust.library import Stress
from circuitbias.trust.report import TrustReport
from circuitbias.trust.twins import TOLERANCE

_CLOSE_FIT, _BAD_FIT = 0.05, 0.15  # distances between distributions of rescaled intervals
_EXPLAINED = 1.3  # residual correlations over chance up to which they count as explained
_DRIFT_Z, _DRIFT_SHARE, _DRIFT_SIZE = 3.0, 0.1, 0.1
_WORTH = 0.1  # fall of the error for which more data are worth while
_VARIANTS = {
    "plain": "On twins that had no part in the calibration",
    "common": "If part of the correlations comes from common drive, as in some twins",
    "hidden": "If as many units again were not recorded, as in some twins",
}
LIBRARY = "If the circuit were another one"
_WIDE = 1.05  # scatter of phantoms, in standard errors, from which on the page speaks of it
_NAMED, _MOST_NAMED = 0.1, 20  # the list whose couplings are named, and how many of them
_LEAST_CYCLES = 100  # of the slowest mode: with fewer, correlations are those of the moment


def sections(report: TrustReport, stress: list[Stress] | None = None) -> dict[str, list[str]]:
    """Sentences by the title of their section.

    Parameters
    ----------
    report : TrustReport
    stress : list of Stress, optional
        What a stress test found (`circuitbias.trust.library`): a section of its own.
    """
    told = {
        "What to believe": believe(report),
        "Does the model fit?": fit(report),
        "The twins": twins(report),
        "How wrong the couplings are": errors(report),
        "What would help": helps(report),
    }
    return told if stress is None else told | {LIBRARY: library(stress)}


def believe(report: TrustReport) -> list[str]:
    """How many couplings may be believed."""
    if report.refused:
        return [
            f"NO PROMISE: {report.refused}.",
            "What follows says what was tried. Couplings of this recording are not to be believed one by one "
            "on the strength of this report.",
        ]
    signs = np.sign(np.nan_to_num(report.estimates[report.first].values))
    lines = [
        f"Couplings are those of {report.first}, the estimator that finds most connections on the twins "
        "(simulated copies of this recording whose wiring is known). A phantom is a coupling whose pair has "
        "no connection of that sign. A list keeps its rate on the whole: a single coupling in it may have a "
        "higher probability of being one."
    ]
    for promise in PROMISES:
        chosen = report.lists[promise]
        excites, inhibits = int((chosen & (signs > 0)).sum()), int((chosen & (signs < 0)).sum())
        lines.append(
            f"At a promised false discovery rate of {promise:.0%}: {excites} that excite and {inhibits} that "
            "inhibit."
        )
    if named := _named(report, signs):
        lines.append(f"At {_NAMED:.0%}, the surest first (all: pairs.csv): {named}.")
    for variant, what in _VARIANTS.items():
        kept = [
            report.delivered[twin.plan.words]
            for twin in report.twins
            if twin.plan.variant == variant and twin.plan.words in report.delivered
        ]
        found = {p: [one[p] for one in kept if np.isfinite(one[p])] for p in PROMISES}
        if all(found.values()):
            told = ", ".join(f"{np.mean(v):.0%} (worst {max(v):.0%})" for v in found.values())
            promised = ", ".join(f"{p:.0%}" for p in PROMISES)
            lines.append(f"{what}, lists made in this way hold {told} phantoms for promises of {promised}.")
    if report.spread > _WIDE:
        lines.append(
            f"The lists are cut shorter than the twins would have them: phantoms are taken to scatter "
            f"{report.spread:.2f} times as far from zero as their standard errors say, because pairs fire "
            "together in a way that the couplings do not explain, or because there is a crowd of couplings "
            "too small to tell from zero. Units that were not recorded make such couplings."
        )
    lines.append(
        f"The promise is that of the worse simulator, {report.worse}. It supposes that the recording is like "
        "its twins: read the two next sections before you rely on it."
    )
    return lines


def _named(report, signs) -> str:
    """Couplings of the list at 10 % by the ids of their units, with the probability of being a phantom."""
    pairs = np.argwhere(report.lists[_NAMED])
    chances = report.phantom[tuple(pairs.T)]
    told = [
        f"{report.units[pre]} -> {report.units[post]} {'excites' if signs[pre, post] > 0 else 'inhibits'} "
        f"({chance:.1%})"
        for (pre, post), chance in sorted(zip(pairs.tolist(), chances, strict=True), key=lambda one: one[1])
    ]
    more = f", and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return ", ".join(told[:_MOST_NAMED]) + more


def fit(report: TrustReport) -> list[str]:
    """What a Poisson GLM on histories explains."""
    checks, traits = report.checks, report.traits
    lines = [f"The filter of past spikes is {report.tau_ms:g} ms long, the best of three by held-out spikes."]
    if np.isfinite(checks.bits):
        gained = f"{checks.bits:+.3f} bits a spike over constant rates on the last fifth of the recording"
        what = (
            "the past of the recorded units says something about their future"
            if checks.bits > 0
            else "the past of the recorded units says nothing that holds later: too few spikes, or drift"
        )
        lines.append(f"Held-out likelihood: {gained}: {what}.")
    distance = np.nanmedian(checks.distance) if np.isfinite(checks.distance).any() else np.nan
    if np.isfinite(distance):
        what = (
            "spike times are as the model says"
            if distance < _CLOSE_FIT
            else "single units have a rhythm of their own, such as bursts or refractoriness, that the filter "
            "does not have"
            if distance < _BAD_FIT
            else "spike times are not those of this model: do not read its couplings as mechanisms"
        )
        lines.append(
            f"Time rescaling: the distributions of the median unit differ by {distance:.2f} "
            f"({checks.rejected:.0%} of the units at p < .01, which with many spikes says little): {what}."
        )
    largest, at = float(checks.residual.max()), int(checks.residual.argmax())
    what = (
        "what pairs do together is explained"
        if largest < _EXPLAINED
        else f"pairs fire together, {10 * at} ms apart, in a way that the couplings do not explain: common "
        "input, units not recorded, or another link"
    )
    lines.append(f"Residual correlations are {largest:.2f} times what chance gives: {what}.")
    moved = np.abs(traits.drift_z) > _DRIFT_Z
    size = float(np.median(np.abs(traits.drift)))
    if moved.mean() > _DRIFT_SHARE and size > _DRIFT_SIZE:
        lines.append(
            f"Drift: {moved.mean():.0%} of the units change their rate steadily, the median one by "
            f"{size:.0%} from start to end. Twins do not drift: couplings between units that drift "
            "together are suspect. Analyse parts of the recording."
        )
    else:
        lines.append(f"Drift: {moved.mean():.0%} of the units change their rate steadily: not much.")
    lines.append(
        f"The correlation of pairs is {traits.correlation:.3f} +- {traits.correlation_se:.3f} (root mean "
        f"square, counts in 10 ms; {traits.slow:.3f} +- {traits.slow_se:.3f} in 200 ms): the "
        f"{len(report.units)} units move in {traits.rank:.0f} dimensions or so."
    )
    seconds = traits.n_bins / 100
    if traits.slowest_ms > 0:
        cycles = 1000 * seconds / traits.slowest_ms
        lines.append(
            f"The slowest common mode lasts {traits.slowest_ms:.0f} ms: the recording holds {cycles:.0f} "
            "such times"
            + (
                ". That is few: its correlations are partly those of the moment, and so are its couplings."
                if cycles < _LEAST_CYCLES
                else "."
            )
        )
    return lines


def twins(report: TrustReport) -> list[str]:
    """Which twins were made, and why others are none."""
    lines = [
        "Twins are simulated from wirings that this recording could have, with as many spikes unit by unit, "
        f"as strong correlations (within {TOLERANCE:.0%}, or their sampling error) and the same length. "
        "Their wiring is known."
    ]
    for twin in report.twins:
        told = twin.refused or f"matches (correlation {twin.traits.correlation:.3f})"
        lines.append(f"{twin.plan.words}: {told}")
    hidden = [twin for twin in report.twins if twin.plan.variant == "hidden"]
    if hidden and all(twin.refused for twin in hidden):
        lines.append(
            "No twin with units that were not recorded matches: the promise does not cover them. If most of "
            "the network was not recorded, expect more phantoms than promised."
        )
    return lines


def errors(report: TrustReport) -> list[str]:
    """Expected errors by estimator."""
    lines = []
    for name, one in sorted(report.expected.items(), key=lambda item: -item[1].average_precision):
        lines.append(
            f"{name}: total error {one.total:.2f} (twins {one.lowest:.2f} to {one.highest:.2f}), of it bias "
            f"{one.bias:.2f} and variance {one.variance:.2f}; average precision as a detector of connections "
            f"{one.average_precision:.2f}."
        )
    if lines:
        lines.append(
            "A total error of 0 is the true wiring up to one factor, 1 is no better than nothing. Bias is "
            "the part that would be the same in the next recording of this network, variance the part that "
            "would not. Average precision is 1 if all connections have larger couplings than all other pairs."
        )
    return lines or ["There is no twin that matches: nothing is known of the errors."]


def helps(report: TrustReport) -> list[str]:
    """What more data, or more units, would change."""
    lines = []
    for name, one in report.expected.items():
        four, fall = one.with_more[4.0], 1 - one.with_more[4.0] / one.total
        verdict = (
            f"{name}: four times as much data would take the error from {one.total:.2f} to {four:.2f}"
            if fall > _WORTH
            else f"{name}: more data hardly help: {one.total:.2f} now, {four:.2f} with four times as much"
        )
        lines.append(f"{verdict}; {one.at_best:.2f} stay with data without end.")
    lines += _more_units(report)
    if report.refused and "correlations" in report.refused:
        lines.append(
            "The wirings drawn from this recording are too noisy to make its correlations, or the network is "
            "too near an instability: a longer recording, or fewer units, may give a promise."
        )
    return lines or ["There is no twin to tell it by; the reason at the top says what is missing."]


def _more_units(report):
    """Compare twins with and without unseen units."""
    good = [twin for twin in report.twins if not twin.refused]
    lines = []
    for name, found in report.twin_errors.items():
        of = {
            variant: [e.total for e, t in zip(found, good, strict=True) if t.plan.variant == variant]
            for variant in ("plain", "hidden")
        }
        if of["plain"] and of["hidden"]:
            plain, hidden = np.mean(of["plain"]), np.mean(of["hidden"])
            what = "recording them would help" if hidden > 1.1 * plain else "recording them would hardly help"
            lines.append(
                f"{name}: with as many units again unseen, the error is {hidden:.2f} on twins, {plain:.2f} "
                f"without: {what}."
            )
    return lines


def library(stress: list[Stress]) -> list[str]:
    """What a promise delivers on networks of other kinds."""
    if not stress:
        return ["Not tested: there is no promise."]
    tested = [one for one in stress if not one.refused]
    lines = [
        "Networks of other kinds, whose wiring owes nothing to this recording, with its units, rates and "
        f"length and correlations as strong (within {TOLERANCE:.0%}, or their sampling error). Their "
        "couplings are judged by what the twins have taught, as those of the recording are; one network of "
        "each kind."
    ]
    broken = [one for one in tested if one.broken(_NAMED)]
    if tested:
        lines.append(
            f"A promise of {_NAMED:.0%} is broken, by more than chance explains, on {len(broken)} of "
            f"{len(tested)}"
            + (f": {', '.join(one.architecture.words for one in broken)}." if broken else ".")
        )
    lines += [_stressed(one) for one in tested]
    return lines + [
        f"If it were {one.architecture.words}: left out. The network that was made is none of these: "
        f"{one.refused}."
        for one in stress
        if one.refused
    ]


def _stressed(one):
    """One network of the library."""
    what = f"If it were {one.architecture.words} ({one.connected:.0%} of all pairs connected)"
    if not any(one.listed.values()):
        return f"{what}: no coupling is listed."
    told = ", ".join(
        f"{one.delivered(p):.0%} of {one.listed[p]}" if one.listed[p] else "none listed" for p in PROMISES
    )
    promised = ", ".join(f"{p:.0%}" for p in PROMISES)
    return (
        f"{what}: phantoms among the listed are {told}, for promises of {promised}; "
        f"{one.found[_NAMED]:.0%} of its connections are listed at {_NAMED:.0%}."
    )
