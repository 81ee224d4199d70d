"""A component of a user's own, named by its import path, enters by the same doors as a built-in one."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import ROOT, Checkout

import circuitbias as cb
from circuitbias import catalogue
from circuitbias.cli import main
from circuitbias.config import ConfigError, load_config
from circuitbias.config_reference import config_reference
from circuitbias.estimators import METHODS
from circuitbias.estimators.contract import CHECKS
from circuitbias.figures import style
from circuitbias.provenance import code_hash
from circuitbias.spikes.storage import SpikeFile
from circuitbias.thresholds import resolve_thresholds

GUESTS = Path(__file__).parent / "guests"
MINE = "lagged:LaggedCovariance"


@pytest.fixture
def visiting(monkeypatch):
    """In the folder of the guests, as a user is in their own."""
    monkeypatch.chdir(GUESTS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [path.stem for path in GUESTS.glob("*.py")]:
        sys.modules.pop(name, None)


def entry(**keys):
    return {"estimators": {"mine": {"method": MINE} | keys}}


def test_an_example_is_short():
    for path in GUESTS.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 25


def test_the_guide_shows_the_example_and_its_lines_run(visiting, capsys):
    guide = (ROOT / "docs" / "add-an-estimator.md").read_text()
    source, lines = re.findall(r"```python\n(.*?)```", guide, re.S)
    (config,) = re.findall(r"```yaml\n(.*?)```", guide, re.S)
    body = (GUESTS / "lagged.py").read_text().partition('"""\n\n')[2]
    assert source.partition('"""\n\n')[2] == body
    exec(lines, {})
    assert capsys.readouterr().out.count("total") >= 2
    assert load_config(yaml.safe_load(config))["estimators"]["lagged"]["lag"] == 2
    assert f"{len(CHECKS)} named".replace("12", "Twelve") in guide


def test_its_options_are_completed_and_checked_as_ours_are(visiting):
    assert load_config(entry())["estimators"]["mine"] == {"method": MINE, "bin_steps": 100, "lag": 1}
    with pytest.raises(ConfigError) as caught:
        load_config(entry(lag=0, bin_step=1))
    assert str(caught.value).split("\n  ")[1:] == [
        "estimators.mine.bin_step = 1: unknown key (did you mean bin_steps?); allowed with method: "
        f"{MINE}: method, bin_steps, lag, phase_ms, phase_offsets",
        "estimators.mine.lag = 0: must be a whole number >= 1 and <= 1000",
    ]


