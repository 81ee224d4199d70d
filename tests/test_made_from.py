"""What results were made from is known by content, whatever the times of files say."""

import json
import os
from pathlib import Path

import pytest

from circuitbias.cli import main
from circuitbias.made_from import FOLDER_VARIABLE, age, content_hash, hashes, stale_results, write_record


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A result made from two files, with its record."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "result"):
        (tmp_path / name).write_text(name)
    write_record(Path("records/result.json"), hashes(["one", "two", "missing"]), hashes(["result"]))
    write_record(Path("records/one.json"), {}, hashes(["one"]))
    return tmp_path


def test_what_was_made_from_what_is_there_is_not_stale(made):
    assert (
        content_hash("one") == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    )  # sha256sum
    assert stale_results("records") == []
    assert stale_results("nowhere") == []
    os.utime("one")  # newer, and the same
    assert stale_results("records") == []


def test_another_content_is_seen_whatever_the_time(made):
    times = os.stat("two")
    (made / "two").write_text("TWO")  # of the same size, too
    os.utime("two", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert stale_results("records") == ["result"]
    age(["result"])
    assert 0 < os.path.getmtime("result") < os.path.getmtime("two")
    assert (made / "result").read_text() == "result"
    (made / "two").write_text("two")
    assert stale_results("records") == []


def test_a_result_that_somebody_replaced_is_left_alone(made):
    (made / "one").write_text("ONE")
    (made / "result").write_text("mine")
    assert stale_results("records") == []
    os.remove("result")
    assert stale_results("records") == []


def test_an_input_that_was_removed_makes_nothing_stale_unless_it_could_not_be_made_again(made):
    os.remove("one")
    assert stale_results("records") == []
    os.remove("records/one.json")  # as a step does that begins
    assert stale_results("records") == ["result"]
    (made / "one").write_text("one")
    assert stale_results("records") == []


def test_records_that_are_none_are_passed_over(made):
    for name, text in (("a.json", "{"), ("b.json", "[]"), ("c.json", "{}"), ("d.json", '{"inputs": [1]}')):
        (made / "records" / name).write_text(text)
    (made / "one").write_text("ONE")
    assert stale_results("records") == ["result"]


def test_a_step_records_what_it_was_given_and_what_it_wrote(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.csv").write_text("a,b\n1,2\n")
    (tmp_path / "second.csv").write_text("a,b\n3,4\n")
    (tmp_path / "gather").write_text("a file that bears the name of a step")
    words = ["gather", "--tables", "first.csv", "second.csv", "--output", "all.csv"]
    assert main(words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "all.csv",
        "first.csv",
        "gather",
        "second.csv",
    ]
    monkeypatch.setenv(FOLDER_VARIABLE, "records")
    for _ in range(2):
        assert main(words) == 0
        (record,) = (tmp_path / "records").iterdir()
        assert json.loads(record.read_text()) == {
            "inputs": hashes(["first.csv", "second.csv"]),
            "outputs": hashes(["all.csv"]),
        }
    (tmp_path / "second.csv").write_text("a,b\n3,5\n")
    assert stale_results("records") == ["all.csv"]
    assert main(words) == 0
    assert stale_results("records") == []


def test_a_step_that_fails_takes_back_what_was_recorded_of_its_last_success(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDER_VARIABLE, "records")
    words = ["gather", "--tables", "part.csv", "--output", "all.csv"]
    (tmp_path / "part.csv").write_text("a,b\n1,2\n")
    assert main(words) == 0
    assert len(list((tmp_path / "records").iterdir())) == 1
    os.remove("part.csv")
    assert main(words) == 1
    assert list((tmp_path / "records").iterdir()) == []
