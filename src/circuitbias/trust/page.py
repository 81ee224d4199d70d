"""The trust report as files: one page that needs no network, a summary in JSON, a table of pairs."""

import base64
import html

import numpy as np
import pandas as pd

from circuitbias.trust.calibration import PROMISES
from circuitbias.trust.evidence import pairs
from circuitbias.trust.library import Stress, table
from circuitbias.trust.report import TrustReport
from circuitbias.trust.words import LIBRARY, sections

_MOST_ROWS = 200  # of the page's table: all are in the CSV
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#262626}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #ddd}
img{max-width:100%}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}
td,th{padding:.15rem .6rem;text-align:right;border-bottom:1px solid #eee}
th{position:sticky;top:0;background:#fff}
.refused{background:#fbe9e7;border-left:4px solid #c0392b;padding:.6rem 1rem}
.kept{background:#e8f5ee;border-left:4px solid #2e8b57;padding:.6rem 1rem}
.scroll{max-height:30rem;overflow:auto}caption{text-align:left;padding:.3rem 0}
"""


def pair_table(report: TrustReport) -> pd.DataFrame:
    """Return a row for each ordered pair, the most credible first.

    Returns
    -------
    DataFrame
        ``pre``, ``post``, ``sign``, ``phantom`` (probability; NaN without a promise), ``believed_at`` (the
        smallest promise at which it is listed), and of each estimator its coupling and standard error;
        ``synchrony``: the correlation of counts in 10 ms.
    """
    pre, post = pairs(len(report.units))
    units = np.array(report.units, dtype=object)
    first = report.estimates[report.first].values[pre, post]
    sign = np.sign(np.nan_to_num(first)).astype(int)
    table = pd.DataFrame({"pre": units[pre], "post": units[post], "sign": sign})
    table["phantom"] = report.phantom[pre, post]
    table["believed_at"] = np.nan
    for promise in sorted(report.lists, reverse=True):
        table.loc[report.lists[promise][pre, post], "believed_at"] = promise
    for name, couplings in report.estimates.items():
        table[name] = couplings.values[pre, post]
        table[f"{name}_error"] = couplings.standard_errors[pre, post]
    table["synchrony"] = report.traits.synchrony[pre, post]
    size = -np.abs(first)
    order = np.lexsort((np.nan_to_num(size, nan=np.inf), table.phantom.to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def summary(report: TrustReport, source: dict, stress: list[Stress] | None = None) -> dict:
    """Return the report without its pairs, as JSON can hold it."""
    tested = {} if stress is None else {"library": _plain(table(stress).to_dict("records"))}
    signs = np.sign(np.nan_to_num(report.estimates[report.first].values))
    return {
        "recording": source,
        "refused": report.refused,
        "judged_estimator": report.first,
        "worse_simulator": report.worse,
        "scatter_of_phantoms": report.spread,
        "bias_of_unconnected_pairs": report.bias,
        "simulators": sorted({twin.plan.simulator for twin in report.twins}),
        "filter_ms": report.tau_ms,
        "n_units": len(report.units),
        "believed": {
            f"{promise:g}": {
                "excite": int((chosen & (signs > 0)).sum()),
                "inhibit": int((chosen & (signs < 0)).sum()),
            }
            for promise, chosen in report.lists.items()
        },
        "delivered_on_other_twins": _plain(report.delivered),
        "expected_errors": {name: _plain(vars(one)) for name, one in report.expected.items()},
        "fit": _plain(report.checks.to_dict()),
        "traits": _plain(report.traits.to_dict()),
        "twins": [
            {
                "simulator": twin.plan.simulator,
                "variant": twin.plan.variant,
                "seed": twin.plan.seed,
                "strength": twin.strength,
                "correlation": twin.traits.correlation if twin.traits else None,
                "refused": twin.refused,
            }
            for twin in report.twins
        ],
        "in_words": sections(report, stress),
        **tested,
    }


def page(report: TrustReport, source: dict, figure_png: bytes, stress: list[Stress] | None = None) -> str:
    """Return the page: all in one file, figure and styles included.

    Parameters
    ----------
    report : TrustReport
    source : dict
        What was read: ``name``, and ``notes`` in sentences.
    figure_png : bytes
        As `circuitbias.figures.trust.draw` draws it.
    stress : list of Stress, optional
        What a stress test found: a section and a table.
    """
    parts = [_head(source.get("name", "a recording"))]
    for title, lines in sections(report, stress).items():
        boxed = title == "What to believe"
        kind = "refused" if report.refused else "kept"
        parts.append(f"<h2>{html.escape(title)}</h2>")
        parts.append(f"<div class='{kind}'>" if boxed else "<div>")
        parts.append("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul></div>")
        if boxed:
            image = base64.b64encode(figure_png).decode("ascii")
            parts.append(f"<img alt='figure of the report' src='data:image/png;base64,{image}'>")
            parts.append(f"<p>{html.escape(CAPTION)}</p>")
        if title == LIBRARY and stress:
            parts.append(_stress_table(stress))
    parts.append("<h2>Pairs</h2>" + _rows(report))
    notes = "".join(f"<li>{html.escape(str(note))}</li>" for note in source.get("notes", []))
    parts.append(f"<h2>What was read</h2><ul>{notes}</ul></body></html>\n")
    return "\n".join(parts)


def page_without(name: str, why: str) -> str:
    """Return the page of a recording that does not allow a report."""
    return f"{_head(name)}<div class='refused'>{html.escape(why)}</div></body></html>\n"


def _head(name):
    name = html.escape(str(name))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>Trust: {name}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Which couplings of {name} may be believed?</h1>"
    )


CAPTION = (
    "a: couplings, units ordered by structure. b: probability of being a phantom; dots: couplings listed at "
    f"{PROMISES[1]:.0%}. c: correlation of twins (open: refused; square: common drive; triangle: unseen "
    "units) beside that of the recording (line; grey: 15 % either way). d: false discovery rates promised "
    "and delivered on twins that had no part in the calibration (grey: 3 points either way). e: largest "
    "eigenvalues of the correlations of 10-ms counts; coloured: twins. f: total error expected with more or "
    "less data; dotted: with data without end. What to conclude: believe what is listed (dots in b), and "
    "expect as many phantoms among it as promised, more if the lines of d run above the grey. Filled twins "
    "lie within the grey of c; if they are far from the black curve of e, the recording has something that "
    "no twin has. A flat curve in f: a longer recording of these units does not help, the rest is bias."
)


def _rows(report):
    table = pair_table(report)
    listed = table[table.believed_at.notna()] if not report.refused else table
    shown = listed.head(_MOST_ROWS)
    what = "believed at 20 %" if not report.refused else "by size of the coupling: none is promised"
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in shown.columns)
    rows = [
        "<tr>" + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row) + "</tr>"
        for row in shown.itertuples(index=False)
    ]
    caption = f"{len(shown)} of {len(listed)} pairs, {what}; all {len(table)} are in pairs.csv"
    return (
        f"<div class='scroll'><table><caption>{caption}</caption><tr>{head}</tr>{''.join(rows)}</table></div>"
    )


def _stress_table(stress):
    caption = (
        "delivered: share of phantoms among the listed at a promise; found: share of the connections that "
        "are listed; broken: more phantoms than promised, and than chance explains (p &lt; .01)"
    )
    shown = table(stress)
    head = "".join(f"<th>{html.escape(str(name).replace('_', ' '))}</th>" for name in shown.columns[:-1])
    rows = [
        "<tr>" + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row[:-1]) + "</tr>"
        for row in shown[shown.left_out == ""].itertuples(index=False)
    ]
    return (
        f"<div class='scroll'><table><caption>{caption}</caption><tr>{head}</tr>{''.join(rows)}</table></div>"
    )


def _text(value):
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.3g}"
    return str(value)


def _plain(value):
    """Numbers and texts alone, NaN as None."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
