"""Read every result of a run, and name what is damaged, left over by a killed run, or of no use any more.

With --delete, what a step made, was read and found damaged is removed, if it lies in the folder of a run. A
file that the system cannot read is named and left alone, and so is everybody else's.
"""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from circuitbias.dynamics.checkpoint import SUFFIX, is_in_use
from circuitbias.exceptions import UnusableDataError
from circuitbias.files import DamagedFileError, is_made_by_a_step, left_overs, read_arrays
from circuitbias.reading import expanded
from circuitbias.spikes.storage import SpikeFile
from circuitbias.steps.threshold import read_threshold
from circuitbias.tables import read_table
from circuitbias.thresholds import strength_label

EXAMPLES = """
circuitbias check .
circuitbias check . --json
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("folder", help="folder of results, e.g. results/ring")
    parser.add_argument("--json", action="store_true", help="print what was found for programs")
    parser.add_argument("--delete", action="store_true", help="remove what is damaged or left over")


def run(arguments):
    """Do the step."""
    folder = expanded(arguments.folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    folders, files = _contents(folder)
    results = [path for path in files if path.suffix in _READERS]
    damaged, foreign, unread = {}, [], []
    say = (lambda *_: None) if arguments.json else print
    for path in results:
        try:
            before = os.stat(path)
            _READERS[path.suffix](path)
        except DamagedFileError as error:
            say(error)
            if error.remake:
                damaged[path] = before
            else:
                foreign.append(path)
        except (OSError, MemoryError) as error:
            say(f"{path}: cannot be read ({error}): an error of the system, which says nothing of the file")
            unread.append(path)
    superfluous = _left_over(folders, {*damaged, *unread})
    for path in superfluous:
        say(f"{path}: left over by a run that was killed")
    superseded = _superseded(files)
    for path in superseded:
        say(f"{path}: not in errors.csv: its estimator, strength or seed has left the config")
    removed = [path for path in damaged if arguments.delete and _may_be_removed(path, damaged[path])]
    if arguments.delete:
        for path in removed + superfluous:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            say(f"{path}: removed")
        if removed:
            say("to make them again: snakemake --cores all", *removed)
    counts = f"{len(results)} files read, {len(damaged)} of them damaged; {len(superfluous)} left over"
    counts += f"; {len(foreign)} not made by a run" if foreign else ""
    counts += f"; {len(superseded)} not of the last run" if superseded else ""
    if arguments.json:
        lists = {
            "damaged": damaged,
            "left_over": superfluous,
            "superseded": superseded,
            "foreign": foreign,
            "unread": unread,
            "removed": removed,
        }
        told = {"read": len(results)} | {name: sorted(map(str, paths)) for name, paths in lists.items()}
        print(json.dumps(told, indent=1))
    say(counts + (f"; {len(unread)} could not be read" if unread else ""))
    if unread:
        raise OSError(f"{len(unread)} files could not be read; when the system can read them, check again")
    if left := len(damaged) - len(removed):
        remedy = "" if arguments.delete else f": `circuitbias check {folder} --delete` removes them"
        raise DamagedFileError(f"{left} damaged files{remedy}")


def read_spikes(path):
    """Read all of a spike file."""
    for _ in SpikeFile(path).segments():
        pass


def _read_threshold(path):
    with suppress(UnusableDataError):  # it says why there is no threshold, and is whole
        read_threshold(path)


_READERS = {".h5": read_spikes, ".npz": read_arrays, ".csv": read_table, ".json": _read_threshold}
"""What reads all of a file, and raises if it is damaged. Figures have no checksum that could be looked at."""


def _contents(folder) -> tuple[list[Path], list[Path]]:
    """Folders below a folder, itself among them, and files that are not hidden; sorted."""

    def stop(error):
        raise error  # a folder that cannot be looked into: what was not seen is not whole

    folders, files = [], []
    for place, inner, names in os.walk(folder, onerror=stop):
        folders.append(Path(place))
        inner[:] = sorted(inner)
        hidden = any(part.startswith(".") for part in Path(place).relative_to(folder).parts)
        files += [Path(place, name) for name in sorted(names) if not (hidden or name.startswith("."))]
    return folders, files


def _superseded(files) -> list[Path]:
    """Couplings that are older than the table of errors of their run, and not in it."""
    found = []
    for table in [path for path in files if path.name == "errors.csv"]:
        folder, made = table.parent / "couplings", os.stat(table).st_mtime
        with suppress(DamagedFileError, OSError, KeyError):  # which has been said, or is another table
            runs = read_table(table)[["estimator", "r", "seed"]].itertuples(index=False)
            known = {folder / one / f"r{strength_label(r)}_seed{seed}.npz" for one, r, seed in runs}
            ours = [path for path in files if path.suffix == ".npz" and folder in path.parents]
            found += [path for path in ours if path not in known and os.stat(path).st_mtime <= made]
    return found


def _may_be_removed(path, before) -> bool:
    """Whether a damaged file lies in the folder of a run, and is still the one that was read."""
    if not any(map(_is_of_a_run, path.absolute().parents)):
        print(f"{path}: stays, as no run made its folder: there is no network.npz. Remove it by hand")
        return False
    now = os.stat(path)
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


def _is_of_a_run(folder) -> bool:
    """Whether a run made a folder: it holds a network of ours, or what it said when it made one."""
    network = folder / "network.npz"
    return (folder / "logs" / "network.log").is_file() or (network.is_file() and is_made_by_a_step(network))


def _left_over(folders, needed) -> list[Path]:
    """Temporary files of dead writers, and checkpoints of simulations that have been finished.

    A checkpoint stays if the file that it was for is ``needed``: damaged, it is made again from there. It
    also stays while a process is at work that makes a finished file once more.
    """
    found = [path for where in folders for path in left_overs(where)]
    checkpoints = [path for path in folders if path.name.endswith(SUFFIX) and path.name.startswith(".")]
    outputs = {path: path.with_name(path.name[1 : -len(SUFFIX)]) for path in checkpoints}
    done = [path for path, output in outputs.items() if output.exists() and output not in needed]
    return found + [path for path in done if not is_in_use(path)]
