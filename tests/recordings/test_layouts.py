"""Layouts of other laboratories: each is read as it is meant, or refused with what to do."""

import bz2
import gzip
import lzma

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

import circuitbias as cb
from circuitbias.exceptions import UnusableDataError

IDS = ("3", "4", "5", "6", "7", "8")


def text(pairs, header, sep=",", factor=1.0, end="\n", **_):
    lines = [header, *(f"{time * factor:.9f}{sep}{unit}" for time, unit in zip(*pairs, strict=True))]
    return end.join(lines) + end


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "factor", "encoding"),
    [
        ("time_\u03bcs,unit", 1e6, "utf-8"),  # the Greek letter, and the sign for micro
        ("time_\u00b5s,unit", 1e6, "utf-8"),
        ("time_\u00b5s,unit", 1e6, "latin-1"),
        ("Time (\u03bcs),unit", 1e6, "utf-16"),
        ("timeSeconds,clusterID", 1.0, "utf-8"),
        ("spike time in ms,cell #", 1e3, "utf-8"),
        ("\ufeffSpikeTimes_s,unit", 1.0, "utf-8"),
        ("Lab X\nDate,2020-01-01\n\ntime_s,unit", 1.0, "utf-8"),
    ],
)
def test_headers(tmp_path, pairs, trains, same, header, factor, encoding):
    (tmp_path / "a.csv").write_bytes(text(pairs, header, factor=factor).encode(encoding))
    same(cb.recording(tmp_path / "a.csv"), trains, silent=False)


@pytest.mark.parametrize(("ending", "packer"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_packed_text(tmp_path, pairs, trains, same, ending, packer):
    packed = packer.compress(text(pairs, "time_s,unit").encode())
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(packed)
    same(cb.recording(path), trains, silent=False)
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ValueError, match="damaged or cut short"):
        cb.recording(path)
    (tmp_path / f"a.npz.{ending}").write_bytes(packed)
    with pytest.raises(ValueError, match=r"unpack it first, and name a\.npz"):
        cb.recording(tmp_path / f"a.npz.{ending}")


def test_what_unpacks_to_more_than_fits(tmp_path, monkeypatch):
    monkeypatch.setattr("circuitbias.reading.LARGEST_BYTES", 10_000)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"0.5,1\n" * 10_000))
    with pytest.raises(
        ValueError,
        match="what is compressed in it would take 10001 bytes; allowed are 10000".replace(
            "bytes", "bytes in memory"
        ),
    ):
        cb.recording(tmp_path / "a.csv.gz")


def test_a_column_a_unit(tmp_path, trains, same):
    spiking = {f"unit_{k}": train for k, train in trains.items() if len(train)}
    rows = max(map(len, spiking.values()))
    cells = [[f"{one:.9f}" for one in train] + [""] * (rows - len(train)) for train in spiking.values()]
    lines = [";".join(spiking), *(";".join(row) for row in zip(*cells, strict=True))]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    same(cb.recording(tmp_path / "a.csv"), spiking)


