"""Through a real SLURM cluster of one node: the same results as on one's own machine, byte for byte.

`make test-slurm` installs what is needed. Every test skips itself where that cannot be had.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from checkout import CONFIG, Checkout

from circuitbias.config import load_config
from circuitbias.job_sizes import job_memory_mb

pytestmark = pytest.mark.slurm

CLUSTER = Path(__file__).with_name("one_node_cluster.sh")
PATIENCE_S = 300
SUBMIT = (
    "--workflow-profile",
    "profiles/slurm",
    *("--slurm-init-seconds-before-status-checks", "1"),  # nothing but patience is spared
    *("--seconds-between-status-checks", "1"),
)


def why_not() -> str | None:
    """Why there can be no cluster here; None if there can."""
    if os.getuid() != 0:
        return "a SLURM cluster can be set up by root only"
    if missing := [name for name in ("slurmctld", "slurmd", "munged") if not shutil.which(name)]:
        return f"{', '.join(missing)} not installed: apt-get install slurm-wlm munge"
    if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        return "Snakemake's SLURM plugin is not installed: pip install -e '.[slurm]'"
    if Path("/etc/slurm/slurm.conf").exists():
        return "/etc/slurm/slurm.conf is there: this machine belongs to a cluster already"
    return None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of one node, while the tests of this module run."""
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("cluster")
    subprocess.run([CLUSTER, "start", folder], check=True)
    yield
    subprocess.run([CLUSTER, "stop", folder], check=True)


@pytest.fixture(scope="module")
def expected(cluster, tmp_path_factory):
    """Contents of the results of a local run; it needs no cluster, but is of no use without one."""
    checkout = Checkout(tmp_path_factory.mktemp("local"))
    checkout.snakemake()
    return contents(checkout.results)


@pytest.fixture(scope="module")
def submitted(cluster, tmp_path_factory):
    """A checkout in which the run has been finished by the cluster, and what Snakemake said."""
    checkout = Checkout(tmp_path_factory.mktemp("submitted"))
    return checkout, checkout.snakemake(where=SUBMIT)


def contents(results: Path) -> dict[str, bytes]:
    """Bytes of every result file."""
    files = {path.relative_to(results): path for path in results.rglob("*") if path.is_file()}
    return {
        str(name): path.read_bytes()
        for name, path in files.items()
        if name.parts[0] not in ("logs", "benchmarks")
    }


def slurm_jobs() -> dict[str, str]:
    """What SLURM knows of its jobs, running and recent, by number; one line each."""
    lines = subprocess.run(["scontrol", "--oneliner", "show", "job"], capture_output=True, text=True)
    return {line.split()[0].removeprefix("JobId="): line for line in lines.stdout.splitlines() if "=" in line}


@contextmanager
def new_jobs():
    """Collect the jobs that are submitted inside."""
    before, found = set(slurm_jobs()), []
    yield found
    found += [line for number, line in slurm_jobs().items() if number not in before]


def number_of(line: str, key: str) -> int:
    return int(re.search(rf"\b{key}=(\d+)", line)[1])


def test_the_results_are_those_of_a_local_run(submitted, expected):
    checkout, output = submitted
    results = contents(checkout.results)
    assert results.keys() == expected.keys()
    assert [name for name in expected if results[name] != expected[name]] == []
    assert {"network.npz", "spikes/r0.01_seed1.h5", "errors.csv", "figures/figure2.pdf"} <= results.keys()
    # Simulations, activities, floors, estimates, experiments; tables and figures are made here.
    assert output.count("has been submitted with SLURM jobid") == 2 + 2 + 2 + 4 + 3
    assert "Nothing to be done" in checkout.snakemake(where=SUBMIT)


