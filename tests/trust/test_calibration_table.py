"""The table of delivered promises: of the code that is here, and as the page shows it."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from circuitbias.dynamics.threshold_search import NoThresholdError

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "data" / "trust_calibration.csv"


@pytest.fixture(scope="module")
def study():
    return loaded("trust")


def loaded(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_was_made_by_this_code(study):
    """If this fails, promises are made in another way than the page says: make the table anew."""
    codes = set(pd.read_csv(TABLE).code)
    assert codes == {study.code_hash()}, f"{TABLE.name} is of {codes}: run benchmarks/trust_study.py {TABLE}"


def test_a_recording_that_does_not_exist_is_left_out_by_name(study, tmp_path, monkeypatch, capsys):
    """A network whose rate jumps over that of the study; rows that are there are not made again."""

    def jumps():
        raise NoThresholdError("no threshold gives 30 Hz")

    wanted = [
        (("calibration", "ring", seed, 2000), None, source)
        for seed, source in ((1, list), (2, jumps), (3, list))
    ]
    monkeypatch.setattr(study, "recordings", lambda: iter(wanted))
    made = []
    monkeypatch.setattr(
        study,
        "row",
        lambda *about: (
            made.append(about) or dict(zip(("case", "family", "seed", "spikes"), about, strict=False))
        ),
    )
    runner = loaded("trust_study")
    for _ in range(2):
        assert runner.make(study, tmp_path / "t.csv") == {wanted[1][0]: "no threshold gives 30 Hz"}
    assert "no recording ('calibration', 'ring', 2, 2000): no threshold" in capsys.readouterr().out
    assert [one[2] for one in made] == [1, 3] and pd.read_csv(tmp_path / "t.csv").seed.tolist() == [1, 3]


def test_the_hash_is_that_of_meaning(study, tmp_path, monkeypatch):
    before = study.code_hash()
    for path in study.SOURCE.glob("*.py"):
        (tmp_path / path.name).write_text(path.read_text() + "\n# a remark\n")
    monkeypatch.setattr(study, "SOURCE", tmp_path)
    assert study.code_hash() == before
    changed = tmp_path / "wiring.py"
    changed.write_text(
        changed.read_text().replace("_ROUNDS, _ROUNDS_OF_SEARCH = 200", "_ROUNDS, _ROUNDS_OF_SEARCH = 201")
    )
    assert study.code_hash() != before


def test_the_page_shows_the_table(capsys):
    loaded("trust_tables").print_tables(pd.read_csv(TABLE))
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(lines) > 6 and not [line for line in lines if line not in page]


def test_what_chance_alone_moves_by_three_points():
    tables = loaded("trust_tables")
    # One of ten, and one of twenty, are the only counts within 3 points of 10 and of 5 %.
    assert tables.by_chance(0.1, 10) == pytest.approx(10 * 0.1 * 0.9**9)
    assert tables.by_chance(0.05, 20) == pytest.approx(20 * 0.05 * 0.95**19)
    assert tables.by_chance(0.2, 10**6) == pytest.approx(1)


def test_pooled_lists_scatter_as_their_recordings_do():
    tables = loaded("trust_tables")
    assert tables.pooled(np.array([1, 3]), np.array([10, 30])) == (0.1, 0.0)
    assert tables.pooled(np.array([0, 2]), np.array([10, 10])) == (0.1, 0.1)
