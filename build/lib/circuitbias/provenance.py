"""What made a file: a hash of exactly the code behind it, and a description to store."""

import ast
import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

import yaml

from circuitbias import _WHERE, __version__

NUMERICAL = ("numba", "numpy", "scipy", "torch")
"""The libraries whose version decides over numbers."""

_LIBRARIES = {name: name for name in ("h5py", "matplotlib", "numba", "numpy", "pandas", "scipy", "torch")}
_LIBRARIES |= {"sklearn": "scikit-learn"}
"""By the name of the import, the libraries whose version may decide over a result's bytes."""


def version(library: str) -> str:
    """Return the version of an installed library; "none" if an optional one is missing."""
    try:
        return installed_version(library)
    except PackageNotFoundError:
        return "none"


_DATA = (".csv", ".gz", ".js", ".json", ".mplstyle", ".yaml")

_REFUSE_ONLY = ("catalogue", "checks", "component", "config_schema", "model", "validation")
"""Modules that decide which options are allowed or where things are, and over no number: their edits make no
result stale."""

_SAYS_ONLY = ("Cost", "Examples", "Look")
"""What a component says of its jobs, tests and look in figures: no estimate depends on these."""

_AT_THE_TOP = {f"circuitbias.{name}": f"circuitbias.{module}" for name, module in _WHERE.items()}
"""Where the package has what can be imported from its top."""


def code_hash(*modules: str, root: Path | None = None) -> str:
    """Hash the code of some modules and of everything in the package that they import.

    A workflow rule that takes this hash as a parameter is run again when, and only when, code that it uses
    has changed in what it does: not by comments, docstrings or layout.

    Parameters
    ----------
    *modules : str
        Full names, such as ``"circuitbias.dynamics"``, or of modules of guests: of those all counts that lies
        in their own package or, where they are not installed, beside it.
    root : Path, optional
        Folder of the package; its name is the package's. Default: the folder of circuitbias.

    Returns
    -------
    str
        First 12 hexadecimal digits of a SHA-256 over `code_files`, names and contents, and the versions of
        the libraries that these import and that may decide over a result.

    Raises
    ------
    ValueError
        If there is no such module.
    """
    root = Path(root or Path(__file__).parent)
    digest = hashlib.sha256()
    libraries = set()
    for path in code_files(*modules, root=root):
        content = _meaning(path)
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
        if path.suffix == ".py":
            found = _imports(path.read_bytes(), root.name, True)
            libraries |= {name.partition(".")[0] for name in found} & _LIBRARIES.keys()
    for name in sorted(libraries):
        digest.update(f"{name}\0{version(_LIBRARIES[name])}\0".encode())
    return digest.hexdigest()[:12]


def _meaning(path: Path) -> bytes:
    """What a file says: code without comments, docstrings and layout, data without comments."""
    return _meaning_of(path.suffix, path.read_bytes())


@cache
def _meaning_of(suffix: str, content: bytes) -> bytes:
    """What a file of such a kind says: a workflow asks for most files once a step."""
    if suffix == ".py":
        return _read(content)[0]
    if suffix == ".yaml":
        return json.dumps(yaml.safe_load(content), default=str).encode()
    lines = content.splitlines()
    return b"\n".join(line for line in lines if not line.startswith(b"#"))


@cache
def _read(content: bytes) -> tuple[bytes, list]:
    """What a module says, and the import statements in it: both in one walk, which is what takes time."""
    tree, statements = ast.parse(content), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            statements.append(node)
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                setattr(node, name, [part for part in inner if not _says_only(part)])
        if _calls(node) == "option":  # its default matters, not its range and its words
            node.args, node.keywords = node.args[:1], []
    return ast.dump(tree).encode(), statements


def _says_only(statement) -> bool:
    if isinstance(statement, ast.Assign):
        return _calls(statement.value) in _SAYS_ONLY
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _calls(node) -> str | None:
    """Name of the function that an expression calls, if it is a plain name."""
    return getattr(node.func, "id", None) if isinstance(node, ast.Call) else None


