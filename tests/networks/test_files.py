import gzip
import pickle

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from circuitbias.networks import Network, build_network, read_weights, ring_network

# Not symmetric, so that a transposed reading is seen: 0 -> 1 is 1, 1 -> 0 is 3.
W = np.array([[0.0, 1.0, -2.5], [3.0, 0.5, 4.0], [5.0, -6.0, 0.0]])


def write_mat73(path, variables):
    """Lay variables out as MATLAB does: HDF5 behind a 512-byte header, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            file.create_dataset(name, data=np.asarray(values).T)
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")


def write_mat73_sparse(path, name, values):
    columns = scipy.sparse.csc_array(values)
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group(name)
        group.attrs["MATLAB_class"] = np.bytes_("double")
        group.attrs["MATLAB_sparse"] = np.uint64(columns.shape[0])
        group["jc"] = columns.indptr
        if columns.nnz:
            group["ir"], group["data"] = columns.indices, columns.data


WRITERS = {
    "npy": lambda path, w: np.save(path, w),
    "npz": lambda path, w: np.savez(path, W=w),
    "csv": lambda path, w: np.savetxt(path, w, delimiter=",", header="pre,post"),
    "mat": lambda path, w: scipy.io.savemat(path, {"W": w}),
}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_format_keeps_the_orientation(tmp_path, suffix, dtype, order):
    path = tmp_path / f"weights.{suffix}"
    expected = W.astype(dtype)
    WRITERS[suffix](path, np.asarray(expected, order=order))
    weights = read_weights(path)
    assert weights.dtype == np.float64
    assert weights.flags.c_contiguous
    assert np.array_equal(weights, expected)


@pytest.mark.parametrize("values", [W, W.astype(np.float32), W.astype(np.int16)])
def test_mat73_keeps_the_orientation(tmp_path, values):
    write_mat73(tmp_path / "w.mat", {"W": values})
    assert np.array_equal(read_weights(tmp_path / "w.mat"), values)


@pytest.mark.parametrize("kind", [*"bhilBHILfd", "?"])
def test_mat_files_of_all_numeric_classes(tmp_path, kind):
    values = np.array([[0, 1, 100], [1, 0, 3], [7, 0, 1]]).astype(kind)
    scipy.io.savemat(tmp_path / "v5.mat", {"W": values})
    assert np.array_equal(read_weights(tmp_path / "v5.mat"), values)
    write_mat73(tmp_path / "v73.mat", {"W": values})
    assert np.array_equal(read_weights(tmp_path / "v73.mat"), values)


@pytest.mark.parametrize("values", [W, np.zeros((3, 3))])
def test_sparse_mat_of_both_versions(tmp_path, values):
    scipy.io.savemat(tmp_path / "v5.mat", {"W": scipy.sparse.csc_array(values)})
    write_mat73_sparse(tmp_path / "v73.mat", "W", values)
    assert np.array_equal(read_weights(tmp_path / "v5.mat"), values)
    assert np.array_equal(read_weights(tmp_path / "v73.mat"), values)


@pytest.mark.parametrize("kind", ["csr", "csc"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_sparse_npz_stays_sparse(tmp_path, kind, dtype):
    scipy.sparse.save_npz(tmp_path / "w.npz", scipy.sparse.csr_array(W.astype(dtype)).asformat(kind))
    weights = read_weights(tmp_path / "w.npz")
    assert scipy.sparse.issparse(weights) and weights.dtype == np.float64
    assert np.array_equal(weights.toarray(), W.astype(dtype))
    network = build_network({"family": "file", "path": tmp_path / "w.npz"})
    assert network.n_neurons == len(W) and scipy.sparse.issparse(network.weights)
    with pytest.raises(ValueError, match=r"variable: 'W' is not in .*; it holds one unnamed array \(3, 3\)"):
        read_weights(tmp_path / "w.npz", "W")


def test_other_sparse_npz_are_refused(tmp_path):
    scipy.sparse.save_npz(tmp_path / "w.npz", scipy.sparse.coo_array(W))
    with pytest.raises(ValueError, match=r"sparse format is 'coo'; allowed are csr and csc"):
        read_weights(tmp_path / "w.npz")
    scipy.sparse.save_npz(tmp_path / "w.npz", scipy.sparse.csc_array(W[:2]))
    with pytest.raises(ValueError, match=r"w\.npz cannot be read"):
        read_weights(tmp_path / "w.npz")


def test_csv_of_a_spreadsheet(tmp_path):
    (tmp_path / "w.CSV").write_bytes(b"\xef\xbb\xbf0, 1\r\n# a comment\r\n-2e-3,0\r\n")
    assert read_weights(tmp_path / "w.CSV").tolist() == [[0, 1], [-2e-3, 0]]


def test_the_only_matrix_is_taken_among_scalars_vectors_and_text(tmp_path):
    company = {"W": W, "theta": 1e-3, "r": np.arange(3.0), "note": "hello", "cell": {"a": 1}}
    scipy.io.savemat(tmp_path / "v5.mat", company)
    assert np.array_equal(read_weights(tmp_path / "v5.mat"), W)
    write_mat73(tmp_path / "v73.mat", {"W": W, "theta": [[1e-3]], "r": [[1.0, 2.0]]})
    with h5py.File(tmp_path / "v73.mat", "a") as file:
        file["note"] = np.full((5, 4), 104, dtype=np.uint16)  # two and more rows of text
        file["note"].attrs["MATLAB_class"] = np.bytes_("char")
        file.create_group("#refs#")
    assert np.array_equal(read_weights(tmp_path / "v73.mat"), W)


def test_a_saved_network_is_a_weight_file(tmp_path):
    network = ring_network(6)
    network.save(tmp_path / "ring.npz")
    assert np.array_equal(read_weights(tmp_path / "ring.npz"), network.weights)


@pytest.mark.parametrize("suffix", ["npz", "mat", "v73.mat"])
def test_of_several_matrices_one_must_be_named(tmp_path, suffix):
    path = tmp_path / f"two.{suffix}"
    both = {"A": W, "B": -W}
    {
        "npz": lambda: np.savez(path, **both),
        "mat": lambda: scipy.io.savemat(path, both),
        "v73.mat": lambda: write_mat73(path, both),
    }[suffix]()
    with pytest.raises(ValueError, match=r"variable: say which .* A \(3, 3\), B \(3, 3\)"):
        read_weights(path)
    assert np.array_equal(read_weights(path, "B"), -W)
    with pytest.raises(ValueError, match=r"variable: 'C' is not in .* A \(3, 3\), B"):
        read_weights(path, "C")


def test_lone_arrays_have_no_names(tmp_path):
    np.save(tmp_path / "w.npy", W)
    with pytest.raises(ValueError, match=r"variable: 'W' is not in .* one unnamed array \(3, 3\)"):
        read_weights(tmp_path / "w.npy", "W")


def test_a_named_variable_is_read_beside_pickled_ones(tmp_path):
    np.savez(tmp_path / "w.npz", W=W, notes=np.array({"a": 1}, dtype=object))
    assert np.array_equal(read_weights(tmp_path / "w.npz", "W"), W)
    for variable in (None, "notes"):
        with pytest.raises(ValueError, match="allow_pickle"):
            read_weights(tmp_path / "w.npz", variable)


BAD_VALUES = {
    "not square": (W[:2], r"shape is \(2, 3\)"),
    "one neuron": (W[:1, :1], r"shape is \(1, 1\)"),
    "no numbers": (np.empty((0, 0)), "shape is"),
    "nan": (np.where(W == 4, np.nan, W), r"1 entries are not finite, the first is \[1, 2\] = nan"),
    "several infinite": (np.where(W == 0, np.inf, W), r"first is \[0, 0\] = inf"),
    "infinite": (np.where(W == 3, -np.inf, W), r"\[1, 0\] = -inf"),
    "complex": (W + 1j, "complex|no number"),
}


@pytest.mark.parametrize("suffix", [*WRITERS, "v73.mat"])
@pytest.mark.parametrize("case", BAD_VALUES)
def test_bad_values_are_named_in_every_format(tmp_path, suffix, case):
    values, message = BAD_VALUES[case]
    path = tmp_path / f"w.{suffix}"
    if suffix != "v73.mat":
        WRITERS[suffix](path, values)
    elif np.iscomplexobj(values):
        parts = np.zeros(values.shape, dtype=[("real", float), ("imag", float)])
        parts["real"], parts["imag"] = values.real, values.imag
        write_mat73(path, {"W": parts})
    elif values.size == 0:
        write_mat73(path, {"W": np.zeros(2, dtype=np.uint64)})  # MATLAB stores the shape instead
        with h5py.File(path, "a") as file:
            file["W"].attrs["MATLAB_empty"] = np.uint8(1)
    else:
        write_mat73(path, {"W": values})
    with pytest.raises(ValueError, match=message) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("suffix", [*WRITERS, "v73.mat"])
def test_truncated_and_empty_files(tmp_path, suffix):
    path = tmp_path / f"w.{suffix}"
    big = np.random.default_rng(0).normal(size=(40, 40))
    write_mat73(path, {"W": big}) if suffix == "v73.mat" else WRITERS[suffix](path, big)
    whole = path.read_bytes()
    for length in (len(whole) * 2 // 3, 700, 100):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cannot be read as|shape is"):
            read_weights(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"is empty"):
        read_weights(path)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(
    "content", [pickle.dumps(W), b"\x00\xff" * 200, b"hello, world\n", gzip.compress(b"0,1\n1,0\n", mtime=0)]
)
def test_foreign_content_is_refused(tmp_path, suffix, content):
    (tmp_path / f"w.{suffix}").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as"):
        read_weights(tmp_path / f"w.{suffix}")


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("something was unpickled",)


def test_object_arrays_are_never_unpickled(tmp_path):
    np.save(tmp_path / "w.npy", np.array([[Bomb(), 1], [2, 3]], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_weights(tmp_path / "w.npy")
    scipy.io.savemat(tmp_path / "w.mat", {"W": np.array([[1, "a"], [2, 3]], dtype=object)})
    with pytest.raises(ValueError, match=r"W is of class cell; .* W = cell2mat"):
        read_weights(tmp_path / "w.mat")


def test_ragged_and_gappy_csv(tmp_path):
    path = tmp_path / "w.csv"
    for text in ("0,1\n1\n", "0,1\n,0\n", "a,b\n0,1\n1,0\n", "0;1\n1;0\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"cannot be read as \.csv"):
            read_weights(path)
    path.write_text("# nothing but a comment\n")
    with pytest.raises(ValueError, match="shape is"):
        read_weights(path)


def test_unknown_suffix_and_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"suffix of .*w\.xlsx .* \.npy, \.npz, \.csv, \.mat"):
        read_weights(tmp_path / "w.xlsx")
    with pytest.raises(FileNotFoundError, match=r"path: there is no file .*w\.npy"):
        read_weights(tmp_path / "w.npy")


def test_network_from_a_file(tmp_path):
    path = tmp_path / "mine.csv"
    WRITERS["csv"](path, W)
    network = build_network({"family": "file", "path": str(path)})
    assert isinstance(network, Network)
    assert np.array_equal(network.weights, W)
    assert network.name == "mine"
    assert not network.circulant
    assert network.drive_scale.tolist() == [1, 1, 1]
    assert network.provenance["path"] == str(path)
    digest = network.provenance["sha256"]
    WRITERS["csv"](path, W + 1)
    assert build_network({"family": "file", "path": str(path)}).provenance["sha256"] != digest


def test_a_ring_in_a_file_is_seen_to_be_circulant(tmp_path):
    np.savez(tmp_path / "ring.npz", W=ring_network(9).weights.astype(np.float32), other=W)
    options = {"family": "file", "path": tmp_path / "ring.npz", "variable": "W"}
    assert build_network(options).circulant


def test_a_folder_that_is_shut_is_not_a_file_that_is_missing(tmp_path, monkeypatch):
    """As root, whom nothing is shut to, it has to be made up."""

    def shut(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.exists", shut)
    with pytest.raises(PermissionError):
        read_weights(tmp_path / "w.npy")
