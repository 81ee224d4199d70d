"""Checkpoints of a long simulation: what has been recorded so far, and where to go on.

A folder holds numbered parts, each the spikes since the part before it and the state after them, in one .npz
file with the checksums of zip. A part is written aside and renamed, so a killed run leaves whole parts, and
the next one replays them and goes on from the state of the last. Engine and random numbers are exact: the
spikes are those of a run that nobody disturbed.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np

from circuitbias.dynamics.simulate import Simulation
from circuitbias.files import DamagedFileError, atomic_path, read_arrays
from circuitbias.networks.network import Network
from circuitbias.progress import report_line
from circuitbias.provenance import code_hash
from circuitbias.spikes.segments import Segment

SPIKES_A_PART, SECONDS_A_PART = 2_000_000, 30.0
"""A part is written when so much has been recorded, or so long been worked, since the last one."""

SUFFIX = ".parts"
"""Ends the name of the folder of parts."""

_STATE = ("n_started", "trials", "counters", "h")  # of `Simulation.state`


def fingerprint(network: Network, description: dict) -> str:
    """Hash of all that the spikes depend on: parts of another fingerprint are of no use.

    Parameters
    ----------
    network : Network
    description : dict
        Model, seed, what is recorded, and versions: what becomes the metadata of the spike file.
    """
    code = {"code": code_hash("circuitbias.dynamics.simulate")}
    digest = hashlib.sha256(json.dumps(description | code, sort_keys=True).encode())
    for values in (*network.weight_arrays().values(), network.drive_scale):
        digest.update(values.tobytes())
    return digest.hexdigest()


def folder_of(output: str | Path) -> Path:
    """Hidden folder beside a spike file in which its parts are kept."""
    return Path(output).with_name(f".{Path(output).name}{SUFFIX}")


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
        self._n_parts = self.n_spikes = 0
        # All are read now, and again when they are replayed: the time left can then be told from the start.
        while self._path(self._n_parts).exists():
            try:
                part = self._load(self._n_parts)
            except ValueError as error:
                self._drop(error)
                return
            self.n_spikes += len(part["neurons"])
            self._n_parts += 1
        if self._n_parts:
            report_line(
                f"goes on from {self._n_parts} parts with {self.n_spikes:.3g} spikes in {self.folder}",
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
        part = None
        for number in range(self._n_parts):
            part = self._load(number)
            yield from _unpack(part)
        if part:
            simulation.restore({name: part[f"state_{name}"] for name in _STATE})
            del part
        pending, writing, written = [], True, time.monotonic()
        while not simulation.finished:
            for segment in simulation.advance_round():
                if writing:
                    pending.append(_compact(segment))
                yield segment
            due = time.monotonic() - written >= self._seconds_a_part
            due |= sum(len(steps) for _, steps, _ in pending) >= self._spikes_a_part
            if due and writing and not simulation.finished:
                writing = self._write(pending, simulation.state())
                written = time.monotonic()
                pending.clear()

    def remove(self) -> None:
        """Remove the parts: the result is safe."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number) -> Path:
        return self.folder / f"part_{number:04d}.npz"

    def _write(self, pending, state) -> bool:
        """Write a part; return whether that worked. A run that cannot be resumed is better than none."""
        rows, steps, neurons = zip(*pending, strict=True)
        try:
            with atomic_path(self._path(self._n_parts)) as aside, open(aside, "wb") as file:
                np.savez(
                    file,
                    fingerprint=self._fingerprint,
                    segments=np.array(rows, dtype=np.int64),
                    steps=np.concatenate(steps),
                    neurons=np.concatenate(neurons),
                    **{f"state_{name}": state[name] for name in _STATE},
                )
        except OSError as error:
            report_line(f"no checkpoint from here on: {error}", always=True)
            with suppress(OSError):
                self.folder.rmdir()  # if there is nothing in it
            return False
        self._n_parts += 1
        return True

    def _load(self, number) -> dict[str, np.ndarray]:
        """Read a part, checksums and all; a ``ValueError`` says why it cannot be used."""
        try:
            part = read_arrays(self._path(number))
        except DamagedFileError as error:
            raise ValueError(f"damaged ({error.__cause__})") from error
        names = {"fingerprint", "segments", "steps", "neurons", *(f"state_{name}" for name in _STATE)}
        if missing := names - part.keys():
            raise ValueError(f"damaged ({', '.join(sorted(missing))} missing)")
        made_from = part["fingerprint"].item()
        if made_from != self._fingerprint:
            raise ValueError("made from other settings, by other code or by other versions")
        return part

    def _drop(self, reason):
        """Report a part that cannot be used; remove it with all after it."""
        report_line(f"{self._path(self._n_parts)}: {reason}: simulated again from there", always=True)
        for number in count(self._n_parts):
            if not self._path(number).exists():
                return
            self._path(number).unlink()


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
