"""The floor under a drive, beside sums written out step by step."""

import numpy as np
import pytest
from scipy.stats import norm

import circuitbias as cb
from circuitbias.dynamics.drives import Clamp, Pulses, Release, Reset
from circuitbias.dynamics.engines.threshold import ThresholdEngine
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.errors.floor import floor
from circuitbias.errors.floor_driven import driven_floor, step_information
from circuitbias.exceptions import UnusableDataError
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeRecord

N, N_STEPS = 4, 4000
WEIGHTS = np.random.default_rng(0).uniform(-1, 0.3, (N, N))
NETWORK = Network(WEIGHTS, np.arange(N), np.array([1.0, 1.1, 0.95, 1.0]), "four", False, {})
PARAMETERS = ThresholdParameters(r=1e-4, theta=1.0e-3, sigma=0.4, rho=0.2)
DRIVES = {
    "reset": Reset(every_ms=4.0),
    "release": Release(on_ms=6.0, off_ms=3.0),
    "lowered": Release(on_ms=6.0, off_ms=3.0, level=0.9),
    "clamp": Clamp(free_ms=7.0, held_ms=2.0),
    "pulses": Pulses(neurons=[1, 3], size=2e-4, width_ms=2.0, rest_ms=3.0),
}


def recorded(drive, seed, network=NETWORK, parameters=PARAMETERS, n_steps=N_STEPS):
    schedule = drive.schedule(network.n_neurons, 0.1) if drive else None
    engine = ThresholdEngine(network, parameters, schedule)
    pieces = simulate(network, engine, seed=seed, n_steps=n_steps, burn_in=0)
    return schedule, SpikeRecord(network.n_neurons, 0.1, list(pieces))


def probability(eta):
    """Of a spike, as the model has it."""
    return np.where(eta <= 0, 0.2 * norm.cdf(eta), 1 - 0.2 * norm.cdf(-eta))


def written_out(name, drive, spikes):
    """Information on (W_1j ... W_Nj, theta), and the score, of each target."""
    grid = np.zeros((N_STEPS, N), dtype=int)
    for piece in spikes.segments():
        grid[piece.steps, piece.neurons] = 1
    information, score, s = np.zeros((N, N + 1, N + 1)), np.zeros((N, N + 1)), np.zeros(N)
    for t in range(N_STEPS):
        ms = t / 10
        level, added, free = 1.0, np.zeros(N), t >= 500
        if name == "reset":
            free = True
            if t % 40 == 0:
                s = np.zeros(N)
        if name in ("release", "lowered"):
            level = 1.0 if ms % 9 < 6 - 1e-9 else drive.level
            free &= level > 0
        if name == "clamp":
            free &= ms % 9 < 7 - 1e-9
        if name == "pulses" and ms % 5 < 2 - 1e-9:
            added[[1, 3]] = 2e-4
        for j in range(N):
            if not free:
                continue
            b = level * PARAMETERS.b * NETWORK.drive_scale[j]
            eta = (b + added[j] + PARAMETERS.r * s @ WEIGHTS[:, j] - PARAMETERS.theta) / (b * 0.4)
            p, d = probability(eta), 1e-5
            slope = (probability(eta + d) - probability(eta - d)) / (2 * d)
            if abs(eta) < d:
                slope = 0.2 * norm.pdf(0)
            u = np.append(PARAMETERS.r * s, -1) / (b * 0.4)
            information[j] += slope**2 / (p * (1 - p)) * np.outer(u, u)
            score[j] += (grid[t, j] - p) / (p * (1 - p)) * slope * u
        s = s * PARAMETERS.decay + grid[t]
    return information, score


@pytest.mark.parametrize("name", DRIVES)
def test_it_is_that_of_information_written_out(name):
    schedule, spikes = recorded(DRIVES[name], seed=3)
    information, score = written_out(name, DRIVES[name], spikes)
    variance, chi2 = 0.0, []
    for j in range(N):
        variance += np.delete(np.linalg.inv(information[j]).diagonal()[:N], j).sum()
        chi2.append(score[j] @ np.linalg.solve(information[j], score[j]) / (N + 1))
    off = ~np.eye(N, dtype=bool)
    found = driven_floor(NETWORK, PARAMETERS, schedule, spikes)
    assert found.noise == pytest.approx(variance / np.square(WEIGHTS[off]).sum(), rel=1e-5)
    assert found.n_steps == N_STEPS
    # Twenty degrees of freedom: the information is the variance of the score.
    assert 0.3 < np.mean(chi2) < 2.0


def test_a_steady_drive_has_the_floor_of_the_other_module():
    ring = cb.network("ring", n_neurons=30)
    parameters = ThresholdParameters(r=0.02, theta=1.1e-3)
    _, spikes = recorded(None, 1, ring, parameters, 300_000)
    steady = floor(ring, parameters, spikes).noise
    assert driven_floor(ring, parameters, None, spikes).noise == pytest.approx(steady, rel=0.02)
    some = driven_floor(ring, parameters, None, spikes, targets=np.arange(0, 30, 3)).noise
    assert some == pytest.approx(steady, rel=0.1)


def test_a_step_tells_as_much_on_both_sides_of_the_threshold():
    eta = np.array([-8.0, -2.0, -0.5, 0.5, 2.0, 8.0])
    p = probability(eta)
    slope = 0.2 * norm.pdf(eta)
    np.testing.assert_allclose(step_information(eta, 0.2)[:3], (slope**2 / (p * (1 - p)))[:3], rtol=1e-9)
    np.testing.assert_allclose(step_information(eta, 0.2), step_information(-eta, 0.2))


def test_what_tells_nothing_is_refused():
    _, spikes = recorded(DRIVES["reset"], 1)
    silent = Network(WEIGHTS, np.arange(N), np.array([1.0, 1.1, 0.0, 1.0]), "three", False, {})
    _, three = recorded(None, 1, silent)
    with pytest.raises(UnusableDataError, match=r"neurons \[2\] do not fire"):
        driven_floor(silent, PARAMETERS, None, three, targets=np.array([0, 2]))
    short = SpikeRecord(N, 0.1, list(spikes.segments(0, 0, 300)))
    with pytest.raises(UnusableDataError, match="past is known"):
        driven_floor(NETWORK, PARAMETERS, None, short)
