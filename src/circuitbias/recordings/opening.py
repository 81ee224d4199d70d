"""The door: from a path or an object of Python to a `Recording`."""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np

from circuitbias.catalogue import READERS, find, guests, path_of
from circuitbias.checks import number, require
from circuitbias.config_schema import ConfigError, component
from circuitbias.memory import DEFAULT_MB, MemoryLimitError
from circuitbias.reading import PACKED, at_most, expanded, hdf5_opened, is_hdf5, is_of_system, opened
from circuitbias.recordings.found import Found
from circuitbias.recordings.objects import TAKEN, found_in
from circuitbias.recordings.recording import Recording
from circuitbias.recordings.time_units import in_seconds

_HDF5 = (".h5", ".hdf5", ".nwb")
_MARKS = ("spike_times.npy", "numpysorting_info.json", "sorting_cached.npz")  # of folders that are recordings
_IMPOSTERS = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file itself: `git lfs pull` gets that",
    **dict.fromkeys(
        (b"<!doctype html", b"<html"),
        "it is a web page, not the file itself: open it in a browser to see why, and download again",
    ),
}
_MOST_NAMED = 8
_TABLE = "save it as .csv: a line a spike, with its time and its unit"
_PICKLE = "pickles are never opened, as they can run any code; save the times as .npz or .csv"
_REMEDIES = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".parquet", ".feather", ".json", ".res", ".clu"), _TABLE),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), _PICKLE),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), "unpack it first, and name what is in it"),
}
"""What to do about endings that others use."""


