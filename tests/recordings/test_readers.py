"""Each format gives back what was written, by its own library or by hand; what is broken is named."""

import h5py
import numpy as np
import pytest

import circuitbias as cb
from circuitbias.catalogue import READERS, loaded
from circuitbias.recordings.found import of_pairs
from circuitbias.spikes.segments import Segment
from circuitbias.spikes.writing import write_spikes

SAMPLES_HZ = 30_000


def csv(path, times, units, header="time_s,unit", separator=",", decimal=".", units_first=False):
    lines = [header] * bool(header)
    for time, unit in zip(times, units, strict=True):
        cells = [repr(float(time)).replace(".", decimal), str(unit)]
        lines.append(separator.join(cells[::-1] if units_first else cells))
    path.write_text("\n".join(lines) + "\n")
    return path


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "factor"),
    [
        ({}, 1),
        ({"header": "unit_id;Spike Time (ms)", "separator": ";", "units_first": True}, 1e3),
        ({"header": "t [ms]\tcluster", "separator": "\t"}, 1e3),
        ({"header": "Timestamp\tNeuron ID", "separator": "\t", "decimal": ","}, 1),
        ({"header": "sender time_ms", "separator": " ", "units_first": True}, 1e3),
        ({"header": "spike_times_us,gid"}, 1e6),
        ({"header": ""}, 1),
        ({"header": "", "separator": ";", "decimal": ",", "units_first": True}, 1),
        ({"header": "# made by a friend", "separator": "  "}, 1),
        ({"header": "samples,id"}, SAMPLES_HZ),
    ],
)
def test_dialects_of_text(tmp_path, pairs, trains, same, dialect, factor):
    path = csv(tmp_path / "spikes.txt", pairs[0] * factor, pairs[1], **dialect)
    rate = {"sampling_rate_hz": SAMPLES_HZ} if factor == SAMPLES_HZ else {}
    same(cb.recording(path, **rate), trains, silent=False)


def test_units_that_are_names(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text("neuron,time_s,quality\nAVAL,0.5,1\nAVAR,0.25,2\nAVAL,0.125,3\n")
    read = cb.recording(path)
    assert read.units == ("AVAL", "AVAR")
    assert read.times_s[0].tolist() == [0.125, 0.5]


def test_columns_by_name_or_number(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text("when,who,what\n0.5,3,1\n0.25,4,1\n")
    assert cb.recording(path, time_column="when", unit_column=2).units == ("3", "4")
    with pytest.raises(
        ValueError,
        match=r"spikes.csv: .*which column holds the times: there are 'when', "
        "'who'",
    ):
        cb.recording(path)
    with pytest.raises(ValueError, match=r"time_column = 'hour': there is no such column"):
        cb.recording(path, time_column="hour")
    with pytest.raises(ValueError, match=r"unknown key \(did you mean time_column\?\)"):
        cb.recording(path, time_colum="when")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is nothing in it"),
        ("time,unit\n", "there are no spikes in it"),
        ("0.5\n0.75\n", "it has one column"),
        ("time_s,unit\n0.5,3\n0.7", r"line 3 \('0.7'\) has no time or no unit.* cut short"),
        ("time_s,unit\n0.5,3\nx,3\n", r"'x' in line 3 \('x,3'\) is no time"),
        (
            "time_s,unit\n0.5,3\n0.6,3,4,5\n",
            r"same number of columns: line 3 .* has 4 columns, the others 2",
        ),
        ("0.5,0.7\n0.6,0.1\n0.2,0.4\n", "not clear which column holds the units"),
        ("0.5,1,2\n0.6,1,3\n", "3 columns and no header"),
        ("time_s,unit\n0.5,3\nnan,4\n", r"line 3 \('nan,4'\) has no time or no unit"),
        ("time_s,unit\n0.5,3\ninf,4\n", "1 of the 1 times of unit 4 are no finite numbers"),
    ],
)
def test_text_that_is_no_recording(tmp_path, text, message):
    path = tmp_path / "spikes.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        cb.recording(path)
    assert str(caught.value).startswith(str(path))


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_bytes(b"\xff\xfe" + b"time,unit")  # an odd number of bytes is no UTF-16
    with pytest.raises(ValueError, match="truncated data"):
        cb.recording(path)
    path.write_bytes(b"time,unit\n0\0,3\n")
    with pytest.raises(ValueError, match="it is no text"):
        cb.recording(path)


