"""Build broken input that keeps its form, where flipped bytes would only break a checksum.

Every builder turns a string of bytes into choices, so that a fuzzer or hypothesis can steer it by bytes.
"""

import copy
import datetime
import io
import random
import struct
import warnings
import zipfile
import zlib

import h5py
import numpy as np
import readers

SIZES = [0, 1, 2, 3, 10, 255, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 10**15, 2**62, 2**63 - 1]
SIZES += [-1, -2, -20, -(2**31), -(2**63)]
DTYPES = [
    "<f8",
    ">f4",
    "<f2",
    "<i8",
    "|b1",
    "<c16",
    "|O",
    "<U3",
    "<U1000000000",
    "|V0",
    "<U0",
    "<f16",
    "<M8[s]",
]
TEXTS = [
    "",
    "../x",
    "/tmp/x",
    "a;b",
    "-x",
    "a\nb",
    "\x1b[31m",
    "\0",
    "\ud800",
    "x" * 300,
    "{r}",
    "$(a)",
    "é",
    "null",
]
TEXTS += [
    "1e400",
    "nan",
    "-1e-3",
    "9" * 5000,
    "١",
    "1_0",
    "file",
    "glm",
    "published",
    "cross_correlation",
    "0.01",
]
VALUES = [
    None,
    True,
    float("nan"),
    float("inf"),
    10**400,
    -(10**5000),
    5e-324,
    1e308,
    b"x",
    (1,),
    {1},
    [],
    {},
]
VALUES += [datetime.date(2020, 1, 1), [[[[]]]], {"": {}}, 0.5, *SIZES, *TEXTS]
KEYS = [value for value in VALUES if value.__hash__] + [frozenset([1])]


class Choices:
    """Choices out of a string of bytes; when they are used up, random ones that follow from all of them."""

    def __init__(self, content: bytes):
        self.content, self.place = content, 0
        self.more = random.Random(content)

    def bytes(self, n: int) -> bytes:
        taken = self.content[self.place : self.place + n]
        self.place += n
        return taken + self.more.randbytes(n - len(taken))

    def below(self, n: int) -> int:
        return int.from_bytes(self.bytes(1 if n <= 256 else 4), "little") % n if n else 0

    def of(self, options):
        return options[self.below(len(options))]

    def chance(self, share: int) -> bool:
        return self.below(256) >= 256 - share


def config(choices: Choices) -> dict:
    """A valid config, with values, keys and whole branches replaced."""
    tree = copy.deepcopy(readers.CONFIG)
    for _ in range(1 + choices.below(4)):
        node = tree
        while True:
            inner = list(node) if isinstance(node, dict) else range(len(node))
            if not len(inner):
                break
            key = choices.of(list(inner))
            if isinstance(node[key], dict | list) and not choices.chance(64):
                node = node[key]
                continue
            action = choices.below(4)
            if action == 0 or isinstance(node, list):
                node[key] = copy.deepcopy(choices.of(VALUES))
            elif action == 1:
                node[choices.of(KEYS)] = node.pop(key)
            elif action == 2:
                node[key] = tree if choices.chance(8) else node[choices.of(list(node))]  # cycles and sharing
            else:
                del node[key]
            break
    return tree


def npz(choices: Choices, seed: bytes) -> bytes:
    """An archive whose members have other headers, lengths, names, or ways of compression."""
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members:
            if choices.chance(16):
                continue
            if choices.chance(64):
                content = npy(choices, content)
            if choices.chance(16):
                name = choices.of([*(name for name, _ in members), "../x.npy", "", "x"])
            ways = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
            with warnings.catch_warnings(action="ignore"):  # of names that are there twice
                archive.writestr(
                    zipfile.ZipInfo(name),
                    content,
                    compress_type=choices.of(ways if choices.chance(16) else ways[:2]),
                )
    return words(choices, out.getvalue()) if choices.chance(16) else out.getvalue()


def npy(choices: Choices, seed: bytes) -> bytes:
    """An array whose header claims something else."""
    length = struct.unpack("<H", seed[8:10])[0]
    header, content = seed[10 : 10 + length], seed[10 + length :]
    if choices.chance(200):
        shape = tuple(choices.of(SIZES) for _ in range(choices.below(4)))
        descr = choices.of([*DTYPES, [("a", choices.of(DTYPES))]])
        header = repr({"descr": descr, "fortran_order": choices.chance(128), "shape": shape}).encode() + b"\n"
    else:
        header = choices.of([b"(" * 9000, b"-" * 9000 + b"1", b"{}", b"\xff", header[:-9] + choices.bytes(9)])
    version = choices.of([*5 * [b"\x01\0"], b"\x02\0", b"\x03\0", b"\x09\0"])
    count = struct.pack("<H" if version == b"\x01\0" else "<I", len(header))
    kept = content[: choices.below(len(content) + 1)] if choices.chance(64) else content
    return b"\x93NUMPY" + version + count + header + kept


def words(choices: Choices, seed: bytes) -> bytes:
    """Some numbers of 1 to 8 bytes replaced by others, extreme ones above all."""
    content = bytearray(seed)
    for _ in range(1 + choices.below(4)):
        size = choices.of([4, 8, 1, 2])
        place = choices.below(len(content)) // size * size
        number = choices.of(SIZES) if choices.chance(128) else int.from_bytes(choices.bytes(size), "little")
        content[place : place + size] = (number % 256**size).to_bytes(size, "little")
    return bytes(content[: choices.below(len(content))] if choices.chance(16) else content)


