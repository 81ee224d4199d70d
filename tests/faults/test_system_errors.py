"""Errors of the system are never taken for damage: they are named, and nothing is deleted for them."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from faulty import run_in_child
from read_all import READERS

from circuitbias.cli import main
from circuitbias.config import ConfigError
from circuitbias.dynamics.checkpoint import Checkpoint
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.trials import Simulation
from circuitbias.estimators.couplings import Couplings
from circuitbias.files import DamagedFileError, is_made_by_a_step
from circuitbias.networks import Network, read_weights, ring_network
from circuitbias.spikes.segments import Segment
from circuitbias.spikes.storage import SpikeFile, SpikeFileError
from circuitbias.spikes.writing import write_spikes
from circuitbias.tables import read_table
from circuitbias.yaml_files import read_config

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A library that makes system calls fail; it takes a compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not (compiler and sys.platform == "linux"):
        pytest.skip("there is no C compiler, or no LD_PRELOAD")
    library = tmp_path_factory.mktemp("library") / "failing_calls.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, HERE / "failing_calls.c", "-ldl"], check=True
    )
    return {"LD_PRELOAD": str(library)}


@pytest.fixture
def files(steps):
    """A file for every reader, whole."""
    weights = np.random.default_rng(0).normal(size=(40, 40))
    np.save(steps.folder / "weights.npy", weights)
    np.savez(steps.folder / "weights.npz", W=weights)
    np.savetxt(steps.folder / "weights.csv", weights, delimiter=",")
    scipy.io.savemat(steps.folder / "weights.mat", {"W": weights})
    with h5py.File(steps.folder / "weights73.mat", "w") as file:
        file["W"] = weights
    model = ThresholdParameters(0.025, 0.00115)
    run = Simulation(ring_network(20, 1.39, 1.4), model, seed=1, n_spikes=3000, chunk_steps=50)
    for _ in Checkpoint(steps.folder / "parts", "0" * 64, spikes_a_part=1000).run(run):
        pass
    (owner,) = (steps.folder / "parts").glob(f"*-{os.getpid()}*-*")  # parts of a living writer are not read
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    owner.rename(owner.with_name(owner.name.replace(f"-{os.getpid()}", f"-{dead.pid}", 1)))
    return steps.folder


def test_every_reader_names_the_error_of_the_system(files, failing):
    done = subprocess.run(
        [sys.executable, HERE / "read_all.py", files],
        env=os.environ | failing,
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    assert {name for name, *_ in said} == set(READERS)
    for name, code, call, after, found in said:
        where = (name, code, call, after, found)
        if call == "flock" or (not found and after):  # no reader wants a lock; a small file takes one read
            assert found == [], where
            continue
        is_system, number, words = found
        assert is_system and number == getattr(errno, code), where
        assert str(files / name) in words and "elete" not in words, where
    assert sum(1 for *_, after, found in said if after and found) > 20  # most are read in several goes


@pytest.mark.parametrize(
    ("call", "code"),
    [("open", "EACCES"), ("open", "ENOLCK"), ("read", "EIO"), ("read", "ESTALE"), ("read", "ENOMEM")],
)
def test_check_deletes_nothing_that_could_not_be_read(files, failing, code, call):
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    fault = {"FAULT_PATH": str(files), "FAULT_ERRNO": str(getattr(errno, code)), "FAULT_CALL": call}
    command = [sys.executable, "-m", "circuitbias", "check", files, "--delete"]
    environment = os.environ | failing | fault | {"FAULT_RUN": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "removed" not in done.stdout
    assert f"[Errno {getattr(errno, code)}]" in done.stdout and f"{files / 'spikes.h5'}" in done.stdout
    assert "0 of them damaged" in done.stdout and "could not be read" in done.stderr
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


def test_check_of_files_that_one_may_not_read(steps, capfd):
    """Permissions do not bind root: then it runs as nobody."""
    for path in (steps.folder, *steps.folder.parents):
        if path == (temporary := Path(tempfile.gettempdir())) or not path.is_relative_to(temporary):
            break
        path.chmod(0o755)
    steps.spikes.chmod(0)
    shut = steps.folder / "shut"
    shut.mkdir(mode=0)
    check = ["check", str(steps.folder), "--delete"]
    assert run_in_child(check, lambda: os.geteuid() or os.setuid(65534)) == 1
    assert f"error: [Errno 13] Permission denied: '{shut}'" in capfd.readouterr().err
    shut.rmdir()
    assert run_in_child(check, lambda: os.geteuid() or os.setuid(65534)) == 1
    output = capfd.readouterr()
    assert f"{steps.spikes}: cannot be read ([Errno 13]" in output.out
    assert "0 of them damaged" in output.out and "1 could not be read" in output.out
    assert steps.spikes.exists()


# /proc/self/mem is a regular file whose first byte nobody can read: a true EIO without a broken disk.
@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="only Linux has such a file")
@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("s.h5", SpikeFile),
        ("n.npz", Network.load),
        ("c.npz", Couplings.load),
        ("t.csv", read_table),
    ],
)
def test_a_true_input_output_error(tmp_path, name, reader):
    (tmp_path / name).symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Errno 5") as caught:
        reader(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="only Linux has such a file")
def test_a_config_that_cannot_be_read(tmp_path):
    (tmp_path / "c.yaml").symlink_to("/proc/self/mem")
    with pytest.raises(ConfigError, match=r"c\.yaml: Input/output error \(errno 5\)"):
        read_config(tmp_path / "c.yaml")


READ = {
    "spikes.h5": SpikeFile,
    "network.npz": Network.load,
    "couplings.npz": Couplings.load,
    "table.csv": read_table,
    "weights.npy": read_weights,
    "weights.npz": read_weights,
    "weights.csv": read_weights,
    "weights.mat": read_weights,
}


@pytest.mark.parametrize("name", READ)
def test_what_is_no_file_is_called_what_it_is(tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    with pytest.raises(ValueError, match="is no regular file, but a folder"):
        READ[name](path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ValueError, match="is no regular file, but a pipe or a device"):  # and does not wait
        READ[name](path)
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    with pytest.raises((FileNotFoundError, SpikeFileError), match=r"link to .*gone, which is not there"):
        READ[name](path)
    path.unlink()
    with pytest.raises((FileNotFoundError, SpikeFileError), match=r"[nN]o such|no file"):
        READ[name](path)


def test_too_little_memory_is_not_damage(files, monkeypatch):
    def no_memory(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("circuitbias.numpy_files.read_npy", no_memory)
    monkeypatch.setattr("circuitbias.networks.files.read_npy", no_memory)
    monkeypatch.setattr("circuitbias.spikes.storage.hdf5_item", no_memory)
    monkeypatch.setattr("circuitbias.networks.text.np.loadtxt", no_memory)
    readers = {name: reader for name, reader in READ.items() if name != "table.csv"} | READERS
    for name in ("spikes.h5", "network.npz", "couplings.npz", "weights.npy", "weights.npz", "weights.csv"):
        with pytest.raises(MemoryError):
            readers[name](files / name)
    assert main(["estimate", "--spikes", str(files / "spikes.h5"), "--method", "glm", "--output", "c"]) == 1


# --- whose files they are -------------------------------------------------------------------------


def test_what_steps_write_is_known_by_how_it_begins(steps):
    results = [path for path in steps.folder.iterdir() if path.suffix in (".h5", ".npz", ".csv")]
    assert len(results) == 11
    for path in results:
        assert is_made_by_a_step(path), path
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert is_made_by_a_step(path), path


def foreign_files(folder: Path) -> list[Path]:
    """What a lab may keep beside its results: nothing of ours, and much of it broken."""
    recording = [Segment(0, 0, 1000, np.arange(0, 900, 3), np.arange(300) % 5)]
    write_spikes(folder / "recording.h5", recording, 5, 0.1, {"animal": "m7"})
    broken = folder / "broken_recording.h5"
    broken.write_bytes((folder / "recording.h5").read_bytes()[:-200])
    with h5py.File(folder / "calcium.h5", "w") as file:
        file["traces"] = np.random.default_rng(0).normal(size=(50, 50))
    (folder / "broken_calcium.h5").write_bytes((folder / "calcium.h5").read_bytes()[:-500])
    (folder / "old.h5").write_bytes(b"\x0e\x03\x13\x01" + bytes(range(256)) * 4)  # HDF4
    np.savez(folder / "mine.npz", traces=np.arange(50), note=np.array({"a": 1}, dtype=object))
    (folder / "broken.npz").write_bytes((folder / "mine.npz").read_bytes()[:-50])
    (folder / "notes.csv").write_bytes("day,mouse,Größe\n1,m7,3".encode("latin1"))
    (folder / "plain.csv").write_text("day,mouse\n1,m7")
    (folder / "semicolons.csv").write_text("a;b\n1;2;3\n4")
    (folder / "not_a_zip.npz").write_text("traces")
    return sorted(folder.glob("*"))


def test_check_leaves_what_others_wrote(steps, capfd):
    folder = steps.folder / "theirs"
    folder.mkdir()
    theirs = foreign_files(folder)
    before = {path: path.read_bytes() for path in theirs}
    assert main(["check", str(steps.folder), "--delete"]) == 0
    output = capfd.readouterr().out
    assert {path: path.read_bytes() for path in theirs} == before
    assert "0 of them damaged" in output and "removed" not in output and "Delete" not in output
    for name in ("broken_recording.h5", "calcium.h5", "old.h5", "notes.csv", "not_a_zip.npz"):
        (line,) = [line for line in output.splitlines() if line.startswith(f"{folder / name}: ")]
        assert "not" in line
    for path in theirs:  # nor does any step tell anybody to delete one
        with pytest.raises((DamagedFileError, ValueError)) as caught:
            SpikeFile(path if path.suffix == ".h5" and path.name != "recording.h5" else folder / "old.h5")
        assert "elete" not in str(caught.value)


def test_check_removes_from_the_folder_of_a_run_alone(steps, tmp_path, capfd):
    """A copy of a result that lies elsewhere is not ours to remove."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = elsewhere / "spikes.h5"
    copy.write_bytes(steps.spikes.read_bytes()[:-100])
    steps.network.rename(tmp_path / "network_of_another_name.npz")
    assert main(["check", str(elsewhere), "--delete"]) == 1
    output = capfd.readouterr()
    assert f"{copy}: stays, as no run made its folder" in output.out and "1 damaged files" in output.err
    assert copy.exists()
    (tmp_path / "network_of_another_name.npz").rename(elsewhere / "network.npz")
    assert main(["check", str(elsewhere), "--delete"]) == 0
    assert not copy.exists()


