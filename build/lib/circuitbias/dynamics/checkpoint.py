"""Checkpoints of a long simulation: what has been recorded so far, and where to go on.

A folder holds numbered parts, each the spikes since the part before it and the state after them, in one .npz
file with the checksums of zip. A part is written aside and renamed, so a killed run leaves whole parts, and
the next one replays them and goes on from the state of the last. Engine and random numbers are exact: the
spikes are those of a run that nobody disturbed.

Parts are cut by time, so those of two runs do not fit together. Each says which one it continues, and the
folder belongs to one writer, by a file that bears its mark: it comes into being with that file in it, and is
handed on by renaming that. Both can be done by one process alone, on any file system.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from circuitbias.dynamics.trials import Simulation
from circuitbias.files import (
    DamagedFileError,
    atomic_path,
    check_not_orphaned,
    has_no_writer,
    read_arrays,
    writer_lives,
    writers_mark,
)
from circuitbias.networks.network import Network
from circuitbias.progress import report_line
from circuitbias.provenance import code_hash
from circuitbias.spikes.segments import Segment

SPIKES_A_PART, SECONDS_A_PART = 2_000_000, 30.0
"""A part is written when so much has been recorded, or so long been worked, since the last one."""

SUFFIX = ".parts"
"""Ends the name of the folder of parts."""

_OWNER = ".owner"
"""Ends the name of the file that says whose the folder is."""

_STATE = ("n_started", "trials", "counters", "h")  # of `Simulation.state`


def fingerprint(network: Network, description: dict, *modules: str) -> str:
    """Hash of all that the spikes depend on: parts of another fingerprint are of no use.

    Parameters
    ----------
    network : Network
    description : dict
        Model, seed, what is recorded, and versions: what becomes the metadata of the spike file.
    *modules : str
        Whose code makes the spikes, beside that of the simulation.
    """
    code = {"code": code_hash("circuitbias.dynamics.simulate", *modules)}
    digest = hashlib.sha256(json.dumps(description | code, sort_keys=True).encode())
    for values in (*network.weight_arrays().values(), network.drive_scale):
        digest.update(values.tobytes())
    return digest.hexdigest()


def folder_of(output: str | Path) -> Path:
    """Hidden folder beside a spike file in which its parts are kept."""
    return Path(output).with_name(f".{Path(output).name}{SUFFIX}")


def is_in_use(folder: Path) -> bool:
    """Whether the writer that a folder of parts belongs to may still be at work."""
    return any(
        not has_no_writer(folder, path.name.removesuffix(_OWNER)) for path in folder.glob(f"*{_OWNER}")
    )


class Checkpoint:
    """Parts of a simulation in a folder; those that cannot be used are reported and removed at once.

    Parameters
    ----------
    folder : path
        Made when the first part is written.
    fingerprint : str
        See `fingerprint`.
    spikes_a_part, seconds_a_part : float, optional
        A part is written when so many spikes have been recorded, or so much time has gone, since the last.

    Attributes
    ----------
    n_spikes : int
        Spikes in the parts that were found: these need not be simulated.
    """

    def __init__(
        self,
        folder: str | Path,
        fingerprint: str,
        spikes_a_part: float = SPIKES_A_PART,
        seconds_a_part: float = SECONDS_A_PART,
    ):
        self.folder = Path(folder)
        self._fingerprint = fingerprint
        self._spikes_a_part, self._seconds_a_part = spikes_a_part, seconds_a_part
        self.n_parts = self.n_spikes = 0
        self._mark = writers_mark()
        self._last = ""  # identity of the last part: the next one continues it
        if not self._take_over():
            return
        # All are read now, and again when they are replayed: the time left can then be told from the start.
        last = ""
        while self._path(self.n_parts).exists():
            try:
                part = self.read_part(self.n_parts, last)
            except ValueError as error:
                self._drop(error)
                break
            last = part["identity"].item()
            self.n_spikes += len(part["neurons"])
            self.n_parts += 1
        if self.n_parts:
            report_line(
                f"goes on from {self.n_parts} parts with {self.n_spikes:.3g} spikes in {self.folder}",
                always=True,
            )

    def run(self, simulation: Simulation) -> Iterator[Segment]:
        """Replay what is there and simulate the rest, writing parts on the way.

        Parameters
        ----------
        simulation : Simulation
            Not yet begun.

        Yields
        ------
        Segment
            The same as without any checkpoint.
        """
        state = None
        for number in range(self.n_parts):
            try:
                part = self.read_part(number, self._last)
            except (FileNotFoundError, ValueError) as error:  # it was there a moment ago
                self.n_parts = number
                self._drop(error)
                break
            yield from _unpack(part)
            self._last = part["identity"].item()
            state = {name: part[f"state_{name}"] for name in _STATE}
            del part
        if state:
            simulation.restore(state)
        pending, writing, written = [], not self._is_anothers, time.monotonic()
        while not simulation.finished:
            for segment in simulation.advance_round():
                if writing:
                    pending.append(_compact(segment))
                yield segment
            due = time.monotonic() - written >= self._seconds_a_part
            due |= sum(len(steps) for _, steps, _ in pending) >= self._spikes_a_part
            if due:
                check_not_orphaned()
            if due and writing and not simulation.finished:
                writing = self.write_part(pending, simulation.state())
                written = time.monotonic()
                pending.clear()

    def remove(self) -> None:
        """Remove the parts, if they are those of this run: the result is safe."""
        if self._is_mine():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _take_over(self) -> bool:
        """Become the owner of the parts that are there; return whether there are any to own."""
        self._is_anothers = False
        if not self.folder.is_dir():
            return False
        owners = sorted(self.folder.glob(f"*{_OWNER}"))
        if not owners:  # of another version
            shutil.rmtree(self.folder, ignore_errors=True)
            return False
        mark = owners[0].name.removesuffix(_OWNER)
        # A writer on another machine cannot be asked. If it lives after all, it sees that it has lost its
        # parts, and goes on without; a job that comes again on another machine must have them.
        mine = mark.rsplit("-", 1)[0] == self._mark.rsplit("-", 1)[0]
        with suppress(FileNotFoundError):  # another one was faster
            if mine or not writer_lives(mark):
                owners[0].rename(self.folder / f"{self._mark}{_OWNER}")
                return True
        self._is_anothers = True
        report_line(
            f"another process is at work on the same file ({mark}): no checkpoint of this one", always=True
        )
        return False

    def _is_mine(self) -> bool:
        return (self.folder / f"{self._mark}{_OWNER}").exists()

    def _make_folder(self) -> None:
        """Make the folder with the mark of its owner in it, at one go; fails if there is one."""
        aside = self.folder.with_name(f"{self.folder.name}.{self._mark}.tmp")
        aside.mkdir(parents=True)
        try:
            (aside / f"{self._mark}{_OWNER}").touch()
            aside.rename(self.folder)
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def _path(self, number) -> Path:
        return self.folder / f"part_{number:04d}.npz"

    def write_part(self, pending, state) -> bool:
        """Write a part; return whether that worked. A run that cannot be resumed is better than none."""
        rows, steps, neurons = zip(*pending, strict=True)
        identity = writers_mark()
        try:
            if self.n_parts == 0 and not self._is_mine():
                self._make_folder()
            if not self._is_mine():
                raise OSError("another process has taken over the parts")
            with atomic_path(self._path(self.n_parts)) as aside, open(aside, "wb") as file:
                np.savez(
                    file,
                    fingerprint=self._fingerprint,
                    identity=identity,
                    after=self._last,
                    segments=np.array(rows, dtype=np.int64),
                    steps=np.concatenate(steps),
                    neurons=np.concatenate(neurons),
                    **{f"state_{name}": state[name] for name in _STATE},
                )
        except OSError as error:
            report_line(f"no checkpoint from here on: {error}", always=True)
            if self.n_parts == 0:
                self.remove()
            return False
        self.n_parts += 1
        self._last = identity
        return True

    def read_part(self, number, after) -> dict[str, np.ndarray]:
        """Read the part after another one, checksums and all; a ``ValueError`` says why it cannot be used."""
        try:
            part = read_arrays(self._path(number))
        except DamagedFileError as error:
            raise ValueError(f"damaged ({error.__cause__})") from error
        names = {
            "fingerprint",
            "identity",
            "after",
            "segments",
            "steps",
            "neurons",
            *(f"state_{name}" for name in _STATE),
        }
        if missing := names - part.keys():
            raise ValueError(f"damaged ({', '.join(sorted(missing))} missing)")
        made_from = part["fingerprint"].item()
        if made_from != self._fingerprint:
            raise ValueError("made from other settings, by other code or by other versions")
        if part["after"].item() != after:
            raise ValueError("continues another part than the one before it")
        return part

    def _drop(self, reason):
        """Report a part that cannot be used; remove it with all after it."""
        report_line(f"{self._path(self.n_parts)}: {reason}: simulated again from there", always=True)
        for path in self.folder.glob("part_*.npz") if self._is_mine() else ():
            if path >= self._path(self.n_parts):
                path.unlink(missing_ok=True)


def _compact(segment: Segment):
    """A segment as its row in the index, and its spikes in as few bytes as will do."""
    row = (segment.trial, segment.first_step, segment.n_steps, segment.steps.size)
    steps = (segment.steps - segment.first_step).astype(np.min_scalar_type(segment.n_steps - 1))
    return row, steps, segment.neurons.astype(np.min_scalar_type(segment.neurons.max(initial=0)))


def _unpack(part) -> Iterator[Segment]:
    """The segments that `_compact` was given."""
    end = 0
    for trial, first_step, n_steps, n_spikes in part["segments"].tolist():
        spikes = slice(end, end := end + n_spikes)
        steps = part["steps"][spikes].astype(np.int64) + first_step
        yield Segment(trial, first_step, n_steps, steps, part["neurons"][spikes].astype(np.int32))
