"""What counts as agreement: values just inside and just outside every limit, and the words with them."""

import math

import numpy as np
import pandas as pd
import pytest

from circuitbias import published
from circuitbias.comparison import COLUMNS, summary, with_verdicts
from circuitbias.comparison.verdicts import INDEPENDENT, pairs_note, strength_of_bumps


def judged(ours, quantity="volume_slope", **changes):
    """Verdict on a value where 1 ± 0.1 is expected."""
    row = {"quantity": quantity, "estimator": "glm", "r": 0.01, "published": 1.0, "expected": 1.0}
    row |= {"standard_error": 0.1, "n_spikes": 1e7, "n_spikes_published": 1e8, "ours": ours}
    (found,) = with_verdicts([row | changes]).itertuples()
    return found


@pytest.mark.parametrize("sign", [1, -1])
def test_two_standard_errors(sign):
    assert judged(1 + sign * 0.199).verdict == "agrees"
    assert judged(1 + sign * 0.201).verdict == "differs"
    assert judged(1 + sign * 0.15).z == pytest.approx(sign * 1.5)
    assert judged(1 + sign * 0.15).ratio == pytest.approx(1 + sign * 0.15)


@pytest.mark.parametrize(
    "quantity",
    ["total", "bias", "variance_l1", "pattern_strength", "noise_correlation", "volume_slope"],
)
def test_there_is_no_tolerance_beside_standard_errors(quantity):
    assert judged(1.0001, quantity, standard_error=1e-6).verdict == "differs"
    assert judged(1.0, quantity, standard_error=1e-6).verdict == "agrees"


def test_a_verdict_says_what_it_would_have_seen():
    assert judged(1.0, standard_error=0.03).sees == pytest.approx(0.06)
    assert judged(5.0, standard_error=0.03).sees == pytest.approx(0.06)
    assert math.isnan(judged(1.0, standard_error=np.nan).sees)


def test_without_an_error_there_is_no_verdict():
    assert judged(1.0, "total", standard_error=np.nan).verdict == "no error known"
    assert math.isnan(judged(1.04, "total", standard_error=np.nan).z)


def test_a_hundred_times_as_many_spikes_are_too_many():
    assert judged(1.0, n_spikes=1.01e6).verdict == "agrees"
    assert judged(1.0, n_spikes=1e6).verdict == "agrees"
    assert judged(1.0, n_spikes=0.99e6).verdict == "too few spikes"
    assert judged(1.0, n_spikes=1e12).verdict == "agrees"  # more of ours are no extrapolation
    assert judged(1.0, n_spikes=np.nan).verdict == "agrees"


def test_the_first_reason_counts():
    missing, far, unknown = {"ours": np.nan}, {"n_spikes": 10}, {"standard_error": np.nan}
    assert judged(**missing | far | unknown).verdict == "no value"
    assert judged(2.0, **far | unknown).verdict == "too few spikes"
    assert judged(2.0, **unknown).verdict == "no error known"


def test_texts_that_are_left_out_are_empty_and_no_row_is_no_table():
    row = judged(1.0)
    assert (row.condition, row.expected_from, row.error_from, row.note) == ("", "", "", "")
    assert with_verdicts([]).empty and with_verdicts([]).columns.tolist() == COLUMNS
    assert COLUMNS[:4] == ["quantity", "estimator", "r", "condition"]
    assert COLUMNS[-4:] == ["verdict", "expected_from", "error_from", "note"]


def test_where_bumps_have_formed_the_error_is_said_to_assume_independent_noise():
    """The published pattern strength of 1e7 spikes passes 1/2 between r = 0.01 (.17) and 0.0125 (.70)."""
    table = published.pattern_strength()
    strengths = table[table.n_spikes == 1e7].set_index("r").pattern_strength
    assert strengths[0.01] < 0.5 < strengths[0.0125]
    assert strength_of_bumps() == 0.0125
    assert judged(1.0, r=0.0125, error_from="model").note == INDEPENDENT
    assert judged(1.0, r=0.0125 - 1e-12, error_from="model").note == INDEPENDENT  # read from a file
    assert judged(1.0, r=0.025, error_from="model and rounding").note == INDEPENDENT
    assert judged(1.0, r=0.01, error_from="model").note == ""
    assert judged(1.0, r=0.025, error_from="our windows").note == ""
    assert (
        judged(1.0, r=0.025, error_from="model", note="over 9 pairs").note == f"over 9 pairs; {INDEPENDENT}"
    )
    assert judged(1.0, r=0.01, error_from="model", note="over 9 pairs").note == "over 9 pairs"


def test_pairs_are_noted_where_they_are_fewer_than_there_are():
    rows = pd.DataFrame({"n_pairs": [90, 72.0]})
    assert pairs_note(rows, 10) == "over 72 of 90 pairs"
    assert pairs_note(rows[:1], 10) == ""
    assert pairs_note(rows[:1], 9) == ""  # more than there are
    assert pairs_note(pd.DataFrame({"total": [0.1]}), 10) == ""


def test_the_summary_counts_and_lists_and_says_what_errors_assume():
    rows = [
        {"quantity": "total", "estimator": "glm", "r": r, "n_spikes": 1e7, "n_spikes_published": 1e8}
        | {"published": 1.0, "expected": 1.0, "standard_error": 0.01, "ours": ours, "error_from": "model"}
        | {"note": note}
        for r, ours, note in (
            (0.005, 1.0, ""),
            (0.02, 1.5, "over 9506 of 9900 pairs"),
            (0.025, 1.001, ""),
            (0.01, np.nan, ""),
        )
    ]
    text = summary(with_verdicts(rows)).splitlines()
    assert text[0].startswith("Published numbers beside ours (expected: the published value at our number of")
    assert (
        text[1]
        == "  total            glm                   2 agrees, 1 differs, 1 no value; would have seen 2.0%"
    )
    assert text[2].startswith(f"2 rows at r >= 0.0125: {INDEPENDENT}; ")
    assert text[3] == "1 rows are over fewer pairs than there are: see the column note."
    assert text[4] == "Rows that differ:"
    columns = ["quantity", "estimator", "r", "expected", "standard_error", "ours", "ratio", "z", "note"]
    assert text[5].split() == columns
    assert text[6].split()[:8] == ["total", "glm", "0.02", "1", "0.01", "1.5", "1.5", "50"]
    assert text[6].endswith(f"over 9506 of 9900 pairs; {INDEPENDENT}")
    assert len(text) == 7
    alone = summary(with_verdicts(rows[:1])).splitlines()
    assert alone == [text[0], "  total            glm                   1 agrees; would have seen 2.0%"]
    apart = summary(with_verdicts([rows[0], rows[2] | {"quantity": "bias"}])).splitlines()
    assert [line.split()[0] for line in apart[1:3]] == ["total", "bias"]
    assert summary(with_verdicts([])) == "The paper has no numbers for this network and these estimators."
