"""Whether rows that docs/reproduction.yaml lays to chance are as few, and lie as near, as chance has them."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import binom, t

from circuitbias.comparison.checks import independent_checks, measurement
from circuitbias.comparison.measured import with_measured_errors

DOCS = Path(__file__).parents[2] / "docs"
TEXTS = ("estimator", "condition", "expected_from", "error_from", "note")


def read(table):
    """A table, judged as on the page."""
    rows = pd.read_csv(DOCS / "data" / f"comparison_{table}.csv", dtype=dict.fromkeys(TEXTS, object))
    rows = rows.fillna(dict.fromkeys(TEXTS, ""))
    return with_measured_errors(rows, pd.read_csv(DOCS / "data" / "sampling_errors.csv"))


def laid_to(row, explanations):
    """The first explanation that fits a row, as the page has it."""
    for entry in explanations:
        wanted = {key: value for key, value in entry.items() if key not in ("text", "shown_by")}
        among = {key: value if isinstance(value, list) else [value] for key, value in wanted.items()}
        if all(
            any(np.isclose(row[key], one) if isinstance(one, float) else row[key] == one for one in values)
            for key, values in among.items()
        ):
            return entry.get("shown_by", "unexplained")
    return "unexplained"


def beyond(deviation, n_numbers, error_from):
    """Probability that the largest of independent numbers lies so far off, in standard errors.

    These are known from the scatter of a few recordings (Student's t), or else taken as known, which allows
    less.
    """
    known = pd.Series(error_from).str.extract(r"scatter of our (\d+) recordings", expand=False)
    n_recordings = known.astype(float).min()
    one = 2 * t.sf(deviation, math.inf if np.isnan(n_recordings) else n_recordings - 1)
    return 1 - (1 - one) ** n_numbers


ALIKE = ("mean_field_binarised", "tap", "sessak_monasson", "mpf")
"""Methods for binarised counts: of one recording, their errors deviate together."""


def chances(table, explanations, named):
    """Each check's probability to lie beyond its limit and beyond where it does, and whether it agrees.

    Checks that are off for another reason, named or unknown, are left out. Of methods whose errors deviate
    together the farthest counts, as one check.
    """
    judged = table[table.verdict.isin(["agrees", "differs"])]
    origins, others = {}, set()
    for row in judged.itertuples():
        which = measurement(row)
        origins.setdefault(which, []).append(row.error_from)
        if row.verdict == "differs" and laid_to(row._asdict(), explanations) != named:
            others.add(which)
    found = {}
    for check in independent_checks(table).sort_values("largest").itertuples():  # the farthest is kept
        if (key := (check.kind, check.which)) not in others:
            network, estimator, *more = check.which
            recorded = check.kind, network, "alike" if estimator in ALIKE else estimator, *more
            far = (beyond(far, check.n_numbers, origins[key]) for far in (check.limit, check.largest))
            found[recorded] = (*far, check.agrees)
    return pd.DataFrame(found.values(), columns=["of_limit", "of_largest", "agrees"])


def by_chance(checks):
    """Whether as many checks lie beyond their limit as in 95 % of such tables, and the farthest as near."""
    allowed = binom.ppf(0.95, len(checks), checks.of_limit.mean())
    farthest = 1 - (1 - checks.of_largest.min()) ** len(checks)
    print(f"{(~checks.agrees).sum()} of {len(checks)} checks beyond their limit, {allowed:.0f} allowed")
    print(f"one of them as far off as the farthest: probability {farthest:.2g}")
    return (~checks.agrees).sum() <= allowed and farthest > 0.05


@pytest.mark.parametrize("table", ["generators", "ring", "pinned", "substates"])
def test_rows_laid_to_chance_are_as_few_and_as_near_as_chance_has_them(table, request):
    """Every network and strength of such a table has its own recordings: checks are taken as independent."""
    explanations = yaml.safe_load((DOCS / "reproduction.yaml").read_text())["explanations"]
    assert by_chance(chances(read(table), explanations, request.node.nodeid))


@pytest.mark.parametrize(("n_far", "largest", "chance"), [(2, 2.4, True), (8, 2.4, False), (1, 4.5, False)])
def test_many_or_far_checks_are_not_laid_to_chance(n_far, largest, chance):
    """Of forty totals, of which two are to be expected beyond two standard errors."""
    z = np.r_[np.full(n_far, largest), np.full(40 - n_far, 0.5)]
    rows = pd.DataFrame(
        {"z": z, "r": 0.001 * np.arange(1, 41), "verdict": np.where(z > 2, "differs", "agrees")}
    )
    rows = rows.assign(network="ring", quantity="total", estimator="glm", condition="", error_from="model")
    assert by_chance(chances(rows, [{"text": "By chance.", "shown_by": "here"}], "here")) == chance
    assert len(chances(rows, [], "here")) == 40 - n_far  # whose cause is another, or unknown, are left out
