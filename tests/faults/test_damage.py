"""Results that are damaged: whoever reads one names it, and ``circuitbias check`` finds and removes it."""

import os

import h5py
import pytest
from faulty import die_before_the_rename, error_lines, run_in_child

from circuitbias.cli import main
from circuitbias.dynamics.checkpoint import Checkpoint, folder_of
from circuitbias.files import left_overs, writers_mark

READERS = {
    "network": ("simulate", "estimate", "errors", "figure"),
    "spikes": ("activity", "estimate", "experiment"),
    "couplings": ("errors", "figure"),
    "errors": ("figure",),
    "profiles": ("figure",),
    "table": ("gather", "summarise"),
}
"""Steps that read each result."""


def damage(path, how):
    """Damage a file: cut it, empty it, or change a byte in the middle."""
    content = bytearray(path.read_bytes())
    if how == "changed":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes({"cut": content[: len(content) * 2 // 3], "emptied": b""}.get(how, content))


def cases():
    for result, readers in READERS.items():
        for how in ("cut", "emptied", "changed"):
            if how == "changed" and result in ("errors", "profiles", "table"):
                continue  # a table has no checksum
            yield from ((result, how, reader) for reader in readers)


@pytest.mark.parametrize(("result", "how", "reader"), list(cases()))
def test_who_reads_a_damaged_result_names_it(steps, capfd, result, how, reader):
    path = getattr(steps, result)
    damage(path, how)
    output = steps.outputs[reader].read_bytes()
    assert main(steps.command(reader)) == 1
    errors = error_lines(capfd)
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"circuitbias {reader}: error: {path}: ")
    assert errors[0].endswith("Delete it to have it made again")
    assert steps.outputs[reader].read_bytes() == output  # what was made before is not touched


def test_activity_files_are_named_too(steps, capfd):
    damage(steps.activity, "cut")
    figure = ["figure", "figure1", "--network", str(steps.network), "--activity", str(steps.activity)]
    assert main([*figure, "--examples", "0.01", "--output", str(steps.folder / "figure1")]) == 1
    assert f"{steps.activity}: not a whole activity file" in capfd.readouterr().err


def older_version(path):
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 0


def test_a_spike_file_of_an_older_version(steps, capfd):
    older_version(steps.spikes)
    assert main(steps.command("estimate")) == 1
    error = capfd.readouterr().err
    assert f"{steps.spikes}: spike file of version 0, this program reads version 1: delete" in error


def check(steps, capfd, *arguments, status=0):
    assert main(["check", str(steps.folder), *arguments]) == status
    return capfd.readouterr()


def test_check_finds_nothing_where_all_is_well(steps, capfd):
    output = check(steps, capfd)
    assert output.err == ""
    # Eight results, the figure's numbers, and profiles.
    assert output.out == "11 files read, 0 of them damaged; 0 left over\n"


def test_check_names_what_is_damaged_and_removes_it_if_asked_to(steps, finished, capfd):
    damaged = {steps.network: "cut", steps.spikes: "changed", steps.couplings: "emptied", steps.table: "cut"}
    for path, how in damaged.items():
        damage(path, how)
    older_version_of = steps.folder / "old" / "spikes.h5"
    older_version_of.parent.mkdir()
    older_version_of.write_bytes((finished.folder / "spikes.h5").read_bytes())
    older_version(older_version_of)

    output = check(steps, capfd, status=1)
    assert f"`circuitbias check {steps.folder} --delete` removes them" in output.err
    found = [line for line in output.out.splitlines() if "Delete it" in line or "delete the file" in line]
    assert len(found) == 5
    for path in (*damaged, older_version_of):
        assert path.exists()
        assert sum(line.startswith(f"{path}: ") for line in found) == 1

    output = check(steps, capfd, "--delete")
    assert "12 files read, 5 of them damaged" in output.out
    again = next(line for line in output.out.splitlines() if line.startswith("to make them again: snakemake"))
    for path in (*damaged, older_version_of):
        assert not path.exists()
        assert str(path) in again.split()
    assert "0 of them damaged" in check(steps, capfd).out


def test_check_finds_a_flipped_bit_anywhere(steps, capfd):
    """Not merely in the middle: in every piece of a spike file, of which this takes a sample."""
    whole = steps.spikes.read_bytes()
    unseen = []
    for position in range(64, len(whole), len(whole) // 60):
        steps.spikes.write_bytes(whole[:position] + bytes([whole[position] ^ 16]) + whole[position + 1 :])
        if main(["check", str(steps.folder)]) == 0:
            unseen.append(position)
    capfd.readouterr()
    # What is left is room that HDF5 has set aside and never reads.
    steps.spikes.write_bytes(whole)
    assert len(unseen) <= 12, unseen


def test_check_finds_what_killed_writers_left_over(steps, capfd):
    assert run_in_child(steps.command("estimate"), die_before_the_rename) < 0
    parts = folder_of(steps.spikes)
    parts.mkdir()
    (parts / "part_0000.npz").write_bytes(b"")
    (folder_of(steps.folder / "not_yet_finished.h5")).mkdir()
    assert check(steps, capfd).out.endswith("0 of them damaged; 2 left over\n")
    check(steps, capfd, "--delete")
    assert left_overs(steps.folder) == [] and not parts.exists()
    assert folder_of(steps.folder / "not_yet_finished.h5").exists()  # it is to be gone on with


@pytest.mark.parametrize(
    ("owner", "removed"),
    [
        ("{machine}-{living}-0123abcd", False),
        ("{machine}-{living}s1-0123abcd", True),
        ("far-17-0123abcd", False),
    ],
)
def test_check_leaves_the_parts_of_a_living_writer(steps, capfd, owner, removed):
    """Somebody makes a finished file once more: its parts are no left-overs."""
    parts = folder_of(steps.spikes)
    parts.mkdir()
    mark = owner.format(machine=writers_mark().split("-")[0], living=os.getppid())
    (parts / f"{mark}.owner").touch()
    check(steps, capfd, "--delete")
    assert parts.exists() != removed


def test_check_leaves_the_parts_of_a_damaged_file(steps, capfd):
    """It is made again from there."""
    parts = folder_of(steps.spikes)
    parts.mkdir()
    damage(steps.spikes, "cut")
    check(steps, capfd, "--delete")
    assert parts.exists() and not steps.spikes.exists()


def test_check_of_no_folder(tmp_path, capfd):
    assert main(["check", str(tmp_path / "none")]) == 1
    assert "there is no folder" in capfd.readouterr().err


def test_a_damaged_checkpoint_costs_time_and_nothing_else(steps, finished, capfd, monkeypatch):
    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (4000, 1000.0))
    written = Checkpoint.write_part

    def die_with_the_third(checkpoint, *arguments):
        if checkpoint.n_parts == 2:
            die_before_the_rename()
        return written(checkpoint, *arguments)

    steps.spikes.unlink()
    assert run_in_child(
        steps.command("simulate"), lambda: setattr(Checkpoint, "write_part", die_with_the_third)
    )
    damage(folder_of(steps.spikes) / "part_0001.npz", "changed")
    capfd.readouterr()
    assert main(steps.command("simulate")) == 0
    assert "part_0001.npz: damaged" in capfd.readouterr().err
    assert steps.spikes.read_bytes() == finished.expected["simulate"]
