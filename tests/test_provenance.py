"""The hash of a module's code changes with what the module uses, and with nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest

from circuitbias.provenance import code_files, code_hash, describe

FILES = {
    "__init__.py": "",
    "unused.yaml": "1",
    "schema.yaml": "1",
    "start.py": "from pack.room import door\nimport pack.hall\nimport numpy\nNAME = 'schema.yaml'",
    "hall.py": "def walk():\n    from . import attic\n    from .cellar.wine import pour",
    "attic.py": "import pack.hall",  # a circle
    "stranger.py": "import pack.start",
    "room/__init__.py": "from ..base import floor",
    "room/door.py": "",
    "room/table.csv": "a,b",
    "room/window.py": "",
    "base.py": "",
    "cellar/__init__.py": "",
    "cellar/wine.py": "from .. import deep",
    "deep.py": "",
}
USED = set(FILES) - {"unused.yaml", "stranger.py", "room/window.py"}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pack"


def test_imports_are_followed_wherever_they_stand(root):
    files = code_files("pack.start", root=root)
    assert {path.relative_to(root).as_posix() for path in files} == USED


@pytest.mark.parametrize("name", FILES)
def test_the_hash_changes_with_what_is_used_only(root, name):
    before = code_hash("pack.start", root=root)
    path = root / name
    path.write_text(path.read_text() + "\n# edited")
    assert (code_hash("pack.start", root=root) != before) == (name in USED)


def test_a_new_import_counts(root):
    before = code_hash("pack.deep", root=root)
    (root / "deep.py").write_text("import pack.stranger")
    files = code_files("pack.deep", root=root)
    assert root / "stranger.py" in files
    assert code_hash("pack.deep", root=root) != before


def test_the_hash_is_of_the_place_independent(root, tmp_path):
    moved = tmp_path / "elsewhere" / "pack"
    moved.parent.mkdir()
    before = code_hash("pack.start", "pack.stranger", root=root)
    root.rename(moved)
    assert code_hash("pack.stranger", "pack.start", root=moved) == before
    assert len(before) == 12


def test_a_module_that_is_not_there_is_an_error(root):
    with pytest.raises(ValueError, match=r"pack\.nowhere"):
        code_hash("pack.nowhere", root=root)
    with pytest.raises(ValueError, match="numpy"):
        code_hash("numpy", root=root)


def test_the_package_itself():
    names = {
        path.name
        for path in code_files("circuitbias.config", root=Path(code_hash.__code__.co_filename).parent)
    }
    assert {"config.py", "thresholds.csv"} <= names
    assert {"config_schema.py", "config_schema.yaml", "checks.py"}.isdisjoint(names)  # these only refuse
    assert "provenance.py" not in names
    assert code_hash("circuitbias.config") == code_hash("circuitbias.config")


def test_a_description_is_json_and_the_same_each_time():
    made = describe(r=np.float64(0.1), counts=np.arange(2), path=Path("a/b"))
    assert made == json.loads(json.dumps(made))
    assert made["parameters"] == {"r": 0.1, "counts": [0, 1], "path": "a/b"}
    assert made["versions"]["numpy"] == np.__version__
    assert "created" not in made
    assert describe(created=True)["created"].endswith("+00:00")