def recording(
    source,
    format: str | None = None,
    *,
    time_unit: str | None = None,
    sampling_rate_hz: float | None = None,
    memory_mb: float = DEFAULT_MB,
    **options,
) -> Recording:
    """Read a recording.

    Parameters
    ----------
    source : path-like or object
        A file or a folder; or what another library has read, such as a SpikeInterface sorting, a pynapple
        TsGroup, a neo Block, or a mapping of times by unit.
    format : str, optional
        A key of `circuitbias.catalogue.READERS`, or a guest: ``my_module:MyReader``. Default: by the name and
        the contents of the file.
    time_unit : {"s", "ms", "us", "samples"}, optional
        Of the times, where the file does not say or is wrong.
    sampling_rate_hz : float, optional
        Of times in samples.
    memory_mb : float, optional
        Bound of the memory that reading a file takes, in 1e6 bytes. Spike times take eight bytes each.
    **options
        Of the format: see its class in `circuitbias.recordings.readers`.

    Returns
    -------
    Recording

    Raises
    ------
    OSError
        If a file is missing or the system cannot read it.
    ValueError
        If it is none of the known formats, is damaged, holds no units or impossible times, or an option is
        not
        allowed. The message says what to do.
    MemoryLimitError
        If reading it would take more than `memory_mb`.
    """
    memory_mb = number("memory_mb", memory_mb, above=0)
    if isinstance(source, Recording):
        return source
    if not isinstance(source, str | os.PathLike):
        require(format is None, "format", format, f"left out for what is in memory already ({TAKEN})")
        require(not options, "options", options, "left out for what is in memory already")
        found = found_in(source)
        found.times = [
            np.array(times) for times in found.times
        ]  # of their own, whatever becomes of the source
        return _made(found, time_unit, sampling_rate_hz, {"format": type(source).__name__})
    require("://" not in os.fspath(source), "recording", source, "a file on this machine: download it first")
    path = expanded(source)
    if not os.path.lexists(path):
        raise FileNotFoundError(f"there is no file {path}{'' if path.is_absolute() else f' in {Path.cwd()}'}")
    known = format is None or path_of("readers", format)
    require(
        known, "format", format, f"one of {', '.join(READERS)}, or the path of a class of circuitbias.Reader"
    )
    if path.name == "spike_times.npy":  # of Phy and Kilosort
        path = path.parent
    chosen = "recording"
    try:
        _refuse_imposters(path)
        chosen = format or format_of(path)
        reader = component("readers", chosen, options)
        origin = {"path": os.fspath(path), "format": chosen}
        with at_most(memory_mb):
            found = reader.read(path)
        if path.is_file():
            with opened(path) as file:
                origin["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        return _made(found, time_unit, sampling_rate_hz, origin)
    except Exception as error:  # foreign files can fail in any way their libraries know
        if is_of_system(error) or isinstance(error, ConfigError):
            raise
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        if isinstance(error, MemoryLimitError):
            raise MemoryLimitError(f"{path}: {error}") from error
        plain = isinstance(error, ValueError | ModuleNotFoundError) and str(error)
        damaged = (
            f"is damaged or cut short, or no {chosen} ({error!r}). Copy it again from where it comes from"
        )
        raise ValueError(f"{path}: {plain or damaged}") from error


def _refuse_imposters(path: Path) -> None:
    """Refuse what stands in place of a file: a pointer to it, a page that says why it is not to be had."""
    if not path.is_file():
        return
    with opened(path) as file:
        head = file.read(200).lstrip().lower()
    for mark, what in _IMPOSTERS.items():
        if head.startswith(mark):
            raise ValueError(what)


def _made(found: Found, time_unit, sampling_rate_hz, origin: dict) -> Recording:
    if not found.ids:
        raise ValueError("there are no units in it: the table of units is empty")
    times = in_seconds(found, time_unit, sampling_rate_hz)
    order = _order(found.ids)
    return Recording(
        units=tuple(found.ids[k] for k in order),
        times_s=tuple(times[k] for k in order),
        observed_s=found.observed_s and tuple(found.observed_s[k] for k in order),
        properties={name: _column([values[k] for k in order]) for name, values in found.properties.items()},
        origin=origin | {"notes": found.notes} | ({"bin_ms": found.bin_ms} if found.bin_ms else {}),
    )


def _order(ids: list[str]) -> list[int]:
    """Ids that are all whole numbers in the order of these; others as they come."""
    if all(one.isdecimal() for one in ids):
        return sorted(range(len(ids)), key=lambda k: int(ids[k]))
    return list(range(len(ids)))


def _column(values: list) -> np.ndarray:
    """Numbers as numbers, with NaN for what is not there; anything else as texts."""
    numbers = [np.nan if value is None else value for value in values]
    if all(isinstance(value, int | float | np.number) for value in numbers):
        return np.array(numbers)
    return np.array(["" if value is None or value != value else str(value) for value in values])


def format_of(path: Path) -> str:
    """Format of a file or folder, by its name, and of HDF5 by what is in it.

    Raises
    ------
    ValueError
        If it is none; lists what there is.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        if (path / "spike_times.npy").exists():
            return "phy"
        if suffix == ".zarr" or (path / ".zgroup").exists():
            raise ValueError(
                "zarr is not read: write it as HDF5, or read it in Python and hand over the object"
            )
        if any((path / name).exists() for name in ("numpysorting_info.json", "sorting_cached.npz")):
            return "spikeinterface"
        if inside := sorted(one.parent for mark in _MARKS for one in path.glob(f"*/{mark}")):
            others = f" ({', '.join(one.name for one in inside[:_MOST_NAMED])})" * (len(inside) > 1)
            raise ValueError(f"the spikes lie in a folder inside of it{others}: name {inside[0]}")
        held = sorted(one.name for one in path.iterdir() if not one.name.startswith("."))[:_MOST_NAMED]
        raise ValueError(
            "a folder without spike_times.npy, which Phy and Kilosort write; name the file that is meant"
            + (f", one of {', '.join(held)}" if held else "")
        )
    if suffix in PACKED:
        if Path(path.stem).suffix.lower() in find("readers", "text").suffixes:
            return "text"
        raise ValueError(f"only text is read as it is packed: unpack it first, and name {path.stem}")
    if suffix in _HDF5:
        return _format_in_hdf5(path, suffix)
    for name in [*READERS, *guests("readers")]:
        if suffix and suffix in find("readers", name).suffixes:
            return name
    if not suffix and _is_text(path):
        return "text"
    remedy = _REMEDIES.get(suffix, f"say format (--format): {', '.join(READERS)}")
    raise ValueError(f"its ending {suffix!r} is not known; {remedy}")


def _is_text(path: Path) -> bool:
    with opened(path) as file:
        return b"\0" not in file.read(4096)


def _format_in_hdf5(path: Path, suffix: str) -> str:
    with opened(path) as file:
        if not is_hdf5(file):
            raise ValueError("it is no HDF5 file, or its beginning is damaged")
    with hdf5_opened(path) as file:
        if "gap" in file and "segments" in file:
            return "spike_file"
        units = file.get("units") if isinstance(file.get("units", getlink=True), h5py.HardLink) else None
        is_table = isinstance(units, h5py.Group) and "id" in units
        if "nwb_version" in file.attrs or is_table or suffix == ".nwb":
            return "nwb"
        if isinstance(file.get("spikes", getlink=True), h5py.HardLink):
            return "sonata"
        return "hdf5"
