"""The least errors: against sums over steps, against what fits reach, and by the score at the truth."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from circuitbias.cli import main
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors import total_error
from circuitbias.errors.floor import floor, least_errors
from circuitbias.estimators import estimate
from circuitbias.exceptions import UnusableDataError
from circuitbias.memory import MemoryLimitError
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network
from circuitbias.published import errors, thresholds
from circuitbias.spikes.segments import SpikeRecord

PARAMETERS = ThresholdParameters(r=1e-4, theta=1.36e-3)
DRIVE = np.linspace(0.92, 1.08, 5)
_RNG = np.random.default_rng(2)
WEIGHTS = _RNG.uniform(-1.5, 0.3, (5, 5)) * (_RNG.random((5, 5)) < 0.6)


def network(weights, drive=DRIVE):
    return Network(weights, np.arange(len(weights)), drive, "test", False, {})


def recording(built, seed=1, parameters=PARAMETERS, **size):
    pieces = simulate(built, parameters, seed=seed, **size or {"n_steps": 100_000})
    return SpikeRecord(built.n_neurons, parameters.dt_ms, list(pieces))


def information_step_by_step(built, record):
    """Of each neuron's spikes on its weights and threshold, in their own units, at every step."""
    p, n = PARAMETERS, built.n_neurons
    spikes = np.zeros((record.trial_steps[0], n))
    for piece in record.pieces:
        spikes[piece.steps, piece.neurons] = 1
    s, rows = np.zeros(n), []
    for fired in spikes:
        rows.append(np.append(p.r * s, 1))
        s = s * p.decay + fired
    rows = np.array(rows[500:])
    noise_sd = p.b * p.sigma * built.drive_scale
    u = (p.theta - p.b * built.drive_scale - rows[:, :n] @ built.weights) / noise_sd
    probability = np.where(u >= 0, p.rho * norm.sf(u), 1 - p.rho * norm.sf(-u))
    slope = p.rho * norm.pdf(u) / noise_sd
    return np.einsum("ti,tj,tk->jik", rows, slope**2 / probability / (1 - probability), rows, optimize=True)


def test_floor_is_the_inverse_of_the_information_of_all_steps():
    symmetric = np.tril(WEIGHTS, -1) + np.tril(WEIGHTS, -1).T
    pairs = ~np.eye(5, dtype=bool)
    for weights in (WEIGHTS, symmetric):
        built = network(weights)
        record = recording(built)
        covariances = np.linalg.inv(information_step_by_step(built, record))
        power = np.square(weights[pairs]).sum()
        variances = np.array([c.diagonal()[:5] for c in covariances]).T
        found = floor(built, PARAMETERS, record)
        assert found.noise == pytest.approx(variances[pairs].sum() / power, rel=0.03)
        assert found.n_pairs == 20
        assert found.n_spikes == record.n_spikes
    # Both directions of a pair together, each target's own constant and past left free.
    both = [(i, j) for i in range(5) for j in range(i)]
    normal = np.zeros((10, 10))
    for target in range(5):
        others = np.flatnonzero(pairs[target])
        basis = np.array([[float({i, target} == set(pair)) for pair in both] for i in others])
        normal += basis.T @ np.linalg.inv(covariances[target][np.ix_(others, others)]) @ basis
    expected = 2 * np.linalg.inv(normal).trace() / power
    assert found.noise_symmetric == pytest.approx(expected, rel=0.03)
    assert found.noise_symmetric < found.noise / 1.9
    assert np.isnan(floor(network(WEIGHTS), PARAMETERS, recording(network(WEIGHTS))).noise_symmetric)


def test_matched_estimates_reach_the_floor_and_others_do_not():
    """Twelve recordings: the mean total error is known to 4 %."""
    built = network(WEIGHTS, np.ones(5))
    totals, least = [], []
    for seed in range(12):
        record = recording(built, seed)
        totals.append([total_error(WEIGHTS, estimate(name, record).values) for name in ("matched", "glm")])
        least.append(least_errors(floor(built, PARAMETERS, record).noise, 5).total)
    ratios = np.mean(totals, axis=0) / np.mean(least)
    assert ratios[0] == pytest.approx(1, abs=0.12)
    assert ratios[1] > 1.5  # it sees no direction