# --- arrays -------------------------------------------------------------------------------------


def test_npz_of_all_spikes_or_of_each_unit(tmp_path, pairs, trains, same):
    path = tmp_path / "spikes.npz"
    np.savez(path, times=pairs[0], units=pairs[1])
    same(cb.recording(path), trains, silent=False)
    samples = np.rint(pairs[0] * SAMPLES_HZ).astype(int)
    np.savez(path, spike_times=samples, spike_clusters=pairs[1])
    with pytest.raises(ValueError, match="are whole numbers"):
        cb.recording(path)
    same(cb.recording(path, time_unit="samples", sampling_rate_hz=SAMPLES_HZ), trains, silent=False)
    np.savez(path, spike_times=samples, spike_clusters=pairs[1], time_unit="samples", fs=SAMPLES_HZ)
    same(cb.recording(path), trains, silent=False)
    np.savez(path, when=pairs[0], who=pairs[1])
    same(cb.recording(path, times="when", units="who"), trains, silent=False)
    np.savez(path, **trains)
    same(cb.recording(path), trains)


def test_npz_that_is_none(tmp_path):
    path = tmp_path / "spikes.npz"
    np.savez(path, matrix=np.eye(3))
    with pytest.raises(ValueError, match=r"there are matrix \(\(3, 3\)\). Needed are times and units"):
        cb.recording(path)
    np.savez(path, times=np.arange(3) / 7, units=np.arange(2))
    with pytest.raises(ValueError, match="must be two lists of one length"):
        cb.recording(path)
    np.savez(path, times=np.array([0.5, 0.7]), units=np.array([1, np.nan]))
    with pytest.raises(ValueError, match="1 spikes have no unit"):
        cb.recording(path)
    np.savez(path, a=np.array([{}]))
    with pytest.raises(ValueError, match="never unpickled"):
        cb.recording(path)
    whole = (np.savez(path, times=np.arange(30) / 7, units=np.arange(30) % 2), path.read_bytes())[1]
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"no whole \.npz file"):
        cb.recording(path)


def test_the_file_of_pynapple(tmp_path, trains, same):
    """As pynapple 0.11 lays it out: all times in order, the unit of each, and the support."""
    times = np.concatenate(list(trains.values()))
    index = np.repeat(np.arange(3, 9), [len(train) for train in trains.values()])
    order = np.argsort(times, kind="stable")
    path = tmp_path / "group.npz"
    arrays = {
        "t": times[order],
        "index": index[order],
        "start": [0.0],
        "end": [30.0],
        "keys": np.arange(3, 9),
    }
    pickled = np.array({"label": list("aabbcc")}, dtype=object)
    np.savez(path, **arrays, type=np.array(["TsGroup"]), _metadata=pickled)
    read = cb.recording(path)
    same(read, trains)
    assert read.observed_s[0].tolist() == [[0.0, 30.0]]
    assert "metadata are pickled in this file, and so left out" in read.origin["notes"][0]


# --- Phy ----------------------------------------------------------------------------------------


@pytest.fixture
def phy(tmp_path, pairs):
    folder = tmp_path / "phy"
    folder.mkdir()
    np.save(folder / "spike_times.npy", np.rint(pairs[0] * SAMPLES_HZ).astype(np.uint64)[:, None])
    np.save(folder / "spike_clusters.npy", pairs[1].astype(np.int32))
    (folder / "params.py").write_text(
        f"dat_path = r'C:\\data.bin'\nn_channels_dat = 385\nsample_rate = {SAMPLES_HZ}.\nhp_filtered = "
        "False\n"
    )
    groups = zip(range(3, 9), ["good", "good", "mua", "good", "noise", "good"], strict=True)
    lines = ["cluster_id\tgroup", *(f"{unit}\t{group}" for unit, group in groups)]
    (folder / "cluster_group.tsv").write_text("\n".join(lines) + "\n")
    (folder / "cluster_Amplitude.tsv").write_text("cluster_id\tAmplitude\n4\t10.5\n8\t3.5\n")
    return folder


