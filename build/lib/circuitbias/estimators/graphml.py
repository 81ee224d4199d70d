"""Couplings as a graph in GraphML, which Gephi, Cytoscape, igraph and networkx read."""

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd

from circuitbias.estimators.couplings import Couplings

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns '
    'http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">\n'
)
_KINDS = {"b": "boolean", "i": "long", "u": "long", "f": "double"}


def write_graphml(path: str | Path, couplings: Couplings, units: pd.DataFrame) -> None:
    """Write a directed graph: a node a unit, an edge for each pair that has a coupling.

    Parameters
    ----------
    path : path-like
    couplings : Couplings
    units : DataFrame
        Column ``unit``; all others become attributes of the nodes. Missing values are left out.
    """
    columns = [name for name in units.columns if name != "unit"]
    table = couplings.to_pandas().dropna(subset="coupling")
    place = {unit: k for k, unit in enumerate(couplings.units)}
    with open(path, "w", encoding="utf-8") as file:
        file.write(_HEAD)
        for k, name in enumerate(columns):
            kind = _KINDS.get(units[name].to_numpy().dtype.kind, "string")
            attributes = f'attr.name={quoteattr(str(name))} attr.type="{kind}"'
            file.write(f'<key id="n{k}" for="node" {attributes}/>\n')
        for key, name in (("w", "coupling"), ("e", "standard_error")):
            file.write(f'<key id="{key}" for="edge" attr.name="{name}" attr.type="double"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for row in units.itertuples(index=False):
            values = dict(zip(units.columns, row, strict=True))
            parts = [
                f'<data key="n{k}">{escape(_text(values[name]))}</data>'
                for k, name in enumerate(columns)
                if not _missing(values[name])
            ]
            file.write(f"<node id={quoteattr(_text(values['unit']))}>{''.join(parts)}</node>\n")
        names = [quoteattr(_text(unit)) for unit in place]
        for pre, post, coupling, error in zip(
            table.pre.map(place), table.post.map(place), table.coupling, table.standard_error, strict=True
        ):
            second = "" if np.isnan(error) else f'<data key="e">{error:.8g}</data>'
            file.write(
                f"<edge source={names[pre]} target={names[post]}>"
                f'<data key="w">{coupling:.8g}</data>{second}</edge>\n'
            )
        file.write("</graph>\n</graphml>\n")


def _text(value) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    # Control characters are nothing that XML could hold in any form.
    return "".join(c if c in "\t\n\r" or c >= " " else "\ufffd" for c in str(value))


def _missing(value) -> bool:
    return value is None or value != value or value == ""
