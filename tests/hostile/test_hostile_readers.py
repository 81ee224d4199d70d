"""Readers fed with broken and hostile files: only their documented errors, and no more memory than needed."""

import contextlib
import pickle
from pathlib import Path

import building
import h5py
import numpy as np
import pytest
import readers
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitbias.config import load_config
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks import Network, read_weights, ring_network
from circuitbias.numpy_files import read_npz
from circuitbias.spikes.storage import SpikeFile, SpikeFileError
from circuitbias.steps import json_object

W = readers.WEIGHTS
SEEDS = readers.seeds()
LOAD = {"npy": read_weights, "npz": read_weights, "csv": read_weights, "mat": read_weights}
LOAD |= {
    "network": Network.load,
    "couplings": Couplings.load,
    "spikes": SpikeFile,
    "config_text": load_config,
}
QUICK = settings(derandomize=True, max_examples=60, database=None)

# --- whatever comes -----------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [name for name in SEEDS if name != "config"])
@QUICK
@given(content=st.binary(max_size=300))
def test_any_bytes(reader, content):
    readers.FEED[reader](content)


@pytest.mark.parametrize("reader", [name for name in SEEDS if name != "csv"])
@QUICK
@given(content=st.binary(min_size=8, max_size=80))
def test_broken_files_that_keep_their_form(reader, content):
    readers.FEED[reader](building.build(reader, content, SEEDS[reader]))


@pytest.mark.parametrize("reader", LOAD)
def test_there_are_good_files_to_start_from(reader):
    accepted = 0
    for seed in SEEDS[reader]:
        with contextlib.suppress(ValueError):  # of several matrices, none is named
            LOAD[reader](readers.in_file(reader, seed))
            accepted += 1
    assert accepted


def test_files_that_never_end_or_cannot_be(tmp_path):
    for name in ("x" * 300, "a\0b", "\ud800"):
        with pytest.raises(FileNotFoundError):
            read_weights(f"{name}.npy")
    for suffix in ("npz", "npy", "csv", "mat"):
        (tmp_path / f"zero.{suffix}").symlink_to("/dev/zero")
        with pytest.raises(ValueError, match="is no regular file"):
            read_weights(tmp_path / f"zero.{suffix}")
    for load in (Network.load, Couplings.load, SpikeFile):
        with pytest.raises(ValueError, match=r"no regular file|no such spike file"):
            load(tmp_path / "zero.npz")


# --- code in data -------------------------------------------------------------------------------


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_nothing_is_unpickled(tmp_path):
    mark = tmp_path / "ran"
    evil = np.array([[Payload(mark), 1], [2, 3]], dtype=object)
    pickle.loads(pickle.dumps(evil))
    assert mark.exists()  # it would work
    mark.unlink()

    def refused(load, path, message, *arguments):
        with pytest.raises(ValueError, match=message):
            load(path, *arguments)
        assert not mark.exists()

    for reader, save in (("network", ring_network(5).save), ("couplings", Couplings(W, {}, {"a": W}).save)):
        path = tmp_path / f"{reader}.npz"
        save(path)
        with np.load(path) as file:
            parts = dict(file)
        for name in parts:
            np.savez(path, **parts | {name: evil})
            refused(LOAD[reader], path, "allow_pickle")
            refused(read_weights, path, "allow_pickle", name)
    np.save(tmp_path / "w.npy", evil)
    refused(read_weights, tmp_path / "w.npy", "allow_pickle")
    for reader, load in LOAD.items():
        refused(load, readers.in_file(reader, pickle.dumps(evil)), "cannot be read|whole|must be")


# --- spike files --------------------------------------------------------------------------------


def edited(edit) -> Path:
    path = readers.in_file("h5", SEEDS["spikes"][0])
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def put(name, place, value):
    def edit(file):
        values = file[name][()]
        values[place] = value
        file[name][...] = values

    return edit


def attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


def replaced(name, **how):
    def edit(file):
        del file[name]
        file.create_dataset(name, **how)

    return edit