def test_phy(phy, trains, same):
    same(cb.recording(phy, noise=True), trains)
    read = cb.recording(phy)
    assert read.units == ("3", "4", "5", "6", "8")  # 3 has no spike, 7 is noise
    assert "1 clusters of the group noise were left out" in " ".join(read.origin["notes"])
    assert read.select(where={"label": "good"}).units == ("3", "4", "6", "8")
    assert read.select(where={"Amplitude": "> 5"}).units == ("4",)


def test_parameters_of_phy_are_not_executed(phy, tmp_path):
    mark = tmp_path / "was_here"
    (phy / "params.py").write_text(f"open({str(mark)!r}, 'w')\nsample_rate = 30000.\n")
    cb.recording(phy)
    assert not mark.exists()
    (phy / "params.py").write_text("sample_rate = open('x')\n")
    with pytest.raises(ValueError, match=r"no sample_rate that is a plain number, and is not executed"):
        cb.recording(phy)
    (phy / "params.py").write_text("sample_rate = -1\n")
    with pytest.raises(ValueError, match=r"sample_rate = -1: must be a number above 0"):
        cb.recording(phy)
    (phy / "params.py").unlink()
    with pytest.raises(ValueError, match="give sampling_rate_hz"):
        cb.recording(phy)
    assert cb.recording(phy, sampling_rate_hz=SAMPLES_HZ).n_spikes


def test_phy_with_one_id_twice_or_cut_short(phy):
    (phy / "cluster_info.tsv").write_text("cluster_id\tdepth\n4\t1\n4\t2\n")
    with pytest.raises(ValueError, match=r"cluster_info.tsv: two lines have one id: 4"):
        cb.recording(phy)
    (phy / "cluster_info.tsv").unlink()
    clusters = np.load(phy / "spike_clusters.npy")
    np.save(phy / "spike_clusters.npy", clusters[:-1])
    with pytest.raises(ValueError, match="one of the files is cut short"):
        cb.recording(phy)
    whole = (phy / "spike_times.npy").read_bytes()
    (phy / "spike_times.npy").write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"spike_times.npy claims shape"):
        cb.recording(phy)


# --- HDF5 ---------------------------------------------------------------------------------------


def test_sonata(tmp_path, pairs, trains, same):
    path = tmp_path / "spikes.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("spikes/cortex")
        group["timestamps"], group["node_ids"] = pairs[0] * 1e3, pairs[1].astype(np.uint64)
        group["timestamps"].attrs["units"] = "milliseconds"
    same(cb.recording(path), trains, silent=False)
    with h5py.File(path, "a") as file:
        group = file.create_group("spikes/thalamus")
        group["timestamps"], group["node_ids"] = [1.5, 2.5], [3, 4]
    assert "thalamus:3" in cb.recording(path).units
    assert cb.recording(path, population="thalamus").times_s[0].tolist() == [0.0015]
    with pytest.raises(ValueError, match=r"population = 'x': there are cortex, thalamus"):
        cb.recording(path, population="x")
    with h5py.File(path, "a") as file:
        file["spikes/thalamus/timestamps"].attrs["units"] = "fortnights"
    with pytest.raises(ValueError, match=r"its unit of time is 'fortnights'"):
        cb.recording(path)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(ValueError, match=str(path)):
        cb.recording(path)
    path.write_bytes(b"not at all")
    with pytest.raises(ValueError, match="no HDF5 file"):
        cb.recording(path)


