"""The page that sets every published number beside ours, with the reason where they differ."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from circuitbias.comparison.checks import ERRORS, independent_checks
from circuitbias.comparison.verdicts import AS_PUBLISHED, INDEPENDENT, strength_of_bumps

_NETWORKS = {
    "ring": "The ring",
    "ring_pinned": "The pinned ring",
    "sideband": "The ring with sidebands",
    "ring_ising": "The ring, Ising generator",
    "ring_glm_exp": "The ring, generator GLM-exp",
    "ring_glm_relu": "The ring, generator GLM-relu",
    "ring_lnp": "The ring, generator LNP",
}
_QUANTITIES = {
    "pattern_strength": "pattern strength (single-step counts)",
    "noise_correlation": "noise correlation of co-tuned neurons",
    "diffusivity": "diffusivity of the bumps",
    "divergence": "divergence of the ring from rings with sidebands, states of ten neighbours (bits)",
    "entropy": "entropy of the states of ten neighbours (bits)",
    "volume_slope": "slope of log10(variance error² on the scale of all data) against log10(spikes)",
    "volume_log10_intercept": "intercept of the same fit",
    "log10_data_demand": "log10 of the spikes that a total error takes",
}
_TEXTS = ("estimator", "condition", "expected_from", "error_from", "note")


def reproduction_page(comparison: pd.DataFrame, introduction: str, explanations: Iterable[dict]) -> str:
    """Write the page in Markdown.

    Parameters
    ----------
    comparison : DataFrame
        Columns ``network`` and those of `circuitbias.comparison.COLUMNS`.
    introduction : str
        Its first line is the heading of the page; the rest stands after the counts.
    explanations : iterable of dict
        Each with ``text``, any of ``network``, ``quantity``, ``estimator``, ``r``, ``condition`` (a value or
        a list of values), and, if a test shows the cause, ``shown_by``, its name: it explains the rows that
        have all of these. The first that fits counts. What nothing shows is called unexplained.

    Returns
    -------
    str
        Rows that differ carry the number of their explanation.
    """
    comparison = comparison.assign(
        **{name: comparison.get(name, pd.Series("", comparison.index)).fillna("") for name in _TEXTS}
    )
    explanations = list(explanations)
    reasons = comparison.apply(lambda row: _reason(row, explanations), axis=1)
    used = sorted({reason for reason in reasons if reason})
    comparison = comparison.assign(mark=[f" [{used.index(r) + 1}]" if r else "" for r in reasons])
    heading, _, introduction = introduction.strip().partition("\n")
    lines = [heading, "", *_counts(comparison), ""]
    lines += ["## How the rows were made", "", introduction.strip(), ""] if introduction.strip() else []
    lines += ["## What the rows are made of", "", *_origins(comparison), ""]
    for network, of_network in comparison.groupby("network", sort=False):
        lines += [f"## {_NETWORKS[network]}", ""]
        of_errors = of_network.quantity.str.removesuffix("_l1").isin(ERRORS)
        for (estimator, older, kind), rows in of_network[of_errors].groupby(
            [
                "estimator",
                of_network.quantity.str.endswith("_l1"),
                of_network.condition.str.split(r"[ ^]").str[0],
            ],
            sort=False,
        ):
            scale = ", scale of the mean profile (the authors' convention of 2018)" if older else ""
            lines += [f"### {estimator}{scale}{_KINDS.get(kind, '')}", "", *_error_table(rows), ""]
        for quantity, rows in of_network[~of_errors].groupby("quantity", sort=False):
            lines += [f"### {_QUANTITIES[quantity]}", "", *_value_table(rows), ""]
    if used:
        lines += ["## Why some differ", "", *_how_many_are_shown(reasons, explanations), ""]
        for number, index in enumerate(used, 1):
            lines.append(f"{number}. {_told(explanations[index - 1])}")
        lines += [""]
    return "\n".join(lines)


_KINDS = {"bins": ": error against bin width", "10": ": error against volume", "synchrony": ": synchrony"}
_SLIPS = " †"
UNEXPLAINED = "not explained"
_WORDS = ("text", "shown_by")  # of an explanation; all else says of which rows it is


def _how_many_are_shown(reasons, explanations) -> list[str]:
    differ = [explanations[reason - 1] for reason in reasons if reason]
    shown = sum("shown_by" in entry for entry in differ)
    return [
        f"Of {len(differ)} rows that differ, {shown} have a cause that a named test shows; the others are "
        "unexplained, whatever else is said of them."
    ]


def _told(entry) -> str:
    text = entry["text"].strip()
    if "shown_by" in entry:
        return f"{text} *Shown by* `{entry['shown_by']}`."
    return text if UNEXPLAINED in text else f"**Unexplained.** {text}"


def _reason(row, explanations) -> int:
    """Number of the explanation of a row that differs, from 1; 0 if it does not."""
    if row.verdict != "differs":
        return 0
    for number, entry in enumerate(explanations, 1):
        wanted = {key: value for key, value in entry.items() if key not in _WORDS}
        if all(_is_among(row[key], value) for key, value in wanted.items()):
            return number
    which = {key: row[key] for key in ("network", "quantity", "estimator", "r", "condition")}
    name = " ".join(filter(None, (row.quantity, row.estimator, f"at r = {row.r:g}", row.condition)))
    explanations.append(which | {"text": f"{name} ({row.network}): {UNEXPLAINED}."})
    return len(explanations)


def _is_among(value, wanted) -> bool:
    wanted = wanted if isinstance(wanted, list) else [wanted]
    return any(np.isclose(value, w) if isinstance(w, float) else value == w for w in wanted)


def _counts(comparison) -> list[str]:
    judged = comparison[comparison.verdict.isin(["agrees", "differs"])]
    agree = int((judged.verdict == "agrees").sum())
    checks = independent_checks(comparison)
    drifting = judged.note.str.contains(INDEPENDENT, regex=False)
    beyond, n = judged.z.abs(), len(judged)
    lines = [
        f"**{checks.agrees.sum()} of {len(checks)} independent checks agree "
        f"({checks.agrees.sum() / max(len(checks), 1):.0%}).** They are made of {n} numbers, of which "
        f"{agree} ({agree / max(n, 1):.0%}) lie within two standard errors and "
        f"{(beyond <= 3).sum()} within three; {0.9545 * n:.0f} and {0.9973 * n:.0f} would, if all standard "
        f"errors were right and all rows independent. {len(comparison) - n} more could not be judged.",
        "",
        "*Would have seen* is the power of a verdict: the smallest deviation, relative to what was expected, "
        "that it would have called one (two standard errors; the median of the rows).",
        "",
        "| network | quantity | estimator | agree | differ | not judged | within 3 SE | would have seen |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, rows in comparison.groupby(["network", "quantity", "estimator"], sort=False):
        counts = rows.verdict.value_counts()
        agree, differ = (int(counts.get(verdict, 0)) for verdict in ("agrees", "differs"))
        sizes = rows.z[rows.verdict.isin(["agrees", "differs"])].abs()
        power = (2 * rows.standard_error / rows.expected.abs()).median()
        numbers = agree, differ, len(rows) - agree - differ, (sizes <= 3).sum()
        seen = "" if np.isnan(power) else f"{power:.1%}"
        lines.append("| " + " | ".join([*key, *map(str, numbers), seen]) + " |")
    if drifting.any():
        lines += [
            "",
            f"{drifting.sum()} of these rows are at r >= {strength_of_bumps():g}, where bumps have formed, "
            "with a standard error that assumes independent noise; "
            f"{(beyond[drifting] <= 2).sum()} of them lie within two. Bumps that drift correlate the noise "
            "of pairs, and recordings may scatter more.",
        ]
    return [*lines, "", *_repeated(checks)]


def _repeated(checks) -> list[str]:
    """Table of the checks: rows that are one measurement seen several times."""
    lines = [
        f"**Rows of one estimate count once.** The {checks.n_rows.sum()} rows that were judged are "
        f"{len(checks)} checks; a check of several numbers agrees if its largest deviation is no larger than "
        "that of as many independent numbers is in 95 % of cases:",
        "",
        "| check | rows | checks | agree |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {kind} | {found.n_rows.sum()} | {len(found)} | {found.agrees.sum()} |"
        for kind, found in checks.groupby("kind", sort=False)
    ]


def _origins(comparison) -> list[str]:
    """Table of what expectations and standard errors are made of."""
    lines = [
        "**What expectations and standard errors are made of.** Where that is ours, a row is a weaker test:",
        "",
        "| expected | standard error | rows | within 2 SE |",
        "|---|---|---|---|",
    ]
    for key, rows in comparison.groupby(["expected_from", "error_from"], sort=False):
        lines.append(f"| {' | '.join(key)} | {len(rows)} | {(rows.z.abs() <= 2).sum()} |")
    return lines


def _error_table(rows) -> list[str]:
    """A line a strength or condition; for each error what was to be expected, and ours."""
    quantities = list(rows.quantity.unique())
    conditioned = rows.condition.ne("").any()
    head = ["r", *(["condition"] if conditioned else [])]
    for quantity in quantities:
        head += [f"{quantity.removesuffix('_l1')}: published", "expected", "ours", "ratio"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    in_order = rows.sort_values("r", kind="stable")
    for (r, condition), line in in_order.groupby(["r", "condition"], sort=False):
        mark = _SLIPS if line.note.str.contains(AS_PUBLISHED, regex=False).any() else ""
        cells = [f"{r:g}{mark}", *([condition] if conditioned else [])]
        by_quantity = line.set_index("quantity")
        for quantity in quantities:
            if quantity not in by_quantity.index:
                cells += [""] * 4
                continue
            row = by_quantity.loc[quantity]
            error = "" if np.isnan(row.standard_error) else f" ± {row.standard_error:.2g}"
            unjudged = "" if row.verdict in ("agrees", "differs") else f" ({row.verdict})"
            cells += [f"{row.published:.4g}", f"{row.expected:.4g}{error}"]
            cells += [f"{row.ours:.4g}{row.mark}{unjudged}", f"{row.ratio:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    if any(_SLIPS in line for line in lines):
        lines += ["", f"{_SLIPS.strip()} {AS_PUBLISHED}: option `as_published`"]
    return lines


def _value_table(rows) -> list[str]:
    lines = [
        "| estimator | r | spikes | condition | published | expected | ours | z | verdict |",
        "|---" * 9 + "|",
    ]
    for row in rows.sort_values("r", kind="stable").itertuples():
        spikes = "" if np.isnan(row.n_spikes) else f"{row.n_spikes:.3g}"
        error = "" if np.isnan(row.standard_error) else f" ± {row.standard_error:.2g}"
        cells = [row.estimator, f"{row.r:g}", spikes, row.condition, f"{row.published:.4g}"]
        cells += [f"{row.expected:.4g}{error}", f"{row.ours:.4g}", f"{row.z:.1f}", row.verdict + row.mark]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
