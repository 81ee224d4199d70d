"""What the tests of faults share: doing the fault for real, and comparing results."""

import os
import re
import resource
import signal
import subprocess
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

from circuitbias.cli import main

TIMED = ("logs", "benchmarks")  # folders whose files hold times


def run_in_child(arguments, before=lambda: None) -> int:
    """Run a step in a process of its own, which may die; return its exit status, or minus the signal."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            before()
            status = main([str(argument) for argument in arguments])
        except BaseException:  # the child must not go on with the tests
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before_the_rename():
    """All has been written when the process is killed."""
    os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)


def die_after(n_bytes):
    """The process is killed by the system itself when a file grows beyond so many bytes."""

    def before():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return before


def limit_files(n_bytes):
    """Files of more bytes cannot be written: the system refuses, as with a full disk or a quota."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


@contextmanager
def file_system(folder: Path, size: str):
    """Mount a small file system of its own on a folder."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system here ({mounted.stderr.strip()}): that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def results(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder, also of hidden ones, but for logs and benchmarks."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.relative_to(folder).parts[0] not in TIMED
    }


_PROGRESS = re.compile(r" s left| took |\(\d+%\), \d+ s gone")


def error_lines(capfd) -> list[str]:
    """Lines on standard error, but for those of progress."""
    return [line for line in capfd.readouterr().err.splitlines() if not _PROGRESS.search(line)]


def assert_same(found: dict, expected: dict):
    """Hold results against others, and name what differs."""
    assert sorted(found) == sorted(expected), sorted(set(found) ^ set(expected))
    assert [name for name in expected if found[name] != expected[name]] == []
