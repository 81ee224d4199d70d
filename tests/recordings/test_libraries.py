"""Files that the official libraries write, and objects of theirs."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import scipy.io

import circuitbias as cb

DATA = os.environ.get("CIRCUITBIAS_DATA")


def cells(*contents):
    """A row of cells, for `scipy.io.savemat`."""
    made = np.empty((1, len(contents)), dtype=object)
    for k, content in enumerate(contents):
        made[0, k] = content
    return made


# --- MATLAB -------------------------------------------------------------------------------------


def version73(path, trains, name="spikes"):
    """A cell array as MATLAB lays it out: references to datasets in a group of its own."""
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("#refs#")
        cells = file.create_dataset(name, (len(trains), 1), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for k, train in enumerate(trains):
            one = group.create_dataset(
                f"c{k}", data=train[None] if len(train) else np.array([0, 0], np.uint64)
            )
            one.attrs["MATLAB_class"] = np.bytes_("double")
            if not len(train):
                one.attrs["MATLAB_empty"] = np.uint8(1)
            cells[k, 0] = one.ref


@pytest.mark.parametrize("version", ["4", "5", "5 compressed"])
@pytest.mark.parametrize("units_first", [True, False])
def test_two_columns(tmp_path, pairs, trains, same, version, units_first):
    table = np.column_stack(pairs[::-1] if units_first else pairs)
    form = {"format": version[0], "do_compression": "compressed" in version}
    scipy.io.savemat(tmp_path / "a.mat", {"spks": table}, **form)
    same(cb.recording(tmp_path / "a.mat"), trains, silent=False)
    same(cb.recording(tmp_path / "a.mat", unit_column=1 if units_first else 2), trains, silent=False)
    scipy.io.savemat(tmp_path / "a.mat", {"spks": table.T, "fs": 30_000.0}, **form)
    same(cb.recording(tmp_path / "a.mat"), trains, silent=False)


@pytest.mark.parametrize("version", ["5", "5 compressed", "7.3"])
def test_a_cell_for_each_unit(tmp_path, trains, same, version):
    path = tmp_path / "a.mat"
    if version == "7.3":
        version73(path, list(trains.values()))
    else:
        cells = np.empty((1, 6), dtype=object)
        for k, train in enumerate(trains.values()):
            cells[0, k] = train[:, None] if k % 2 else train
        scipy.io.savemat(path, {"spikes": cells, "note": "by hand"}, do_compression="compressed" in version)
    same(cb.recording(path), {str(k): train for k, train in enumerate(trains.values(), 1)})


def test_vectors_of_times_and_units(tmp_path, pairs, trains, same):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"spike_times": pairs[0], "clu": pairs[1], "other": np.eye(3)})
    same(cb.recording(path), trains, silent=False)
    scipy.io.savemat(path, {"when": pairs[0], "who": pairs[1]})
    same(cb.recording(path, variable="when", units="who"), trains, silent=False)


@pytest.mark.parametrize(
    ("variables", "options", "message"),
    [
        ({"a": np.eye(2), "b": "x"}, {}, r"there are a \(\(2, 2\)\), b .*.* say variable.*"),
        ({"a": np.zeros((9, 2)), "b": np.zeros((9, 2))}, {}, "not clear what holds the spikes"),
        ({"a": np.zeros((9, 2))}, {"variable": "z"}, "no variable 'z'; there are a"),
        ({"a": {"times": "x"}}, {"variable": "a"}, r"there are a.times"),
        ({"a": {"times": 1.0}}, {"variable": "a.units"}, "no variable 'a.units'; there are a.times"),
        ({"a": np.ones((30, 4))}, {}, "looks like counts in bins: read it with format counts"),
        ({"a": np.random.default_rng(0).random((9, 2))}, {}, "not clear which column .* unit_column, 1 or 2"),
        ({"a": cells(np.ones(3), "x")}, {}, "cell 2 of a is a text"),
        ({"a": cells(np.ones(3), 1j * np.ones(3))}, {}, "allowed are real numbers"),
        ({"a": cells(np.ones(3), np.eye(3))}, {}, "cell 2 of a is no list of times"),
    ],
)
def test_mat_files_that_do_not_tell(tmp_path, variables, options, message):
    scipy.io.savemat(tmp_path / "a.mat", variables)
    with pytest.raises(ValueError, match=message):
        cb.recording(tmp_path / "a.mat", **options)


def test_cells_that_lie(tmp_path, trains):
    path = tmp_path / "a.mat"
    cells = np.empty((1, 3), dtype=object)
    for k in range(3):
        cells[0, k] = np.arange(20.0) + k / 7
    scipy.io.savemat(path, {"spikes": cells})
    whole = path.read_bytes()
    for length in range(128, len(whole) - 1, 40):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"a\.mat"):
            cb.recording(path)
    rng = np.random.default_rng(0)
    for _ in range(150):  # a wrong byte is refused, or changes a number
        broken = bytearray(whole)
        broken[rng.integers(128, len(whole))] = rng.integers(256)
        path.write_bytes(broken)
        try:
            cb.recording(path)
        except ValueError as error:
            assert str(error).startswith(str(path))
    version73(path, list(trains.values()))
    with h5py.File(path, "a") as file:
        file["spikes"][0, 0] = file["#refs#"].ref
    with pytest.raises(ValueError, match="cell 1 holds no real numbers"):
        cb.recording(path)
    with h5py.File(path, "a") as file:
        file["#refs#/wide"] = h5py.SoftLink("/elsewhere")
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
        file["spikes"][0, 0] = file.create_virtual_dataset("#refs#/virtual", layout).ref
    with pytest.raises(ValueError, match="that lie in the file itself"):
        cb.recording(path)


# --- NWB ----------------------------------------------------------------------------------------


@pytest.fixture
def nwb(tmp_path, trains):
    pynwb = pytest.importorskip("pynwb")
    file = pynwb.NWBFile("a session", "id", datetime(2020, 1, 1, tzinfo=UTC))
    device = file.create_device(name="probe")
    group = file.create_electrode_group(name="shank", description="-", location="here", device=device)
    for k in range(4):
        file.add_electrode(x=10.0 * k, y=1.0 * k, z=0.0, location="here", group=group)
    file.add_unit_column(name="label", description="quality")
    file.add_unit_column(name="isolation", description="distance")
    for k, (unit, train) in enumerate(trains.items()):
        intervals = [[0.0, 12.0], [13.0, 30.0]] if k == 4 else [[0.0, 30.0]]
        inside = train[(train < 12) | (train >= 13)] if k == 4 else train
        file.add_unit(
            id=int(unit),
            spike_times=inside,
            obs_intervals=intervals,
            electrodes=[k % 4, (k + 1) % 4],
            label="good" if k % 2 else "mua",
            isolation=float(k),
        )
    path = tmp_path / "session.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def test_nwb_of_pynwb(nwb, trains, same):
    read = cb.recording(nwb)
    expected = dict(trains)
    expected["7"] = trains["7"][(trains["7"] < 12) | (trains["7"] >= 13)]
    same(read, expected)
    assert read.observed_s[4].tolist() == [[0, 12], [13, 30]]
    assert read.properties["label"].tolist() == ["mua", "good"] * 3
    assert read.properties["x"].tolist() == [5.0, 15.0, 25.0, 15.0, 5.0, 15.0]
    assert read.select(where={"label": "good", "isolation": ">= 3"}).units == ("6", "8")
    spikes, report = read.to_spikes()
    assert spikes.trial_steps.tolist() == [120_000, 170_000]
    assert report.cost_s.tolist() == [0, 0, 0, 0, 1.0, 0]


def test_nwb_that_is_none(nwb, tmp_path):
    whole = nwb.read_bytes()
    with h5py.File(nwb, "a") as file:
        file["units/spike_times_index"][0] = 60_000
    with pytest.raises(ValueError, match="spike_times_index does not fit 6 units"):
        cb.recording(nwb)
    with h5py.File(nwb, "a") as file:
        del file["units"]
    with pytest.raises(ValueError, match=r"session.nwb: there is no table units in it"):
        cb.recording(nwb)
    with h5py.File(nwb, "a") as file:
        file["units"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(ValueError, match=r"session.nwb"):
        cb.recording(nwb)
    nwb.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"session.nwb"):
        cb.recording(nwb)


def test_nwb_without_units_in_its_table(tmp_path):
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["units/id"] = np.empty(0, int)
    with pytest.raises(ValueError, match="the table of units is empty"):
        cb.recording(tmp_path / "a.nwb")


# --- neo ----------------------------------------------------------------------------------------


def neo_block(neo, trains, n_segments=1):
    block = neo.Block()
    for k in range(n_segments):
        segment = neo.Segment(index=k)
        for unit, train in trains.items():
            one = neo.SpikeTrain(train * 1e3, units="ms", t_start=0.0, t_stop=30e3, name=unit)
            one.annotate(label="good")
            segment.spiketrains.append(one)
        block.segments.append(segment)
    return block


def test_neo_objects(trains, same):
    neo = pytest.importorskip("neo")
    block = neo_block(neo, trains)
    for thing in (block, block.segments[0], list(block.segments[0].spiketrains)):
        read = cb.recording(thing)
        same(read, trains)
        assert read.observed_s[0].tolist() == [[0.0, 30.0]]
        assert set(read.properties["label"]) == {"good"}
    twice = cb.recording(neo_block(neo, trains, 2))
    assert twice.observed_s[2].tolist() == [[0, 30], [31, 61]]
    assert np.allclose(twice.times_s[2], np.concatenate([trains["5"], trains["5"] + 31]))


def test_neo_files(tmp_path, trains, same):
    neo = pytest.importorskip("neo")
    path = tmp_path / "block.mat"
    neo.io.NeoMatlabIO(str(path)).write_block(neo_block(neo, trains))
    read = cb.recording(path, "neo")
    same(read, trains)
    assert "NeoMatlabIO" in read.origin["notes"][-1]
    pickled = tmp_path / "block.pkl"
    neo.io.PickleIO(str(pickled)).write_block(neo_block(neo, trains))
    with pytest.raises(ValueError, match="no reader for it that does not unpickle"):
        cb.recording(pickled, "neo")


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.plx").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "neo", None)
    with pytest.raises(ValueError, match=r"a.plx: reading this takes neo: pip install 'circuitbias\[neo\]'"):
        cb.recording(tmp_path / "a.plx")


# --- what is in memory: stand-ins with the methods that are used ---------------------------------


class Sorting:
    """As SpikeInterface's BaseSorting."""

    def __init__(self, segments):
        self._segments, self.unit_ids = segments, np.array(list(segments[0]))

    def get_sampling_frequency(self):
        return 30_000.0

    def get_num_segments(self):
        return len(self._segments)

    def get_unit_spike_train(self, unit_id, segment_index=None):
        return np.rint(self._segments[segment_index][unit_id] * 30_000).astype(np.int64)

    def get_property_keys(self):
        return ["quality", "matrix"]

    def get_property(self, key):
        return np.arange(len(self.unit_ids)) if key == "quality" else np.eye(2)


