"""What docs/architecture.md says of the whole house."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import circuitbias

ROOT = Path(circuitbias.__file__).parent
FLOW = ("networks", "spikes", "recordings", "dynamics", "fitting", "likelihood", "estimators", "errors")
FLOW += ("published", "trust", "experiments", "comparison", "figures", "steps")
SOURCES = sorted(ROOT.rglob("*.py"))
EXAMPLES = [path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8")]


def imported(path):
    """Names that a module imports: modules, and what may be a module or a part of one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imports(path):
    """Rooms that a module imports from."""
    return (name.split(".")[1] for name in imported(path) if name.startswith("circuitbias."))


def test_imports_point_left():
    for path in SOURCES:
        room = path.relative_to(ROOT).parts[0]
        if room in FLOW:
            right = FLOW[FLOW.index(room) + 1 :]
            assert not [other for other in imports(path) if other in right], path


def test_no_module_imports_one_that_imports_it():
    """Nor one that does so over others; imports inside of functions count."""
    graph = {}
    for path in SOURCES:
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = set(imported(path))
    graph = {name: {other for other in found if other in graph} - {name} for name, found in graph.items()}
    while ends := {name for name, found in graph.items() if not found}:
        graph = {name: found - ends for name, found in graph.items() if name not in ends}
    assert not graph


def test_no_room_is_above_a_fifth_of_the_house():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    for room in FLOW:
        of_room = sum(n for path, n in lines.items() if path.is_relative_to(ROOT / room))
        assert 0 < of_room <= sum(lines.values()) / 5, room


def test_nothing_in_the_package_imports_snakemake():
    for path in SOURCES:
        assert "import snakemake" not in path.read_text() and "from snakemake" not in path.read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_examples_in_docstrings(path):
    name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted > 0 and outcome.failed == 0


def test_there_are_examples():
    assert len(EXAMPLES) >= 4