def test_a_job_cancelled_half_way_is_made_up_for(submitted, expected):
    """scancel of one of two running jobs: the other one ends well, and the next run makes the missing one."""
    checkout, _ = submitted
    hold = checkout.folder / "hold"
    wait = f"while Path({str(hold)!r}).exists():\n    time.sleep(0.1)\n"
    glm = checkout.package / "estimators" / "glm.py"
    glm.write_text(glm.read_text() + "import time\nfrom pathlib import Path\n\n" + wait)
    hold.touch()
    begun = checkout.results / "logs" / "estimate" / "glm"
    shutil.rmtree(begun)
    with new_jobs() as jobs:
        asks_for_a_gpu = ("--set-resources", "estimate:gpu=1", "--retries", "0")
        running = subprocess.Popen(
            **checkout.command(*asks_for_a_gpu, where=SUBMIT), text=True, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + PATIENCE_S
        while not (logs := list(begun.glob("*.log"))):
            assert running.poll() is None and time.monotonic() < deadline, "no job has begun"
            time.sleep(0.1)
        (run,) = [log.stem for log in logs]  # one alone: the node has one GPU
        (number,) = [number for number, line in slurm_jobs().items() if "JobState=RUNNING" in line]
        subprocess.run(["scancel", number], check=True)
        hold.unlink()
        output = running.communicate(timeout=PATIENCE_S)[1]
    assert running.returncode == 1, output
    assert f"'{number}' failed, SLURM status is: 'CANCELLED'" in output
    assert len(jobs) == 2
    assert all("gres:gpu:1" in line for line in jobs)
    done = [path.stem for path in (checkout.results / "couplings" / "glm").iterdir()]
    assert sorted([*done, run]) == ["r0.01_seed1", "r0.02_seed1"]

    output = checkout.snakemake(where=SUBMIT)
    assert output.count("has been submitted with SLURM jobid") == 1
    assert contents(checkout.results) == expected


def test_a_job_killed_for_its_memory_comes_again_and_asks_for_more(submitted, expected):
    checkout, _ = submitted
    name = "couplings/mean_field/r0.01_seed1.npz"
    asked = job_memory_mb(load_config(CONFIG), "estimate", "mean_field")
    module = checkout.package / "estimators" / "mean_field.py"
    greed = f"_ = b'x' * ({asked} * 2**20)\n"  # by itself as much as is asked for
    module.write_text(module.read_text() + "import time\n\n" + greed + "time.sleep(5)\n")
    with new_jobs() as jobs:
        output = checkout.snakemake(f"results/{CONFIG['name']}/{name}", where=SUBMIT)
    first, second = sorted(jobs, key=lambda line: number_of(line, "JobId"))
    assert "Trying to restart job" in output
    assert "JobState=FAILED" in first
    assert "JobState=COMPLETED" in second
    assert number_of(first, "mem") == asked
    assert number_of(second, "mem") == job_memory_mb(load_config(CONFIG), "estimate", "mean_field", 2) > asked
    assert contents(checkout.results)[name] == expected[name]


def test_a_simulation_killed_for_its_time_goes_on_from_its_checkpoint(cluster, tmp_path_factory):
    """SLURM ends the first job after the minute that it asked for; the next has the spikes of the first."""
    name = "spikes/r0.01_seed1.h5"
    local, checkout = (Checkout(tmp_path_factory.mktemp(where)) for where in ("undisturbed", "timed_out"))
    for one in (local, checkout):
        one.configure(simulation={"n_spikes": 3_000_000})
    path = f"results/{CONFIG['name']}/{name}"
    local.snakemake(path)

    hold = checkout.folder / "hold"
    hold.touch()
    module = checkout.package / "dynamics" / "checkpoint.py"
    wait = f"    while Path({str(hold)!r}).exists():\n        time.sleep(0.1)\n    return written\n"
    held = f"def _hold(self, *arguments):\n    written = _written(self, *arguments)\n{wait}"
    module.write_text(
        module.read_text()
        + f"\n\n_written = Checkpoint.write_part\n\n\n{held}\n\nCheckpoint.write_part = _hold\n"
    )
    with new_jobs() as jobs:
        output = checkout.snakemake(
            path, "--set-resources", "simulate:runtime=1", "--retries", "1", where=SUBMIT
        )
    first, second = sorted(
        (job for job in jobs if "simulate" in job), key=lambda line: number_of(line, "JobId")
    )
    assert "JobState=TIMEOUT" in first, output
    assert "JobState=COMPLETED" in second, output
    log = checkout.results / "logs" / "simulate" / "r0.01_seed1.log"
    assert "goes on from 1 parts" in log.read_text()
    assert (checkout.results / name).read_bytes() == (local.results / name).read_bytes()
    assert list((checkout.results / "spikes").iterdir()) == [checkout.results / name]  # no part stays