def code_files(*modules: str, root: Path) -> list[Path]:
    """List the source and data files that some modules depend on, sorted, without importing them.

    Import statements are followed wherever they stand, also inside functions; modules imported by a
    computed name stay unseen, and so do those that only refuse options (`_REFUSE_ONLY`). A data file
    (`_DATA`) counts if it lies in a package that is reached; in the topmost package, which everything
    reaches, only if a reached source names it.
    """
    sources, waiting, guests = {}, [], {}
    for name in modules:
        if not _locate(name, root):
            top = name.partition(".")[0]
            guests[top] = None if top in _LIBRARIES else _place_of(top)
            if not guests[top] or not _locate(name, guests[top] / top):
                raise ValueError(f"modules: {name!r} is none; must be a module of {root}")
        waiting.append(name)
    while waiting:
        name = waiting.pop()
        path = _locate(name, root) or _of_guest(name, guests)
        if path and path not in sources:
            sources[path] = content = path.read_bytes()
            found = _imports(content, name, path.name == "__init__.py")
            found = [_AT_THE_TOP.get(name, name) for name in found]
            waiting += [
                name for name in found if name.split(".")[1:2] not in [[module] for module in _REFUSE_ONLY]
            ]
            parts = name.split(".")  # importing a.b runs the __init__ of a
            waiting += [".".join(parts[:end]) for end in range(1, len(parts))]
    data = {
        file
        for folder in {path.parent for path in sources}
        for file in folder.iterdir()
        if file.suffix in _DATA
        and (
            (folder != root and folder / "__init__.py" in sources)
            or any(file.name.encode() in content for content in sources.values())
        )
    }
    return sorted(data.union(sources))


def _place_of(top: str) -> Path | None:
    """Folder in which a guest's topmost package or module lies: where Python, or else a config, finds it."""
    try:
        found = find_spec(top)
    except (ValueError, ImportError):
        found = None
    if not found:
        found = PathFinder.find_spec(top, [os.getcwd()])
    if not found or not (found.origin or found.submodule_search_locations):
        return None
    return Path([*(found.submodule_search_locations or ()), found.origin][0]).parent


def _of_guest(name: str, guests: dict[str, Path]) -> Path | None:
    """File of a guest's module, or of one that lies beside a guest which is not installed."""
    top = name.partition(".")[0]
    own = [guests[top]] if top in guests else []
    beside = [place for place in guests.values() if place.name not in ("site-packages", "dist-packages")]
    return next(filter(None, (_locate(name, place / top) for place in own + beside)), None)


def describe(*, created: bool = False, **parameters) -> dict:
    """Describe what makes a file, ready for JSON.

    Parameters
    ----------
    created : bool
        Add the present time (UTC). Off by default: the same inputs then give the same bytes.
    **parameters
        Whatever the step was given; arrays become lists and paths text.

    Returns
    -------
    dict
        Versions of circuitbias, Python and the libraries that decide numbers, in use or not: what else a
        process has loaded makes no difference. And the parameters.
    """
    versions = {"circuitbias": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in NUMERICAL}
    when = {"created": datetime.now(UTC).isoformat(timespec="seconds")} if created else {}
    plain = json.loads(json.dumps(parameters, default=_plain))
    return {"versions": versions, **when, "parameters": plain}


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else os.fspath(value)


def _locate(name, root) -> Path | None:
    """File of a module of the package at `root`; None if there is none."""
    package, *parts = name.split(".")
    folder = root.joinpath(*parts)  # or file: a guest may be a single module
    options = [folder / "__init__.py", folder.with_suffix(".py")]
    return next((p for p in options if package == root.name and p.is_file()), None)


@cache
def _imports(content: bytes, name: str, is_package: bool) -> list[str]:
    """Names that a module's import statements may refer to, modules or not."""
    found = []
    for node in _read(content)[1]:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = name.split(".") if is_package else name.split(".")[:-1]
            above = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found
