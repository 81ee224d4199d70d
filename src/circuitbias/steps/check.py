"""Read every result of a run, and name what is damaged or was left over by a run that was killed."""

import shutil
from pathlib import Path

from circuitbias.dynamics.checkpoint import SUFFIX
from circuitbias.files import DamagedFileError, left_overs, read_arrays
from circuitbias.spikes.storage import SpikeFile
from circuitbias.tables import read_table


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("folder", help="folder of results, e.g. results/ring")
    parser.add_argument("--delete", action="store_true", help="remove what is damaged or left over")


def run(arguments):
    """Do the step."""
    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    results = [
        path for path in sorted(folder.rglob("*")) if path.suffix in _READERS and _visible(path, folder)
    ]
    damaged = [path for path in results if not _is_whole(path)]
    superfluous = _left_over(folder)
    for path in superfluous:
        print(f"{path}: left over by a run that was killed")
    if arguments.delete:
        for path in damaged + superfluous:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            print(f"{path}: removed")
        if damaged:
            print("to make them again: snakemake --cores all", *damaged)
    print(f"{len(results)} files read, {len(damaged)} of them damaged; {len(superfluous)} left over")
    if damaged and not arguments.delete:
        raise DamagedFileError(
            f"{len(damaged)} damaged files: `circuitbias check {folder} --delete` removes them"
        )


def _read_spikes(path):
    for _ in SpikeFile(path).segments():
        pass


_READERS = {".h5": _read_spikes, ".npz": read_arrays, ".csv": read_table}
"""What reads all of a file, and raises if it is damaged. Figures have no checksum that could be looked at."""


def _is_whole(path) -> bool:
    try:
        _READERS[path.suffix](path)
    except DamagedFileError as error:
        print(error)
        return False
    return True


def _visible(path, folder) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _left_over(folder) -> list[Path]:
    """Temporary files of dead writers, and checkpoints of simulations that have been finished."""
    folders = [folder, *(path for path in sorted(folder.rglob("*")) if path.is_dir())]
    found = [path for where in folders for path in left_overs(where)]
    checkpoints = [path for path in folders if path.name.endswith(SUFFIX)]
    return found + [path for path in checkpoints if path.with_name(path.name[1 : -len(SUFFIX)]).exists()]