def test_score_at_the_truth_has_its_information():
    """A quarter of the ring at half the data of a figure's smallest window, at both ends of the strengths."""
    built = ring_network(25, 1.745, 1.75)
    chi2 = []
    for r, theta in ((0.0025, 1.304e-3), (0.02, 0.95e-3)):
        for seed in range(4):
            parameters = ThresholdParameters(r=r, theta=theta)
            found = floor(built, parameters, recording(built, seed, parameters, n_spikes=50_000))
            chi2.append(found.score_chi2)
            assert found.noise > found.noise_symmetric > found.noise / 3
    assert np.mean(chi2) == pytest.approx(1, abs=0.06)  # 200 neurons of 26 degrees of freedom: +- .02
    wrong = ThresholdParameters(r=0.03, theta=0.95e-3)
    assert floor(built, wrong, recording(built, 1, parameters, n_spikes=50_000)).score_chi2 > 1.2


@pytest.mark.slow
@pytest.mark.parametrize("r", sorted(set(errors("ring").r)))
def test_score_at_every_strength_of_the_paper(r):
    parameters = ThresholdParameters(r=r, theta=float(thresholds("ring")[r]))
    found = floor(ring_network(), parameters, recording(ring_network(), 1, parameters, n_spikes=1_000_000))
    assert found.score_chi2 == pytest.approx(1, abs=0.06)  # +- .014


def test_neurons_that_do_not_fire_have_no_bound():
    built = network(WEIGHTS, DRIVE * np.array([1, 0, 1, 1, 1]))
    found = floor(built, PARAMETERS, recording(built))
    assert found.n_pairs == 12
    assert np.isfinite(found.noise)
    with pytest.raises(UnusableDataError, match="only 1 neurons fire"):
        floor(network(WEIGHTS, np.eye(5)[2]), PARAMETERS, recording(built))
    with pytest.raises(UnusableDataError, match="no trial is longer than five time constants"):
        floor(built, PARAMETERS, recording(built, n_steps=400))
    with pytest.raises(MemoryLimitError, match="information on 100 neurons"):
        parameters = ThresholdParameters(r=0.0025, theta=1.304e-3)
        floor(
            ring_network(), parameters, recording(ring_network(), 1, parameters, n_steps=3000), memory_mb=50
        )


def test_errors_on_the_floor():
    """xi = 1/2: a total error of sqrt(1/5); four times the data, half of xi."""
    assert least_errors(0.25, 100).total == pytest.approx(np.sqrt(0.2))
    assert least_errors(0.25, 100, volume=4).total == pytest.approx(np.sqrt(0.0625 / 1.0625))
    assert np.isnan(least_errors(np.nan, 100).bias)


def test_step(tmp_path):
    """The whole recording and, in proportion, a part of it; a silent one says why there is none."""
    (tmp_path / "w.csv").write_text("\n".join(",".join(map(str, row)) for row in WEIGHTS))
    weights = json.dumps({"family": "file", "path": str(tmp_path / "w.csv")})
    run = lambda *words: main([str(word) for word in words])  # noqa: E731
    assert run("network", "--options", weights, "--output", tmp_path / "n.npz") == 0
    made = ("--network", tmp_path / "n.npz")
    for name, theta in (("some", 1.36e-3), ("none", 9.0)):
        parameters = json.dumps({"r": 1e-4, "theta": theta})
        words = ("--parameters", parameters, "--seed", 1, "--n-spikes", 20_000, "--max-silent-steps", 1000)
        assert run("simulate", "--keep-going", *made, *words, "--output", tmp_path / f"{name}.h5") == 0
    tables = {}
    for name, spikes, most in (("all", "some", 1e9), ("part", "some", 1e4), ("silent", "none", 1e9)):
        words = (
            "--spikes",
            tmp_path / f"{spikes}.h5",
            "--most-spikes",
            most,
            "--output",
            tmp_path / f"{name}.csv",
        )
        assert run("floor", "--keep-going", *made, *words) == 0
        tables[name] = pd.read_csv(tmp_path / f"{name}.csv").iloc[0]
    assert tables["part"].noise == pytest.approx(tables["all"].noise, rel=0.2)
    assert tables["part"].n_spikes == tables["all"].n_spikes >= 20_000
    assert tables["all"].total == pytest.approx(np.sqrt(tables["all"].noise / (1 + tables["all"].noise)))
    assert np.isnan(tables["silent"].total)
    assert "fired" in tables["silent"].note
    assert run("floor", *made, "--spikes", tmp_path / "none.h5", "--output", tmp_path / "x.csv") == 3
