"""Matched estimates against another optimiser, and their errors against repeated recordings."""

import numpy as np
import pytest
from matched_cases import (
    DRIVE,
    PARAMETERS,
    WEIGHTS,
    Told,
    recording,
    rows_and_spikes,
    sums_over_steps,
    three_neurons,
    true_couplings,
)
from scipy.optimize import minimize

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import (
    ConstantNeuronWarning,
    NotConvergedWarning,
    SaturatedNeuronWarning,
    SeparableCountsWarning,
)
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.symmetric import of_couplings, symmetric_fit
from circuitbias.memory import MemoryLimitError
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import SpikeFile
from circuitbias.spikes.writing import write_spikes


@pytest.fixture(scope="module")
def three():
    return three_neurons()


def test_maximum_is_that_of_another_optimiser(three):
    found = estimate("matched", three, bin_steps=1, tolerance=1e-6)
    steps = rows_and_spikes(three)
    start = np.vstack([np.zeros((3, 3)), np.full(3, -1.2)])
    for target in range(3):

        def negative(x, target=target):
            at = start.copy()
            at[:, target] = x
            value, gradient, _, _ = sums_over_steps(*steps, at)
            return -value[target], -gradient[:, target]

        best = minimize(
            negative, start[:, target], jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 25}
        )
        expected = np.append(found.arrays["coefficients"][:, target], found.arrays["intercepts"][target])
        np.testing.assert_allclose(best.x, expected, atol=2e-3)


@pytest.fixture(scope="module")
def repeated():
    """Estimates of twenty recordings of ten seconds: directed, excited and inhibited, rates unlike."""
    return [
        estimate("matched", recording(WEIGHTS, drive=DRIVE, seed=seed, n_steps=100_000), bin_steps=10)
        for seed in range(20)
    ]


def test_errors_are_those_of_repeated_recordings(repeated):
    """720 deviations in standard errors: spread 1 +- .026, mean 0 +- .037; 95 % +- .8 % within 1.96."""
    truth = true_couplings(WEIGHTS, drive=DRIVE)
    z = np.array(
        [(fit.arrays["coefficients"] - truth) / fit.arrays["coefficient_errors"] for fit in repeated]
    )
    assert abs(z.std() - 1) < 0.1
    assert abs(z.mean()) < 0.15
    assert abs((np.abs(z) < 1.96).mean() - 0.95) < 0.03
    spread = np.array([fit.arrays["coefficients"] for fit in repeated]).std(axis=0, ddof=1)
    predicted = np.sqrt(np.mean([fit.arrays["coefficient_errors"] ** 2 for fit in repeated], axis=0))
    assert np.median(spread / predicted) == pytest.approx(1, abs=0.1)
    intercepts = np.mean([fit.arrays["intercepts"] for fit in repeated], axis=0)
    b = PARAMETERS.b * DRIVE
    np.testing.assert_allclose(intercepts, (b - PARAMETERS.theta) / (b * PARAMETERS.sigma), atol=0.05)


def test_symmetric_couplings_are_the_constrained_maximum():
    """Against the same parabolas, minimised over a basis of symmetric matrices."""
    rng = np.random.default_rng(5)
    couplings = rng.normal(size=(4, 4))
    information = np.array([x @ x.T for x in rng.normal(size=(4, 5, 9))])
    reduced = of_couplings(information)
    found, errors = symmetric_fit(couplings, reduced)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    covariances = np.linalg.inv(information)  # of all coefficients of a target; those of couplings are blocks
    normal, pull = np.zeros((6, 6)), np.zeros(6)
    for target in range(4):
        others = [i for i in range(4) if i != target]
        precision = np.linalg.inv(covariances[target][np.ix_(others, others)])
        basis = np.array([[float({i, target} == set(pair)) for pair in pairs] for i in others])
        normal += basis.T @ precision @ basis
        pull += basis.T @ precision @ couplings[others, target]
    expected = np.linalg.solve(normal, pull)
    np.testing.assert_allclose([found[pair] for pair in pairs], expected)
    np.testing.assert_allclose([errors[pair] ** 2 for pair in pairs], np.linalg.inv(normal).diagonal())
    np.testing.assert_array_equal(found, found.T)


