"""The folder of Phy and Kilosort: spike times in samples, clusters, and tables of what is known of these."""

import ast
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.columns import Column, pieces_of
from circuitbias.component import Reader, option
from circuitbias.numpy_files import npy_column, read_npy
from circuitbias.reading import check_size, opened
from circuitbias.recordings.found import Found, id_text, of_pairs

_TABLES = ("cluster_info.tsv", "cluster_group.tsv", "cluster_groups.csv", "cluster_KSLabel.tsv")
_MOST_PARAMETERS = 100_000  # bytes


class Phy(Reader):
    """A folder of Phy or Kilosort: spike_times.npy, spike_clusters.npy, params.py, cluster_*.tsv."""

    suffixes = ("",)

    noise: bool = option(False, "Whether to take clusters whose group is `noise`, too.")

    @staticmethod
    def files(path: Path) -> list[Path]:
        """See `Reader.files`. Features and templates, which may be large, are none of them."""
        arrays = ("spike_times.npy", "spike_clusters.npy", "spike_templates.npy", "params.py", *_TABLES)
        found = [path / name for name in arrays] + list(path.glob("cluster_*.tsv"))
        return sorted({one for one in found if one.exists()})

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        times = _vector(path / "spike_times.npy")
        clusters = path / "spike_clusters.npy"
        if not clusters.exists() and not (path / "spike_templates.npy").exists():
            raise ValueError(
                "there is neither spike_clusters.npy nor spike_templates.npy beside spike_times.npy"
            )
        labels = _vector(clusters if clusters.exists() else path / "spike_templates.npy")
        if times.shape != labels.shape:
            raise ValueError(
                f"{len(times)} spike times and {len(labels)} clusters: one of the files is cut short"
            )
        rate = _sampling_rate(path / "params.py")
        unit = "samples" if times.dtype.kind in "iu" or _are_whole(times) else None
        notes = [f"spike_times.npy and {'spike_clusters' if clusters.exists() else 'spike_templates'}.npy"]
        if rate is None and (path / "params.py").exists():
            notes.append("params.py has no sample_rate that is a plain number, and is not executed")
        found = of_pairs(times, labels, time_unit=unit, sampling_rate_hz=rate, notes=notes)
        for name in _TABLES:
            if (path / name).exists():
                _add_table(found, path / name)
        # Phy's own tables of one column each, such as cluster_Amplitude.tsv.
        for table in sorted(path.glob("cluster_*.tsv")):
            if table.name not in _TABLES:
                _add_table(found, table)
        group = "group" if "group" in found.properties else "KSLabel"
        if group in found.properties:
            found.properties.setdefault("label", found.properties[group])
        if not self.noise:
            _leave_out_noise(found)
        return found


def _are_whole(times) -> bool:
    return all((part == np.floor(part)).all() for part in pieces_of(times))


def _vector(path: Path) -> np.ndarray | Column:
    with opened(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if column := npy_column(file, n_bytes, path.name, lambda: opened(path)):
            return column
        file.seek(0)
        values = read_npy(file, n_bytes, path.name)
    if values.size != max(values.shape, default=0) or values.dtype.kind not in "iuf":
        raise ValueError(f"{path.name} has shape {values.shape} of {values.dtype}; must be a list of numbers")
    return values.ravel()


def _sampling_rate(path: Path) -> float | None:
    """The number that ``sample_rate = ...`` in a file of Python names; nothing of it is executed."""
    if not path.exists():
        return None
    with opened(path) as file:
        text = file.read(_MOST_PARAMETERS)
    try:
        statements = ast.parse(text).body
        rates = [
            _plain_value(one.value)
            for one in statements
            if isinstance(one, ast.Assign) and [getattr(t, "id", "") for t in one.targets] == ["sample_rate"]
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"params.py cannot be read ({error})") from error
    if rates and rates[-1] is None:
        return None
    if rates and not (type(rates[-1]) in (int, float) and 0 < rates[-1] < np.inf):
        raise ValueError(f"params.py: sample_rate = {rates[-1]!r:.100}: must be a number above 0")
    return float(rates[-1]) if rates else None


def _plain_value(value: ast.expr):
    """Value of a literal; None for what would have to be executed."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        return None


def _add_table(found: Found, path: Path) -> None:
    with opened(path) as file:
        check_size(f"the text of {path.name}", os.fstat(file.fileno()).st_size)
        content = file.read()
    if not content.strip():
        found.notes.append(f"{path.name} is empty")
        return
    table = pd.read_csv(io.BytesIO(content), sep="\t" if b"\t" in content.splitlines()[0] else ",")
    key = next((name for name in ("cluster_id", "id") if name in table), None)
    if key is None:
        raise ValueError(f"{path.name} has no column cluster_id; it has {', '.join(map(str, table))}")
    ids = [id_text(one) for one in table[key]]
    if len(set(ids)) < len(ids):
        twice = sorted({one for one in ids if ids.count(one) > 1})
        raise ValueError(f"{path.name}: two lines have one id: {', '.join(twice[:5])}")
    for one in ids:  # a cluster of which no spike is left
        if one not in found.ids:
            found.ids.append(one)
            found.times.append(np.empty(0))
            for column in found.properties.values():
                column.append(None)
    for name in table.columns.drop(key):
        if name not in found.properties:
            by_id = dict(zip(ids, table[name].tolist(), strict=True))
            found.properties[str(name)] = [by_id.get(one) for one in found.ids]


def _leave_out_noise(found: Found) -> None:
    group = found.properties.get("group")
    if not group or "noise" not in group:
        return
    kept = [k for k, one in enumerate(group) if one != "noise"]
    found.notes.append(
        f"{len(group) - len(kept)} clusters of the group noise were left out (noise=True takes them)"
    )
    found.ids = [found.ids[k] for k in kept]
    found.times = [found.times[k] for k in kept]
    found.properties = {name: [column[k] for k in kept] for name, column in found.properties.items()}
