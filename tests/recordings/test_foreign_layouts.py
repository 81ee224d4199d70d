"""Arrays, structs, tables and folders as other programs lay them out, and objects that hold times."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io

import circuitbias as cb
from circuitbias.config import recording_files
from circuitbias.made_from import stale_results

IDS = ["3", "4", "5", "6", "7", "8"]


def ragged(trains):
    every = list(trains.values())
    return np.concatenate(every), np.cumsum([len(one) for one in every])


# --- arrays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
def test_where_units_begin_or_how_many_spikes_they_have(tmp_path, trains, same, named):
    times, ends = ragged(trains)
    ids = {"unit_ids": np.array(IDS)} if named else {}
    np.savez(tmp_path / "a.npz", spike_times=times, offsets=np.append(0, ends), **ids)
    np.savez(tmp_path / "b.npz", spike_times=times, n_spikes=np.diff(ends, prepend=0), **ids)
    expected = trains if named else dict(zip("123456", trains.values(), strict=True))
    same(cb.recording(tmp_path / "a.npz"), expected)
    same(cb.recording(tmp_path / "b.npz"), expected)


def test_rows_filled_up_with_zeros(tmp_path, trains, same):
    filled = np.zeros((3, 2000))
    chosen = {"1": trains["5"], "2": trains["7"], "3": trains["8"]}
    for row, train in zip(filled, chosen.values(), strict=True):
        row[: len(train)] = train
    np.savez(tmp_path / "a.npz", spikes=filled)
    same(cb.recording(tmp_path / "a.npz"), chosen)


def test_structured_arrays_and_truth_values(tmp_path, pairs, trains, same):
    np.savez(tmp_path / "a.npz", spikes=np.rec.fromarrays(pairs, names="time,unit"))
    same(cb.recording(tmp_path / "a.npz"), trains, silent=False)
    np.savez(tmp_path / "b.npz", raster=np.random.default_rng(0).random((300, 4)) < 0.1)
    with pytest.raises(ValueError, match="raster looks like counts in bins: read it with format counts"):
        cb.recording(tmp_path / "b.npz")


def test_objects_are_told_how_to_be_saved(tmp_path, trains):
    held = np.empty(len(trains), dtype=object)
    held[:] = list(trains.values())
    np.savez(tmp_path / "a.npz", spike_times=held)
    with pytest.raises(ValueError, match=r"never unpickled.*spike_times_index=numpy\.cumsum"):
        cb.recording(tmp_path / "a.npz")


@pytest.mark.parametrize("ids", [["a", "b"], [7, 3]])
def test_arrays_of_spikeinterface(tmp_path, ids):
    labels = np.array(ids)[[0, 1, 0]]
    np.savez(
        tmp_path / "a.npz",
        unit_ids=np.array(ids),
        num_segment=np.array([2]),
        sampling_frequency=np.array([1000.0]),
        spike_indexes_seg0=np.array([5, 6, 9]),
        spike_labels_seg0=labels,
        spike_indexes_seg1=np.array([2]),
        spike_labels_seg1=labels[:1],
    )
    read = cb.recording(tmp_path / "a.npz")
    found = dict(zip(read.units, read.times_s, strict=True))
    np.testing.assert_allclose(found[str(ids[0])], [0.005, 0.009, 0.013])  # the second segment begins at 11
    np.testing.assert_allclose(found[str(ids[1])], [0.006])


# --- MATLAB -------------------------------------------------------------------------------------


def cells(values):
    held = np.empty((1, len(values)), dtype=object)
    held[0, :] = values
    return held


def test_structs_within_structs(tmp_path, pairs, trains, same):
    inner = {"times": pairs[0][:, None], "units": pairs[1][:, None].astype(float)}
    scipy.io.savemat(tmp_path / "a.mat", {"data": {"who": "me", "spikes": inner}})
    same(cb.recording(tmp_path / "a.mat"), trains, silent=False)


@pytest.mark.parametrize("names", [cells(["u%s" % k for k in IDS]), np.array(["u%s" % k for k in IDS])])  # noqa: UP031
def test_names_of_units_in_texts(tmp_path, trains, same, names):
    held = {"spike_times": cells([train[None] for train in trains.values()]), "unit_names": names}
    scipy.io.savemat(tmp_path / "a.mat", held | {"notes": cells(["two", np.ones(3)])})
    same(cb.recording(tmp_path / "a.mat"), {f"u{k}": train for k, train in trains.items()})


def text73(file, name, text):
    made = file.create_dataset(name, data=np.array([[ord(one)] for one in text], dtype="u2"))
    made.attrs["MATLAB_class"] = np.bytes_("char")
    return made


def test_structs_and_texts_of_version_73(tmp_path, pairs, trains, same):
    """As MATLAB writes them: a text is a column of its characters, a cell array one of references."""
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        outer = file.create_group("data")
        inner = outer.create_group("sp")
        for group in (outer, inner):
            group.attrs["MATLAB_class"] = np.bytes_("struct")
        for name, values in (("st", pairs[0]), ("clu", pairs[1].astype(float))):
            inner.create_dataset(name, data=values[None]).attrs["MATLAB_class"] = np.bytes_("double")
        text73(outer, "who", "me")
    same(cb.recording(tmp_path / "a.mat"), trains, silent=False)
    with h5py.File(tmp_path / "b.mat", "w", userblock_size=512) as file:
        for name in ("spike_times", "unit_names"):
            made = file.create_dataset(name, (len(trains), 1), dtype=h5py.ref_dtype)
            made.attrs["MATLAB_class"] = np.bytes_("cell")
            for k, (unit, train) in enumerate(trains.items()):
                if name == "unit_names":
                    part = text73(file, f"#refs#/n{k}", f"u{unit}")
                else:
                    part = file.create_dataset(f"#refs#/t{k}", data=train[:, None])
                    part.attrs["MATLAB_class"] = np.bytes_("double")
                made[k, 0] = part.ref
    same(cb.recording(tmp_path / "b.mat"), {f"u{k}": train for k, train in trains.items()})


# --- HDF5 ---------------------------------------------------------------------------------------


def test_a_group_a_unit(tmp_path, trains, same):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for unit, train in trains.items():
            file[f"units/{unit}/spike_times"] = train * 1e3
            file[f"units/{unit}/spike_times"].attrs["unit"] = "ms"
            file[f"units/{unit}/depth"] = float(unit)
    read = cb.recording(tmp_path / "a.h5")
    same(read, trains)
    assert read.properties["depth"].tolist() == [float(unit) for unit in trains]


def test_words_for_milliseconds_in_sonata(tmp_path, pairs, trains, same):
    for word, factor in (("msec", 1e3), ("s", 1)):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["spikes/v1/node_ids"] = pairs[1]
            file["spikes/v1/timestamps"] = pairs[0] * factor
            file["spikes/v1/timestamps"].attrs["units"] = word
        same(cb.recording(tmp_path / "a.h5"), trains, silent=False)


def test_a_table_of_units_elsewhere_in_nwb(tmp_path, trains, same):
    times, ends = ragged(trains)

    def table(file, place):
        file[f"{place}/id"] = [int(unit) for unit in IDS]
        file[f"{place}/spike_times"], file[f"{place}/spike_times_index"] = times, ends

    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        table(file, "processing/ecephys/sorted")
    same(cb.recording(tmp_path / "a.nwb"), trains)
    with h5py.File(tmp_path / "a.nwb", "a") as file:
        table(file, "analysis/curated")
    with pytest.raises(ValueError, match=r"there are analysis/curated, processing/ecephys/sorted: say table"):
        cb.recording(tmp_path / "a.nwb")
    same(cb.recording(tmp_path / "a.nwb", table="analysis/curated"), trains)


# --- folders ------------------------------------------------------------------------------------


def phy(folder, pairs, params="sample_rate = 30000.\n"):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "spike_times.npy", np.rint(pairs[0] * 30_000).astype("u8"))
    np.save(folder / "spike_clusters.npy", pairs[1].astype("i4"))
    (folder / "params.py").write_text(params)
    return folder


def test_dialects_of_phy(tmp_path, pairs, trains, same):
    folder = phy(tmp_path / "a", pairs)
    # Tabs in spite of its ending, as old versions wrote it.
    groups = "".join(f"{unit}\t{'good' if unit != 4 else 'mua'}\r\n" for unit in np.unique(pairs[1]))
    (folder / "cluster_groups.csv").write_text("cluster_id\tgroup\r\n" + groups)
    read = cb.recording(folder)
    same(read, trains, silent=False)
    assert len(read.select(where={"group": "mua"}).units) == 1
    phy(folder, pairs, "sample_rate = 3e4 * 1.0\n")
    with pytest.raises(ValueError, match=r"give sampling_rate_hz .*; params.py has no sample_rate that is"):
        cb.recording(folder)
    same(cb.recording(folder, sampling_rate_hz=30_000), trains, silent=False)
    with pytest.raises(ValueError, match=r"the spikes lie in a folder inside of it: name .*/a$"):
        cb.recording(tmp_path)


def test_the_folder_of_a_sorting_of_spikeinterface(tmp_path, pairs, trains, same):
    folder = tmp_path / "sorting"
    (folder / "properties").mkdir(parents=True)
    places = np.searchsorted(np.array(IDS), pairs[1].astype(str))
    spikes = np.rec.fromarrays(
        [np.rint(pairs[0] * 30_000).astype(int), places, np.zeros(len(places), int)],
        names="sample_index,unit_index,segment_index",
    )
    np.save(folder / "spikes.npy", np.array(spikes))
    info = {"sampling_frequency": 30_000.0, "unit_ids": IDS, "num_segments": 1}
    (folder / "numpysorting_info.json").write_text(json.dumps(info))
    np.save(folder / "properties" / "quality.npy", np.array(["good", "mua"] * 3))
    read = cb.recording(folder)
    same(read, trains)  # the silent one, too
    assert read.properties["quality"].tolist() == ["good", "mua"] * 3
    assert len(recording_files({"file": str(folder)})) == 3


def test_the_content_of_a_folder_decides_whatever_its_times(tmp_path, pairs, monkeypatch):
    """Files that were read count, those that lie beside them do not."""
    folder = phy(tmp_path / "a", pairs)
    np.save(folder / "pc_features.npy", np.zeros(9))
    names = [one.rpartition("/")[2] for one in recording_files({"file": str(folder)})]
    assert names == ["params.py", "spike_clusters.npy", "spike_times.npy"]
    monkeypatch.setenv("CIRCUITBIAS_RECORDS", str(tmp_path / "records"))
    words = ["infer", str(folder), "--method", "mean_field", "--output", str(tmp_path / "out")]
    from circuitbias.cli import main

    assert main(words) == 0
    assert stale_results(tmp_path / "records") == []
    np.save(folder / "pc_features.npy", np.ones(9))
    assert stale_results(tmp_path / "records") == []
    np.save(folder / "spike_clusters.npy", pairs[1][::-1].astype("i4"))
    assert str(tmp_path / "out" / "couplings.csv") in stale_results(tmp_path / "records")


# --- objects ------------------------------------------------------------------------------------


class Quantity(np.ndarray):
    """Times with a unit of measure, which numpy would take off without a word."""

    def rescale(self, unit):
        assert unit == "s"
        return type("Magnitude", (), {"magnitude": np.asarray(self) / 1e3})


class Ts:
    """Times of pynapple."""

    time_support = None

    def __init__(self, t):
        self.t = t

    def __len__(self):
        return len(self.t)


def test_objects_that_hold_times(pairs, trains, same):
    in_ms = {unit: (train * 1e3).view(Quantity) for unit, train in trains.items()}
    same(cb.recording(in_ms), trains)
    same(cb.recording({unit: Ts(train) for unit, train in trains.items()}), trains)
    same(cb.recording(pd.Series(trains)), trains)
    same(cb.recording({unit: train[:, None] for unit, train in trains.items()}), trains)
    with pytest.raises(ValueError, match="some units have times with a unit of measure, others without"):
        cb.recording(in_ms | {"3": np.ones(3)})
    with pytest.raises(ValueError, match=r"unit spikes is a dict, which holds no times: say which they are"):
        cb.recording({"spikes": trains})


def test_objects_with_a_row_a_spike(pairs, trains, same):
    """Names that are those of times are no ids of units."""
    times, units = pairs
    for one in (
        pd.DataFrame({"spike_time_ms": times * 1e3, "cluster": units}),
        pd.DataFrame({"time": times, "unit": units.astype(str)}),
        {"times": times, "units": units},
        {"spike_times_ms": (times * 1e3).tolist(), "unit_ids": units.tolist()},
        np.column_stack([times, units]),
        np.rec.fromarrays(pairs, names="time,unit"),
        (times, units),
    ):
        same(cb.recording(one), trains, silent=False)
    same(cb.recording({"spike_times": list(trains.values()), "unit_ids": IDS}), trains)
    two = cb.recording((trains["5"], trains["6"]))  # a tuple of trains stays one
    assert [len(train) for train in two.times_s] == [len(trains["5"]), len(trains["6"])]