def test_a_file_without_ending_and_a_last_line_without_end(tmp_path):
    (tmp_path / "spikes").write_text("time_s,unit\n0.5,3\n0.75,4")
    read = cb.recording(tmp_path / "spikes")
    assert read.units == ("3", "4")
    assert "its last line has no end: it may have been cut short" in read.origin["notes"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "", r"'.xlsx' is not known; save it as .csv: a line a spike"),
        ("a.pkl", "", "pickles are never opened"),
        ("a.zip", "", "unpack it first"),
        (
            "a.csv",
            "Zeit;Einheit\n0,5;1\n0,7;2\n",
            "not clear which column holds the units: .* time_column and unit_column",
        ),
        ("a.csv", "time,unit\n00:00:01.5,1\n00:00:02.5,1\n", "'00:00:01.5' in line 2 .* is no time"),
        ("a.csv", "1,0,2\n0,1,0\n", r"counts in bins, read it with format counts .--format counts"),
        (
            "a.csv",
            "0.5,1,2\n0.6,1,3\n",
            r"""say time_column .time_column=1, or --format-options '{"time_column": 1}'""",
        ),
    ],
)
def test_what_to_do_is_said(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        cb.recording(tmp_path / name)


# --- named arrays: .npz, .mat and HDF5 alike ----------------------------------------------------


def save_npz(path, arrays):
    np.savez(path, **arrays)


def save_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, one in arrays.items():
            file[f"recording/{name}"] = one


SAVED = {"npz": save_npz, "mat": scipy.io.savemat, "h5": save_h5}


@pytest.fixture(params=SAVED)
def saved(request, tmp_path):
    def saved(**arrays):
        SAVED[request.param](tmp_path / f"a.{request.param}", arrays)
        return tmp_path / f"a.{request.param}"

    return saved


def test_pairs_by_their_usual_names(saved, pairs, trains, same):
    same(cb.recording(saved(spike_times_ms=pairs[0] * 1e3, unit_id=pairs[1])), trains, silent=False)
    samples = np.rint(pairs[0] * 30_000).astype(np.int64)
    same(cb.recording(saved(timestamps=samples, gid=pairs[1], fs=30_000.0)), trains, silent=False)
    same(cb.recording(saved(spikes=np.column_stack(pairs))), trains, silent=False)


def test_times_with_an_index(saved, trains, same):
    times, ends = np.concatenate(list(trains.values())), np.cumsum([len(one) for one in trains.values()])
    path = saved(
        spike_times=times,
        spike_times_index=ends,
        unit_ids=[int(one) for one in IDS],
        depth=np.arange(6) * 20.0,
    )
    read = cb.recording(path)
    same(read, trains)
    np.testing.assert_array_equal(read.properties["depth"], np.arange(6) * 20)


def test_an_array_a_unit(saved, trains, same):
    spiking = {f"sig{k}": train for k, train in trains.items() if len(train)}
    same(cb.recording(saved(**spiking)), spiking)


def test_rows_filled_up_with_nan(saved, trains, same):
    most = max(map(len, trains.values()))
    rows = np.array([np.pad(one, (0, most - len(one)), constant_values=np.nan) for one in trains.values()])
    numbered = {str(k): train for k, train in enumerate(trains.values(), 1)}
    same(cb.recording(saved(spk=rows)), numbered)
    same(cb.recording(saved(spk=rows.T)), numbered)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        # Neither of these is a unit, though both are lists of numbers.
        ({"a": [0.1, 0.2, 0.3], "b": [1, 0, 1]}, "not clear what holds the spikes"),
        ({"times": [0.1, 0.2, 0.3], "other": [1, 0, 1]}, "not clear what holds the spikes"),
        ({"x": np.ones((3, 4))}, "Needed are times and units of all spikes"),
        ({"x": np.ones((90, 4))}, "x looks like counts in bins: read it with format counts"),
        ({}, "there are no arrays in it"),
    ],
)
def test_arrays_that_do_not_tell(saved, arrays, message):
    with pytest.raises(ValueError, match=message):
        cb.recording(saved(**arrays))


def test_an_unknown_unit_of_time(tmp_path):
    np.savez(tmp_path / "a.npz", times=[0.5], units=[1], time_unit="parsec")
    with pytest.raises(ValueError, match="its unit of time is 'parsec'; known are s, sec"):
        cb.recording(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", times=[500.5], units=[1], time_unit="Milliseconds")
    assert cb.recording(tmp_path / "a.npz").times_s[0] == pytest.approx(0.5005)


# --- structs of MATLAB --------------------------------------------------------------------------


def as_cells(trains):
    made = np.empty((1, len(trains)), dtype=object)
    for k, train in enumerate(trains.values()):
        made[0, k] = train
    return made


def in_struct_5(path, trains):
    fields = {
        "times": as_cells(trains),
        "UID": [int(one) for one in trains],
        "depth": np.arange(6.0),
        "name": "x",
    }
    scipy.io.savemat(path, {"spikes": fields, "session": {"name": "a"}}, do_compression=True)


def in_struct_array_5(path, trains):
    made = np.zeros((1, len(trains)), dtype=[(name, object) for name in ("id", "times", "depth", "label")])
    for k, (unit, train) in enumerate(trains.items()):
        made[0, k] = (int(unit), train, float(k), "good")
    scipy.io.savemat(path, {"units": made})


def in_struct_73(path, trains):
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("spikes")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        cells = group.create_dataset("times", (len(trains), 1), dtype=h5py.ref_dtype)
        for k, train in enumerate(trains.values()):
            inner = file.create_dataset(
                f"#refs#/c{k}", data=train[:, None] if len(train) else np.uint64([0, 0])
            )
            inner.attrs["MATLAB_class"] = np.bytes_("double")
            if not len(train):
                inner.attrs["MATLAB_empty"] = 1
            cells[k, 0] = inner.ref
        group["UID"], group["depth"] = np.array([[int(k)] for k in trains], float), np.arange(6.0)[:, None]


@pytest.mark.parametrize("write", [in_struct_5, in_struct_array_5, in_struct_73])
def test_structs(tmp_path, trains, same, write):
    write(tmp_path / "a.mat", trains)
    read = cb.recording(tmp_path / "a.mat")
    same(read, trains)
    np.testing.assert_array_equal(read.properties["depth"], np.arange(6))
    (name,) = {note.split(",")[0] for note in read.origin["notes"] if "list of times" in note}
    same(cb.recording(tmp_path / "a.mat", variable=name.split(".")[0]), trains)


def test_one_spike_in_each_cell_is_no_list_of_ids(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"times": as_cells({"1": np.array([0.5]), "2": np.array([0.75])})})
    assert [train.tolist() for train in cb.recording(tmp_path / "a.mat").times_s] == [[0.5], [0.75]]


