"""Broken and hostile recordings: only documented errors, which name the file."""

import gzip
import io
import struct

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitbias as cb

QUICK = settings(max_examples=60)


def in_hdf5(write) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        write(made)
    return file.getvalue()


def sonata(file):
    file["spikes/a/timestamps"], file["spikes/a/node_ids"] = np.arange(40) * 7.5, np.arange(40) % 3


def units(file):
    file.attrs["nwb_version"] = "2.6.0"
    file["units/id"], file["units/label"] = [1, 2], np.array([b"good", b"mua"])
    file["units/spike_times"], file["units/spike_times_index"] = np.arange(40) / 7, [10, 40]
    file["units/obs_intervals"], file["units/obs_intervals_index"] = [[0.0, 9.0], [0.0, 9.0]], [1, 2]


def saved(write) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


CELLS = np.empty((1, 2), dtype=object)
CELLS[0, 0], CELLS[0, 1] = np.arange(9) / 7, np.arange(5) / 3
WHOLE = {
    "csv": "".join(f"{k / 7},{k % 3}\n" for k in range(60)).encode(),
    "npz": saved(lambda file: np.savez(file, times=np.arange(60) / 7, units=np.arange(60) % 3)),
    "mat": saved(lambda file: scipy.io.savemat(file, {"spikes": CELLS})),
    "struct.mat": saved(lambda file: scipy.io.savemat(file, {"spikes": {"times": CELLS, "UID": [4, 5]}})),
    "csv.gz": gzip.compress("".join(f"{k / 7},{k % 3}\n" for k in range(60)).encode()),
    "own.h5": in_hdf5(lambda file: file.update({"times": np.arange(60) / 7, "units": np.arange(60) % 3})),
    "h5": in_hdf5(sonata),
    "nwb": in_hdf5(units),
}


def fed(folder, suffix, content):
    """Read content; only a documented error, with the name of the file, may come of it."""
    path = folder / f"a.{suffix}"
    path.write_bytes(content)
    try:
        read = cb.recording(path)
    except (ValueError, OSError) as error:
        assert str(path) in str(error)
    else:
        assert all(np.isfinite(train).all() for train in read.times_s)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize("suffix", WHOLE)
def test_whole_files_are_read(folder, suffix):
    (folder / f"whole.{suffix}").write_bytes(WHOLE[suffix])
    assert cb.recording(folder / f"whole.{suffix}").n_spikes > 10


@pytest.mark.parametrize("suffix", WHOLE)
@QUICK
@given(content=st.binary(max_size=300))
def test_any_bytes(folder, suffix, content):
    fed(folder, suffix, content)


@pytest.mark.parametrize("suffix", WHOLE)
@QUICK
@given(data=st.data())
def test_files_with_wrong_bytes_or_cut_short(folder, suffix, data):
    content = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    fed(folder, suffix, bytes(content[: data.draw(st.integers(0, len(content)))]))


def test_sizes_are_not_believed(folder):
    """A cell array of a thousand million cells, in a few bytes."""
    content = bytearray(WHOLE["mat"])
    place = content.index(struct.pack("<2i", 1, 2))
    content[place : place + 8] = struct.pack("<2i", 1, 2**30)
    path = folder / "many.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a cell array of shape \(1, 1073741824\) cannot lie in"):
        cb.recording(path)


def test_links_are_not_followed(folder):
    path = folder / "link.h5"
    with h5py.File(path, "w") as file:
        file["spikes/a/timestamps"] = np.arange(3.0)
        file["spikes/a/node_ids"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(ValueError, match=r"node_ids is a link; it must be in the file itself"):
        cb.recording(path)


def test_a_pipe_or_a_device_is_no_recording(folder):
    (folder / "zero.csv").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="is no regular file"):
        cb.recording(folder / "zero.csv")
