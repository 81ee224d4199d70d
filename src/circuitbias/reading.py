"""Reading files of unknown origin: nothing is unpickled, and no size is believed before it is checked.

A few bytes can claim to be an array of any size, by a header that lies or by compression. So what a file
claims is compared with what it holds, or with a limit, before memory is taken.
"""

import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import h5py
import numpy as np

LARGEST_BYTES = 2**31
"""Most memory that the arrays of one file may take: 16 384 neurons' weights in float64."""

_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DEFLATE_RATIO = 1032  # more than this no deflated block can be unpacked to


def check_size(what: str, n_bytes: int) -> None:
    """Refuse arrays that are too large.

    Raises
    ------
    ValueError
        If `n_bytes` is more than `LARGEST_BYTES`; names `what`, the size and the limit.
    """
    if n_bytes > LARGEST_BYTES:
        raise ValueError(f"{what} would take {n_bytes} bytes in memory; allowed are {LARGEST_BYTES}")


def read_npy(file, n_bytes: int) -> np.ndarray:
    """Read an array in .npy format from a binary file that can seek and holds `n_bytes` bytes.

    Raises
    ------
    ValueError
        If it is no such array, holds Python objects, or claims more than the file holds.
    """
    version = np.lib.format.read_magic(file)
    if version not in _NPY_HEADERS:
        raise ValueError(f".npy format version {version} is not one of {', '.join(map(str, _NPY_HEADERS))}")
    shape, _, dtype = _NPY_HEADERS[version](file)
    claimed, held = math.prod(shape) * dtype.itemsize, n_bytes - file.tell()
    if claimed > held and not dtype.hasobject:
        raise ValueError(f"it claims shape {shape} of {dtype}, {claimed} bytes; there are {held}")
    check_size(f"an array of shape {shape}", claimed)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_npz(path: str | os.PathLike, choose: Callable[[list], Iterable] = iter) -> dict[str, np.ndarray]:
    """Read arrays from an .npz file.

    Parameters
    ----------
    path : path-like
    choose : callable, optional
        Given the names in the file, returns those to read. Default: all.

    Raises
    ------
    OSError
        If the file is missing or cannot be opened.
    ValueError
        If it is no regular file or no whole .npz file, if an array holds Python objects, or if the arrays
        take more than `LARGEST_BYTES`.
    """
    if not (path := Path(path)).is_file() and path.exists():
        raise ValueError(f"{path}: is no regular file")
    with open(path, "rb") as file:
        try:
            with ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                names = list(choose(list(members)))
                if missing := [name for name in names if name not in members]:
                    raise ValueError(f"there is no {', '.join(missing)}")
                chosen = {name: members[name] for name in names}
                check_size("what is compressed in it", sum(info.file_size for info in chosen.values()))
                arrays = {}
                for name, info in chosen.items():
                    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # some take memory at will
                        raise ValueError(f"{name}: is compressed in a way that numpy does not use")
                    with archive.open(info) as member:
                        arrays[name] = read_npy(member, info.file_size)
                return arrays
        except Exception as error:  # a foreign file can fail in any way zip, zlib or numpy know
            raise ValueError(f"{path}: no whole .npz file ({str(error) or repr(error)})") from error


def hdf5_item(group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group:
    """Return a member of an HDF5 group that lies in the file itself.

    Raises
    ------
    KeyError
        If there is none of this name.
    ValueError
        If it is a link, or a dataset that takes its values from other files.
    """
    link = group.get(name, getlink=True)
    if link is None:
        raise KeyError(f"there is no {name}")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link; it must be in the file itself")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
        raise ValueError(f"{name} takes its values from other files; they must be in the file itself")
    return item


def check_hdf5_storage(dataset: h5py.Dataset) -> None:
    """Refuse a dataset that cannot hold what it claims: parts that were never written read as zeros.

    Raises
    ------
    ValueError
        Names the dataset, its shape and the bytes that are stored of it.
    """
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _DEFLATE_RATIO * stored:
        raise ValueError(
            f"{dataset.name} claims shape {dataset.shape}, {dataset.nbytes} bytes; {stored} are stored of it"
        )
