"""Read a file of every kind while the system fails (`failing_calls.c`); print what readers said, as JSON.

``python read_all.py FOLDER``: the files of a finished run, and weights in every format, lie in the folder.
"""

import errno
import json
import os
import sys
from itertools import count
from pathlib import Path

from circuitbias.dynamics.checkpoint import Checkpoint
from circuitbias.estimators.couplings import Couplings
from circuitbias.networks import Network, read_weights
from circuitbias.spikes.storage import SpikeFile
from circuitbias.tables import read_table

ERRORS = (
    "EIO",
    "ESTALE",
    "EACCES",
    "ENOLCK",
    "EAGAIN",
    "EOPNOTSUPP",
    "ENOSYS",
    "EMFILE",
    "ENOMEM",
    "ETIMEDOUT",
)


def read_spikes(path):
    for _ in SpikeFile(path).segments():
        pass


READERS = {"spikes.h5": read_spikes, "network.npz": Network.load, "couplings.npz": Couplings.load}
READERS |= {"errors.csv": read_table}
READERS |= {f"weights.{suffix}": read_weights for suffix in ("npy", "npz", "csv", "mat")}
READERS["weights73.mat"] = read_weights
READERS["parts"] = lambda path: Checkpoint(path, "0" * 64)


def outcome(reader, path) -> list:
    """Type, errno and words of what a reader raises; nothing if it reads well."""
    try:
        reader(path)
    except Exception as error:
        return [isinstance(error, OSError), getattr(error, "errno", None), str(error)]
    return []


def main(folder: Path) -> None:
    """Fail in the first call, and later, of each kind; locks always."""
    runs, said = count(), []
    os.environ["FAULT_PATH"] = os.fspath(folder)
    for name, reader in READERS.items():
        for code in ERRORS:
            for call, after in (("open", 0), ("read", 0), ("read", 1), ("flock", 0)):
                os.environ |= {"FAULT_RUN": str(next(runs)), "FAULT_CALL": call, "FAULT_AFTER": str(after)}
                os.environ["FAULT_ERRNO"] = str(getattr(errno, code))
                found = outcome(reader, folder / name)
                os.environ["FAULT_CALL"] = ""
                said.append([name, code, call, after, found])
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
