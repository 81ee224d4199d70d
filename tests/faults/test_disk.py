"""A disk that is full, and one that cannot be written to at all."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from every_step import NAMES, Steps
from faulty import error_lines, file_system, run_in_child

from circuitbias.cli import main
from circuitbias.dynamics.checkpoint import Checkpoint, folder_of


@pytest.fixture(scope="module")
def disk(tmp_path_factory, finished):
    """A small file system with all results on it, and what makes them."""
    with file_system(tmp_path_factory.mktemp("disk") / "mounted", "4m") as folder:
        for path in finished.folder.iterdir():
            shutil.copy(path, folder)
        yield Steps(folder)


def fill(folder, leave):
    """Take all the room but so many bytes."""
    with open(folder / "filler", "wb") as file:
        file.write(bytes(max(shutil.disk_usage(folder).free - leave, 0)))


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("step", NAMES)
def test_a_full_disk(disk, finished, step, share, capfd):
    output = disk.outputs[step]
    before = sorted(path.name for path in disk.folder.iterdir())
    fill(disk.folder, int(share * output.stat().st_size))
    try:
        assert run_in_child(disk.command(step)) == 1  # not a crash, as HDF5 would have it
        errors = error_lines(capfd)
        assert len(errors) == 1, errors
        assert errors[0].startswith(f"circuitbias {step}: error: [Errno 28] No space left on device: '")
        assert output.read_bytes() == finished.expected[step]  # the one of before
    finally:
        (disk.folder / "filler").unlink(missing_ok=True)
    assert sorted(path.name for path in disk.folder.iterdir()) == before
    assert main(disk.command(step)) == 0
    assert output.read_bytes() == finished.expected[step]


def test_a_disk_without_room_for_checkpoints(disk, finished, capfd):
    """They take more room than the result: the run goes on without them."""
    size = disk.spikes.stat().st_size
    disk.spikes.unlink()
    fill(disk.folder, size + 8192)

    def small_parts():
        Checkpoint.__init__.__defaults__ = (15_000, 1000.0)

    assert run_in_child(disk.command("simulate"), small_parts) == 0
    (disk.folder / "filler").unlink()
    errors = error_lines(capfd)
    assert len(errors) == 1 and "no checkpoint from here on: [Errno 28]" in errors[0]
    assert disk.spikes.read_bytes() == finished.expected["simulate"]
    assert not folder_of(disk.spikes).exists()


@pytest.mark.parametrize("step", NAMES)
def test_a_disk_that_cannot_be_written_to(disk, finished, step, capfd):
    subprocess.run(["mount", "-o", "remount,ro", disk.folder], check=True)
    try:
        assert run_in_child(disk.command(step)) == 1
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk.folder], check=True)
    errors = error_lines(capfd)
    assert len(errors) == 1, errors
    assert errors[0].startswith(
        f"circuitbias {step}: error: [Errno 30] Read-only file system: '{disk.folder}/"
    )
    assert "tmp" not in errors[0].rpartition("/")[2]
    assert disk.outputs[step].read_bytes() == finished.expected[step]


@pytest.mark.parametrize("step", NAMES)
def test_a_folder_that_one_may_not_write_to(finished, step, capfd):
    """Permissions do not bind root: then the step runs as nobody, to whom pytest keeps its folders shut."""
    with TemporaryDirectory() as name:
        steps = Steps(Path(name))
        for path in finished.folder.iterdir():
            shutil.copy(path, steps.folder)
        steps.folder.chmod(0o555)
        assert run_in_child(steps.command(step), lambda: os.geteuid() or os.setuid(65534)) == 1
        steps.folder.chmod(0o755)
        errors = error_lines(capfd)
        assert len(errors) == 1, errors
        assert errors[0].startswith(f"circuitbias {step}: error: [Errno 13] Permission denied: '{name}/")
        assert "tmp" not in errors[0].rpartition("/")[2]
        assert steps.outputs[step].read_bytes() == finished.expected[step]
