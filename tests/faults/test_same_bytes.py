"""What a step writes follows from its input alone, not from the time, the place, the machine or the user."""

import os
import platform
import time
import zipfile
from functools import partial

import h5py
import numpy as np
from every_step import NAMES, Steps
from faulty import results

from circuitbias.cli import main


def test_elsewhere_later_and_by_somebody_else(finished, tmp_path, monkeypatch):
    folder = tmp_path / "another place"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("USER", "HOME", "HOSTNAME", "LANG", "TZ"):
        monkeypatch.setenv(name, "another")
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, partial(_fast_and_late, getattr(time, name)))
    monkeypatch.setattr(platform, "node", lambda: "another")
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    monkeypatch.setattr(os, "getcwd", lambda: "/another")
    steps = Steps(folder)
    np.random.seed(7)  # noqa: NPY002  (nothing draws from what all share)
    for name in NAMES:
        assert main(steps.command(name)) == 0
    found, expected = results(folder), results(finished.folder)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def _fast_and_late(clock):
    return 3 * clock() + 3e8  # ten years on


def test_no_file_holds_a_date(finished):
    kinds = set()
    for path in finished.folder.iterdir():
        kinds.add(path.suffix)
        if path.suffix == ".npz":
            dates = {member.date_time for member in zipfile.ZipFile(path).infolist()}
            assert dates == {(1980, 1, 1, 0, 0, 0)}, path
        elif path.suffix == ".h5":
            with h5py.File(path) as file:
                assert {h5py.h5g.get_objinfo(file.id, name.encode()).mtime for name in file} == {0}
        else:
            content = path.read_bytes()
            year = str(time.gmtime().tm_year).encode()
            for word in (b"CreationDate", b"ModDate", b"dc:date", b"tIME", year + b"-", b"D:" + year):
                assert word not in content, (path, word)
    assert kinds == {".npz", ".h5", ".csv", ".svg", ".pdf", ".png"}