def test_a_sorting_of_spikeinterface(trains, same):
    read = cb.recording(Sorting([trains]))
    same(read, trains)
    assert list(read.properties) == ["quality"]
    twice = cb.recording(Sorting([trains, trains]))
    last = max(train.max(initial=0) for train in trains.values())
    spikes, _ = twice.to_spikes()
    assert len(spikes.trial_steps) == 2
    assert np.allclose(twice.times_s[1][: len(trains["4"])], trains["4"])
    assert np.allclose(twice.times_s[1][len(trains["4"]) :] - trains["4"], last + 2 / 30_000)


class TsGroup(dict):
    """As pynapple's, whose values have times in seconds."""

    time_support = {"start": np.array([0.0]), "end": np.array([30.0])}  # noqa: RUF012
    metadata_columns = ("rate", "area")

    def get_info(self, name):
        return np.array(list("abcabc"))


def test_a_group_of_pynapple(trains, same):
    read = cb.recording(TsGroup({int(unit): SimpleNamespace(t=train) for unit, train in trains.items()}))
    same(read, trains)
    assert read.observed_s[0].tolist() == [[0.0, 30.0]]
    assert read.properties["area"].tolist() == list("abcabc")


def test_lists_and_mappings_and_spikes(trains, same):
    same(cb.recording(trains), trains)
    same(cb.recording(list(trains.values())), {str(k): train for k, train in enumerate(trains.values())})
    monitor = SimpleNamespace(spike_trains=lambda: {int(unit): train for unit, train in trains.items()})
    same(cb.recording(monitor), trains)
    spikes, report = cb.recording(trains).select(window_s=(0, 30)).to_spikes()
    again = cb.recording(spikes)
    assert [len(train) for train in again.times_s] == report.spikes.tolist()
    assert again.observed_s[0].tolist() == [[0, 30]]


# --- real ones ----------------------------------------------------------------------------------


@pytest.mark.skipif(not DATA, reason="CIRCUITBIAS_DATA names no folder with aplysia/*.mat")
@pytest.mark.parametrize(
    ("name", "n_units", "n_spikes"), [("Feb1312da06", 125, 17_059), ("Jan1312da04", 102, 12_503)]
)
def test_recordings_of_aplysia(name, n_units, n_spikes):
    path = Path(DATA) / "aplysia" / f"{name}spks.mat"
    read = cb.recording(path)
    table = scipy.io.loadmat(path)["spks"]
    assert (len(read.units), read.n_spikes) == (n_units, n_spikes)
    for unit, train in zip(read.units, read.times_s, strict=True):
        assert np.array_equal(train, np.sort(table[table[:, 0] == int(unit), 1]))
    spikes, report = read.to_spikes()
    assert spikes.n_spikes + report.merged.sum() == n_spikes
