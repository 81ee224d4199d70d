"""The page of all published numbers: nothing is left out, and what differs is explained or said not to be."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from circuitbias.comparison import with_verdicts
from circuitbias.comparison.page import UNEXPLAINED, reproduction_page

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def comparison():
    def row(quantity, r, ours, **more):
        fixed = {"estimator": "glm", "n_spikes": 1e8, "n_spikes_published": 1e8, "standard_error": 0.01}
        return {"quantity": quantity, "r": r, "published": 0.5, "expected": 0.5, "ours": ours} | fixed | more

    rows = [
        row("total", 0.01, 0.51),
        row("bias", 0.01, 0.61),
        row("total", 0.02, 0.7),
        row("variance_l1", 0.01, 0.5),
        row("total", 0.01, 0.5, condition="bins of 25 steps"),
        row("noise_correlation", 0.02, 0.9, estimator=""),
    ]
    table = with_verdicts(rows)
    table.insert(0, "network", "ring")
    return table


def test_every_number_is_there_and_what_differs_has_its_reason(comparison):
    why = [
        {"quantity": "bias", "estimator": "glm", "r": [0.01, 0.03], "text": "Drift of the bumps."},
        {"quantity": "total", "r": 0.02, "text": "Too short."},
    ]
    page = reproduction_page(comparison, "# Title\n", why)
    assert page.startswith("# Title\n\n## How many agree\n\n**3 of 6 numbers agree (50%).**")
    assert "| 0.01 | 0.5 | 0.5 ± 0.01 | 0.51 | 1.020 | 0.5 | 0.5 ± 0.01 | 0.61 [1] | 1.220 |" in page
    assert "| 0.02 | 0.5 | 0.5 ± 0.01 | 0.7 [2] | 1.400 |  |  |  |  |" in page
    assert "### glm, scale of the mean profile" in page
    assert "### glm: error against bin width" in page
    assert "| bins of 25 steps | 0.5 |" in page
    assert "1. Drift of the bumps.\n2. Too short.\n" in page
    assert f"3. noise_correlation at r = 0.02 (ring): {UNEXPLAINED}." in page
    assert [entry["text"] for entry in why] == ["Drift of the bumps.", "Too short."]  # left as they were


def test_rows_without_an_explanation_are_each_named(comparison):
    page = reproduction_page(comparison, "# Title", [])
    assert page.count(UNEXPLAINED) == 3


def test_the_page_in_the_docs_is_made_from_the_tables_beside_it():
    """If this fails: `make reproduction` writes the page anew."""
    tables = [pd.read_csv(path) for path in sorted((DOCS / "data").glob("comparison_*.csv"))]
    texts = yaml.safe_load((DOCS / "reproduction.yaml").read_text())
    page = reproduction_page(pd.concat(tables, ignore_index=True), **texts)
    assert (DOCS / "reproduction.md").read_text() == page
    assert UNEXPLAINED not in page
