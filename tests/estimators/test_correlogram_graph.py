"""Graphs of correlograms: each rule spelt out, its orientation by hand."""

import tracemalloc

import numpy as np
import pytest
from correlogram_cases import off_diagonal, random_record

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.simulate import simulate
from circuitbias.estimators import estimate
from circuitbias.estimators.couplings import ConstantNeuronWarning, FlatBackgroundWarning, NoCouplingsWarning
from circuitbias.networks.network import Network
from circuitbias.spikes.correlograms import correlogram
from circuitbias.spikes.segments import SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]


@pytest.fixture
def record():
    return random_record(trials=2)


def curve(record, bin_steps, longest, i, j):
    """C_ij(l) for l from -longest to longest, taken apart lag by lag."""
    one_sided = correlogram(record, bin_steps, longest)
    lags = range(-longest, longest + 1)
    return {lag: one_sided[lag, i, j] if lag >= 0 else one_sided[-lag, j, i] for lag in lags}


# --- the rules, spelt out -----------------------------------------------------------------------


@pytest.mark.parametrize("size", ["peak", "binary"])
def test_peak_lag_rule(record, size):
    found = estimate("correlogram_graph", record, window_ms=6.0, connected_ms=4.5, size=size)
    n_connected = 0
    for i, j in off_diagonal():
        c = curve(record, 3, 20, i, j)
        lag = max(c, key=lambda lag: abs(c[lag]))
        assert found.arrays["peak_lag_ms"][i, j] == pytest.approx(0.3 * lag)
        expected = (c[lag] if size == "peak" else 1.0) if abs(lag) < 15 else 0.0
        assert found.values[i, j] == pytest.approx(expected)
        assert found.arrays["connected"][i, j] == (abs(lag) < 15)
        n_connected += abs(lag) < 15
    assert 0 < n_connected < 12
    assert found.diagnostics["n_connected"] == n_connected / 2
    assert found.diagnostics["lag_bins"] == 20
    assert found.diagnostics["n_bins"] == 2000 + 2012


@pytest.mark.parametrize("least_z", [0.05, 1.0])
def test_zero_jump_rule_as_the_authors_say_it(least_z):
    record = random_record(trials=2, seed=3)
    found = estimate("correlogram_graph", record, window_ms=6.0, rule="zero_jump", least_z=least_z)
    expected = np.zeros((4, 4))
    for i, j in ((i, j) for i, j in off_diagonal() if i < j):
        jumps = np.diff(list(curve(record, 3, 20, i, j).values()))
        at = max((19, 20), key=lambda k: abs(jumps[k]))  # C(0) - C(-1) and C(1) - C(0)
        others = np.delete(jumps, [at - 1, at, at + 1])
        z = (jumps[at] - others.mean()) / others.std(ddof=1)
        if z < -least_z:
            expected[i, j] = z
        elif z > least_z:
            expected[j, i] = -z
    assert 0 < (expected < 0).sum() <= 6
    np.fill_diagonal(expected, np.nan)
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)
    np.testing.assert_array_equal(found.arrays["connected"], expected < 0)
    assert found.diagnostics["n_connected"] == (expected < 0).sum()


def test_largest_jump_rule(record):
    found = estimate("correlogram_graph", record, window_ms=6.0, rule="largest_jump", connected_ms=3.0)
    n_connected = 0
    for i, j in off_diagonal():
        c = curve(record, 3, 20, i, j)
        lag = max(range(-20, 20), key=lambda lag: abs(c[lag + 1] - c[lag]))
        close = abs(lag + 0.5) * 0.3 < 3.0
        peak = max(c.values(), key=abs)
        assert found.values[i, j] == pytest.approx(peak if close else 0.0)
        n_connected += close
    assert 0 < n_connected < 12


# --- orientation, by hand -----------------------------------------------------------------------


def pulses(lags, n_steps=4000):
    """Two neurons: 0 fires every 100 steps, and 1 follows it at each of the lags, in steps."""
    times = np.arange(100, n_steps - 100, 100)
    steps = np.concatenate([times, *(times + lag for lag in lags)])
    neurons = np.repeat([0, 1], [len(times), len(times) * len(lags)])
    return SpikeRecord.from_events(steps, neurons, n_neurons=2, n_steps=n_steps)


