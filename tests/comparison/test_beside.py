"""What a caption says of published numbers, beside a table whose answer is counted by hand."""

from pathlib import Path

import pandas as pd
import pytest

from circuitbias.catalogue import pictures
from circuitbias.comparison.beside import Beside

ROWS = [
    # quantity, estimator, r, condition, published, expected, ours, verdict
    ("total", "glm", 0.01, "", 0.11, 0.11, 0.12, "agrees"),
    ("total", "glm", 0.02, "", 0.2314, 0.2601, 0.2612, "agrees"),
    ("total", "tap", 0.025, "", 0.9, 0.9, 0.5, "differs"),
    ("bias", "glm", 0.02, "", 0.2, 0.2, 0.21, "no error known"),
    ("variance", "glm", 0.02, "", 0.1, 0.1, float("nan"), "no value"),
    ("total", "glm", 0.02, "bins of 50 steps", 0.33, 0.33, 0.34, "agrees"),
    ("total", "glm", 0.02, "10^5.25 spikes", 0.44, 0.44, 0.45, "agrees"),
    ("pattern_strength", "", 0.02, "", 0.96, 0.96, 0.95, "differs"),
]
COLUMNS = ["quantity", "estimator", "r", "condition", "published", "expected", "ours", "verdict"]


@pytest.fixture
def beside(tmp_path):
    path = tmp_path / "paper_comparison.csv"
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(path, index=False)
    return Beside(path)


def test_numbers_of_a_figure_alone_are_counted(beside):
    """Of the largest strength of the first estimator; errors of bins and volumes are of other figures."""
    assert beside.in_words("figure2") == (
        "**Published beside ours**: of 5 numbers 2 agree, 1 differs, 1 has no error known, 1 has no value "
        "of ours. For example total error (``glm``, r = 0.02): published 0.231 (0.26 to be expected here), "
        "ours 0.261."
    )
    assert "of 1 numbers 1 agrees. For example total error (``glm``, r = 0.02, bins of 50 steps): " in (
        beside.in_words("bin_width")
    )
    assert "total error (``glm``, r = 0.02, 10^5.25 spikes): published 0.44, ours 0.45." in (
        beside.in_words("data_volume")
    )
    assert "pattern strength (r = 0.02): published 0.96, ours 0.95" in beside.in_words("figure1")


def test_of_nothing_nothing_is_said(beside, tmp_path):
    assert beside.in_words("synchrony") == ""
    assert Beside(tmp_path / "none.csv").in_words("figure2") == "" == Beside().in_words("figure2")


def test_a_figure_of_several_circuits_counts_all(beside):
    assert "of 8 numbers" in Beside(f"{beside}\n{beside}").in_words("matched_mismatched")


def test_a_parameter_of_a_rule_is_the_text_alone(beside):
    """What stands in the table is no part of it."""
    assert isinstance(beside, str) and repr(beside) == repr(str(beside))


@pytest.mark.parametrize("file", ["ring", "pinned", "sidebands", "substates"])
def test_every_compared_number_of_the_docs_is_told_by_a_figure(file):
    table = pd.read_csv(Path(__file__).parents[2] / "docs" / "data" / f"comparison_{file}.csv")
    conditions = table.condition.astype(object).fillna("").astype(str)
    told = pd.Series(False, index=table.index)
    for picture in pictures().values():
        for quantity, pattern in picture.compared:
            told |= (table.quantity == quantity) & conditions.str.fullmatch(pattern)
    assert table[~told].empty
