"""The whole workflow under faults: killed in every stage, two runs at once, damaged files in between."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from checkout import Checkout
from faulty import assert_same, results

pytestmark = pytest.mark.slow

STAGES = {
    "network": "network.npz",
    "simulate": "spikes/r0.01_seed1.h5",
    "activity": "activity/r0.01_seed1.npz",
    "estimate": "couplings/glm/r0.01_seed1.npz",
    "experiment": "experiments/data_volume/r0.01_seed1.csv",
    "errors": "errors.csv",
    "figure": "figures/figure2.png",
}
"""What a job of each stage makes."""

HOLD = Path(__file__).parent / "hold"
"""Makes the step that writes a file wait, when it has begun or when all but the last rename is done."""

SIMULATION = {"n_spikes": 3_000_000}
"""Long enough to leave a checkpoint."""


def start(checkout, *arguments, **environment) -> subprocess.Popen:
    options = {"start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options["preexec_fn"] = heed_ctrl_c
    command = checkout.command(*arguments)
    command["env"] |= environment
    return subprocess.Popen(**options, **command)


def heed_ctrl_c() -> None:
    """In a process to be: tests that a shell runs in the background are born to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_and_hold(checkout, output: str, when: str) -> subprocess.Popen:
    """Start a run for one file, whose writer then waits; return when it does."""
    mark = checkout.folder / "held"
    mark.unlink(missing_ok=True)
    path = os.pathsep.join([str(HOLD), str(checkout.folder / "src")])
    hold = {"HOLD_OUTPUT": f"results/tiny/{output}", "HOLD_WHEN": when, "HOLD_MARK": str(mark)}
    running = start(checkout, f"results/tiny/{output}", PYTHONPATH=path, **hold)
    assert wait_for(mark, running)
    return running


def wait_for(path: Path, running: subprocess.Popen) -> bool:
    """Wait until a file is there; False if the run ends before."""
    deadline = time.monotonic() + 300
    while not path.exists():
        if running.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return True


