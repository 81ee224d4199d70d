"""The stress test by networks of other kinds: what their known wiring says of the promise."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import circuitbias as cb
from circuitbias.cli import main
from circuitbias.trust.library import (
    ARCHITECTURES,
    Architecture,
    Stress,
    linear_correlation,
    stress_test,
    table,
)
from circuitbias.trust.report import trust
from circuitbias.trust.words import LIBRARY, sections

N = 16


def _wiring(_n, _seed):
    rng = np.random.default_rng(1)
    weights = np.where(rng.random((N, N)) < 0.15, rng.choice([0.7, -1.2], (N, 1)), 0.0)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.fixture(scope="module")
def recorded():
    return cb.simulate(cb.network(_wiring(N, 0)), r=5e-5, rate_hz=40, n_spikes=40_000, seed=3)


@pytest.fixture(scope="module")
def report(recorded):
    return trust(recorded, variants=("plain",))


@pytest.fixture(scope="module")
def stress(recorded, report):
    own = (
        Architecture("own", "what it is", _wiring),
        Architecture("none", "unconnected", lambda n, _: np.zeros((n, n))),
    )
    return stress_test(report, recorded, architectures=own)


def test_on_the_recordings_own_wiring_the_promise_is_kept(report, stress):
    own = stress[0]
    assert own.refused == "" and own.correlation == pytest.approx(report.traits.correlation, rel=0.2)
    assert own.connected == pytest.approx((_wiring(N, 0) != 0).sum() / (N * (N - 1)))
    listed = own.listed[0.1]
    assert listed > 5 and own.false[0.1] <= binom.isf(0.001, listed, 0.1)
    # Counts agree with each other: what is listed and no phantom has been found.
    assert own.found[0.1] * own.connected * N * (N - 1) == pytest.approx(listed - own.false[0.1])
    assert own.found[0.1] > 0.3 and own.total < 0.7


def test_what_cannot_be_like_the_recording_is_left_out_with_the_reason(recorded, report, stress):
    assert stress[1].refused == f"with {N} units it has no connection"
    # No wiring of this kind makes half of all spikes shared.
    stiff = replace(report, traits=replace(report.traits, correlation=0.5, correlation_se=0.001))
    (found,) = stress_test(stiff, recorded, architectures=(Architecture("own", "what it is", _wiring),))
    assert "those of the recording 0.500" in found.refused or "it runs away" in found.refused
    for one in (stress[1], found):
        assert not one.listed and np.isnan(one.delivered(0.1)) and not one.broken(0.1)


@pytest.mark.parametrize("n", [8, 50, 101])
def test_architectures_have_as_many_units_and_another_wiring_by_another_seed(n):
    for one in ARCHITECTURES:
        weights = one.build(n, 0)
        assert weights.shape == (n, n) and weights.any(), one.name
        assert (one.name == "ring") == np.array_equal(weights, one.build(n, 1000))


def test_the_page_tells_of_each(report, stress):
    lines = sections(report, stress)[LIBRARY]
    assert LIBRARY not in sections(report)
    for one in stress:
        (line,) = [line for line in lines if line.startswith(f"If it were {one.architecture.words}")]
        assert ("left out" in line) == bool(one.refused)
    told = f"{stress[0].delivered(0.1):.0%} of {stress[0].listed[0.1]}"
    assert told in next(line for line in lines if "what it is" in line)
    assert sections(report, [])[LIBRARY] == ["Not tested: there is no promise."]


def test_a_promise_is_broken_by_more_phantoms_than_chance():
    ring = ARCHITECTURES[0]

    def stressed(false):
        return Stress(ring, listed={0.1: 10}, false={0.1: false})

    # Of ten drawn with a chance of one in ten: four or more in 1.28 %, five or more in 0.16 %.
    assert not stressed(4).broken(0.1) and stressed(5).broken(0.1)
    assert stressed(4).delivered(0.1) == 0.4
    shown = table([stressed(5), Stress(ring, "too stiff")])
    assert shown["broken_0.1"].tolist() == [True, False] and shown["left_out"].tolist() == ["", "too stiff"]


def test_linear_correlation_of_two_units_by_hand():
    weights, rates = np.array([[0.0, 0.5], [0.0, 0.0]]), np.array([20.0, 5.0])
    # A spike of the first adds g = 0.5 * 5 Hz * 0.02 s to the second: covariance g r0, variance r1 + g^2 r0.
    g = 0.05
    wanted = g * 20 / np.sqrt(20 * (5 + g**2 * 20))
    assert linear_correlation(weights, np.zeros(2), rates, 0.02) == pytest.approx(wanted)
    # Both ways with g12 g21 = 1 there is no steady state.
    both = np.array([[0.0, 10.0], [2.5, 0.0]])
    assert linear_correlation(both, np.zeros(2), rates, 0.02) == np.inf


def test_without_a_promise_nothing_is_tested(recorded, report, monkeypatch):
    monkeypatch.setattr(report, "judge", None)
    assert stress_test(report, recorded) == []


def test_files_of_the_step(recorded, tmp_path):
    steps = np.concatenate([piece.steps for piece in recorded.pieces])
    units = np.concatenate([piece.neurons for piece in recorded.pieces])
    few = (units < 8) & (steps < 150_000)
    lines = [f"{step * 1e-4:.4f},u{unit}" for step, unit in zip(steps[few], units[few], strict=True)]
    (tmp_path / "spikes.csv").write_text("time_s,unit\n" + "\n".join(lines) + "\n")
    out = tmp_path / "out"
    assert main(["trust", str(tmp_path / "spikes.csv"), "--library", "--output", str(out)]) == 0
    summary = json.loads((out / "trust.json").read_text())
    rows = pd.read_csv(out / "library.csv")
    assert rows.architecture.tolist() == [one.name for one in ARCHITECTURES]
    assert [one["architecture"] for one in summary["library"]] == rows.architecture.tolist()
    page = (out / "trust.html").read_text()
    assert f"<h2>{LIBRARY}</h2>" in page and summary["in_words"][LIBRARY]
    # Without it, nothing is left of it.
    assert main(["trust", str(tmp_path / "spikes.csv"), "--output", str(out)]) == 0
    assert not (out / "library.csv").exists() and "library" not in json.loads(
        (out / "trust.json").read_text()
    )
    assert LIBRARY not in (out / "trust.html").read_text()


def test_a_halved_network_is_judged_by_the_units_that_are_seen(recorded, report):
    """Unseen units drive the others: they are in no row of the table."""
    seen = []

    def build(n, _):
        seen.append(n)
        rng = np.random.default_rng(2)
        weights = -1.0 * (rng.random((n, n)) < 0.2)
        np.fill_diagonal(weights, 0)
        return weights

    (found,) = stress_test(
        report, recorded, architectures=(Architecture("half", "half", build, halved=True),)
    )
    assert seen == [2 * N] and found.refused == ""
    # Whatever half is seen, its connections are a fifth of its pairs or so: 240 of them.
    assert found.connected == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / (N * (N - 1))))
    assert found.listed[0.2] > 5 and found.found[0.2] > 0.1
