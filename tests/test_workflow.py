"""The workflow itself: what runs, what is left alone, and what is run again."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from checkout import CONFIG, Checkout

END = {"outcome": 1}
"""What follows when anything is made again."""

ERRORS = {"errors": 1, "detection": 1, "figure2": 1, "methods": 1, "profiles": 1} | END
"""What follows when an estimate is made again."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A checkout in which the tiny run has been finished."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    everything = {
        "floor": 2,
        "floors": 1,
        "network": 1,
        "simulate": 2,
        "activity": 2,
        "estimate": 4,
        "figure1": 1,
    }
    experiment = {"experiment": 3, "gather": 2, "summarise": 1, "data_volume": 1, "patterns": 1}
    assert checkout.planned() == everything | ERRORS | experiment
    checkout.snakemake()
    return checkout


@pytest.fixture
def checkout(finished):
    """The finished checkout, put back as it was after the test."""
    sources = {path: path.read_bytes() for path in finished.folder.glob("src/**/*.py")}
    yield finished
    for path, content in sources.items():
        path.write_bytes(content)
    finished.configure()


def test_results_are_there_and_a_second_run_has_nothing_to_do(checkout):
    figures = [
        f"figures/{name}.png" for name in ("figure1", "methods", "profiles", "data_volume", "patterns")
    ]
    tables = [
        "experiments/data_volume.csv",
        "experiments/data_volume_summary.csv",
        "experiments/patterns.csv",
    ]
    for name in ("errors.csv", "figures/figure2.svg", "figures/figure2.csv", *figures, *tables):
        assert (checkout.results / name).stat().st_size > 0
    assert not (checkout.results / "paper_comparison.csv").exists()  # not a network of the paper
    assert "Nothing to be done" in checkout.snakemake()


def test_the_report_has_each_figure_and_table_once(checkout):
    said = checkout.snakemake("--report", "report.html")
    added = re.findall(r"Adding (\S+) \(", said)
    names = ("figure1", "figure2", "detection", "methods", "profiles", "data_volume", "patterns")
    tables = ["errors.csv", "floor.csv", "data_volume.csv", "data_volume_summary.csv", "patterns.csv"]
    assert sorted(added) == sorted([f"{name}.svg" for name in names] + tables)
    page = (checkout.folder / "report.html").read_text()
    for title in ("Quality of the inference", "Error against data volume", "Errors of every estimate"):
        assert title in page


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (
            {"estimators": CONFIG["estimators"] | {"glm": {"method": "glm", "bin_steps": 50}}},
            {"estimate": 2} | ERRORS,
        ),
        (
            {"thresholds": [0.0013, 0.00121]},
            {"simulate": 1, "activity": 1, "estimate": 2, "figure1": 1}
            | {"experiment": 1, "gather": 1, "patterns": 1}
            | {"floor": 1, "floors": 1, "data_volume": 1}
            | ERRORS,
        ),
        ({"figures": {"example_strengths": [0.02]}}, {"figure1": 1, "figure2": 1, "profiles": 1} | END),
        (
            {"experiments": CONFIG["experiments"] | {"patterns": {"bin_steps": 50}}},
            {"experiment": 2, "gather": 1, "patterns": 1} | END,
        ),
    ],
    ids=["one estimator", "one threshold", "the examples", "one experiment"],
)
def test_a_changed_key_reruns_what_depends_on_it(checkout, change, again):
    checkout.configure(**change)
    assert checkout.planned() == again


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("estimators/glm.py", {"estimate": 2} | ERRORS),
        (
            "experiments/data_volume.py",
            {"experiment": 1, "gather": 1, "summarise": 1, "data_volume": 1} | END,
        ),
        ("figures/figure1.py", {"figure1": 1} | END),
        ("cli.py", {}),
    ],
)
def test_an_edited_module_reruns_what_depends_on_it(checkout, module, again):
    path = checkout.package / module
    path.write_text("# edited\n" + path.read_text())
    assert checkout.planned() == {}
    path.write_text(path.read_text() + "EDITED = 1\n")
    assert checkout.planned() == again