def longer(file):
    for name in ("neuron", "gap"):
        file[name].resize(2**40, axis=0)
    put("segments", (5, 4), 2**40 - 500)(file)


HOSTILE_SPIKES = {
    "a neuron that is not there": (put("neuron", 7, 10), "neuron 10 of 10"),
    "a spike after its segment": (put("gap", 99, 60_000), "after the end of its segment"),
    "a trial of nowhere": (put("segments", (5, 0), 2**62), "out of range"),
    "a trial below zero": (put("segments", (0, 0), -1), "out of range"),
    "a step below zero": (put("segments", (0, 1), -5), "out of range"),
    "a hole in time": (put("segments", (1, 1), 1001), "out of range"),
    "a segment without end": (put("segments", (2, 2), 2**62), "out of range"),
    "spikes of another segment": (put("segments", (1, 3), 0), "its index and its spikes differ"),
    "spikes below zero": (put("segments", (slice(1, 3), 4), [-100, 300]), "its index and its spikes differ"),
    "more spikes than are there": (longer, "claims shape"),
    "no neurons": (attribute("n_neurons", 0), "0 neurons"),
    "neurons below zero": (attribute("n_neurons", -5), "-5 neurons"),
    "neurons without end": (attribute("n_neurons", np.inf), "infinity"),
    "too many neurons": (attribute("n_neurons", 2**62), "neurons; allowed are"),
    "neurons of another size": (attribute("n_neurons", 300), "its parts are"),
    "no time": (attribute("dt_ms", np.nan), "nan ms"),
    "steps of no length": (attribute("dt_ms", 0.0), "steps of 0.0 ms"),
    "steps without end": (attribute("dt_ms", np.inf), "steps of inf ms"),
    "metadata that nest": (attribute("metadata", b"[" * 9999), "recursion"),
    "metadata that are none": (attribute("metadata", b"[]"), "not a mapping"),
    "another file's values": (
        replaced("gap", shape=600, dtype="u2", external=[("/dev/zero", 0, 1200)]),
        "from other files",
    ),
    "an index of a size": (
        replaced("segments", shape=(2**40, 5), dtype="i8", chunks=(1024, 5)),
        "claims shape",
    ),
    "an index of texts": (replaced("segments", data=[["a"] * 5] * 6), "its parts are"),
}


@pytest.mark.parametrize("case", HOSTILE_SPIKES)
def test_spike_files(case, little_memory):
    edit, message = HOSTILE_SPIKES[case]
    path = edited(edit)
    with pytest.raises(SpikeFileError, match=message) as caught:
        list(SpikeFile(path).segments())
    assert str(path) in str(caught.value)


# --- options ------------------------------------------------------------------------------------


NO_JSON = ["[" * 100_000, '{"a": ' * 100_000, "9" * 5000, '{"a": ' + "9" * 5000 + "}", "\0", ""]


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
def test_options_that_are_no_json(text):
    with pytest.raises(ValueError, match=r"^--options .* is not JSON") as caught:
        json_object("--options", text)
    assert len(str(caught.value)) < 2000


def test_the_fuzzer_knows_every_reader():
    """It is not run here (`make fuzz`), but must not fall behind."""
    text = (Path(__file__).parent / "fuzz.py").read_text()
    assert all(f'"{name}": ' in text for name in readers.FEED)
    compile(text, "fuzz.py", "exec")


def test_every_changed_byte_of_an_archive_is_seen_or_harmless(tmp_path):
    """Also one in a header, by which an array would be shorter than it is."""
    path = tmp_path / "network.npz"
    ring_network(4).save(path)
    with np.load(path) as file:
        parts = dict(file)
    np.savez(path, **parts)  # not compressed: a changed byte stays one
    whole, good = path.read_bytes(), read_npz(path)
    refused = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            read = read_npz(path)
        except ValueError:
            refused += 1
            continue
        assert read.keys() == good.keys() and all(np.array_equal(read[k], good[k]) for k in good), place
    assert refused > 0.08 * len(whole)
