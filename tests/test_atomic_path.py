import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from circuitbias.files import atomic_path, left_overs


def test_success_replaces_the_old_file(tmp_path):
    target = tmp_path / "new folder" / "result.npz"
    for text in ("old", "new"):
        with atomic_path(target) as temporary:
            assert temporary.parent == target.parent
            assert temporary.suffix == ".npz"
            temporary.write_text(text)
            if text == "new":
                assert target.read_text() == "old"  # untouched until the very end
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_keeps_the_old_file_and_leaves_no_litter(tmp_path, error):
    target = tmp_path / "result.csv"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "result.csv"):
        pass


def test_result_is_as_readable_as_any_new_file(tmp_path):
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


# --- what others left, or are still writing -----------------------------------------------------


@pytest.fixture
def aside(tmp_path, monkeypatch):
    """The temporary file of a writer of `result.csv`, which is left when that is killed."""

    class Killed(BaseException):
        pass

    monkeypatch.setattr("circuitbias.files.remove", lambda path: None)
    with pytest.raises(Killed), atomic_path(tmp_path / "result.csv") as temporary:
        temporary.write_text("half")
        raise Killed
    monkeypatch.undo()
    return temporary


def killing(error):
    def kill(process, signal):
        assert signal == 0  # it is asked, not killed
        raise error

    return kill


def test_the_file_of_a_dead_writer_is_left_over(aside, monkeypatch):
    monkeypatch.setattr("os.kill", killing(ProcessLookupError))
    assert left_overs(aside.parent) == left_overs(aside.parent, "result.csv") == [aside]
    assert left_overs(aside.parent, "other.csv") == []
    with atomic_path(aside.parent / "result.csv") as temporary:
        temporary.write_text("whole")
    assert not aside.exists()


def test_the_file_of_another_users_living_writer_stays(aside, monkeypatch):
    monkeypatch.setattr("os.kill", killing(PermissionError))
    assert left_overs(aside.parent) == []
    with atomic_path(aside.parent / "result.csv") as temporary:
        temporary.write_text("whole")
    assert aside.read_text() == "half"


def test_the_file_of_a_living_writer_stays(aside):
    assert left_overs(aside.parent) == []  # it is this process


@pytest.mark.parametrize(("hours", "dead"), [(0, False), (23.9, False), (24.1, True)])
def test_a_writer_on_another_machine_is_dead_after_a_day(aside, monkeypatch, hours, dead):
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    then = time.time() - 3600 * hours
    os.utime(aside, (then, then))
    assert left_overs(aside.parent) == ([aside] if dead else [])


def test_names_that_only_resemble_ours_stay(tmp_path):
    for name in (".result.tmp.csv", ".result.host-12-67eb48fc.csv", ".result.host-12-67eb48f.tmp.csv"):
        (tmp_path / name).write_text("mine")
    assert left_overs(tmp_path) == []


# --- jobs that go on after what runs them was killed ----------------------------------------------

ORPHAN = """
import os, sys, time
from pathlib import Path
from circuitbias.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("made")
    print("begun", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says when a process started")
@pytest.mark.parametrize("killed", [True, False])
def test_a_step_whose_workflow_was_killed_makes_nothing(tmp_path, killed):
    """Else it would write over what the next run has made, by then perhaps from other settings."""
    target = tmp_path / "result.csv"
    target.write_text("made by the next run")
    with subprocess.Popen(["sleep", "60"]) as workflow:
        environment = os.environ | {"CIRCUITBIAS_RUN_BY": str(workflow.pid)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-c", ORPHAN, target]
        step = subprocess.Popen(command, env=environment, text=True, **pipes)
        assert step.stdout.readline() == "begun\n"
        if killed:
            workflow.kill()  # not waited for: it is a zombie now, as those of a shell are for a while
            while Path(f"/proc/{workflow.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
        _, said = step.communicate("go on\n")
        workflow.kill()
    assert step.returncode == int(killed), said
    assert target.read_text() == ("made by the next run" if killed else "made")
    assert ("OrphanedStepError: the workflow that runs this step" in said) == killed
    assert list(tmp_path.iterdir()) == [target]
