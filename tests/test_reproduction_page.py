"""The page of all published numbers: nothing is left out, and what differs is explained or said not to be."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from circuitbias.comparison import with_verdicts
from circuitbias.comparison.measured import with_measured_errors
from circuitbias.comparison.page import UNEXPLAINED, reproduction_page
from circuitbias.comparison.verdicts import AS_PUBLISHED

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
        {
            "quantity": "bias",
            "estimator": "glm",
            "r": [0.01, 0.03],
            "text": "Drift of the bumps.",
            "shown_by": "tests/test_drift.py",
        },
        {"quantity": "total", "r": 0.02, "text": "Too short."},
    ]
    page = reproduction_page(comparison, "# Title\n\nOf us.", why)
    # One estimate at r = .01 (bias is off), one at .02, one of bins of 25 steps, and an activity.
    assert page.startswith("# Title\n\n**1 of 4 independent checks agree (25%).** They are made of 6 numbers")
    assert page.index("independent checks") < page.index("## How the rows were made") < page.index("Of us.")
    assert "| 0.01 | 0.5 | 0.5 ± 0.01 | 0.51 | 1.020 | 0.5 | 0.5 ± 0.01 | 0.61 [1] | 1.220 |" in page
    assert "| 0.02 | 0.5 | 0.5 ± 0.01 | 0.7 [2] | 1.400 |  |  |  |  |" in page
    assert "### glm, scale of the mean profile" in page
    assert "### glm: error against bin width" in page
    assert "| bins of 25 steps | 0.5 |" in page
    assert (
        "1. Drift of the bumps. *Shown by* `tests/test_drift.py`.\n2. **Unexplained.** Too short.\n" in page
    )
    assert "Of 3 rows that differ, 1 have a cause that a named test shows" in page
    assert f"3. noise_correlation at r = 0.02 (ring): {UNEXPLAINED}." in page
    assert [entry["text"] for entry in why] == ["Drift of the bumps.", "Too short."]  # left as they were


def page_of(*rows, explanations=()):
    """The page of rows of which only what matters is given."""
    fixed = {"network": "ring", "quantity": "total", "estimator": "glm", "r": 0.005, "published": 0.5}
    fixed |= {
        "n_spikes": 1e8,
        "n_spikes_published": 1e8,
        "expected": 0.5,
        "standard_error": 0.01,
        "ours": 0.5,
    }
    rows = [fixed | {"expected_from": "published errors", "error_from": "model"} | row for row in rows]
    table = with_verdicts(rows)
    table.insert(0, "network", [row["network"] for row in rows])
    return reproduction_page(table, "# Title", explanations).splitlines()


def test_rows_of_a_method_with_its_slips_are_marked():
    page = page_of({"note": AS_PUBLISHED}, {"r": 0.0025})
    assert [row[0] for row in table_after(page, "### glm")] == ["0.0025", "0.005 †"]
    assert page.count(f"† {AS_PUBLISHED}: option `as_published`") == 1
    assert "†" not in "".join(page_of({"note": "over 9 pairs"}))


def table_after(page, start):
    """Lines of the first table after the line that starts so: its rows, as lists of cells."""
    at = next(k for k, line in enumerate(page) if line.startswith(start))
    first = next(k for k in range(at, len(page)) if page[k].startswith("|---")) + 1
    last = next(k for k in range(first, len(page) + 1) if k == len(page) or not page[k].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page[first:last]]


def test_rows_are_counted_by_standard_errors_and_with_their_power():
    """0, 1.9, 2.1, 2.9, 3.1 and 60 standard errors, each of an estimate of its own."""
    page = page_of(
        *({"ours": 0.5 + 0.01 * z, "r": 0.001 * k} for k, z in enumerate((0.0, -1.9, 2.1, 2.9, 3.1, -60), 1)),
        {"ours": float("nan"), "r": 0.02},
        {"ours": 0.51, "r": 0.0125},
        {"ours": 0.53, "r": 0.025, "quantity": "variance", "standard_error": 0.02},
    )
    (said,) = [line for line in page if "independent checks" in line]
    assert said.startswith(
        "**4 of 8 independent checks agree (50%).** They are made of 8 numbers, of which 4 (50%)"
    )
    assert "and 6 within three; 8 and 8 would" in said and "1 more could not be judged" in said
    (said,) = [line for line in page if line.startswith("2 of these rows are at r >= 0.0125")]
    assert "; 2 of them lie within two." in said
    assert table_after(page, "*Would have seen*") == [
        ["ring", "total", "glm", "3", "4", "1", "5", "4.0%"],
        ["ring", "variance", "glm", "1", "0", "0", "1", "8.0%"],
    ]


def test_bias_and_variance_of_one_estimate_are_a_check_of_two_numbers():
    """Its limit is that of the larger of two: sqrt(.9545) = .977 within ± 2.27."""
    both = [{"quantity": "bias", "ours": 0.5 + 0.0225}, {"quantity": "variance", "ours": 0.5}]
    assert "**1 of 1 independent checks agree (100%).**" in "\n".join(page_of(*both))
    assert "**0 of 1 independent checks agree (0%).**" in "\n".join(page_of(both[0]))
    farther = {"quantity": "bias", "ours": 0.5 + 0.0229}
    assert "**0 of 1 independent checks agree (0%).**" in "\n".join(page_of(farther, both[1]))
    # The total and the older scale are no numbers of their own.
    more = [*both, {"quantity": "total"}, {"quantity": "bias_l1"}, {"quantity": "total_l1"}]
    assert "**1 of 1 independent checks agree (100%).** They are made of 5 numbers" in "\n".join(
        page_of(*more)
    )


def test_rows_of_one_measurement_are_counted_as_one():
    page = page_of(
        *({"quantity": quantity} for quantity in ("total", "bias", "variance", "total_l1")),
        {"condition": "synchrony", "r": 0.005 + 1e-17},  # the same estimate once more
        {"r": 0.01},
        {"estimator": "mpf"},
        {"condition": "bins of 25 steps"},
        {"condition": "bins of 25 steps", "quantity": "bias"},
        {"condition": "bins of 50 steps"},
        *({"condition": f"10^{d} spikes", "network": "ring_pinned"} for d in ("6.50", "7.00")),
        {
            "quantity": "log10_data_demand",
            "network": "ring_pinned",
            "condition": "total error 0.577, from data",
        },
        *({"quantity": f"volume_{name}"} for name in ("slope", "log10_intercept")),
        *({"quantity": "pattern_strength", "estimator": "", "n_spikes": n} for n in (1e6, 1e7)),
        {"quantity": "diffusivity", "estimator": ""},
    )
    assert any("The 18 rows that were judged are 10 checks;" in line for line in page)
    kinds = {cells[0].split(":")[0]: cells[1:] for cells in table_after(page, "**Rows of one estimate")}
    assert kinds == {
        "errors of one estimate": ["7", "3", "3"],
        "errors of one estimate, of bins of another width": ["3", "2", "2"],
        "windows of one recording": ["3", "1", "1"],
        "slope and intercept of one fit": ["2", "1", "1"],
        "activity": ["3", "3", "3"],
    }


def test_errors_from_blocks_of_a_shorter_run_take_the_place_of_those_that_assume_independent_noise():
    fixed = {"network": "ring", "estimator": "glm", "published": 0.5, "expected": 0.5, "ours": 0.56}
    fixed |= {"n_spikes": 1e8, "n_spikes_published": 1e8, "standard_error": 0.001, "error_from": "model"}
    rows = [fixed | {"quantity": name, "r": r} for name in ("total", "variance") for r in (0.01, 0.025)]
    table = with_verdicts(rows)
    table.insert(0, "network", "ring")
    run = {
        "estimator": "glm",
        "r": [0.01, 0.025],
        "n_spikes": 1e6,
        "total": 0.6,
        "total_se": 0.3,
        "variance": 2.0,
    }
    table["condition"] = float("nan")  # as an empty text is read from a file
    found = with_measured_errors(table, pd.DataFrame(run | {"variance_se": 0.8}))
    before, total, _, variance = found.itertuples()
    assert before.standard_error == 0.001 and before.verdict == "differs" and before.error_from == "model"
    # A tenth (root of 1 / 100) of .3 and, relative to the error, of .8 / 2 of .5, for each of two recordings.
    assert total.standard_error == pytest.approx(0.03 * 2**0.5) and total.verdict == "agrees"
    assert variance.standard_error == pytest.approx(0.02 * 2**0.5) and variance.note == ""
    assert total.error_from == "blocks of a recording of 1e6 spikes"


def test_errors_against_volume_have_the_error_from_blocks_of_a_recording_with_fewer_counts():
    fixed = {"network": "ring_pinned", "quantity": "total", "estimator": "mpf", "r": 0.025, "ours": 0.5}
    fixed |= {"published": 0.5, "expected": 0.5, "standard_error": 0.001, "error_from": "model"}
    volumes = (4e6, 1.6e7)
    rows = [fixed | dict.fromkeys(("n_spikes", "n_spikes_published"), volume) for volume in volumes]
    conditions = ["10^6.60 spikes", "10^7.20 spikes", "bins of 25 steps"]
    table = with_verdicts(
        [row | {"condition": text} for row, text in zip([*rows, rows[1]], conditions, strict=True)]
    )
    table.insert(0, "network", "ring_pinned")
    run = {"network": "ring_pinned", "estimator": "mpf", "r": [0.025], "n_spikes": 1e7, "n_counts": 5e6}
    found = with_measured_errors(table, pd.DataFrame(run | {"total": 0.6, "total_se": 0.016}))
    # A root of 16 / 5 times as long: .016 * sqrt(5 / 16), for each of two recordings of this volume.
    assert found.standard_error.tolist() == pytest.approx([0.001, 0.016 * (5 / 16 * 2) ** 0.5, 0.001])
    assert found.error_from[1] == "blocks of a recording of 1e7 spikes"


def test_what_is_expected_and_what_errors_are_made_of():
    ours = {"expected_from": "published value", "error_from": "our windows"}
    page = page_of({}, {"r": 0.01, "ours": 0.6}, {**ours, "r": 0.02}, {**ours, "r": 0.03})
    assert table_after(page, "**What expectations") == [
        ["published errors", "model", "2", "1"],
        ["published value", "our windows", "2", "2"],
    ]


def test_a_table_without_words_on_its_origins_is_read_all_the_same(comparison):
    older = comparison.drop(columns=["expected_from", "error_from", "note"])
    assert reproduction_page(older, "# Title", []).startswith("# Title\n\n**")


def test_explanations_are_taken_by_their_first_match_and_named_once():
    why = [
        {"text": "never", "network": "ring_pinned"},
        {"text": "Both.", "quantity": ["total", "bias"], "r": 0.005 + 1e-12},
        {"text": "later", "quantity": "total"},
    ]
    page = page_of(
        {"ours": 0.9}, {"ours": 0.8, "quantity": "bias"}, {"quantity": "variance"}, explanations=why
    )
    assert page[-1] == "1. **Unexplained.** Both."
    assert sum("[1]" in line for line in page) == 1 and not any("[2]" in line for line in page)
    whole = page_of({}, explanations=why)
    assert not any("Why some differ" in line for line in whole)


def test_the_tables_of_errors_and_of_values():
    unknown = {"standard_error": float("nan")}
    page = page_of(
        {"ours": 0.9, "quantity": "bias", "r": 0.01, "n_spikes": 10},
        unknown | {"r": 0.01},
        {"r": 0.005},
        {
            "quantity": "diffusivity",
            "estimator": "",
            "ours": 0.4,
            "condition": "published times 3",
            "r": 0.02,
        },
        {
            "quantity": "diffusivity",
            "estimator": "",
            "n_spikes": float("nan"),
            "standard_error": float("nan"),
        },
    )
    assert "## The ring" in page and "### glm" in page and "### diffusivity of the bumps" in page
    unknown = [
        "0.01",
        "0.5",
        "0.5",
        "0.5 (no error known)",
        "1.000",
        "0.5",
        "0.5 ± 0.01",
        "0.9 (too few spikes)",
        "1.800",
    ]
    bias_first = [unknown[0], *unknown[5:], *unknown[1:5]]
    assert table_after(page, "### glm") == [
        ["0.005", "", "", "", "", "0.5", "0.5 ± 0.01", "0.5", "1.000"],
        bias_first,
    ]
    assert table_after(page, "### diffusivity") == [
        ["", "0.005", "", "", "0.5", "0.5", "0.5", "nan", "no error known"],
        ["", "0.02", "1e+08", "published times 3", "0.5", "0.5 ± 0.01", "0.4", "-10.0", "differs [1]"],
    ]


def test_rows_without_an_explanation_are_each_named(comparison):
    page = reproduction_page(comparison, "# Title", [])
    assert page.count(UNEXPLAINED) == 3


def test_the_page_in_the_docs_is_made_from_the_tables_beside_it():
    """If this fails: `make reproduction` writes the page anew."""
    tables = [pd.read_csv(path) for path in sorted((DOCS / "data").glob("comparison_*.csv"))]
    texts = yaml.safe_load((DOCS / "reproduction.yaml").read_text())
    sampling = pd.read_csv(DOCS / "data" / "sampling_errors.csv")
    comparison = with_measured_errors(pd.concat(tables, ignore_index=True), sampling)
    page = reproduction_page(comparison, **texts)
    assert (DOCS / "reproduction.md").read_text() == page
    assert UNEXPLAINED not in page