def test_check_does_not_remove_what_was_made_again_meanwhile(steps, capfd, monkeypatch):
    whole = steps.spikes.read_bytes()
    steps.spikes.write_bytes(whole[:-100])
    from circuitbias.steps import check

    def made_again(path):
        if path == steps.spikes:
            try:
                check.read_spikes(path)
            finally:
                path.unlink()
                path.write_bytes(whole)

    monkeypatch.setitem(check._READERS, ".h5", made_again)
    assert main(["check", str(steps.folder), "--delete"]) == 1
    assert steps.spikes.read_bytes() == whole


@pytest.mark.parametrize("broken", [False, True])
def test_threshold_files_are_checked_too(steps, capfd, broken):
    """One that a step wrote and that is cut is made again; a note of somebody else's stays."""
    threshold, note = steps.folder / "thresholds" / "r0.01.json", steps.folder / "note.json"
    threshold.parent.mkdir()
    whole = json.dumps({"theta": 0.0013, "rate_hz": 60.0, "provenance": {}}, indent=1)
    threshold.write_text(whole[:30] if broken else whole)
    note.write_text('{"animal": "m7"')
    assert main(["check", str(steps.folder), "--delete"]) == 0
    assert threshold.exists() != broken and note.exists()
    assert f"{note}: not a whole threshold file, but a file of another kind" in capfd.readouterr().out
