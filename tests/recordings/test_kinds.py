"""Kinds of files and objects that nobody gave us: read right, or refused in a sentence that helps."""

import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

import circuitbias as cb


@pytest.mark.parametrize(
    ("header", "decimal", "factor"),
    [
        ("Zeit (s);Neuron", ",", 1),
        ("Zeit [ms];Zelle", ",", 1000),
        ("temps_s;unité", ",", 1),
        ("tiempo;unidad", ".", 1),
        ("时间;单元", ".", 1),
        ("spke_tme;unit", ".", 1),
        ("time;clustr", ".", 1),
    ],
)
def test_two_columns_in_other_languages(tmp_path, pairs, trains, same, header, decimal, factor):
    """One known name tells the other column; else their contents do. The unit of time still counts."""
    rows = [f"{time * factor:.6f};{unit}\n".replace(".", decimal) for time, unit in zip(*pairs, strict=True)]
    (tmp_path / "a.csv").write_text(header + "\n" + "".join(rows), encoding="utf-8")
    same(cb.recording(tmp_path / "a.csv"), trains, silent=False, atol=1e-6)
    names = header.split(";")
    turned = ["{1};{0}\n".format(*row.rstrip().split(";")) for row in rows]
    (tmp_path / "a.csv").write_text(";".join(names[::-1]) + "\n" + "".join(turned), encoding="utf-8")
    same(cb.recording(tmp_path / "a.csv"), trains, silent=False, atol=1e-6)


