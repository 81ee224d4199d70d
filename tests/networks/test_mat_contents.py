"""What .mat files hold beside matrices: named by its class in MATLAB, with what to do."""

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from circuitbias.mat_files import Other, read_mat
from circuitbias.networks import read_weights

W = np.array([[0.0, 1.0, -2.5], [3.0, 0.5, 4.0], [5.0, -6.0, 0.0]])
OF_MATLAB = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
"""Files that MATLAB itself wrote, of every version since 4.2; scipy brings them for its own tests."""


def element(kind, content):
    return struct.pack("<2I", kind, len(content)) + content + bytes(-len(content) % 8)


def mat5_object(name, what) -> bytes:
    """A variable of a class of MATLAB's own: it has no shape, and its name comes where others have theirs."""
    value = element(6, struct.pack("<2I", 13, 0)) + element(5, struct.pack("<2i", 6, 1)) + element(1, b"")
    value = element(14, value + element(6, struct.pack("<6I", 0xDD000000, 2, 1, 1, 1, 1)))
    parts = element(6, struct.pack("<2I", 17, 1)) + element(1, name) + element(1, b"MCOS") + element(1, what)
    return element(14, parts + value)


VALUES_5 = {
    "struct": ({"gain": 1.0, "W": W}, r"is of class struct; .* W = x\.FIELD"),
    "cell": (np.array([[W, 1], ["a", 2]], dtype=object), r"is of class cell; .* cell2mat\(x\)"),
    "char": ("hello", r"is of class char; .* str2num\(x\)"),
    "complex": (W + 1j, r"is of class complex; .* real\(x\)"),
}


@pytest.mark.parametrize("what", VALUES_5)
def test_version_5_names_what_is_no_matrix(tmp_path, what):
    value, message = VALUES_5[what]
    path = tmp_path / "w.mat"
    scipy.io.savemat(path, {"x": value})
    with pytest.raises(ValueError, match=message) as caught:
        read_weights(path)
    assert f"{path}: x" in str(caught.value)
    scipy.io.savemat(path, {"x": value, "W": W})  # beside a matrix it does no harm
    assert np.array_equal(read_weights(path), W)
    with pytest.raises(ValueError, match=message):
        read_weights(path, "x")


@pytest.mark.parametrize("what", ["table", "string", "datetime"])
@pytest.mark.parametrize("name", ["x", "my_table", "abc"])  # lengths that are no shape
def test_version_5_tables_and_strings(tmp_path, what, name):
    path = tmp_path / "w.mat"
    scipy.io.savemat(path, {"W": W})
    matrix = path.read_bytes()
    path.write_bytes(matrix[:128] + mat5_object(name.encode(), what.encode()))
    (seen,) = [value for value in scipy.io.loadmat(path).values() if isinstance(value, np.ndarray)]
    assert seen[0].tolist()[:3] == (name.encode(), b"MCOS", what.encode())  # another reader takes it for one
    with pytest.raises(ValueError, match=f"{name} is of class {what}; allowed is a matrix"):
        read_weights(path)
    path.write_bytes(matrix + mat5_object(name.encode(), what.encode()))
    assert np.array_equal(read_weights(path), W)
    with pytest.raises(ValueError, match=rf"it holds .*{name} \({what}\)"):
        read_weights(path, "other")


def mat73(path, write):
    with h5py.File(path, "w", userblock_size=512) as file:
        write(file)
    with open(path, "rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")


def of_class(item, what, **attributes):
    item.attrs["MATLAB_class"] = np.bytes_(what)
    for name, value in attributes.items():
        item.attrs[name] = value


def struct73(file):
    group = file.create_group("x")
    of_class(group, "struct")
    group["W"] = W


def cell73(file):
    references = file.create_group("#refs#")
    references["a"] = W
    file.create_dataset("x", data=np.array([[references["a"].ref]], dtype=h5py.ref_dtype))
    of_class(file["x"], "cell")


def object73(what):
    def write(file):  # the numbers tell where its parts lie
        file["x"] = np.array([[0xDD000000, 2, 1, 1, 1, 1]] * 2, dtype=np.uint32)
        of_class(file["x"], what, MATLAB_object_decode=np.int32(3))

    return write


def text73(file):
    file["x"] = np.full((5, 4), 104, dtype=np.uint16)
    of_class(file["x"], "char", MATLAB_int_decode=np.int32(2))


def complex73(file):
    parts = np.zeros(W.shape, dtype=[("real", float), ("imag", float)])
    parts["real"] = W
    file["x"] = parts
    of_class(file["x"], "double")


VALUES_73 = {
    "struct": struct73,
    "cell": cell73,
    "table": object73("table"),
    "string": object73("string"),
    "char": text73,
    "complex": complex73,
}


@pytest.mark.parametrize("what", VALUES_73)
def test_version_73_names_what_is_no_matrix(tmp_path, what):
    path = tmp_path / "w.mat"
    mat73(path, VALUES_73[what])
    with pytest.raises(ValueError, match=rf": x is of class {what}; allowed is a matrix"):
        read_weights(path)
    with h5py.File(path, "a") as file:
        file["W"] = W.T
    assert np.array_equal(read_weights(path), W)


def test_truth_values_are_numbers(tmp_path):
    connected = W != 0
    scipy.io.savemat(tmp_path / "v5.mat", {"W": connected})

    def write(file):
        file["W"] = connected.T.astype(np.uint8)
        of_class(file["W"], "logical", MATLAB_int_decode=np.int32(1))

    mat73(tmp_path / "v73.mat", write)
    for name in ("v5", "v73"):
        assert np.array_equal(read_weights(tmp_path / f"{name}.mat"), connected)


@pytest.mark.skipif(not OF_MATLAB.is_dir(), reason="scipy came without its tests")
def test_files_of_matlab_hold_what_scipy_finds_in_them():
    numbers = others = 0
    for path in sorted(OF_MATLAB.glob("test*.mat")) + sorted(OF_MATLAB.glob("*sparse*.mat")):
        if "hdf5" in path.name:  # scipy does not read that
            continue
        expected = scipy.io.loadmat(path)
        with open(path, "rb") as file:
            found = read_mat(file, lambda names: names)
        assert set(found) <= set(expected), path
        for name, values in found.items():
            if isinstance(values, Other):
                others += 1
                continue
            dense = expected[name].toarray() if scipy.sparse.issparse(expected[name]) else expected[name]
            assert np.array_equal(values, dense), (path, name)
            numbers += 1
    assert numbers > 30 and others > 40
