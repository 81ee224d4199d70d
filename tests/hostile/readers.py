"""The readers under attack: for each, valid files to start from, and how to feed it bytes.

`feed` lets only the documented errors of a reader pass, and looks at what it lets in.
"""

import copy
import io
import os
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse
import yaml

from circuitbias.config import ConfigError, load_config
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks import Network, read_weights, ring_network
from circuitbias.networks.sparse import sparse_network
from circuitbias.spikes.segments import Segment
from circuitbias.spikes.storage import SpikeFile, SpikeFileError
from circuitbias.spikes.writing import write_spikes
from circuitbias.steps import json_object

CONFIGS = Path(__file__).parents[2] / "config"
CONFIG = {
    "name": "tiny",
    "seeds": [1, 2],
    "network": {"family": "file", "path": "w.mat", "variable": "W"},
    "strengths": [0.01, "2e-2"],
    "thresholds": [0.0013, 0.0012],
    "simulation": {"n_spikes": 5000},
    "estimators": {
        "glm": {"method": "glm", "lags": [0, 1]},
        "penalised": {"method": "logistic", "l1": "cross_validation", "l1_grid": [1, 2]},
        "graph": {"method": "cross_correlation", "far_ms": 5},
    },
    "experiments": {"data_volume": {"estimators": ["glm"], "strengths": [0.01]}, "patterns": {}},
    "figures": {"example_strengths": [0.01]},
}
WEIGHTS = np.array([[0.0, 1.0, -2.5], [3.0, 0.5, 4.0], [5.0, -6.0, 0.0]])


@cache
def folder() -> Path:
    """A folder of this process alone, removed at its end."""
    in_memory = Path("/dev/shm")  # where there is one: writing is most of the work otherwise
    parent = in_memory if os.access(in_memory, os.W_OK) else None
    folder.keep = tempfile.TemporaryDirectory(prefix="circuitbias_hostile_", dir=parent)
    return Path(folder.keep.name)


def in_file(suffix: str, content: bytes) -> Path:
    path = folder() / f"input{os.getpid()}.{suffix}"
    path.write_bytes(content)
    return path


def written(suffix: str, write) -> bytes:
    path = in_file(suffix, b"")
    write(path)
    return path.read_bytes()


# --- valid files --------------------------------------------------------------------------------


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def mat(version: str, **variables) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, variables, format=version, do_compression=version == "5")
    return file.getvalue()


def spikes(path):
    rng = np.random.default_rng(0)
    pieces = []
    for trial in range(2):
        for start in range(0, 3000, 1000):
            steps, neurons = np.divmod(np.sort(rng.choice(10_000, 100, replace=False)), 10)
            pieces.append(Segment(trial, start, 1000, steps + start, neurons))
    write_spikes(path, pieces, 10, 0.1, {"seed": 3})


def seeds() -> dict[str, list[bytes]]:
    """Small valid files, by the reader that they are for."""
    from building import mat73  # it starts from these files itself

    couplings = Couplings(WEIGHTS, {"converged": True}, {"lags": np.arange(3)}, {"seed": 1})
    texts = [path.read_bytes() for path in sorted(CONFIGS.glob("*.yaml"))]
    sparse = scipy.sparse.csc_array(WEIGHTS)
    return {
        "config": [],
        "config_text": [*texts, b"a: &a [1]\nb: [*a, *a]\nc: {<<: {d: 1:1}, ? [e]\n: !!set {}}"],
        "npy": [npy(WEIGHTS), npy(np.asfortranarray(WEIGHTS.astype(">f4"))), npy(WEIGHTS.astype(np.int8))],
        "npz": [
            written("npz", lambda path: np.savez_compressed(path, W=WEIGHTS, r=[1.0, 2.0])),
            written("npz", lambda path: scipy.sparse.save_npz(path, scipy.sparse.csr_array(WEIGHTS))),
            written("npz", lambda path: scipy.sparse.save_npz(path, sparse)),
        ],
        "csv": [b"# pre,post\n0,1e-3\n-2,0\n", b"\xef\xbb\xbf0, nan\r\n1, 0x10\r\n"],
        "mat": [
            mat("5", W=WEIGHTS, note="text", cell=np.array([[1, "a"]], dtype=object)),
            mat("5", S=sparse, c=1j * WEIGHTS[:1]),
            mat("4", W=WEIGHTS, note="text"),
            mat("4", S=sparse),
            written("mat", mat73),
        ],
        "network": [written("npz", network.save) for network in (ring_network(5), sparse_network(6, 2))],
        "couplings": [written("npz", couplings.save)],
        "spikes": [written("h5", spikes)],
        "json": [b'{"family": "ring", "n": [1, -2.5e3, null, true], "a": {"b": "\\u00e9"}}'],
    }


# --- feeding ------------------------------------------------------------------------------------


def feed_config(source) -> None:
    try:
        config = load_config(source)
    except ConfigError as error:
        text = str(error)
        assert text.encode() and len(text) < 10**6
        if not isinstance(source, Path):  # one line a problem, whatever the keys and values hold
            assert all(line.startswith("  ") for line in text.split("\n")[1:])
            assert all(line.isprintable() for line in text.split("\n"))
        return
    assert load_config(copy.deepcopy(config)) == config
    assert yaml.safe_load(yaml.safe_dump(config)) == config
    for name in (config["name"], *config["estimators"]):
        assert name == Path(name).name and name.isprintable() and not name.startswith((".", "-"))


def feed_config_text(content: bytes) -> None:
    feed_config(in_file("yaml", content))


def feed_weights(suffix: str, content: bytes) -> None:
    path = in_file(suffix, content)
    try:
        weights = read_weights(path)
    except ValueError as error:
        assert str(path) in str(error)
        return
    assert weights.dtype == np.float64 and weights.ndim == 2 and weights.shape[0] == weights.shape[1] >= 2
    assert np.isfinite(weights.data if scipy.sparse.issparse(weights) else weights).all()


def feed_network(content: bytes) -> None:
    path = in_file("npz", content)
    try:
        network = Network.load(path)
    except ValueError as error:
        assert str(path) in str(error)
        return
    network.save(path)
    assert Network.load(path).name == network.name


def feed_couplings(content: bytes) -> None:
    path = in_file("npz", content)
    try:
        couplings = Couplings.load(path)
    except ValueError as error:
        assert str(path) in str(error)
        return
    assert couplings.values.dtype == np.float64 and np.isnan(np.diag(couplings.values)).all()


def feed_spikes(content: bytes) -> None:
    path = in_file("h5", content)
    try:
        file = SpikeFile(path)
        seen = 0
        for segment in file.segments():
            assert segment.trial < len(file.trial_steps)
            assert np.all((segment.neurons >= 0) & (segment.neurons < file.n_neurons))
            end = segment.first_step + segment.n_steps
            assert np.all((segment.steps >= segment.first_step) & (segment.steps < end))
            assert 0 <= segment.first_step <= end <= file.trial_steps[segment.trial]
            seen += segment.steps.size
        assert seen == file.n_spikes
    except SpikeFileError as error:
        assert str(path) in str(error)


def feed_json(content: bytes) -> None:
    try:
        assert isinstance(json_object("--options", content.decode(errors="surrogateescape")), dict)
    except ValueError as error:
        assert str(error).startswith("--options")


FEED = {
    "config": feed_config,
    "config_text": feed_config_text,
    **{suffix: partial(feed_weights, suffix) for suffix in ("npy", "npz", "csv", "mat")},
    "network": feed_network,
    "couplings": feed_couplings,
    "spikes": feed_spikes,
    "json": feed_json,
}