def mat(choices: Choices, seed: bytes) -> bytes:
    """A file of version 4 or 5 with other numbers in it, before version 5 is compressed."""
    if seed[124:126] == b"\0\2":
        return readers.written("mat", lambda path: mat73(path, choices))
    if seed[:6] != b"MATLAB":
        return words(choices, seed)
    content, place = seed[:128], 128
    while place < len(seed):
        kind, size = struct.unpack("<2I", seed[place : place + 8])
        variable = zlib.decompress(seed[place + 8 : place + 8 + size])
        place += 8 + size
        for _ in range(choices.below(3)):
            variable = words(choices, variable)
        if choices.chance(32):  # a cell within a cell within ...
            for _ in range(choices.below(300)):
                variable = mat5_cell(variable)
        packed = variable if choices.chance(64) else zlib.compress(variable)
        content += (b"" if packed is variable else struct.pack("<2I", kind, len(packed))) + packed
    return content


def mat5_cell(variable: bytes, flags: int = 0) -> bytes:
    """A variable of version 5 in a cell of one by one, named W."""
    parts = struct.pack("<4I", 6, 8, 1 | flags, 0) + struct.pack("<2I2i", 5, 8, 1, 1)
    parts += struct.pack("<HH4s", 1, 1, b"W") + variable
    return struct.pack("<2I", 14, len(parts)) + parts


def hdf5_spikes(choices: Choices, seed: bytes) -> bytes:
    """A spike file that other hands have written."""

    def write(path):
        path.write_bytes(seed)
        with h5py.File(path, "r+") as file:
            for part in ("segments", "neuron", "gap", "attributes"):
                if choices.chance(128):
                    continue
                if part == "attributes":
                    name = choices.of(["n_neurons", "dt_ms", "metadata", "version", "format"])
                    values = [
                        *SIZES,
                        0.1,
                        float("inf"),
                        float("nan"),
                        b"{}",
                        b"[" * 9999,
                        b"9" * 5000,
                        b"[1]",
                    ]
                    file.attrs[name] = choices.of([*values, [1, 2], "text", np.float32(1)])
                elif choices.chance(192):
                    values = file[part][()]
                    if values.size:
                        number = choices.of([*SIZES, *range(-1, 12)])
                        values.reshape(-1)[choices.below(values.size)] = number % 256**values.itemsize % 2**63
                    file[part][...] = values
                elif choices.chance(128):
                    file[part].resize(choices.of([0, 5, 10**6, 2**40, 2**62]), axis=0)
                else:
                    values = file[part][()]
                    del file[part]
                    _replace(choices, file, part, values)

    return readers.written("h5", write)


def mat73(path, choices: Choices | None = None) -> None:
    """A MATLAB v7.3 file of a full, a sparse and an empty matrix, with other numbers in it."""
    choices = choices or Choices(bytes(1000))  # always the first choice: nothing is broken
    with h5py.File(path, "w", userblock_size=512) as file:
        file["W"], file["r"], file["e"] = readers.WEIGHTS, np.ones((1, 3)), np.uint64([0, 3])
        file["e"].attrs["MATLAB_empty"] = np.uint8(1)
        if choices.chance(64):
            values = file["W"][()]
            del file["W"]
            _replace(choices, file, "W", values)
        if choices.chance(128):
            group = file.create_group("S")
            group.attrs["MATLAB_sparse"] = np.int64(choices.of([3, *SIZES]))
            for name, values in {"jc": [0, 1, 2, 3], "ir": [0, 1, 2], "data": [1.0, 2.0, 3.0]}.items():
                values = np.array(values)
                if choices.chance(96):
                    values[choices.below(len(values))] = choices.of(SIZES)
                _replace(choices, group, name, values) if choices.chance(32) else group.create_dataset(
                    name, data=values
                )
    with open(path, "rb+") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")


def _replace(choices: Choices, group, name, values):
    """Put something else in the place of a dataset."""
    way = choices.below(7)
    if way == 0:
        shape = tuple(max(1, choices.of(SIZES) % 2**31) for _ in range(1 + choices.below(2)))
        group.create_dataset(name, shape, "f8", chunks=tuple(min(n, 1000) for n in shape))  # never written
    elif way == 1:
        group.create_dataset(name, data=values.astype(choices.of(["<f4", ">i2", "<u8", "bool", "<c8"])))
    elif way == 2:
        group[name] = h5py.SoftLink(choices.of([f"/{name}", "/", "/gap"]))
    elif way == 3:
        group[name] = h5py.ExternalLink(choices.of(["other.h5", "/dev/zero"]), "/x")
    elif way == 4:
        group.create_dataset(name, (10, 10), "f8", external=[("/dev/zero", 0, 800)])
    elif way == 5:
        group.create_group(name)
    else:
        group.create_dataset(name, data=["text", "more"])


BUILDERS = {"npy": npy, "npz": npz, "network": npz, "couplings": npz, "mat": mat, "spikes": hdf5_spikes}


def build(reader: str, content: bytes, starts: list[bytes]):
    """What a reader is fed with: made from a valid file by the choices in `content`."""
    choices = Choices(content)
    if reader == "config":
        return config(choices)
    seed = choices.of(starts)
    if reader in BUILDERS and choices.chance(192):
        return BUILDERS[reader](choices, seed)
    return words(choices, seed)
