"""The hash of a module's code changes with what the module uses, and with nothing else."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from circuitbias import catalogue, provenance
from circuitbias.catalogue import NETWORKS
from circuitbias.estimators.registry import METHODS, module_of
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
EDITS = {".py": "\nedited = 1", ".csv": "\n1,2", ".yaml": "23"}
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
    path.write_text(path.read_text() + EDITS[path.suffix])
    assert (code_hash("pack.start", root=root) != before) == (name in USED)


def hash_of(root, **files):
    """Hash of a package with these files."""
    folder = root / "small"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return code_hash("small.a", root=folder)


SOURCE = "import numpy\n\n\ndef f(x: int):\n    return numpy.sin(x) + 1\n"
SAME = {
    "a comment": "# why\n" + SOURCE,
    "a comment in a line": SOURCE.replace("+ 1", "+ 1  # why"),
    "a docstring": '"""What."""\n' + SOURCE.replace("int):", 'int):\n    """What."""'),
    "a text behind an attribute": SOURCE.replace("\n\n\n", '\n"""What."""\n'),
    "layout": SOURCE.replace("\n\n\n", "\n").replace("numpy.sin(x) + 1", "(\n        numpy.sin( x )+1 )"),
}
OTHER = {
    "a number": SOURCE.replace("+ 1", "+ 2"),
    "its kind": SOURCE.replace("+ 1", "+ 1.0"),
    "a sign": SOURCE.replace("+ 1", "- 1"),
    "a name": SOURCE.replace("sin", "cos"),
    "an order": SOURCE.replace("numpy.sin(x) + 1", "1 + numpy.sin(x)"),
    "a text that is returned": SOURCE + "\n\ndef g():\n    return 'text'\n",
    "a statement": SOURCE + "f(1)\n",
    "a default": SOURCE.replace("x: int", "x: int = 0"),
    "the import": SOURCE.replace("import numpy", "import scipy as numpy"),
}


@pytest.mark.parametrize("change", SAME)
def test_code_that_does_the_same_has_the_same_hash(tmp_path, change):
    assert SAME[change] != SOURCE
    assert hash_of(tmp_path, a_py=SAME[change]) == hash_of(tmp_path, a_py=SOURCE)


@pytest.mark.parametrize("change", OTHER)
def test_code_that_does_something_else_has_another_hash(tmp_path, change):
    assert hash_of(tmp_path, a_py=OTHER[change]) != hash_of(tmp_path, a_py=SOURCE)


COMPONENT = """
from pack.component import Cost, Estimator, Look, option

class Mine(Estimator):
    lag: int = option(1, "Lag (bins).", least=1)
    directed = True
    cost = Cost(seconds=5)
    look = Look("others", {"mine": ("#000000", "o")})
