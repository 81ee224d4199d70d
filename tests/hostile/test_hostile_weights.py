"""Files of weights that once went wrong, or might: sizes that lie, places outside, values from elsewhere."""

import io
import struct
import zipfile
import zlib

import building
import h5py
import numpy as np
import pytest
import readers
import scipy.io

from circuitbias.networks import Network, read_weights
from circuitbias.networks.sparse import sparse_network

W = readers.WEIGHTS

MAT5_BEGINNING = {"<": b"MATLAB 5.0".ljust(124) + b"\0\1IM", ">": b"MATLAB 5.0".ljust(124) + b"\1\0MI"}


def lying_npy(shape, descr="<f8", content=bytes(72)) -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def zipped(*members, way=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", way) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def mat4(kind=0, rows=2, columns=2, length=2, content=bytes(32)) -> bytes:
    return struct.pack("<5i", kind, rows, columns, 0, length) + b"W\0" + content


def element(kind, content, order="<") -> bytes:
    return struct.pack(f"{order}2I", kind, len(content)) + content + bytes(-len(content) % 8)


def mat5(*parts, flags=6, shape=(2, 2), packed=True, order="<") -> bytes:
    """A file of version 5 with one variable W; a part is a kind and its bytes."""
    header = (
        (6, struct.pack(f"{order}2I", flags, 0)),
        (5, struct.pack(f"{order}{len(shape)}i", *shape)),
        (1, b"W"),
    )
    variable = element(14, b"".join(element(*part, order) for part in (*header, *parts)), order)
    if packed:
        variable = struct.pack("<2I", 15, len(pack := zlib.compress(variable))) + pack
    return MAT5_BEGINNING[order] + variable


def numbers(*values) -> tuple[int, bytes]:
    return 5, np.array(values, "<i4").tobytes()


def cells(depth) -> bytes:
    variable = b""
    for _ in range(depth):
        variable = building.mat5_cell(variable, flags=0x200)  # each says that it holds truth values
    return MAT5_BEGINNING["<"] + variable


def hdf5(write) -> bytes:
    def writer(path):
        with h5py.File(path, "w") as file:
            write(file)

    return readers.written("h5", writer)


def sparse73(rows=3, **parts):
    def write(file):
        group = file.create_group("W")
        group.attrs["MATLAB_sparse"] = rows
        for name, values in ({"jc": [0, 1, 2, 3], "ir": [0, 1, 2], "data": [1.0, 2, 3]} | parts).items():
            group[name] = values

    return hdf5(write)


def empty73(shape):
    def write(file):
        file["W"] = np.array(shape, np.uint64)
        file["W"].attrs["MATLAB_empty"] = 1

    return hdf5(write)


NEVER_WRITTEN = {"dtype": "f8", "chunks": (1000, 1000)}
LZMA, TOO_LARGE = zipfile.ZIP_LZMA, bytes(30_000_000)
HOSTILE_WEIGHTS = {
    "a header that lies.npy": (
        lying_npy((10**7, 10**8)),
        "8000000000000000 bytes; there are 72",
    ),
    "a header that hides values.npy": (lying_npy((2, 2)), "claims shape .*, 32 bytes; there are 72"),
    "a header that hides values.npz": (zipped(("W.npy", lying_npy((2, 2)))), "claims shape"),
    "a size that overflows.npy": (lying_npy((2**32, 2**32)), "claims shape"),
    "a size that overflows to less than zero.npy": (lying_npy((-1, 5)), "cannot be read"),
    "a header that nests.npy": (lying_npy((1,), "(" * 9000), "cannot be read"),
    "nothing of a size.npy": (lying_npy((2**40, 2**40), "|V0"), "cannot be read|dtype is"),
    "long doubles.npy": (lying_npy((2, 2), "<f16", b"\xfe" * 64), "not finite"),
    "a header that lies.npz": (zipped(("W.npy", lying_npy((10**7, 10**8)))), "claims shape"),
    "what unpacks to too much.npz": (
        zipped(("W.npy", bytes(30_000_000))),
        "would take 30000000 bytes.* 10000000",
    ),
    "much of little.npz": (
        zipped(*((f"W{i}.npy", bytes(9_000_000)) for i in range(9))),
        "would take 81000000",
    ),
    "another compression.npz": (
        zipped(("W.npy", lying_npy((3, 3))), way=zipfile.ZIP_LZMA),
        "that numpy does not",
    ),
    # Back to the start, for ever:
    "sizes below zero.mat": (
        mat4(rows=-1, columns=3, length=4),
        "out of range",
    ),
    "sizes of nowhere.mat": (mat4(rows=2**31 - 1, columns=2**31 - 1), "claims to end at byte"),
    "sparse with places outside 4.mat": (
        mat4(2, 3, 3, content=np.float64([1, 9, 2, 1, 1, 2, 1, 1, 0]).tobytes()),
        "out of bounds",
    ),
    "sparse of a size 4.mat": (mat4(2, 1, 3, content=np.float64([1e9, 1e9, 0]).tobytes()), "would take"),
    "numbers of no kind.mat": (mat5((8, bytes(32))), "unknown kind 8"),
    "numbers of a kind out of range.mat": (mat5((4000, bytes(32))), "unknown kind 4000"),
    "a part that lies.mat": (mat5((9, b""))[:-3] + b"", "cannot be read"),
    "a variable that lies.mat": (mat5((9, bytes(32)), packed=False)[:-8], "claims to end at byte"),
    "what unpacks to too much.mat": (mat5((9, TOO_LARGE)), "would take"),
    "shapes below zero.mat": (mat5((9, bytes(32)), shape=(-2, -2)), "cannot be read"),
    "a shape of nowhere.mat": (mat5((9, bytes(32)), shape=(2**30, 2**30)), "would take 9223372036854775808"),
    "cells in cells.mat": (cells(20_000), "of class cell"),
    "cells in cells, compressed.mat": (mat5((14, cells(20_000)), flags=1 | 0x200), "of class cell"),
    "sparse with rows outside.mat": (
        mat5(numbers(0, 2**30), numbers(0, 1, 2), (9, bytes(16)), flags=5),
        "out of bounds",
    ),
    "sparse with rows below zero.mat": (
        mat5(numbers(0, -9), numbers(0, 1, 2), (9, bytes(16)), flags=5),
        "below zero",
    ),
    "sparse with columns outside.mat": (
        mat5(numbers(0, 1), numbers(0, 2**30, 0), (9, bytes(16)), flags=5),
        "overlap or lie outside",
    ),
    "what was never written 73.mat": (
        hdf5(lambda file: file.create_dataset("W", (10**6, 10**6), **NEVER_WRITTEN)),
        "would take 8000000000000 bytes",
    ),
    "less that was never written 73.mat": (
        hdf5(lambda file: file.create_dataset("W", (1000, 1000), **NEVER_WRITTEN)),
        r"claims shape \(1000, 1000\), 8000000 bytes; 0 are stored",
    ),
    "another file's values 73.mat": (
        hdf5(lambda file: file.create_dataset("W", (3, 3), "f8", external=[("/dev/zero", 0, 72)])),
        "from other files",
    ),
    "a link to another file 73.mat": (
        hdf5(lambda file: file.__setitem__("W", h5py.ExternalLink("/dev/zero", "/x"))),
        "is a link",
    ),
    "a link to itself 73.mat": (hdf5(lambda file: file.__setitem__("W", h5py.SoftLink("/W"))), "is a link"),
    "empty, yet not 73.mat": (empty73((10**5, 10**5)), "claims to be empty"),
    "sparse of a size 73.mat": (sparse73(10**9), "would take 24000000000"),
    "sparse with rows outside 73.mat": (sparse73(ir=[0, 1, 2**40]), "out of bounds"),
    "sparse with columns outside 73.mat": (sparse73(jc=[0, 2**40, 1, 0]), "overlap or lie outside"),
    # Numpy would repeat one value over three places, and count places below zero from the end.
    "sparse with room for less 73.mat": (sparse73(ir=[1], data=[7.0]), "overlap or lie outside"),
    "sparse with fewer values 73.mat": (sparse73(data=[7.0]), "overlap or lie outside"),
    "sparse with fewer rows 73.mat": (sparse73(ir=[1]), "overlap or lie outside"),
    "sparse with rows below zero 73.mat": (sparse73(ir=[0, 1, -1]), "below zero"),
    "sparse between places 73.mat": (sparse73(ir=[0, 1, 1.5]), "no whole number"),
    "sparse between columns 73.mat": (sparse73(jc=[0, 1, 1.5, 3]), "no whole number"),
    "sparse that begins late 73.mat": (sparse73(jc=[1, 1, 2, 3]), "overlap or lie outside"),
    "sparse with place zero 4.mat": (
        mat4(2, 3, 3, content=np.float64([0, 2, 2, 1, 1, 2, 7, 1, 0]).tobytes()),
        "below zero",
    ),
    "sparse with column zero 4.mat": (
        mat4(2, 3, 3, content=np.float64([1, 2, 2, 0, 1, 2, 7, 1, 0]).tobytes()),
        "below zero",
    ),
    "sparse between places 4.mat": (
        mat4(2, 3, 3, content=np.float64([1.5, 2, 2, 1, 1, 2, 7, 1, 0]).tobytes()),
        "no whole number",
    ),
    "sparse of half a size 4.mat": (
        mat4(2, 3, 3, content=np.float64([1, 2, 2.5, 2, 1, 2, 7, 1, 0]).tobytes()),
        "no whole number",
    ),
    "sparse with a column too few.mat": (
        mat5(numbers(1), numbers(0, 1), (9, bytes(8)), flags=5),
        "has 1 columns",
    ),
    "sparse text 73.mat": (sparse73(data=["a", "b", "c"]), "not of real numbers"),
}


@pytest.mark.parametrize("case", HOSTILE_WEIGHTS)
def test_weights(case, tmp_path, little_memory):
    content, message = HOSTILE_WEIGHTS[case]
    path = tmp_path / case
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


def test_the_matrices_built_here_are_read_when_nothing_is_wrong(tmp_path):
    """So that the tests above fail for the reason they name."""
    w = np.array([[0.0, 2.0], [1.0, 0.0]])
    sparse = numbers(1, 0), numbers(0, 1, 2), (9, np.float64([1, 2]).tobytes())
    good = {
        "a.npy": lying_npy((2, 2), content=w.tobytes()),
        "b.npz": zipped(("W.npy", lying_npy((2, 2), content=w.tobytes()))),
        "c.mat": mat4(content=w.T.tobytes()),
        "d.mat": mat4(2, 3, 3, content=np.float64([2, 1, 2, 1, 2, 2, 1, 2, 0]).tobytes()),
        "e.mat": mat5((9, w.T.tobytes())),
        "f.mat": mat5((9, w.T.tobytes()), packed=False),
        "g.mat": mat5(*sparse, flags=5),
        "h.mat": sparse73(2, jc=[0, 1, 2], ir=[1, 0], data=[1.0, 2.0]),
        "i.mat": mat5((1, w.astype(np.int8).T.tobytes())),  # MATLAB stores small whole numbers so
    }
    for name, content in good.items():
        (tmp_path / name).write_bytes(content)
        assert read_weights(tmp_path / name).tolist() == w.tolist(), name


@pytest.mark.parametrize("version", ["4", "5"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_byte_order_of_other_machines(tmp_path, version, order):
    """Files of version 4 and 5 come in both orders; scipy reads both, and is the oracle here."""
    values = W.T.astype(f"{order}f8").tobytes()
    if version == "4":
        whole = struct.pack(f"{order}5i", 1000 * (order == ">"), 3, 3, 0, 2) + b"W\0" + values
    else:
        whole = mat5((9, values), shape=(3, 3), packed=False, order=order)
    path = tmp_path / "w.mat"
    path.write_bytes(whole)
    assert np.array_equal(scipy.io.loadmat(path)["W"], W)
    assert np.array_equal(read_weights(path), W)


@pytest.mark.parametrize(
    "starts", [[0, 2**30, 4, 6, 8, 10, 0], [0, -2, 4, 6, 8, 10, 12], [0, 2, 4, 6, 8, 10, 2**30]]
)
def test_sparse_networks_with_places_outside(tmp_path, starts):
    path = tmp_path / "network.npz"
    sparse_network(6, 2).save(path)
    with np.load(path) as file:
        parts = dict(file)
    np.savez(path, **parts | {"weights_indptr": np.array(starts, dtype=np.int32)})
    with pytest.raises(ValueError, match="not a whole network file"):
        Network.load(path)
