"""The page of timings is made from the tables beside it, and says what these say."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page, tables = load("page"), load("tables")


def test_the_page_in_the_docs_is_made_from_the_tables_beside_it():
    """If this fails: `make performance` writes the page anew."""
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == page.from_docs()


@pytest.fixture
def report(tmp_path):
    """A file of pytest-benchmark with a task timed whole by us and, of another, a twentieth."""

    def bench(program, done, median):
        info = {"task": "fit", "case": "easy", "program": program, "version": "1", "done": done, "whole": 100}
        info |= {"unit": "neurons", "threads": 1, "dtype": "float64", "load": 1.0, "largest_difference": 1e-6}
        return {"extra_info": info, "stats": {"median": median, "min": median, "rounds": 1}}

    machine = {"cpu": {"brand_raw": "abacus"}, "python_version": "3.11"}
    benchmarks = [bench("circuitbias", 100, 2.0), bench("slow, by hand", 5, 3.0)]
    path = tmp_path / "fit.json"
    path.write_text(
        tables.json.dumps({"datetime": "2026-01-01T00", "machine_info": machine, "benchmarks": benchmarks})
    )
    return path


def test_a_part_counts_for_the_whole_and_is_compared_with_ours(report):
    table = tables.benchmark_table([report]).set_index("program")
    assert table.whole_s.to_dict() == {"circuitbias": 2.0, "slow, by hand": 60.0}
    assert table.times_ours.to_dict() == {"circuitbias": 1.0, "slow, by hand": 30.0}


def test_the_page_says_what_the_table_says(report):
    scaling = pd.DataFrame({"series": ["fit"] * 3, "size": [1, 10, 100], "seconds": [1.0, 100.0, 10_000.0]})
    template = (
        "{{ bench.ratio('fit', 'slow') }} {{ bench.verdict('fit', 'slow', 31) }} "
        "{{ scaling.exponent('fit') }}\n{{ bench.table('fit') }}"
    )
    written = page.performance_page(tables.benchmark_table([report]), scaling, template)
    first, *rows = written.splitlines()
    assert first == "30 **not met** 2.00"
    assert rows[-1] == "| slow 1, by hand | 5 of 100 neurons | 60 s | 30 | equal to 1e-06 |"


def test_a_row_that_is_not_there_is_named(report):
    table = tables.benchmark_table([report])
    with pytest.raises(ValueError, match="no row of 'fit' by 'fast'"):
        page.performance_page(table, pd.DataFrame(), "{{ bench.ratio('fit', 'fast') }}")
