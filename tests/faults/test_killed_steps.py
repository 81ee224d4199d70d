"""Steps that are killed with signal 9, or for whom the system refuses to write: nothing half-made is left."""

import os
import signal
import time

import pytest
from every_step import NAMES
from faulty import die_after, die_before_the_rename, error_lines, limit_files, run_in_child

from circuitbias.cli import main
from circuitbias.dynamics.checkpoint import Checkpoint, folder_of
from circuitbias.files import atomic_path, left_overs

every_step = pytest.mark.parametrize("step", NAMES)


@pytest.fixture(autouse=True)
def only_in_this_folder():
    """Guard the tests themselves: the limits and patches of children must not reach them."""
    before = os.fsync
    yield
    assert os.fsync is before


@every_step
@pytest.mark.parametrize("when", ["in the middle of a write", "before the rename"])
def test_a_killed_step_leaves_the_old_result_and_is_made_again(steps, finished, step, when):
    output = steps.outputs[step]
    size = output.stat().st_size
    fault, death = die_before_the_rename, -signal.SIGKILL
    if when == "in the middle of a write":
        fault, death = die_after(size // 2), -signal.SIGXFSZ
    output.unlink()
    before = {path.name for path in steps.folder.iterdir()}
    assert run_in_child(steps.command(step), fault) == death
    assert not output.exists()
    litter = {path.name for path in steps.folder.iterdir()} - before
    assert len(litter) == 1 and all(name.startswith(".") for name in litter)
    assert [path.name for path in left_overs(steps.folder)] == list(litter)

    assert main(steps.command(step)) == 0
    assert output.read_bytes() == finished.expected[step]
    assert {path.name for path in steps.folder.iterdir()} == before | {output.name}


@every_step
def test_where_nothing_more_can_be_written_one_line_says_so(steps, finished, step, capfd):
    output = steps.outputs[step]
    before = {path.name: path.read_bytes() for path in steps.folder.iterdir()}
    status = run_in_child(steps.command(step), limit_files(output.stat().st_size // 2))
    assert status == 1
    errors = error_lines(capfd)
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"circuitbias {step}: error: [Errno 27] File too large: '{steps.folder}")
    assert "tmp" not in errors[0].removeprefix(str(steps.folder)).rpartition("/")[2]
    # Whole results of before are still there; a step with several files may have renewed some of them.
    for name, content in before.items():
        assert (steps.folder / name).exists()
        if name == output.name:
            assert (steps.folder / name).read_bytes() == content
    assert {path.name for path in steps.folder.iterdir()} == set(before)


def test_the_temporary_file_of_a_living_writer_is_left_alone(tmp_path):
    target = tmp_path / "result.csv"
    with atomic_path(target) as first:
        first.write_text("first\n")
        with atomic_path(target) as second:  # another writer of the same file
            assert first.exists()
            second.write_text("second\n")
        assert target.read_text() == "second\n"
    assert target.read_text() == "first\n"
    assert list(tmp_path.iterdir()) == [target]


def test_only_what_a_dead_writer_of_the_same_file_left_is_removed(tmp_path):
    child = os.fork()
    if child == 0:
        writers = [atomic_path(tmp_path / name) for name in ("result.csv", "result.more.csv", "result.npz")]
        for writer in writers:
            writer.__enter__().write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (tmp_path / ".result.csv").write_text("of somebody else")
    (tmp_path / ".result.some-where-1234.tmp.csv").write_text("of somebody else")
    assert len(left_overs(tmp_path)) == 3
    with atomic_path(tmp_path / "result.csv") as aside:
        aside.write_text("whole\n")
    assert len(left_overs(tmp_path)) == 2
    assert len(list(tmp_path.iterdir())) == 5


def test_the_temporary_file_of_another_machine_is_removed_when_it_is_old(tmp_path):
    other = tmp_path / ".result.elsewhere-1-0123abcd.tmp.csv"
    other.write_text("perhaps it is being written")
    assert left_overs(tmp_path) == []
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(other, (two_days_ago, two_days_ago))
    assert left_overs(tmp_path) == [other]
    with atomic_path(tmp_path / "result.csv") as aside:
        aside.write_text("whole\n")
    assert [path.name for path in tmp_path.iterdir()] == ["result.csv"]


def test_a_long_simulation_that_is_killed_goes_on(steps, finished, capfd):
    """Kill it after each part in turn: a run that is never given the time for more still comes to its end."""

    def die_after_a_part():
        Checkpoint.__init__.__defaults__ = (4000, 1000.0)
        write = Checkpoint.write_part

        def write_and_die(checkpoint, *arguments):
            write(checkpoint, *arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        Checkpoint.write_part = write_and_die

    steps.spikes.unlink()
    kills = 0
    while run_in_child(steps.command("simulate"), die_after_a_part) != 0:
        kills += 1
        assert not steps.spikes.exists()
        assert len(list(folder_of(steps.spikes).glob("part_*.npz"))) == kills < 10
    assert kills >= 2
    assert steps.spikes.read_bytes() == finished.expected["simulate"]
    assert not folder_of(steps.spikes).exists()
    assert f"goes on from {kills} parts" in capfd.readouterr().err
    assert left_overs(steps.folder) == []