OF_SPIKES = {"activity": 1, "estimate": 2, "experiment": 2, "gather": 2, "summarise": 1, "figure1": 1}
OF_SPIKES |= {"data_volume": 1, "patterns": 1, "floor": 1, "floors": 1} | ERRORS
REPLACED = {
    "spikes/r0.01_seed1.h5": OF_SPIKES,
    "errors.csv": {"figure2": 1, "methods": 1} | END,
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_result_replaced_by_a_file_that_is_no_newer_reruns_what_was_made_from_it(checkout, name):
    """Restored from a backup, copied with its time, or written while the clock was behind."""
    path = checkout.results / name
    content, times = path.read_bytes(), path.stat()
    dependents = {other: other.stat() for other in checkout.results.rglob("*.*") if other.is_file()}
    try:
        path.write_bytes(content + b"\n")
        os.utime(
            path, ns=(times.st_atime_ns, times.st_mtime_ns)
        )  # older than its own input it would be remade
        assert checkout.planned() == REPLACED[name]
    finally:
        path.write_bytes(content)
        for other, was in dependents.items():
            os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))


def test_a_file_of_weights_is_known_by_content_whatever_its_time(tmp_path):
    checkout = Checkout(tmp_path)
    path = tmp_path / "mine.csv"
    checkout.configure(network={"family": "file", "path": "mine.csv"}, experiments={})
    network = f"results/{CONFIG['name']}/network.npz"

    def write(seed, times=None):
        np.savetxt(path, -0.002 * np.random.default_rng(seed).random((20, 20)), delimiter=",")
        os.utime(path, times)

    times = (time.time() + 1e9,) * 2  # thirty years ahead: of a clock that was wrong
    write(1, times)
    checkout.snakemake(network)
    assert "Nothing to be done" in checkout.snakemake(network)
    write(1)  # the same, and newer
    assert "Nothing to be done" in checkout.snakemake(network)
    write(2, times)  # another one, of the same time
    assert checkout.planned()["network"] == 1


def test_a_bad_config_stops_before_the_first_job(checkout):
    checkout.configure(simulation={"n_spike": 5000})
    output = checkout.snakemake(code=1)
    assert "simulation.n_spike" in output
    assert "n_spikes" in output
    assert "Execute" not in output


def test_weights_of_ones_own(checkout):
    """The network of a finished run is not taken for one whose file is not there."""
    checkout.configure(network={"family": "file", "path": "mine.csv"}, experiments={})
    assert "network.path = 'mine.csv'" in checkout.snakemake(code=1)
    weights = -0.002 * np.random.default_rng(1).random((20, 20))
    np.savetxt(checkout.folder / "mine.csv", weights, delimiter=",")
    assert checkout.planned()["network"] == 1
    checkout.configure(
        name="mine",
        network={"family": "file", "path": "mine.csv"},
        strengths=[0.01],
        thresholds=[0.0013],
        estimators={"mean_field": {"method": "mean_field"}},
        experiments={"data_volume": {"decades": 0.5}},
    )
    checkout.snakemake()
    errors = pd.read_csv(checkout.folder / "results" / "mine" / "errors.csv")
    assert errors.total.between(0, 1).all()
    assert errors.bias.isna().all()  # one recording of one network tells bias and variance not apart
    assert (checkout.folder / "results" / "mine" / "figures" / "figure2.png").exists()


