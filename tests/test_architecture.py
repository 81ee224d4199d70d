"""What docs/architecture.md says of the whole house."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import circuitbias

ROOT = Path(circuitbias.__file__).parent
FLOW = ("networks", "dynamics", "spikes", "fitting", "estimators", "errors", "published", "experiments")
FLOW += ("comparison", "figures", "steps")
SOURCES = sorted(ROOT.rglob("*.py"))
EXAMPLES = [path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8")]


def imports(path):
    """Rooms that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("circuitbias."))


def test_imports_point_left():
    """But for the segments, which the simulator makes and the room of spikes defines."""
    found = set()
    for path in SOURCES:
        room = path.relative_to(ROOT).parts[0]
        if room in FLOW:
            right = FLOW[FLOW.index(room) + 1 :]
            found |= {(room, other) for other in imports(path) if other in right}
    assert found == {("dynamics", "spikes")}


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