# --- counts in bins -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "npz", "mat", "sparse", "npy"])
def test_counts_count_alike(tmp_path, form):
    """The covariance of counts by NumPy is what a method makes of the file; no times come into it."""
    rng = np.random.default_rng(5)
    shared = rng.poisson(0.3, 4000)
    counts = np.column_stack(
        [rng.poisson(0.4, 4000) + shared, rng.poisson(0.2, 4000) + shared, rng.poisson(0.6, 4000)]
    )
    path = tmp_path / f"a.{'mat' if form == 'sparse' else form}"
    if form == "csv":
        path.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in counts) + "\n")
    elif form == "npy":
        np.save(path, counts)
    elif form == "npz":
        np.savez(path, n=counts.T, other=np.arange(3))
    else:
        scipy.io.savemat(
            path, {"n": scipy.sparse.csc_matrix(counts.astype(float)) if form == "sparse" else counts}
        )
    read = cb.recording(path, "counts", bin_ms=10)
    assert read.units == (("a", "b", "c") if form == "csv" else ("1", "2", "3"))
    found = cb.infer(read, "partial_correlation")
    precision = np.linalg.inv(np.cov(counts.T))
    scale = np.sqrt(np.diag(precision))
    expected = -precision / np.outer(scale, scale)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(found.values[off], expected[off], atol=1e-6)
    with pytest.raises(
        ValueError, match=r"bin_ms = 15.*10 ms or a multiple: the recording holds counts in bins"
    ):
        cb.infer(read, "glm", bin_ms=15)
    with pytest.raises(UnusableDataError, match="needs times of spikes; this recording holds counts"):
        cb.infer(read, "matched")
    with pytest.raises(ValueError, match=r"correlogram_bin_steps = 3.*10 ms or a multiple"):
        cb.infer(read, "glm_masked")


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ([[0, 1], [2, 0], [1, 1]], {}, "give the width of the bins"),
        ([[0, 1], [2, 0.5], [1, 1]], {"bin_ms": 10}, "0.5 in bin 2 of unit 2 is no count"),
        ([[0, -1], [2, 0], [1, 1]], {"bin_ms": 10}, "-1 in bin 1 of unit 2 is no count"),
    ],
)
def test_what_are_no_counts(tmp_path, counts, options, message):
    np.save(tmp_path / "a.npy", counts)
    with pytest.raises(ValueError, match=message):
        cb.recording(tmp_path / "a.npy", "counts", **options)


# --- damage and the system ----------------------------------------------------------------------


def test_hdf5_cut_short(tmp_path):
    path = tmp_path / "a.h5"
    save_h5(path, {"times": np.arange(5000) / 7, "units": np.arange(5000) % 3})
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match=r"is damaged or cut short, or no \w+ .*truncated.*Copy it again"):
        cb.recording(path)


def test_a_folder_names_what_lies_in_it(tmp_path):
    (tmp_path / "session.nwb").write_text("x")
    with pytest.raises(ValueError, match=r"name the file that is meant, one of session\.nwb"):
        cb.recording(tmp_path)
    np.save(tmp_path / "spike_times.npy", np.arange(3))
    with pytest.raises(ValueError, match=r"neither spike_clusters.npy nor spike_templates.npy"):
        cb.recording(tmp_path)
    np.save(tmp_path / "spike_clusters.npy", np.arange(3))
    (tmp_path / "params.py").write_text("sample_rate = 30000\n")
    (tmp_path / "cluster_group.tsv").write_text("")
    for path in (tmp_path, tmp_path / "spike_times.npy"):
        assert cb.recording(path).units == ("0", "1", "2")