"""


@pytest.mark.parametrize(
    ("now", "then", "matters"),
    [
        ("Lag (bins).", "Lag, in bins.", False),
        ("least=1", "least=0, most=9", False),
        ("seconds=5", "seconds=6", False),
        ("#000000", "#ffffff", False),
        ("option(1", "option(2", True),
        ("lag: int", "lag: float", True),
        ("directed = True", "directed = False", True),
    ],
)
def test_of_what_a_component_says_only_that_counts_which_decides_over_numbers(tmp_path, now, then, matters):
    assert now in COMPONENT
    edited = hash_of(tmp_path, a_py=COMPONENT.replace(now, then))
    assert (edited != hash_of(tmp_path, a_py=COMPONENT)) == matters


def test_names_and_lengths_are_part_of_the_hash(tmp_path):
    code = "import small.b\nx = 'a.csv b.csv'"
    variants = [
        {"a_py": code, "b_py": "y = 1", "a_csv": "1\n2"},
        {"a_py": code, "b_py": "y = 1", "b_csv": "1\n2"},  # another name
        {"a_py": code, "b_py": "y = 1", "a_csv": "1\n", "b_csv": "2"},  # cut elsewhere
        {"a_py": code, "b_py": "y = 1", "a_csv": "1", "b_csv": "\n2"},
        {"a_py": code + "\ny = 1", "b_py": "", "a_csv": "1\n2"},  # moved from one file to the other
    ]
    assert len({hash_of(tmp_path, **files) for files in variants}) == len(variants)


def test_comments_of_data_are_not_part_of_the_hash(tmp_path):
    def of(csv, yaml):
        return hash_of(tmp_path, a_py="x = 'b.csv c.yaml'", b_csv=csv, c_yaml=yaml)

    first = of("# source\nr,x\n1,2\n", "a: 1\nb: [1, 2]\n")
    assert of("# another\nr,x\n1,2\n", "# why\na: 1\nb:\n- 1\n- 2\n") == first
    assert of("# source\nr,x\n1,3\n", "a: 1\nb: [1, 2]\n") != first
    assert of("# source\nr,x\n1,2\n", "a: 1\nb: [2, 1]\n") != first


def test_every_kind_of_data_that_comes_with_the_package_counts():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    kinds = project["tool"]["setuptools"]["package-data"]["*"]
    assert sorted(kinds) == sorted(f"*{suffix}" for suffix in provenance._DATA)


def test_the_version_of_a_library_counts_where_it_is_used(tmp_path, monkeypatch):
    sources = {name: f"import {name}.part" for name in ("numpy", "sklearn", "json", "jsonschema")}
    sources["none"] = "x = 1"
    before = {name: hash_of(tmp_path, a_py=text) for name, text in sources.items()}
    monkeypatch.setattr(provenance, "version", lambda name: f"1 of {name}")
    after = {name: hash_of(tmp_path, a_py=text) for name, text in sources.items()}
    assert [name for name in sources if after[name] != before[name]] == ["numpy", "sklearn"]
    monkeypatch.setattr(provenance, "version", lambda name: f"2 of {name}")
    assert hash_of(tmp_path, a_py=sources["sklearn"]) != after["sklearn"]


@pytest.mark.parametrize(
    ("module", "libraries"),
    [
        ("circuitbias.steps.simulate", {"numpy", "numba", "h5py", "scipy"}),
        ("circuitbias.estimators.glm", {"numpy", "torch", "numba"}),
        ("circuitbias.steps.errors", {"pandas", "scipy"}),
        ("circuitbias.estimators.partial_correlation", {"scikit-learn"}),
        ("circuitbias.figures.figure1", {"matplotlib"}),
    ],
)
def test_the_libraries_of_the_steps(monkeypatch, module, libraries):
    asked = set()
    monkeypatch.setattr(provenance, "version", lambda name: asked.add(name) or "1")
    code_hash(module)
    assert libraries <= asked


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


@pytest.mark.parametrize("method", METHODS)
def test_an_estimate_depends_on_its_own_method_and_not_on_where_methods_are_listed(method):
    root = Path(code_hash.__code__.co_filename).parent
    files = code_files("circuitbias.steps.estimate", module_of(method), root=root)
    used = {path.stem for path in files if path.parent.name == "estimators"}
    assert {path.name for path in files}.isdisjoint({"catalogue.py", "component.py"})
    others = {module_of(other).rpartition(".")[2] for other in METHODS} - {
        module_of(method).rpartition(".")[2]
    }
    made_of = {
        "glm_masked": {"glm", "correlogram_graph"},
        "indirect": {"glm", "glm_history", "logistic", "mean_field"},
    }
    assert used & others == made_of.get(method, set())


@pytest.mark.parametrize("family", NETWORKS)
def test_a_network_depends_on_its_own_family(family):
    root = Path(code_hash.__code__.co_filename).parent
    step, own = "circuitbias.steps.network", catalogue.module_of("networks", family)
    families = {catalogue.module_of("networks", other).split(".")[2] for other in NETWORKS}

    def used(*modules):
        files = code_files(*modules, root=root)
        return families & {path.stem for path in files if path.parent.name == "networks"}

    shared = {"ring"} if family == "sideband" else set()  # whose shape it takes
    assert used(step, own) == {own.split(".")[2]} | shared
    assert used("circuitbias.steps.estimate") == set()


def test_a_description_is_json_and_the_same_each_time():
    made = describe(r=np.float64(0.1), counts=np.arange(2), path=Path("a/b"))
    assert made == json.loads(json.dumps(made))
    assert made["parameters"] == {"r": 0.1, "counts": [0, 1], "path": "a/b"}
    assert made["versions"]["numpy"] == np.__version__
    assert "created" not in made
    assert describe(created=True)["created"].endswith("+00:00")
