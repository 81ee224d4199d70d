"""The report as a whole: a small network, a recording that no twin can match, files."""

import json

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.cli import main
from circuitbias.spikes.segments import SpikeRecord
from circuitbias.trust.calibration import calibration_error
from circuitbias.trust.report import trust
from circuitbias.trust.twins import Plan
from circuitbias.trust.words import sections

N = 24


@pytest.fixture(scope="module")
def recorded():
    rng = np.random.default_rng(1)
    weights = np.where(rng.random((N, N)) < 0.12, rng.choice([0.7, -1.2], (N, 1)), 0.0)
    np.fill_diagonal(weights, 0)
    network = cb.network(weights)
    return weights, cb.simulate(network, r=1e-4, rate_hz=40, n_spikes=80_000, seed=3)


@pytest.fixture(scope="module")
def report(recorded):
    return trust(recorded[1], variants=("plain", "plain"))


def test_promise_is_kept_and_most_connections_are_found(recorded, report):
    weights, _ = recorded
    assert report.refused == ""
    off = ~np.eye(N, dtype=bool)
    signs = np.sign(np.nan_to_num(report.estimates[report.first].values))
    real = (weights != 0) & (np.sign(weights) == signs)
    assert calibration_error(report.phantom[off], real[off]) < 0.08
    chosen = report.lists[0.1]
    assert 1 - real[chosen].mean() < 0.1 + 3 * np.sqrt(0.1 * 0.9 / chosen.sum())
    assert real[chosen].sum() > 0.6 * (weights != 0).sum()
    assert (report.lists[0.05] <= report.lists[0.2]).all()


def test_couplings_to_believe_are_named(report):
    units = np.array(report.units)
    surest = np.where(report.lists[0.1], report.phantom, np.inf)
    pre, post = np.unravel_index(surest.argmin(), surest.shape)
    (line,) = [line for line in sections(report)["What to believe"] if "the surest first" in line]
    least = f"({surest.min():.1%})"
    assert f"{units[pre]} -> {units[post]} " in line and least in line
    assert line.count("->") == min(20, report.lists[0.1].sum())


def test_errors_are_those_to_come(recorded, report):
    weights, _ = recorded
    for name, one in report.expected.items():
        found = cb.compare(cb.network(weights), report.estimates[name])["total"]
        assert one.total == pytest.approx(found, rel=0.35)
        assert one.with_more[0.5] > one.total > one.with_more[10.0] >= one.at_best


def test_a_bias_that_twins_show_is_taken_off_and_twins_are_made_anew(recorded, report, monkeypatch):
    monkeypatch.setattr("circuitbias.trust.report.bias_of_none", lambda *_: 0.4)
    found = trust(recorded[1], variants=("plain",))
    assert abs(report.bias) < 0.1 and found.bias == 0.4
    assert [twin.plan.words for twin in found.twins] == [twin.plan.words for twin in report.twins[:2]]
    assert all(len(errors) == 2 for errors in found.twin_errors.values())
    off = ~np.eye(N, dtype=bool)
    before, after, errors = (
        one[off] for one in (report.posterior.estimates, found.posterior.estimates, report.posterior.errors)
    )
    assert np.allclose(after, before - 0.4 * errors)


def test_same_seed_same_report(recorded, report):
    again = trust(recorded[1], variants=("plain", "plain"))
    assert np.array_equal(again.phantom, report.phantom, equal_nan=True)


def test_a_recording_that_no_twin_matches_is_refused():
    """All units burst together: no wiring that a GLM finds does that."""
    rng = np.random.default_rng(2)
    n_steps = 600_000
    bursts = rng.integers(0, n_steps - 3000, 60)
    steps, units = [], []
    for unit in range(10):
        own = np.concatenate([start + rng.integers(0, 3000, 25) for start in bursts])
        own = np.unique(np.append(own, rng.integers(0, n_steps, 60)))
        steps.append(own)
        units.append(np.full(len(own), unit))
    source = SpikeRecord.from_events(np.concatenate(steps), np.concatenate(units), 10, n_steps)
    found = trust(source, variants=("plain",))
    assert found.refused.startswith("no twin of the")
    assert np.isnan(found.phantom).all() and not found.lists
    assert "NO PROMISE" in sections(found)["What to believe"][0]


def test_a_recording_whose_units_drift_together_is_refused():
    """No couplings at all, but all rates double: a GLM on histories finds couplings everywhere."""
    rng = np.random.default_rng(4)
    n_steps = 1_000_000
    steps, units = [], []
    for unit in range(8):
        tried = np.unique(rng.integers(0, n_steps, 4000))
        own = tried[rng.random(len(tried)) < (1 + tried / n_steps) / 2]
        steps.append(own)
        units.append(np.full(len(own), unit))
    source = SpikeRecord.from_events(np.concatenate(steps), np.concatenate(units), 8, n_steps)
    found = trust(source, variants=("plain",))
    assert found.refused.startswith("100% of the units change their rate steadily")
    assert not found.twins and not found.lists and np.isnan(found.phantom).all()
    told = sections(found)
    assert "--window-s" in told["What to believe"][0] and all(told.values())


def test_what_cannot_be_looked_at_is_refused_in_words(recorded):
    with pytest.raises(cb.UnusableDataError, match="there are 2 units"):
        trust(SpikeRecord.from_events([1, 2], [0, 1], 2, 100))
    with pytest.raises(cb.UnusableDataError, match="4 spikes in all"):
        trust(SpikeRecord.from_events([1, 2, 3, 5000], [0, 1, 2, 1], 3, 10_000))
    with pytest.raises(ValueError, match="link = 'poisson'"):
        trust(recorded[1], simulators=("poisson", "threshold"))
    with pytest.raises(ValueError, match="variant = 'dark'"):
        trust(recorded[1], variants=("plain", "dark"))


def test_plans_are_named():
    assert Plan("threshold", "hidden", 3).words == "threshold, hidden, draw 3"


def test_files_of_the_step(recorded, tmp_path, capsys):
    _, spikes = recorded
    steps = np.concatenate([piece.steps for piece in spikes.pieces])
    units = np.concatenate([piece.neurons for piece in spikes.pieces])
    few = (units < 8) & (steps < 150_000)
    table = "\n".join(f"{step * 1e-4:.4f},u{unit}" for step, unit in zip(steps[few], units[few], strict=True))
    (tmp_path / "spikes.csv").write_text(f"time_s,unit\n{table}\n")
    out = tmp_path / "out"
    assert main(["trust", str(tmp_path / "spikes.csv"), "--output", str(out)]) == 0
    page = (out / "trust.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and "data:image/png;base64," in page
    assert len(page) < 2e6 and "u7" in page
    summary = json.loads((out / "trust.json").read_text())
    assert summary["n_units"] == 8 and set(summary["in_words"]) >= {"What to believe", "The twins"}
    lines = (out / "pairs.csv").read_text().splitlines()
    assert len(lines) == 57 and lines[0].startswith("pre,post,sign,phantom,believed_at")
    assert "What would help" in capsys.readouterr().out