def test_symmetric_errors_are_those_of_repeated_recordings():
    weights = -np.random.default_rng(1).uniform(0.2, 1, (6, 6))
    weights = np.tril(weights) + np.tril(weights, -1).T
    truth = true_couplings(weights)
    z, ratio = [], []
    for seed in range(8):
        record = recording(weights, seed=seed, n_steps=100_000)
        directed, symmetric = (estimate("matched", record, symmetric=known) for known in (False, True))
        np.testing.assert_array_equal(symmetric.values, symmetric.values.T)
        z.append((symmetric.values - truth) / symmetric.arrays["standard_errors"])
        ratio.append(symmetric.arrays["standard_errors"] / directed.arrays["standard_errors"])
    z = np.array(z)[:, ~np.eye(6, dtype=bool)]
    assert abs(z.std() - 1) < 0.15  # 120 independent ones
    assert np.nanmedian(ratio) == pytest.approx(np.sqrt(0.5), abs=0.08)


def test_steps_near_the_threshold_are_left_out():
    """Two spikes of neuron 0 within 10 ms make neuron 2 fire step after step: p jumps from .03 to .97."""
    weights = np.array([[0, 0.5, 2.5], [0, 0, -1], [-0.5, 0, -0.5]])
    truth, z = true_couplings(weights), []
    for seed in range(8):
        fit = estimate("matched", recording(weights, seed=seed, n_steps=300_000), bin_steps=5)
        assert fit.diagnostics["reached_threshold"]
        assert 0 < fit.diagnostics["steps_left_out"] < fit.diagnostics["spikes_left_out"] < 0.4
        z.append((fit.arrays["coefficients"] - truth) / fit.arrays["coefficient_errors"])
    assert abs(np.std(z) - 1) < 0.25  # 72 of them
    assert abs(np.mean(z)) < 0.35


def test_wrong_and_right_parameters(tmp_path, three):
    metadata = {"parameters": {"model": {"tau_ms": 12.0, "rho": 0.05}}}
    write_spikes(tmp_path / "s.h5", three.segments(), n_neurons=3, dt_ms=0.1, metadata=metadata)
    file = SpikeFile(tmp_path / "s.h5")
    told = estimate("matched", file)
    assert (told.diagnostics["tau_ms"], told.diagnostics["rho"]) == (12.0, 0.05)
    given = estimate("matched", three, tau_ms=12, rho=0.05)
    np.testing.assert_array_equal(told.values, given.values)
    assert estimate("matched", three).diagnostics["tau_ms"] == 10
    assert not np.allclose(given.values, estimate("matched", three).values, equal_nan=True)
    with pytest.raises(ValueError, match=r"tau_ms=0.05 must be longer than a step, 0.1 ms"):
        estimate("matched", three, tau_ms=0.05)
    with pytest.raises(ValueError, match=r"rho = 1\.0?: must be"):
        estimate("matched", three, rho=1.0)


def test_neurons_that_nothing_can_be_said_of():
    record = recording(WEIGHTS, drive=DRIVE, seed=1, n_steps=60_000)
    (steps, neurons) = (np.concatenate([getattr(x, y) for x in record.pieces]) for y in ("steps", "neurons"))
    bursts = np.arange(20_000, 24_000)  # a neuron whose input is above its threshold for a while, and no more
    steps = np.concatenate([steps, bursts, [1000, 30_000, 41_000]])
    neurons = np.concatenate([neurons, np.full(len(bursts), 7), [8, 8, 8]])
    whole = SpikeRecord.from_events(steps, neurons, 9, 60_000)  # 6 silent, 7 saturated, 8 rare
    with (
        pytest.warns(ConstantNeuronWarning, match=r"\[6\]"),
        pytest.warns(SaturatedNeuronWarning, match=r"neurons \[7\] have more than 50% of their spikes"),
        pytest.warns(SeparableCountsWarning, match=r"with neuron 8|8 ->"),
    ):
        fit = estimate("matched", whole)
    assert np.isnan(fit.values[6]).all() and np.isnan(fit.values[:, [6, 7]]).all()
    assert np.isfinite(fit.values[:6, :6][~np.eye(6, dtype=bool)]).all()
    alone = estimate("matched", record)
    error = fit.arrays["standard_errors"][:6, :6]
    assert np.nanmax(np.abs(fit.values[:6, :6] - alone.values) / error) < 1


