"""The edits that `make mutate` makes, and what it says of tests that notice them or do not."""

import ast
from pathlib import Path

import pytest
from mutants import mutations
from run import PACKAGE, ROOMS, ROOT, edits_of, outcome, read_table, rounds_of, summary, write_table

SOURCE = '''"""A module: 1 < 2."""
import math

LIMIT = 2.5


def spread(values: list[int] = (), ddof=1):
    """Not to be touched: 3 + 4."""
    if not len(values) > ddof:
        raise ValueError(f"{len(values) + 1} is too few: {1 + 1}")
    total = 0
    for value in values:
        total += abs(value) if value <= LIMIT and value else min(value, 3.0)
    return math.sqrt(total / len(values)) * values.mean(axis=0).T
'''


def test_all_kinds_of_edits():
    made = {(edit.before, edit.after) for edit in mutations(SOURCE)}
    assert {
        ("2.5", "(5.0)"),
        ("1", "(2)"),
        ("1", "(0)"),
        ("not len(values) > ddof", "(not not len(values) > ddof)"),
        ("not len(values) > ddof", "(len(values) > ddof)"),
        ("not len(values) > ddof", "False"),
        ("len(values) > ddof", "(len(values) >= ddof)"),
        ("len(values) > ddof", "(len(values) <= ddof)"),
        ("total / len(values)", "(total * len(values))"),
        ("value <= LIMIT and value", "(value <= LIMIT or value)"),
        ("value <= LIMIT and value", "(value)"),
        ("abs(value)", "(value)"),
        ("min(value, 3.0)", "(max(value, 3.0))"),
        ("min(value, 3.0)", "(3.0)"),
        ("math.sqrt(total / len(values))", "(total / len(values))"),
        ("values.mean(axis=0)", "(values.sum(axis=0))"),
        ("values.mean(axis=0)", "(values.mean())"),
        ("values.mean(axis=0).T", "(values.mean(axis=0))"),
    } <= made
    assert {after for before, after in made if before.startswith("total +=")} == {
        "pass",
        "total -= abs(value) if value <= LIMIT and value else min(value, 3.0)",
    }
    lines = {edit.line for edit in mutations(SOURCE)}
    assert not lines & {1, 2, 7 + 1, 10}  # words, imports and messages


def test_every_edit_of_a_module_is_python_and_changes_it():
    source = (ROOT / PACKAGE / "errors" / "detection.py").read_text()
    for edit in mutations(source):
        assert ast.dump(ast.parse(edit.of(source))) != ast.dump(ast.parse(source)), edit


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("test", "limit", "expected"),
    [
        ("pass", 30, "survived"),
        ("assert False", 30, "killed"),
        ("import os; os.abort()", 30, "killed"),
        ("while True: pass", 1, "too long"),
    ],
)
def test_what_becomes_of_tests(tree, test, limit, expected):
    (tree / "test_this.py").write_text(f"def test():\n    {test}\n")
    assert outcome(tree, ["test_this.py"], limit) == expected


@pytest.mark.parametrize(
    ("module", "nearest"),
    [
        ("spikes/bumps.py", "tests/spikes/test_bumps.py"),
        ("dynamics/engines/cpu.py", "tests/dynamics/test_engine.py"),
        ("estimators/jitter.py", "tests/estimators/test_jitter.py"),
        ("comparison/experiments.py", "tests/comparison"),
        ("errors/tables.py", "tests/errors/test_error_tables.py"),
    ],
)
def test_the_nearest_tests_come_first(module, nearest):
    assert rounds_of(Path(module), ROOT)[0] == [nearest]


def test_tests_of_every_module_exist():
    for room in ROOMS:
        for path in (ROOT / PACKAGE / room).rglob("*.py"):
            for names in rounds_of(path.relative_to(ROOT / PACKAGE), ROOT):
                assert all((ROOT / name).exists() for name in names), (path, names)


def test_the_score_leaves_out_what_changes_nothing():
    results = {"one": ["killed"] * 6 + ["too long", "survived", "equivalent"], "other": ["equivalent"]}
    table = {(room, k): [result] for room, of_room in results.items() for k, result in enumerate(of_room)}
    assert summary(table).splitlines()[2:] == ["| one | 9 | 1 | 7 | 88% |", "| other | 1 | 1 | 0 |  |"]


def test_the_table_keeps_what_can_still_be_edited(tmp_path):
    keys = list(edits_of("errors"))[:3]
    table = {key: ["killed", "1.5"] for key in keys}
    write_table(tmp_path / "table.csv", table | {("errors", "gone.py", "3", "a", "b"): ["survived", "2.0"]})
    assert read_table(tmp_path / "table.csv") == table
    assert read_table(tmp_path / "none.csv") == {}
