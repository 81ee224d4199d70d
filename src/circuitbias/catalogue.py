"""Where built-in components live, by the name that a config gives them, and what they say of themselves.

Most of them bring libraries that take seconds to load, and most users of this module want to know their
options alone. So `told` runs of a module only the class of the component, and the imports that this needs.
"""

import ast
import importlib
from functools import cache
from pathlib import Path

ESTIMATORS = {
    "glm": "circuitbias.estimators.glm:Glm",
    "glm_history": "circuitbias.estimators.glm_history:GlmHistory",
    "glm_spatiotemporal": "circuitbias.estimators.glm_spatiotemporal:GlmSpatiotemporal",
    "matched": "circuitbias.estimators.matched:Matched",
    "logistic": "circuitbias.estimators.logistic:Logistic",
    "mean_field": "circuitbias.estimators.mean_field:MeanField",
    "tap": "circuitbias.estimators.ising_mean_field:Tap",
    "sessak_monasson": "circuitbias.estimators.ising_mean_field:SessakMonasson",
    "independent_pair": "circuitbias.estimators.ising_mean_field:IndependentPair",
    "bethe": "circuitbias.estimators.ising_mean_field:Bethe",
    "mpf": "circuitbias.estimators.mpf:Mpf",
    "cross_correlation": "circuitbias.estimators.cross_correlation:CrossCorrelation",
    "partial_correlation": "circuitbias.estimators.partial_correlation:PartialCorrelation",
    "transfer_entropy": "circuitbias.estimators.transfer_entropy:TransferEntropy",
    "correlogram_graph": "circuitbias.estimators.correlogram_graph:CorrelogramGraph",
    "glm_masked": "circuitbias.estimators.correlogram_graph:GlmMasked",
}
"""Methods in the order in which messages, tables and legends list them."""

READERS = {
    "text": "circuitbias.recordings.readers.text:Text",
    "npz": "circuitbias.recordings.readers.npz:Npz",
    "phy": "circuitbias.recordings.readers.phy:Phy",
    "sonata": "circuitbias.recordings.readers.sonata:Sonata",
    "spike_file": "circuitbias.recordings.readers.spike_file:Spikes",
}
"""Formats of recordings, by the name that ``format`` gives them."""


@cache
def told(path: str) -> type:
    """Class of a built-in component, as far as it can be had without the libraries that it computes with.

    Parameters
    ----------
    path : str
        ``module:Class``, as in `ESTIMATORS`.

    Returns
    -------
    type
        With options, traits, cost and look; its methods that compute do not work.
    """
    module, _, name = path.partition(":")
    file = Path(__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    tree = ast.parse(file.read_bytes(), file)
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


def loaded(path: str) -> type:
    """Class that a path such as ``package.module:Class`` names, with all that it needs."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def looks() -> dict:
    """How figures show the built-in methods: a `Look` for each."""
    return {method: told(path).look for method, path in ESTIMATORS.items()}