@pytest.mark.parametrize("lag", [0, 3, -7])
def test_a_positive_peak_lag_means_that_the_first_neuron_fires_first(lag):
    found = estimate("correlogram_graph", pulses([lag]), bin_steps=1, window_ms=2.0, connected_ms=0.5)
    assert found.arrays["peak_lag_ms"][0, 1] == pytest.approx(0.1 * lag)
    assert found.arrays["peak_lag_ms"][1, 0] == pytest.approx(-0.1 * lag)
    assert (found.values[0, 1] != 0) == (lag in (0, 3))
    assert found.values[0, 1] == found.values[1, 0]


@pytest.mark.parametrize("lags", [[5, -5], [-5, 5]])
def test_of_two_peaks_of_one_height_that_counts_where_the_neuron_of_lower_number_is_first(lags):
    found = estimate("correlogram_graph", pulses(lags), bin_steps=1, window_ms=2.0, connected_ms=1.0)
    np.testing.assert_allclose(found.arrays["peak_lag_ms"], [[np.nan, 0.5], [-0.5, np.nan]])


def test_a_neuron_that_silences_another_one_is_where_the_edge_begins():
    """Neuron 1 fires at any lag to neuron 0 but from 1 to 9: it is silenced by it."""
    lags = [lag for lag in range(-30, 31) if not 1 <= lag <= 9 and lag % 7]  # gaps that let the rest vary
    options = {"bin_steps": 1, "window_ms": 3.0, "rule": "zero_jump", "least_z": 1.0}
    found = estimate("correlogram_graph", pulses([0, *lags]), **options)
    assert found.values[0, 1] < -1
    assert found.values[1, 0] == 0
    assert found.arrays["connected"].tolist() == [[False, True], [False, False]]
    backwards = estimate("correlogram_graph", pulses([0, *(-lag for lag in lags)]), **options)
    assert backwards.values[1, 0] == pytest.approx(found.values[0, 1], rel=0.05)
    assert backwards.values[0, 1] == 0


def test_a_jump_that_goes_up_as_much_as_down_has_no_direction():
    found = estimate(
        "correlogram_graph", pulses([0, 10, -13]), bin_steps=1, window_ms=2.0, rule="zero_jump", least_z=0.01
    )
    np.testing.assert_array_equal(found.values, [[np.nan, 0], [0, np.nan]])


def test_the_directed_rule_finds_inhibition_that_was_simulated():
    """0 inhibits 1 and 1 inhibits 2."""
    weights = np.zeros((3, 3))
    weights[0, 1] = weights[1, 2] = -1
    network = Network(weights, np.arange(3), np.ones(3), "chain", False, {})
    parameters = ThresholdParameters(r=2e-4, theta=1.36e-3)
    record = SpikeRecord(3, 0.1, list(simulate(network, parameters, seed=2, n_spikes=30_000)))
    found = estimate("correlogram_graph", record, bin_steps=10, window_ms=100.0, rule="zero_jump")
    np.testing.assert_array_equal(found.arrays["connected"], weights < 0)
    assert (found.values[weights < 0] < -3).all()


@pytest.mark.parametrize("lag, connected", [(99, True), (100, False), (-99, True), (-100, False)])
def test_a_peak_at_exactly_tau_is_not_within_it(lag, connected):
    record = SpikeRecord.from_events([500, 500 + lag], [0, 1], n_neurons=2, n_steps=1000)
    found = estimate("correlogram_graph", record, bin_steps=1)
    assert found.arrays["peak_lag_ms"][0, 1] == pytest.approx(lag / 10)
    assert found.arrays["connected"][0, 1] == connected


def test_largest_jumps_must_lie_within_a_third_of_tau(record):
    by_default, given, wider = (
        estimate("correlogram_graph", record, bin_steps=10, rule="largest_jump", connected_ms=connected_ms)
        for connected_ms in (None, 3.4, 9.0)
    )
    np.testing.assert_array_equal(by_default.values, given.values)
    assert given.diagnostics["n_connected"] < wider.diagnostics["n_connected"]


# --- memory, undefined pairs, arguments ---------------------------------------------------------