def test_one_without_bins_is_kept_out_of_the_sweep_over_bins(visiting, tmp_path, monkeypatch):
    (tmp_path / "binless.py").write_text(
        "from circuitbias import Estimator\nclass Mine(Estimator):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    estimators = {"mine": {"method": "binless:Mine"}, "glm": {"method": "glm"}}
    for chosen in (["mine", "glm"], None):
        with pytest.raises(ConfigError, match="must not hold mine, which have no option bin_steps"):
            load_config({"estimators": estimators, "experiments": {"bin_width": {"estimators": chosen}}})
    load_config({"estimators": estimators, "experiments": {"bin_width": {"estimators": ["glm"]}}})


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "lagged:Lagged",
            "'lagged' has no attribute 'Lagged' (it has LaggedCovariance); must be the path of a class",
        ),
        ("nowhere:Mine", "No module named 'nowhere', here or in "),
        ("json:JSONDecoder", "it is no class of circuitbias.Estimator"),
        ("lagged:Couplings", "it is no class of circuitbias.Estimator"),
        ("broken:Mine", "importing broken failed: ZeroDivisionError: "),
        ("lagged.LaggedCovariance", "must be one of `glm`"),
        ("../lagged:LaggedCovariance", "must be one of `glm`"),
        (7, "must be one of `glm`"),
    ],
)
def test_what_is_no_estimator_is_named(visiting, tmp_path, monkeypatch, path, says):
    (tmp_path / "broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_config({"estimators": {"mine": {"method": path}}})
    (line,) = str(caught.value).split("\n  ")[1:]
    assert line.startswith(f"estimators.mine.method = {path!r}: ") and says in line


def test_guests_are_not_among_what_is_ours(visiting):
    load_config(entry())
    assert MINE not in METHODS and MINE not in config_reference()


def test_an_entry_point_gives_it_a_name(tmp_path, monkeypatch, visiting):
    folder = tmp_path / "their_package-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[circuitbias.estimators]\nlagged = {MINE}\nglm = {MINE}\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalogue.guests.cache_clear()
    try:
        config = load_config({"estimators": {"mine": {"method": "lagged"}, "ours": {"method": "glm"}}})
        assert config["estimators"]["mine"] == {"method": "lagged", "bin_steps": 100, "lag": 1}
        assert "lags" in config["estimators"]["ours"]  # a name of ours stays ours
        with pytest.raises(ConfigError, match=r"`glm_masked`, `lagged` \(did you mean lagged\?\)$"):
            load_config({"estimators": {"mine": {"method": "laged"}}})
    finally:
        catalogue.guests.cache_clear()


def test_list_and_check_component(visiting, capsys):
    assert main(["list", "--json", MINE, "glm"]) == 0
    mine, ours = json.loads(capsys.readouterr().out)
    assert (mine["name"], ours["name"]) == (MINE, "glm")
    assert mine["options"]["lag"]["default"] == 1 and "1000" in mine["options"]["lag"]["allowed"]
    assert mine["traits"] == {"directed": True, "signed": True, "binary": False}
    assert main(["list", MINE]) == 0
    assert "Lag (bins)." in capsys.readouterr().out
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {method} " in listed for method in METHODS)
    assert main(["list", "glmm"]) == 1
    assert main(["check-component", "lagged:Lagged"]) == 1
    assert "must be the path of a class of Estimator" in capsys.readouterr().err
    assert main(["check-component", "--json", MINE]) == 0
    outcomes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(outcomes) == 12 and all(outcome["passed"] for outcome in outcomes)
    assert main(["check-component", MINE, "--options", '{"lag": 300}']) == 1  # too late to see anything
    said = capsys.readouterr()
    assert "FAILED  connections" in said.out and "fails" in said.err


def test_networks_and_generators_enter_alike(visiting, capsys):
    for path in ("small_world:SmallWorld", "rate_model:RateModel"):
        assert main(["check-component", path]) == 0
        assert main(["list", path]) == 0
    assert "Rate without input" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"shortcuts = 2.0: must be a finite number >= 0 and <= 1"):
        cb.network("small_world:SmallWorld", shortcuts=2)
    config = load_config(
        {"network": {"family": "small_world:SmallWorld"}, "strengths": [1.0], "thresholds": [1.0]}
    )
    assert config["network"] == {"family": "small_world:SmallWorld", "n_neurons": 20, "shortcuts": 0.2}
    family = {"generator": {"family": "rate_model:RateModel"}}
    config = load_config(family | {"strengths": [1.0]})
    assert config["generator"]["base_hz"] == 40.0 and resolve_thresholds(config) == {1.0: 0.0}
    with pytest.raises(
        ConfigError, match="found for generators with a compiled engine only, not for rate_model"
    ):
        load_config(family | {"thresholds": {"rate_hz": 5}})
    network = cb.network("small_world:SmallWorld", n_neurons=8)
    with pytest.raises(ConfigError, match=r"base_hz = 0.0: must be a finite number > 0"):
        cb.simulate(network, r=0.5, n_spikes=100, generator="rate_model:RateModel", base_hz=0)
    spikes = cb.simulate(network, r=0.5, n_spikes=20_000, generator="rate_model:RateModel")
    truth = network.weights < 0
    couplings = cb.infer(spikes, "glm", lags=[1]).values
    assert couplings[truth].mean() < -0.1 < couplings[~truth & ~np.eye(8, dtype=bool)].mean()
    with pytest.raises(ValueError, match="thresholds are found for generators with a compiled engine"):
        cb.simulate(network, r=0.5, n_spikes=100, rate_hz=5, generator="rate_model:RateModel")


