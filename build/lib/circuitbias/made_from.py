"""Records of what results were made from, by content: times of files can be kept, set back or wrong.

Snakemake makes a result anew if an input is newer, or a parameter is another one. That leaves unseen an input
which was replaced by a file that is no newer: copied with its time, moved, restored from a backup, written
while the clock was behind. So each step, where it is asked to, records the SHA-256 of the files it was given
and of those it wrote, and the workflow compares these with the files before it plans.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from circuitbias.files import WRITTEN, atomic_path
from circuitbias.reading import READ

FOLDER_VARIABLE = "CIRCUITBIAS_RECORDS"
"""Environment variable: the folder that steps leave their records in; without it they leave none."""

_NO_FILES = (
    "step",
    "method",
    "name",
    "device",
    "options",
    "parameters",
    "estimators",
    "experiment",
    "figure",
    "format",
    "format_options",
    "time_unit",
    "units",
    "where",
    "circuits",
)
"""Arguments of steps that hold other words; a file might bear such a name by chance."""

_LONG_AGO_S = 1.0  # since 1970; 0 means "unknown" to Snakemake


def content_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes(paths: Iterable[str | os.PathLike]) -> dict[str, str]:
    """Content hashes of those paths that are regular files, by their paths."""
    return {os.fspath(path): content_hash(path) for path in paths if os.path.isfile(path)}


@contextmanager
def recorded(arguments: dict) -> Iterator[None]:
    """Record what is written inside, and the files that a step was given; forget it if the step fails.

    Parameters
    ----------
    arguments : dict
        Of the step. Those that name files that are there are its inputs, unless it writes them itself; of a
        folder, those are that it read.
    """
    if not (folder := os.environ.get(FOLDER_VARIABLE)):
        yield
        return
    given = [value for name, value in arguments.items() if name not in _NO_FILES]
    words = [word for value in given for word in (value if isinstance(value, list) else [value])]
    words = [word for word in words if isinstance(word, str)]
    before, n_before, n_read = hashes(words), len(WRITTEN), len(READ)
    folders = [word for word in words if os.path.isdir(word) and word != arguments["output"]]
    record = _record_path(folder, arguments["output"])
    record.unlink(missing_ok=True)
    yield
    before |= hashes(path for path in READ[n_read:] if any(_is_inside(path, one) for one in folders))
    if outputs := hashes(WRITTEN[n_before:]):
        write_record(record, {path: was for path, was in before.items() if path not in outputs}, outputs)


def _is_inside(path: str, folder: str) -> bool:
    return Path(folder).expanduser() in Path(path).parents


def _record_path(folder, output) -> Path:
    """Where the record of the step with this output is."""
    return Path(folder) / f"{hashlib.sha256(os.fspath(output).encode()).hexdigest()[:32]}.json"


def write_record(path: Path, inputs: dict[str, str], outputs: dict[str, str]) -> None:
    """Record that some files were made from others.

    Parameters
    ----------
    path : Path
        Of the record.
    inputs, outputs : dict of str to str
        Content hashes by path, as `hashes` returns them; paths as the step was given them.
    """
    with atomic_path(path) as aside:
        record = {"inputs": inputs, "outputs": outputs}
        aside.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def stale_results(folder: str | os.PathLike) -> list[str]:
    """List the results made from files whose content has changed since.

    A result that is missing, or is no longer what was recorded, is none of them: who replaced it meant to. A
    missing input counts as changed unless there is a record of it: a step that begins removes its own, so
    that it failed, and Snakemake would take what was made from its last success for up to date. With its
    record, an input was removed to save space.

    Parameters
    ----------
    folder : path-like
        Where the records are.

    Returns
    -------
    list of str
        Sorted paths.
    """
    records = [*filter(None, map(_read_record, Path(folder).glob("[!.]*.json")))]
    recorded_outputs = {name for record in records for name in record["outputs"]}
    now = cache(content_hash)

    def changed(name, was):
        return now(name) != was if os.path.isfile(name) else name not in recorded_outputs

    return sorted(
        name
        for record in records
        if any(changed(*item) for item in record["inputs"].items())
        for name, was in record["outputs"].items()
        if os.path.isfile(name) and now(name) == was
    )


def _read_record(path) -> dict | None:
    """A record; None if it is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    sound = isinstance(record, dict) and all(isinstance(record.get(k), dict) for k in ("inputs", "outputs"))
    return record if sound else None


def age(paths: Iterable[str | os.PathLike]) -> None:
    """Set the times of files so far back that every input is newer; leave their contents."""
    for path in paths:
        os.utime(path, (_LONG_AGO_S, _LONG_AGO_S))