def processes_in(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(str(folder)):
                found.append(int(process.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def kill(checkout, running: subprocess.Popen) -> None:
    """Signal 9 to Snakemake and all its jobs."""
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 120  # a loaded machine may be slow to end them
    while processes_in(checkout.folder):
        assert time.monotonic() < deadline, "a job outlives the kill"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run makes that nobody disturbs."""
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"))
    checkout.configure(simulation=SIMULATION)
    checkout.snakemake()
    return checkout


@pytest.fixture
def checkout(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.configure(simulation=SIMULATION)
    return checkout


@pytest.fixture
def finished(undisturbed, tmp_path):
    """A copy of the finished run, times of files and all."""
    shutil.copytree(undisturbed.folder, tmp_path / "copy", symlinks=True)
    copy = Checkout.__new__(Checkout)
    copy.folder = tmp_path / "copy"
    copy.package, copy.results = copy.folder / "src" / "circuitbias", copy.folder / "results" / "tiny"
    return copy


@pytest.mark.parametrize("when", ["begun", "written"])
def test_killed_in_every_stage_and_started_again(checkout, undisturbed, when):
    """As a job of it begins, or when its result is written, but not yet under its name."""
    for output in STAGES.values():
        running = start_and_hold(checkout, output, when)
        kill(checkout, running)
        assert not (checkout.results / output).exists()
        written = list((checkout.results / output).parent.glob(f".{Path(output).stem}.*.tmp*"))
        assert len(written) == (when == "written")
        assert "--unlock" in checkout.snakemake(code=1)  # it says how to go on
        checkout.snakemake("--unlock")
    checkout.snakemake()
    assert_same(results(checkout.results), results(undisturbed.results))
    assert "Nothing to be done" in checkout.snakemake()


def test_a_long_simulation_goes_on_where_it_was_killed(checkout, undisturbed):
    running = start(checkout)
    parts = checkout.results / "spikes" / ".r0.01_seed1.h5.parts"
    assert wait_for(parts / "part_0000.npz", running)
    kill(checkout, running)
    assert not (checkout.results / "spikes" / "r0.01_seed1.h5").exists()
    checkout.snakemake("--unlock")
    checkout.snakemake()
    log = (checkout.results / "logs" / "simulate" / "r0.01_seed1.log").read_text()
    assert "goes on from 1 parts" in log
    assert_same(results(checkout.results), results(undisturbed.results))


def test_one_core_and_another_order_of_jobs(checkout, undisturbed):
    """Last files first."""
    wanted = [f"couplings/{name}/r{r}_seed1.npz" for name in ("mean_field", "glm") for r in ("0.02", "0.01")]
    for path in wanted:
        checkout.snakemake("--cores", "1", f"results/tiny/{path}")
    checkout.snakemake("--cores", "1")
    assert_same(results(checkout.results), results(undisturbed.results))


def test_interrupted_from_the_keyboard(checkout, undisturbed):
    """Ctrl-C leaves no lock and no litter: the same command goes on."""
    running = start_and_hold(checkout, STAGES["estimate"], "begun")
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(timeout=60) != 0
    checkout.snakemake()
    assert_same(results(checkout.results), results(undisturbed.results))


def test_two_runs_at_once(checkout, undisturbed):
    first = start(checkout)
    assert wait_for(checkout.results / "logs" / "network.log", first)
    refused = checkout.snakemake(code=1)
    assert "Directory cannot be locked" in refused
    assert first.wait() == 0  # the first goes on undisturbed
    assert_same(results(checkout.results), results(undisturbed.results))


def circuitbias(checkout, *arguments, code=0) -> str:
    """Run the command in the checkout, on its own package."""
    environment = checkout.command()["env"]
    command = [sys.executable, "-m", "circuitbias", *arguments]
    done = subprocess.run(command, cwd=checkout.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def make_older(path):
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 0


@pytest.mark.parametrize(
    ("file", "fault", "needed_by"),
    [
        ("spikes/r0.02_seed1.h5", cut, "couplings/glm/r0.02_seed1.npz"),
        ("spikes/r0.02_seed1.h5", make_older, "couplings/glm/r0.02_seed1.npz"),
        ("network.npz", cut, "activity/r0.01_seed1.npz"),
        ("couplings/glm/r0.01_seed1.npz", cut, "errors.csv"),
        ("activity/r0.02_seed1.npz", cut, "figures/figure1.png"),
        ("experiments/data_volume/r0.01_seed1.csv", cut, "experiments/data_volume.csv"),
    ],
)
def test_a_damaged_result_is_named_and_made_again(finished, undisturbed, file, fault, needed_by):
    path = finished.results / file
    fault(path)
    os.utime(path, ns=((undisturbed.results / file).stat().st_mtime_ns,) * 2)  # Snakemake sees no change
    (finished.results / needed_by).unlink()
    output = finished.snakemake(f"results/tiny/{needed_by}", code=1)
    assert f"error: results/tiny/{file}: " in output
    assert "made again" in output
    assert not (finished.results / needed_by).exists()

    said = circuitbias(finished, "check", "results/tiny", "--delete")
    assert f"results/tiny/{file}: removed" in said
    assert f"to make them again: snakemake --cores all results/tiny/{file}\n" in said
    # By name: Snakemake misses neither of them where all that is made from them is still there.
    finished.snakemake(f"results/tiny/{file}", f"results/tiny/{needed_by}")
    finished.snakemake()
    assert_same(results(finished.results), results(undisturbed.results))


def test_check_of_a_whole_run(finished):
    assert "0 of them damaged; 0 left over" in circuitbias(finished, "check", "results/tiny")


def test_too_little_memory_is_said_before_the_work(checkout):
    ring = {"family": "ring", "n_neurons": 300, "sigma1": 20.9, "sigma2": 21.0}
    checkout.configure(
        network=ring,
        memory_mb=100,
        simulation={"n_spikes": 2000},
        estimators={"mpf": {"method": "mpf"}},
        experiments={},
    )
    output = checkout.snakemake("results/tiny/couplings/mpf/r0.01_seed1.npz", code=1)
    assert "error: memory_mb=100 is too small for minimum probability flow of 300 neurons" in output


@pytest.mark.parametrize("stage", ["simulate", "errors"])
def test_snakemake_alone_is_killed(checkout, undisturbed, stage):
    """Its jobs go on: one that ends late must not write over what the next run has made."""
    running = start_and_hold(checkout, STAGES[stage], "begun")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    (checkout.folder / "held").unlink()
    deadline = time.monotonic() + 60
    while processes_in(checkout.folder):
        assert time.monotonic() < deadline, "a job goes on"
        time.sleep(0.05)
    logs = [path.read_text() for path in (checkout.results / "logs").rglob("*.log")]
    said = f"circuitbias {stage}: error: the workflow that runs this step (process {running.pid}) has ended"
    assert sum(said in log for log in logs) == 1
    assert not (checkout.results / STAGES[stage]).exists()
    checkout.snakemake("--unlock")
    checkout.snakemake()
    assert_same(results(checkout.results), results(undisturbed.results))