def test_names_are_never_more_than_names(tmp_path):
    """To a shell, to Snakemake and to the command line: what they hold is not run, filled in or split."""
    checkout = Checkout(tmp_path)
    path = "-o a; touch pwned #'\"$(touch pwned)`touch pwned`&|>pwned\\*?[0]é.npz"
    variable = "{seed} {params.code} $(touch pwned) '\"; touch pwned"
    weights = -0.002 * np.random.default_rng(1).random((20, 20))
    np.savez(checkout.folder / path, **{variable: weights, "other": 2 * weights})
    checkout.configure(
        name="mine",
        network={"family": "file", "path": path, "variable": variable},
        strengths=[1e20],  # its label, 1e+20, is part of the names of files
        thresholds=[1],
        experiments={},
        figures={},
    )
    before = {file.name for file in checkout.folder.iterdir()}
    assert checkout.planned()["network"] == 1
    checkout.snakemake("results/mine/network.npz")
    with np.load(checkout.folder / "results" / "mine" / "network.npz") as network:
        assert np.array_equal(network["weights"], weights)
    assert {file.name for file in checkout.folder.iterdir()} - before == {"results", ".snakemake"}


def test_a_key_given_twice_stops_before_the_first_job(tmp_path):
    checkout = Checkout(tmp_path)
    with open(checkout.folder / "config.yaml", "a") as file:
        file.write("name: another\n")
    assert "the key 'name' is there twice" in checkout.snakemake("--dry-run", code=1)


def test_a_failed_run_goes_on_where_it_stopped(checkout):
    glm = checkout.package / "estimators" / "glm.py"
    whole = glm.read_text()
    glm.write_text(whole + "\n\nraise RuntimeError('cut short')\n")
    output = checkout.snakemake(code=1)
    assert "cut short" in output
    assert "MissingOutputException" not in output  # the step's own failure is seen, not what it left out
    couplings = checkout.results / "couplings"
    assert not list(couplings.glob("glm/*"))
    assert len(list(couplings.glob("mean_field/*"))) == 2
    glm.write_text(whole)
    assert checkout.planned() == {"estimate": 2} | ERRORS


@pytest.mark.slow
def test_what_follows_from_a_failed_job_is_not_taken_for_up_to_date(tmp_path):
    """Snakemake forgets a job that failed, and would ask for nothing: all that is wanted is there."""
    checkout = Checkout(tmp_path)
    small = {"experiments": {}, "estimators": {"mean_field": {"method": "mean_field"}}, "figures": {}}
    checkout.configure(**small)
    target = "results/tiny/errors.csv"
    checkout.snakemake(target)
    checkout.configure(
        **small, thresholds=[0.0013, 0.5], simulation={"n_spikes": 5000, "max_silent_steps": 9999}
    )
    assert "no neuron has fired" in checkout.snakemake(target, code=1)
    made_of_before = pd.read_csv(checkout.results / "errors.csv").theta.tolist()
    assert made_of_before == [0.0013, 0.0012]
    assert "no neuron has fired" in checkout.snakemake(target, code=1)
    checkout.configure(**small, thresholds=[0.0013, 0.00121])
    checkout.snakemake(target)
    assert pd.read_csv(checkout.results / "errors.csv").theta.tolist() == [0.0013, 0.00121]


def test_a_killed_run_is_resumed_with_the_same_results(checkout):
    """Kill -9 in the middle of a job: what was begun is made again, nothing half-made is used."""
    errors = pd.read_csv(checkout.results / "errors.csv")
    glm = checkout.package / "estimators" / "glm.py"
    whole = glm.read_text()
    glm.write_text(whole + "\n\nimport time\n\ntime.sleep(600)\n")
    log = checkout.results / "logs" / "estimate" / "glm" / "r0.01_seed1.log"
    log.unlink()
    running = subprocess.Popen(start_new_session=True, stderr=subprocess.DEVNULL, **checkout.command())
    deadline = time.monotonic() + 600
    while not log.exists():
        assert running.poll() is None and time.monotonic() < deadline, "the job has not begun"
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    glm.write_text(whole)

    assert "--unlock" in checkout.snakemake(code=1)  # it says how to go on
    checkout.snakemake("--unlock")
    checkout.snakemake()
    again = pd.read_csv(checkout.results / "errors.csv")
    pd.testing.assert_frame_equal(again, errors, check_exact=True)
    assert "Nothing to be done" in checkout.snakemake()
