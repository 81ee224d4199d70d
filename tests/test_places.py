"""Any machine, any place: no home, no rights to the install, a notebook's environment, another folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from circuitbias import places
from circuitbias.cli import main
from circuitbias.networks import Network, read_weights, ring_network

ROOT = Path(__file__).parents[1]


def python(program: str, folder: Path, **environment) -> str:
    """Run a program in a folder, in an environment without a home of its own; return what it printed."""
    unset = (
        "HOME",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "NUMBA_CACHE_DIR",
        "MPLCONFIGDIR",
        "MPLBACKEND",
        "DISPLAY",
    )
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- compiled kernels -----------------------------------------------------------------------------


@pytest.fixture
def read_only_install(monkeypatch, tmp_path):
    """As for a user who may write neither to the package nor, at first, anywhere at home."""
    writable = {tmp_path / "cache", tmp_path / "temporary"}
    for folder in writable:
        folder.mkdir()
    monkeypatch.setattr(places, "_can_be_written", lambda folder: folder and Path(folder) in writable)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    return tmp_path


def test_kernels_go_to_a_temporary_folder_of_the_user(read_only_install):
    places.settle_kernels()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder == read_only_install / "temporary" / f"circuitbias-{os.geteuid()}" / "numba"
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    del os.environ["NUMBA_CACHE_DIR"]
    places.settle_kernels()
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == folder  # compiled once, not each time


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_kernels_stay_where_numba_can_put_them(read_only_install, monkeypatch, variable):
    monkeypatch.setenv(variable, str(read_only_install / "cache"))
    places.settle_kernels()
    assert os.environ.get("NUMBA_CACHE_DIR") == (
        str(read_only_install / "cache") if variable == "NUMBA_CACHE_DIR" else None
    )


@pytest.mark.parametrize("trap", ["link", "open"])
def test_code_is_not_taken_from_a_folder_of_others(read_only_install, trap):
    """Whoever can write to the cache can run code as its user."""
    laid = read_only_install / "temporary" / f"circuitbias-{os.geteuid()}"
    if trap == "link":
        (read_only_install / "theirs").mkdir()
        laid.symlink_to(read_only_install / "theirs")
    else:
        laid.mkdir()
        laid.chmod(0o777)
    places.settle_kernels()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert laid not in folder.parents and folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("home", [None, "/nonexistent", "/proc"])
def test_without_a_home_no_folder_is_named_tilde(tmp_path, home):
    program = "import circuitbias.dynamics.engines.philox, os; print(os.environ.get('NUMBA_CACHE_DIR'))"
    python(program, tmp_path, **({"HOME": home} if home else {}))
    assert list(tmp_path.iterdir()) == []


def test_the_package_sees_to_it_by_itself(tmp_path):
    """Before any module of it imports numba, where nothing but the temporary folder can be written to."""
    program = "import os, sys; os.access = lambda *_: False; import circuitbias; "
    program += "print('numba' in sys.modules, os.environ['NUMBA_CACHE_DIR'])"
    said = python(program, tmp_path, TMPDIR=str(tmp_path))
    assert said == f"False {tmp_path}/circuitbias-{os.geteuid()}/numba\n"


def test_nowhere_at_all_is_one_clear_line(monkeypatch, capsys):
    def none(name):
        raise RuntimeError("cannot cache function 'f': no locator available for file '/x.py'")

    monkeypatch.setattr("importlib.import_module", none)
    assert main(["network", "--options", "{}", "--output", "n.npz"]) == 1
    assert capsys.readouterr().err == f"circuitbias network: error: {places.NO_PLACE_FOR_KERNELS}\n"


# --- figures --------------------------------------------------------------------------------------

DRAW = """
import os
from circuitbias.places import drawing_into_files
with drawing_into_files():
    from circuitbias.figures import style
from matplotlib.figure import Figure
import matplotlib, pandas as pd
figure = Figure()
figure.subplots().plot([1, 2])
style.save(figure, pd.DataFrame({"a": [1]}), "figure")
print(matplotlib.get_backend(), os.environ.get("MPLBACKEND"))
"""


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "TkAgg"])
def test_figures_are_drawn_whatever_backend_the_environment_names(tmp_path, backend):
    said = python(DRAW, tmp_path, HOME=str(tmp_path / "none"), MPLBACKEND=backend)
    assert said.lower() == f"agg {backend}\n".lower()  # and the environment is as it was
    assert {path.suffix for path in tmp_path.glob("figure.*")} == {".svg", ".pdf", ".png", ".csv"}


def test_figures_are_drawn_where_matplotlib_may_keep_nothing(tmp_path):
    python(DRAW, tmp_path, MPLCONFIGDIR="/proc/nowhere")
    assert (tmp_path / "figure.png").exists()


# --- paths ----------------------------------------------------------------------------------------


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(elsewhere)
    weights = np.array([[0.0, 1.0], [2.0, 0.0]])
    np.savetxt(home / "w.csv", weights, delimiter=",")
    assert np.array_equal(read_weights("~/w.csv"), weights)
    assert (
        main(["network", "--options", '{"family": "file", "path": "~/w.csv"}', "--output=~/made/n.npz"]) == 0
    )
    assert np.array_equal(Network.load("~/made/n.npz").weights, weights)
    simulate = ["simulate", "--network=~/made/n.npz", "--parameters", '{"r": 0.01, "theta": 0.00103}']
    assert main([*simulate, "--seed", "1", "--n-spikes", "200", "--output=~/made/s.h5"]) == 0
    assert main(["check", "~/made"]) == 0
    assert sorted(path.name for path in (home / "made").iterdir()) == ["n.npz", "s.h5"]
    assert list(elsewhere.iterdir()) == []


def test_a_tilde_without_a_home_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # what it does where there is no home
    for act in (ring_network(6).save, Network.load, read_weights):
        with pytest.raises(ValueError, match="there is no home folder that ~ could stand for"):
            act("~/n.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "given",
    [pytest.param((), marks=pytest.mark.slow), ("--configfile", "mine.yaml")],
    ids=["default", "mine"],
)
def test_the_workflow_runs_in_any_folder(tmp_path, given):
    """By the Snakefile's own default config, or one of the folder where the command is given."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    np.savetxt(
        there / "w.csv", ring_network(20, 1.4, 1.41).weights, delimiter=","
    )  # of the working directory
    (here / "mine.yaml").write_text(
        "{name: mine, network: {family: file, path: w.csv}, strengths: [0.01], thresholds: [0.0013],"
        " figures: {example_strengths: [0.01]}}"
    )
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "-d", there, *given]
    done = subprocess.run([*command, "--dry-run", "--quiet"], cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (here / "results").exists() and not (here / ".snakemake").exists()