def test_two_columns_that_are_no_spikes(tmp_path):
    rng = np.random.default_rng(0)
    text = "".join(f"{x:.4f},{y:.4f}\n" for x, y in rng.random((50, 2)))
    (tmp_path / "a.csv").write_text("px,py\n" + text)
    with pytest.raises(ValueError, match=r"not clear which column holds the units.*time_column"):
        cb.recording(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.csv", "a.nwb", "a.npz", "a.mat", "a.h5"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", "git lfs pull"),
        ("\n<!DOCTYPE html><html><body>404</body></html>", "a web page, not the file itself"),
    ],
)
def test_what_stands_in_place_of_a_file(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        cb.recording(tmp_path / name)


def test_one_array_of_two_columns(tmp_path, pairs, trains, same):
    np.save(tmp_path / "a.npy", np.column_stack(pairs))
    same(cb.recording(tmp_path / "a.npy"), trains, silent=False)
    np.save(tmp_path / "b.npy", pairs[0])
    with pytest.raises(ValueError, match=r"b\.npy: it is one list: name the folder of Phy"):
        cb.recording(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", trains, allow_pickle=True)
    with pytest.raises(ValueError, match="holds Python objects, which are never unpickled"):
        cb.recording(tmp_path / "c.npy")


def test_the_older_folder_of_spikeinterface(tmp_path, pairs, trains, same):
    folder = tmp_path / "sorting"
    (folder / "properties").mkdir(parents=True)
    known = [int(unit) for unit in trains]
    np.save(folder / "properties" / "quality.npy", np.array(["good"] * len(known)))
    np.savez(
        folder / "sorting_cached.npz",
        unit_ids=known,
        num_segment=[1],
        sampling_frequency=[30_000.0],
        spike_indexes_seg0=np.rint(pairs[0] * 30_000).astype(np.int64),
        spike_labels_seg0=pairs[1],
    )
    read = cb.recording(folder)
    same(read, trains)
    assert read.properties["quality"].tolist() == ["good"] * len(known)


def test_indexes_of_ragged_columns_are_no_properties(tmp_path):
    """Each unit of NWB has as many further values as it likes; where these end is nothing of the unit."""
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        units = file.create_group("units")
        units["id"] = [3, 4]
        for name in ("spike_times", "spike_amplitudes"):
            units[name], units[f"{name}_index"] = [0.5, 1.5, 2.5, 3.5], [1, 4]
        units["waveforms_index_index"], units["waveforms_index"] = [1, 2], [2, 4, 5]
        units["waveforms"], units["snr"] = np.ones((5, 3)), [1.5, 2.5]
    read = cb.recording(tmp_path / "a.nwb")
    assert list(read.properties) == ["snr"]
    assert [len(one) for one in read.times_s] == [1, 3]


def test_a_unit_of_time_that_makes_no_neurons_is_doubted(tmp_path):
    """NWB means seconds; milliseconds in it are seen by what no neuron does."""
    rng = np.random.default_rng(0)
    trains = [np.cumsum(0.003 + rng.exponential(0.1, 300)) for _ in range(3)]
    for factor, doubted in ((1, False), (1000, True)):
        with h5py.File(tmp_path / "a.nwb", "w") as file:
            units = file.create_group("units")
            units["id"], units["spike_times_index"] = [0, 1, 2], [300, 600, 900]
            units["spike_times"] = np.concatenate(trains) * factor
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            notes = " ".join(cb.recording(tmp_path / "a.nwb").origin["notes"])
        assert ("DOUBTFUL: the file says that its times are in s, but" in notes) == doubted
        assert [str(one.message) in notes for one in said] == [True] * doubted
        assert "DOUBTFUL" not in " ".join(cb.recording(tmp_path / "a.nwb", time_unit="ms").origin["notes"])


@pytest.mark.parametrize(("kind", "coarse"), [("f8", False), ("f4", True), ("f2", True)])
def test_times_in_few_digits(tmp_path, kind, coarse):
    """In single precision an hour has steps of a quarter of a millisecond."""
    times = np.sort(np.random.default_rng(0).uniform(0, 3600 if kind != "f2" else 60, 5000)).astype(kind)
    np.savez(tmp_path / "a.npz", times_s=times, units=np.arange(5000) % 7)
    read = cb.recording(tmp_path / "a.npz")
    told = [note for note in read.origin["notes"] if "so few digits" in note]
    assert bool(told) == coarse
    if kind == "f4":
        assert "0.24 ms apart" in told[0]
    assert np.array_equal(np.sort(np.concatenate(read.times_s)), times.astype(float))


def test_single_precision_is_divided_in_double(tmp_path):
    """Milliseconds in single precision lose no more by becoming seconds."""
    times = np.sort(np.random.default_rng(0).uniform(0, 30_000, 500)).astype("f4")
    np.savez(tmp_path / "a.npz", times_ms=times, units=np.arange(500) % 3)
    found = np.sort(np.concatenate(cb.recording(tmp_path / "a.npz").times_s))
    np.testing.assert_allclose(found, times.astype(float) / 1000, rtol=1e-15)


def test_whole_numbers_beside_a_sampling_rate_are_told_so(tmp_path):
    np.savez(tmp_path / "a.npz", times=np.arange(90.0) * 300, units=np.arange(90) % 3, fs=30_000.0)
    with pytest.raises(ValueError, match=r"all 90 times are whole numbers.*sampling rate, 30000 Hz"):
        cb.recording(tmp_path / "a.npz")
    same = cb.recording(tmp_path / "a.npz", time_unit="samples")
    assert same.times_s[1][0] == 0.01


def test_objects_with_a_row_a_spike_or_a_unit(pairs, trains, same):
    rows = list(zip(pairs[0].tolist(), pairs[1].tolist(), strict=True))
    same(cb.recording(rows), trains, silent=False)
    table = pd.DataFrame({"spike_times": list(trains.values())}, index=list(trains))
    same(cb.recording(table), trains)
    with pytest.raises(ValueError, match=r"time \(\(\d+,\) of timedelta64\[..\]: turn it into seconds"):
        cb.recording(pd.DataFrame({"time": pd.to_timedelta(pairs[0], unit="s"), "unit": pairs[1]}))


def test_blocks_of_neo_in_a_list(trains, same):
    """What ``neo.io.X(file).read()`` returns."""
    neo = pytest.importorskip("neo")
    block, segment = neo.Block(), neo.Segment()
    block.segments.append(segment)
    for unit, train in trains.items():
        segment.spiketrains.append(neo.SpikeTrain(1000 * train, units="ms", t_stop=30_000, name=unit))
    same(cb.recording([block]), trains)
    same(cb.recording([segment]), trains)
