"""`recordings` of a config: circuits whose spikes come from a file; run, run again, and refused."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import Checkout

import circuitbias as cb
from circuitbias.config import ConfigError, circuits, load_config
from circuitbias.plan import require_possible

ESTIMATORS = {"mean_field": {"method": "mean_field"}}


def spikes(seed=0, seconds=120, n=4):
    """Independent units, but that the last one follows the first one."""
    rng = np.random.default_rng(seed)
    trains = [np.sort(rng.uniform(0, seconds, 4 * seconds)) for _ in range(n)]
    trains[-1] = np.sort(np.append(trains[-1], trains[0][::3] + 0.002))
    return trains


def as_csv(trains, factor=1.0):
    return "time,unit\n" + "".join(f"{t * factor:.6f},u{k}\n" for k, one in enumerate(trains) for t in one)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    made = Checkout(tmp_path_factory.mktemp("checkout"))
    (made.folder / "mine.csv").write_text(as_csv(spikes(), 1000.0))
    (made.folder / "short.csv").write_text("time_s,unit\n0.5,1\n0.75,2\n")
    recordings = {
        "mine": {"file": "mine.csv", "time_unit": "ms", "bin_ms": 20, "units": ["u0", "u1", "u3"]},
        "short": {"file": "short.csv", "estimators": ["mean_field"]},
    }
    config = {"name": "own", "estimators": ESTIMATORS, "recordings": recordings}
    (made.folder / "config.yaml").write_text(yaml.safe_dump(config))
    made.snakemake()
    return made


def test_couplings_are_those_of_the_library(checkout):
    folder = checkout.folder / "results" / "own" / "recordings"
    for name, method in ESTIMATORS.items():
        found = pd.read_csv(folder / "mine" / name / "couplings.csv")
        read = cb.recording(checkout.folder / "mine.csv", time_unit="ms").select(["u0", "u1", "u3"])
        expected = cb.infer(read, method["method"], bin_ms=20).to_pandas()
        np.testing.assert_allclose(found.coupling, expected.coupling, rtol=1e-6)
        assert (folder / "mine" / name / "couplings.png").stat().st_size > 10_000
    assert not (checkout.folder / "results" / "own" / "network.npz").exists()


def test_a_recording_that_allows_nothing_says_why_and_stops_nobody(checkout):
    folder = checkout.folder / "results" / "own" / "recordings" / "short" / "mean_field"
    told = json.loads((folder / "summary.json").read_text())
    assert "neurons have counts that vary" in told["unusable"]
    assert pd.read_csv(folder / "couplings.csv").empty


def test_trust_is_a_target_of_its_own(checkout):
    folder = checkout.folder / "results" / "own" / "recordings"
    assert not (folder / "mine" / "trust").exists()
    checkout.snakemake("trust")
    assert json.loads((folder / "mine" / "trust" / "trust.json").read_text())["n_units"] == 3
    assert "there are 2 units" in (folder / "short" / "trust" / "trust.html").read_text()
    assert "Nothing to be done" in checkout.snakemake("trust")


def test_another_content_is_seen_whatever_its_time(checkout):
    path = checkout.folder / "mine.csv"
    before, was = path.read_bytes(), path.stat()
    path.write_text(as_csv(spikes(1), 1000.0))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert checkout.planned() == {"infer": 1}  # and not 2: the other one is up to date
    path.write_bytes(before)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def test_recordings_alone_simulate_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("0.5,1\n")
    alone = load_config({"recordings": {"mine": {"file": "a.csv"}}})
    assert circuits(alone) == {}
    assert circuits(load_config(alone)) == {}
    require_possible(alone)
    beside = load_config({"recordings": {"mine": {"file": "a.csv"}}, "strengths": [0.01]})
    assert list(circuits(beside)) == [""]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, r"recordings.mine.*file"),
        ({"file": "a.csv", "fromat": "text"}, r"recordings.mine.fromat.*did you mean format"),
        ({"file": "a.csv", "time_unit": "min"}, r"recordings.mine.time_unit = 'min': must be .*ms"),
        ({"file": "a.csv", "estimators": ["glmm"]}, r"recordings.mine.estimators.*must be among estimators"),
        ({"file": "a.csv", "window_s": [1]}, r"recordings.mine.window_s"),
    ],
)
def test_what_is_wrong_is_named(entry, message):
    with pytest.raises(ConfigError, match=message):
        load_config({"recordings": {"mine": entry}})


def test_a_missing_file_stops_before_the_first_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config({"recordings": {"mine": {"file": "no.csv"}}})
    with pytest.raises(ConfigError, match=r"recordings.mine.file = 'no.csv': no such file .* a recording"):
        require_possible(config)


def test_no_circuits_and_no_recordings():
    with pytest.raises(ConfigError, match=r"circuits.*must hold a circuit, or be left out"):
        load_config({"circuits": {}})