def test_spike_file_with_trials(tmp_path):
    pieces = [
        Segment(0, 0, 100, np.array([3, 3, 99]), np.array([0, 2, 1])),
        Segment(1, 0, 50, np.array([0]), np.array([2])),
    ]
    write_spikes(tmp_path / "spikes.h5", pieces, 4, 0.1, {})
    spikes, report = cb.recording(tmp_path / "spikes.h5").to_spikes()
    assert spikes.trial_steps.tolist() == [100, 50]
    for found, piece in zip(spikes.pieces, pieces, strict=True):
        assert np.array_equal(found.steps, piece.steps)
        assert np.array_equal(found.neurons, piece.neurons)
    assert report.silent == ("3",)


# --- the door -----------------------------------------------------------------------------------


def test_what_is_not_there_or_no_format(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing.csv"):
        cb.recording(tmp_path / "nothing.csv")
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(
        ValueError, match=r"ending '.xyz' is not known; say format .--format.: text, npz, mat"
    ):
        cb.recording(tmp_path / "a.xyz")
    with pytest.raises(ValueError, match=r"a folder without spike_times.npy"):
        cb.recording(tmp_path)
    with pytest.raises(ValueError, match=r"format = 'nwbb': must be one of"):
        cb.recording(tmp_path / "a.xyz", "nwbb")
    with pytest.raises(ValueError, match=r"a object is no recording that is known here"):
        cb.recording(object())


def test_no_permission_is_an_error_of_the_system(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("time_s,unit\n0.5,1\n")

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("circuitbias.reading._Source.__init__", lambda self, path: refuse(path))
    with pytest.raises(PermissionError, match=r"Permission denied: .*a.csv"):
        cb.recording(tmp_path / "a.csv")


def test_a_lock_of_another_program_is_no_hindrance(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spikes/a/timestamps"], file["spikes/a/node_ids"] = [1.5, 2.5], [0, 1]
    with open(tmp_path / "a.h5", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert cb.recording(tmp_path / "a.h5").units == ("0", "1")


def test_every_ending_has_one_reader():
    endings = [ending for place in READERS.values() for ending in loaded(place).suffixes]
    assert len(endings) == len(set(endings))


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "u8", "f8", "U16"])
def test_labels_of_any_type(dtype):
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 5, 200).astype("i8") * 50
    labels[labels == 100] = 101
    if dtype == "i2":
        labels = labels * 300 - 30_000  # further apart than such a number can say
    if dtype == "i8":
        labels = labels - 10**9 * (labels == 101)  # far apart, and below zero
    times = rng.random(200)
    found = of_pairs(times, labels.astype(dtype))
    assert set(found.ids) == {str(one) for one in labels.tolist()}
    for unit, train in zip(found.ids, found.times, strict=True):
        assert train.tolist() == [t for t, one in zip(times, labels, strict=True) if str(one) == unit]


GUEST = """
import circuitbias as cb
from circuitbias.recordings.found import of_trains


class Lines(cb.Reader):
    "A line a unit."

    scale: float = cb.option(1.0, "Seconds in a number.", above=0)

    def read(self, path):
        lines = [line.split() for line in path.read_text().splitlines()]
        trains = enumerate([[self.scale * float(one) for one in line] for line in lines])
        return of_trains(trains, time_unit="s")
"""


def test_a_format_of_somebody_elses(tmp_path, monkeypatch):
    (tmp_path / "my_lab_format.py").write_text(GUEST)
    (tmp_path / "a.lines").write_text("1 2 3\n5\n")
    monkeypatch.syspath_prepend(tmp_path)
    read = cb.recording(tmp_path / "a.lines", "my_lab_format:Lines", scale=0.1)
    assert [train.tolist() for train in read.times_s] == [[0.1, 0.2, pytest.approx(0.3)], [0.5]]
    with pytest.raises(ValueError, match="options of my_lab_format:Lines: scale = 0"):
        cb.recording(tmp_path / "a.lines", "my_lab_format:Lines", scale=0)
    with pytest.raises(ValueError, match="no_such_module"):
        cb.recording(tmp_path / "a.lines", "no_such_module:Lines")
