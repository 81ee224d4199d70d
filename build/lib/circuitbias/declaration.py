"""Read what a built-in component says of itself without the libraries that it computes with."""

import ast
from functools import cache
from pathlib import Path

from circuitbias.component import Component


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes(), file)


@cache
def told(path: str) -> type[Component]:
    """Run the class of a built-in component alone, with the imports that its fields and attributes need."""
    module, _, name = path.partition(":")
    file = Path(__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    tree = _parsed(file)
    (declared,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    functions = [node for node in ast.walk(declared) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        function.returns = None
        for argument in ast.walk(function.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
    inside = {id(node) for function in functions for part in function.body for node in ast.walk(part)}
    needed = {node.id for node in ast.walk(declared) if isinstance(node, ast.Name) and id(node) not in inside}
    imports = [
        ast.ImportFrom(node.module, [alias], node.level)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (alias.asname or alias.name) in needed
    ]
    code = ast.fix_missing_locations(ast.Module([*imports, declared], []))
    namespace = {"__name__": module}
    exec(compile(code, str(file), "exec"), namespace)
    return namespace[name]