def test_figures_show_it_as_it_says(visiting, tmp_path, monkeypatch):
    source = (GUESTS / "lagged.py").read_text()
    look = 'Look("delays", {"seen_late": ("#123456", "o")}, ("LATE",))'
    source = source.replace("    directed = True\n", f"    directed = True\n    look = {look}\n")
    source = source.replace(
        "from circuitbias import", "from circuitbias.component import Look\nfrom circuitbias import"
    )
    (tmp_path / "looking.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogue, "_MET", {"estimators": {}})
    method = "looking:LaggedCovariance"
    assert style.pretty("seen_late") == "seen late"
    catalogue.meet([method, "glm", "nowhere:Mine", "unknown"])
    assert style.pretty("seen_late") == "seen LATE"
    assert style.estimator_styles(["glm", "seen_late"])["seen_late"]["color"] == "#123456"
    assert catalogue.looks()[method].family == "delays" and "nowhere:Mine" not in catalogue.looks()


def test_its_code_counts_and_what_lies_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine, beside, other = (tmp_path / f"{name}.py" for name in ("mine_of_all", "beside_it", "another"))
    mine.write_text("import beside_it\nfrom circuitbias import Couplings\n")
    beside.write_text("x = 1\n")
    other.write_text("y = 1\n")
    first = code_hash("circuitbias.steps.network", "mine_of_all")
    other.write_text("y = 2\n")
    mine.write_text("import beside_it  # why\nfrom circuitbias import Couplings\n")
    assert code_hash("circuitbias.steps.network", "mine_of_all") == first
    beside.write_text("x = 2\n")
    second = code_hash("circuitbias.steps.network", "mine_of_all")
    mine.write_text("import beside_it\nfrom circuitbias import Couplings\nz = 1\n")
    assert len({first, second, code_hash("circuitbias.steps.network", "mine_of_all")}) == 3
    with pytest.raises(ValueError, match="nowhere_at_all"):
        code_hash("nowhere_at_all")


def test_the_workflow_runs_them_and_runs_again_what_was_edited(tmp_path):
    checkout = Checkout(tmp_path)
    for path in GUESTS.glob("*.py"):
        shutil.copy(path, tmp_path)
    checkout.configure(
        network={"family": "small_world:SmallWorld", "n_neurons": 12},
        generator={"family": "rate_model:RateModel", "base_hz": 60},
        strengths=[0.5],
        thresholds="published",
        estimators={"mean_field": {"method": "mean_field"}, "mine": {"method": MINE, "lag": 2}},
        experiments={},
        figures={},
    )
    checkout.snakemake()
    table = pd.read_csv(checkout.results / "errors.csv").set_index("estimator")
    assert table.method["mine"] == MINE and json.loads(table.options["mine"]) == {"bin_steps": 100, "lag": 2}
    assert table.directed["mine"] and table.n_pairs["mine"] == 12 * 11
    assert table.r["mine"] == 0.5 and table.theta["mine"] == 0
    made = SpikeFile(checkout.results / "spikes" / "r0.5_seed1.h5").metadata["parameters"]
    assert made["model"]["family"] == "rate_model:RateModel" and made["model"]["base_hz"] == 60
    assert made["network"] == {"family": "small_world", "n_neurons": 12, "shortcuts": 0.2}
    floor = pd.read_csv(checkout.results / "floor.csv")
    assert floor.note.tolist() == [
        "the floor is known of the threshold model only, not of rate_model:RateModel"
    ]
    assert checkout.planned() == {}

    def edited(name, old, new):
        path = tmp_path / name
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))
        planned = checkout.planned()
        path.write_text(before)
        return planned

    assert (
        edited("lagged.py", "/ len(counts)", "/ (len(counts) - 1)")["estimate"] == 1
    )  # not that of the other
    again = edited("rate_model.py", "(r * h, 5)", "(r * h, 6)")
    assert again["simulate"] == 1 and "network" not in again
    assert edited("small_world.py", "default_rng(1)", "default_rng(2)")["network"] == 1
    (tmp_path / "lagged.py").write_text("import nothing_of_that_name\n")
    said = checkout.snakemake("--dry-run", code=1)
    assert f"estimators.mine.method = '{MINE}': " in said and "nothing_of_that_name" in said


def test_reading_what_methods_say_brings_none_of_the_slow_libraries():
    code = (
        "import sys; from circuitbias.config import load_config; load_config({}); "
        "print({'torch', 'numba', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