def test_a_coupling_without_a_finite_value():
    """Neuron 1 never fires within a fifth of a second of neuron 0: not by chance."""
    rng = np.random.default_rng(0)
    first = np.sort(rng.choice(400_000, 40, replace=False))
    others = np.sort(rng.choice(400_000, 1500, replace=False))
    after = others - first[np.maximum(np.searchsorted(first, others) - 1, 0)]
    second = others[(after < 0) | (after > 2000)]
    third = rng.choice(400_000, 1500, replace=False)
    steps = np.concatenate([first, second, third])
    neurons = np.repeat([0, 1, 2], [len(first), len(second), len(third)])
    record = SpikeRecord.from_events(steps, neurons, 3, 400_000)
    with pytest.warns(SeparableCountsWarning, match=r"0 -> 1.*fire only where the history"):
        fit = estimate("matched", record)
    assert np.isnan(fit.values[0, 1])
    assert np.isfinite(fit.values[[2, 1, 0], [1, 2, 2]]).all()


def test_refusals(three):
    with pytest.warns(NotConvergedWarning, match="max_passes=1,"):
        assert np.isnan(estimate("matched", three, max_passes=1, tolerance=1e-12).values).all()
    short = SpikeRecord(2, 0.1, [Segment(0, 0, 400, np.arange(0, 400, 7), np.arange(58) % 2)])
    with pytest.raises(
        UnusableDataError, match=r"no trial is longer than 5 time constants of 10 ms: the past is unknown"
    ):
        estimate("matched", short)
    wide = SpikeRecord.from_events(np.arange(30_000), np.arange(30_000) % 300, 300, 30_000)
    with pytest.raises(MemoryLimitError, match="matched likelihood of 300 neurons"):
        estimate("matched", wide, memory_mb=100)


def test_single_precision_changes_no_digit_that_matters(three, monkeypatch):
    record = recording(WEIGHTS, drive=DRIVE, seed=3, n_steps=100_000)
    double = estimate("matched", record)
    monkeypatch.setattr(
        "circuitbias.estimators.matched.tuning",
        lambda: type("T", (), {"worth_single_precision": lambda *_: True}),
    )
    single = estimate("matched", record)
    assert np.nanmax(np.abs(single.values - double.values) / double.arrays["standard_errors"]) < 0.02


@pytest.mark.parametrize("start", [6.0, 10.0, 16.0])
def test_time_constant_is_found_from_elsewhere(start):
    """Four recordings: the mean of the deviations in standard errors is known to a half."""
    z = []
    for seed in range(4):
        record = recording(WEIGHTS, drive=DRIVE, seed=seed, n_steps=200_000)
        source = Told(record, start)
        told = estimate("matched", source, tau_ms="estimate").diagnostics
        assert told["settled"] and told["not_identifiable"] == []
        z.append((told["tau_ms"] - 10) / told["tau_ms_error"])
    assert np.abs(z).max() < 3.5 and abs(np.mean(z)) < 1.5
    assert told["tau_ms_error"] < 2


def test_noise_probability_is_found_where_it_can_be_and_called_unknown_where_not():
    strong = np.array([[0.0, -1, 0], [0, 0, -1], [-1, 0, 0]])
    parameters = ThresholdParameters(r=1e-4, theta=1.1e-3, rho=0.05)
    z = []
    for seed in range(2):
        record = recording(strong, parameters, seed=seed, n_steps=2_000_000)
        told = estimate("matched", record, rho="estimate", tau_ms="estimate").diagnostics
        assert told["settled"] and told["not_identifiable"] == []
        z += [(told["rho"] - 0.05) / told["rho_error"], (told["tau_ms"] - 10) / told["tau_ms_error"]]
    assert np.abs(z).max() < 3.5
    weak = estimate(
        "matched", recording(WEIGHTS, drive=DRIVE, n_steps=100_000, seed=1), rho="estimate"
    ).diagnostics
    assert weak["not_identifiable"] == ["rho"]
    assert weak["rho"] == PARAMETERS.rho and "rho_error" not in weak