@pytest.mark.parametrize("rule", ["peak_lag", "zero_jump", "largest_jump"])
@pytest.mark.parametrize("room_for", [2, 3, 4, 5, 6])
def test_groups_of_neurons_give_the_same(rule, room_for):
    record = random_record(n_neurons=7, trials=2)
    whole, parts = (
        estimate("correlogram_graph", record, window_ms=6.0, rule=rule, least_z=0.5, memory_mb=memory_mb)
        for memory_mb in (100, 1.001 * 32e-6 * 21 * room_for**2)
    )
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
    assert (whole.values != 0).sum() > 7
    np.testing.assert_array_equal(parts.arrays["peak_lag_ms"], whole.arrays["peak_lag_ms"])


@pytest.mark.parametrize("memory_mb", [3.0, 12.0])
def test_what_is_allocated_for_groups_stays_within_the_bound(memory_mb):
    """Counts of all pairs of 60 neurons at 101 lags take 3 MB, and there are copies of them."""
    record = random_record(n_neurons=60, n_steps=2000)
    estimate("correlogram_graph", random_record(n_neurons=3))  # compiled code takes its share first
    tracemalloc.start()
    estimate("correlogram_graph", record, memory_mb=memory_mb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert memory_mb / 2 < peak / 1e6 < 1.1 * memory_mb  # events, too


def test_memory_for_less_than_a_pair():
    with pytest.raises(ValueError, match=r"pair of neurons at 101 lags need 0\.013 MB, but memory_mb=0\.01"):
        estimate("correlogram_graph", random_record(), memory_mb=0.01)


@pytest.mark.parametrize("rule", ["peak_lag", "zero_jump", "largest_jump"])
def test_constant_neuron(record_of, rule):
    counts = np.minimum(np.random.default_rng(0).poisson(0.7, (500, 4)), 10)
    counts[:, 2] = 0
    with pytest.warns(ConstantNeuronWarning, match=r"neurons \[2\] have the same count in every bin"):
        found = estimate("correlogram_graph", record_of(counts), bin_steps=10, window_ms=10.0, rule=rule)
    expected = np.eye(4, dtype=bool)
    expected[2, :] = expected[:, 2] = True
    np.testing.assert_array_equal(np.isnan(found.values), expected)
    assert np.isnan(found.arrays["peak_lag_ms"][expected]).all()
    assert not found.arrays["connected"][expected].any()


def test_background_without_variation():
    """Two spikes a step apart: no product in the background, nothing to measure a z-score by."""
    record = SpikeRecord.from_events([500, 501], [0, 1], n_neurons=2, n_steps=1000)
    nothing = pytest.warns(NoCouplingsWarning, match="correlogram_graph: no pair has a coupling")
    with pytest.warns(FlatBackgroundWarning, match="1 pairs of neurons"), nothing:
        found = estimate("correlogram_graph", record, bin_steps=10, window_ms=10.0, rule="zero_jump")
    assert np.isnan(found.values).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"rule": "peak"}, "rule = 'peak': must be one of `peak_lag`, `zero_jump`, `largest_jump`"),
        ({"size": "z"}, "size = 'z': must be one of `peak`, `binary`"),
        ({"bin_steps": 0}, "bin_steps = 0: must be a whole number >= 1"),
        ({"device": "gpu"}, "device='gpu' is unknown"),
        ({"window_ms": 0.8}, "window_ms=0.8 must hold at least 3 bins of 0.3 ms"),
        ({"window_ms": 5.0, "connected_ms": 6.0}, "connected_ms=6 must be above 0 and at most window_ms=5"),
        ({"connected_ms": 0.0}, "connected_ms = 0.0: must be a finite number > 0"),
        ({"least_z": 0.0}, "least_z = 0.0: must be a finite number > 0"),
        ({"jitter_ms": 0.5}, "jitter_ms=0.5 must hold at least 2 bins of 0.3 ms"),
        ({"jitter_ms": 900.0}, "jitter windows of 9000 steps are longer than every trial"),
        ({"window_ms": 700.0}, "a lag of 2333 bins of 3 steps is longer than every trial"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        estimate("correlogram_graph", random_record(), **options)
