"""What was found in a recording, in sentences: how many couplings, which stand out, and what would help."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.of_recording import counted_reasons
from circuitbias.recordings.conversion import Conversion

FALSE_DISCOVERIES = 0.05
_FEWEST_EVENTS = 10.0  # of the response for each coefficient: with fewer, values and errors cannot be trusted
_FEWEST_TOGETHER = 5.0  # bins in which a pair fires together by chance
_MOST_LISTED = 10
_RIDGE = "--options '{\"ridge\": 1e-3}'"
_BY_CHANCE = 2 * norm.sf(2)  # beyond two standard errors
_BIAS = (
    "A coupling says that two units fire together more, or less, than all other units explain. Where "
    "recurrence is "
    "strong, and for what was not recorded, units that are not connected get couplings too, and more data "
    "do not "
    "cure that (docs/errors.md)"
)


@dataclass(frozen=True)
class Summary:
    """What was found.

    Attributes
    ----------
    n_pairs, n_couplings : int
        Pairs in all (each direction), and those with a coupling.
    reasons : dict of str to int
        Pairs without one, by reason.
    standing_out : int or None
        Couplings that differ from 0 at a false discovery rate of 5 % (Benjamini and Hochberg 1995, by the
        method's own standard errors); None if there are no standard errors.
    beyond_two_errors : float or None
        Share of couplings beyond two standard errors; 4.6 % would be by chance.
    events_a_coefficient : float or None
        Events of the median unit for each coefficient of its fit; None if the method fits none.
    bins_together : float or None
        Bins in which the median pair would fire together by chance; None if the method has no bins.
    too_short : bool
        Whether the recording is too short to say anything by this method.
    directed : bool
        Whether the method tells who acts on whom.
    strongest : list of dict
        ``pre``, ``post``, ``coupling``, ``standard_error``: those that stand out most, each pair once if the
        method tells no direction.
    found, help : list of str
        Sentences.
    """

    n_pairs: int
    n_couplings: int
    reasons: dict
    standing_out: int | None
    beyond_two_errors: float | None
    events_a_coefficient: float | None
    bins_together: float | None
    too_short: bool
    directed: bool
    strongest: list = field(default_factory=list)
    found: list = field(default_factory=list)
    help: list = field(default_factory=list)


def summarise(couplings: Couplings, report: Conversion) -> Summary:
    """Say what `circuitbias.estimators.of_recording.infer_units` has found.

    Parameters
    ----------
    couplings : Couplings
    report : Conversion

    Returns
    -------
    Summary
    """
    table = couplings.to_pandas()
    known = table[table.coupling.notna()]
    with_error = known[known.standard_error > 0]
    has_errors = not with_error.empty
    z = np.abs(with_error.coupling / with_error.standard_error).to_numpy()
    standing_out = false_discoveries(2 * norm.sf(z)) if has_errors else None
    beyond = float((z > 2).mean()) if has_errors else None
    n, spikes = len(report.units), np.median(report.spikes[report.spikes > 0])
    events = float(spikes / n) if "standard_errors" in couplings.arrays else None
    bin_s = couplings.diagnostics["options"].get("bin_steps", 0) * report.dt_ms / 1000
    together = float(spikes**2 * bin_s / report.seconds) if bin_s else None
    short = bool(known.empty or standing_out == 0 or (events is not None and events < _FEWEST_EVENTS))
    size = z if has_errors else np.abs(known.coupling.to_numpy())
    top = (with_error if has_errors else known).iloc[np.argsort(-size, kind="stable")]
    if standing_out:
        top = top[:standing_out]
    if not (directed := couplings.diagnostics["traits"]["directed"]):  # both couplings of a pair say the same
        pairs = pd.DataFrame(np.sort(top[["pre", "post"]].astype(str), axis=1))
        top = top[~pairs.duplicated().to_numpy()]
    top = top[:_MOST_LISTED]
    summary = Summary(
        len(table),
        len(known),
        counted_reasons(couplings),
        standing_out,
        beyond,
        events,
        together,
        short,
        directed,
        top.drop(columns="reason").astype(object).where(top.notna(), None).to_dict("records"),
    )
    summary.found.extend(_found(summary, couplings, bin_s))
    penalised = bool(couplings.diagnostics["options"].get("ridge"))
    summary.help.extend(_help(summary, report, bin_s, n, penalised))
    return summary


def false_discoveries(p: np.ndarray, rate: float = FALSE_DISCOVERIES) -> int:
    """How many tests the step-up procedure of Benjamini and Hochberg (1995) rejects.

    Parameters
    ----------
    p : ndarray, shape (n,)
    rate : float, optional
    """
    passed = np.sort(p) <= rate * np.arange(1, len(p) + 1) / len(p)
    return int(passed.nonzero()[0].max(initial=-1) + 1)


def strongest_in_words(summary: Summary) -> list[str]:
    """A line for each of the strongest couplings."""
    table = pd.DataFrame(summary.strongest)
    return [
        f"{row.pre} {'->' if summary.directed else '–'} {row.post}: {row.coupling:+.3g}"
        + (f" +- {row.standard_error:.2g}" if row.standard_error is not None else "")
        for row in table.astype(object).where(table.notna(), None).itertuples()
    ]


def _found(summary: Summary, couplings: Couplings, bin_s: float) -> list[str]:
    told = couplings.diagnostics
    bins = f" with bins of {1000 * bin_s:g} ms" if bin_s else ""
    lines = [f"{told['method']}{bins}: {summary.n_couplings} of {summary.n_pairs} pairs have a coupling"]
    lines += [f"{n} have none: {why}" for why, n in summary.reasons.items()]
    if summary.standing_out is None:
        if summary.n_couplings:
            lines.append("this method gives no standard errors here: nothing tells its couplings from chance")
    else:
        n = summary.standing_out
        lines.append(
            f"{n} of {summary.n_couplings} couplings stand out from their standard errors"
            + (f"; of these about {FALSE_DISCOVERIES * n:.2g} would by chance" if n else "")
            + f" (false discovery rate {FALSE_DISCOVERIES:.0%}, if the method's own errors hold). "
            f"{summary.beyond_two_errors:.1%} lie beyond two standard errors, {_BY_CHANCE:.1%} would by "
            "chance"
        )
    if summary.n_couplings and not told["traits"]["directed"]:
        lines.append("this method tells no direction: the two couplings of a pair say the same thing twice")
    if summary.too_short:
        lines.append(
            "This recording is TOO SHORT TO SAY, by this method and with these bins; see what would help"
        )
    return [*lines, _BIAS]


def _help(summary: Summary, report: Conversion, bin_s: float, n: int, penalised: bool) -> list[str]:
    lines = []
    events = summary.events_a_coefficient
    if events is not None and events < _FEWEST_EVENTS:
        lines.append(
            f"the median unit has {events:.2g} spikes for each of the {n} coefficients of its fit; less than "
            f"{_FEWEST_EVENTS:g} are too few for values or errors to be trusted: record "
            f"{_FEWEST_EVENTS / events:.2g} times as long, or take fewer units (--units, --where, "
            f"--least-rate-hz){'' if penalised else f', or a penalty ({_RIDGE})'}"
        )
    if summary.bins_together is not None and summary.bins_together < _FEWEST_TOGETHER:
        lines.append(
            f"the median pair fires together by chance in {summary.bins_together:.2g} bins: wider bins than "
            f"{1000 * bin_s:g} ms (--bin-ms) or a longer recording would show weaker couplings, and "
            "inhibition at all"
        )
    if any(why.startswith("infinite") for why in summary.reasons):
        lines.append(f"a penalty ({_RIDGE}) or wider bins give infinite couplings a value")
    if any("converge" in why for why in summary.reasons):
        lines.append("fits that did not converge may do so with a ridge, wider bins or fewer units")
    if few := len(report.silent) + len(report.rare):
        lines.append(f"units with hardly any spikes ({few}) can be left out: --least-rate-hz")
    return lines
