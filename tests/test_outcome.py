"""What is said of data that allow no result: by an estimate, at the end, and before the first job."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from circuitbias.cli import main
from circuitbias.config import ConfigError, load_config
from circuitbias.errors import total_error
from circuitbias.estimators import METHODS, attempt, estimate
from circuitbias.estimators.couplings import NoCouplingsWarning
from circuitbias.exceptions import SaturatedActivityWarning, SilentNeuronsWarning, UnusableDataError
from circuitbias.figures import fewer_pairs, notes
from circuitbias.networks import Network
from circuitbias.outcome import Recording, one_sign_floor, outcome, symmetric_floor, trait_notes
from circuitbias.plan import require_possible
from circuitbias.spikes.activity import warn_of_rates
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.spikes.storage import SpikeFile

# --- what an estimate may say in its place --------------------------------------------------------


def step(*words, code=0):
    """Run a step in this process."""
    assert main([str(word) for word in words]) == code


@pytest.fixture(scope="module")
def short():
    """Two spikes of two neurons in 30 steps: too little for any method."""
    return SpikeRecord(2, 0.1, [Segment(0, 0, 30, np.array([3, 20]), np.array([0, 1]))])


@pytest.mark.parametrize("method", METHODS)
def test_too_little_data_is_a_result_that_says_so(short, method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        couplings = attempt(method, short)
    assert np.isnan(couplings.values).all()
    assert couplings.values.shape == (2, 2)
    assert couplings.diagnostics["note"]
    assert couplings.diagnostics["traits"].keys() == {"directed", "signed", "binary"}


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_recording_is_refused_by_every_method(method):
    with pytest.raises(UnusableDataError, match="no steps"):
        estimate(method, SpikeRecord(3, 0.1, []))


def test_wrong_options_are_no_result(short):
    with pytest.raises(ValueError, match="unknown key"):
        attempt("glm", short, bins=3)


def test_without_any_coupling_the_remedy_is_named(record_of):
    """Two neurons that never fire in the same bin: without a penalty no fit is finite, with it all are."""
    counts = np.tile([[1, 0], [0, 1], [0, 0]], (40, 1))
    with pytest.warns(NoCouplingsWarning, match=r"try ridge=1e-4 \(nats a bin"):
        couplings = attempt("glm", record_of(counts), bin_steps=10)
    assert np.isnan(couplings.values).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = attempt("glm", record_of(counts), bin_steps=10, ridge=1e-4)
    assert (fitted.values[[0, 1], [1, 0]] < 0).all()
    assert fitted.diagnostics["note"] == ""


# --- activity -------------------------------------------------------------------------------------


def test_saturated_and_silent_neurons_are_named_with_numbers():
    rates = np.array([62.5, 9990.0, 0.0, 1000.1, 0.0])
    with pytest.warns() as caught:
        warn_of_rates(rates, 0.1, np.array([True, True, True, True, False]))
    saturated, silent = sorted(caught, key=lambda one: one.category is SilentNeuronsWarning)
    assert saturated.category is SaturatedActivityWarning
    said = str(saturated.message)
    assert said.startswith("2 of 5 neurons (1, 3) fire in more than 10% of the steps, at up to 9990 Hz")
    assert str(silent.message).startswith("1 of 5 neurons (2) never fire")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_rates(np.array([999.0, 0.1]), 0.1)
        warn_of_rates(np.array([999.0, 0.0]), 0.1, np.array([True, False]))


def test_a_runaway_network_is_spoken_to(tmp_path, capsys):
    weights = np.zeros((6, 6))
    weights[:3, :3] = 1.0  # half of the neurons excite each other without end
    np.save(tmp_path / "w.npy", weights)
    options = json.dumps({"family": "file", "path": str(tmp_path / "w.npy")})
    network, spikes = ("--network", tmp_path / "n.npz"), tmp_path / "s.h5"
    step("network", "--options", options, "--output", network[1])
    model = ("--parameters", '{"r": 0.01, "theta": 0.0013}')
    step("simulate", *network, *model, "--seed", 1, "--n-spikes", 20_000, "--output", spikes)
    assert "SaturatedActivityWarning: 3 of 6 neurons (0, 1, 2) fire" in capsys.readouterr().err
    rates = np.bincount(np.concatenate([s.neurons for s in SpikeFile(spikes).segments()]), minlength=6)
    assert rates[:3].min() > 0.9 * SpikeFile(spikes).trial_steps.sum()
    step("activity", *network, "--spikes", spikes, "--output", tmp_path / "a.npz")
    assert "SaturatedActivityWarning" in capsys.readouterr().err


# --- what is said in the end ----------------------------------------------------------------------


def network_of(weights):
    n = len(weights)
    return Network(np.array(weights, float), np.arange(n), np.ones(n), "hand", False, {})


@pytest.mark.parametrize(
    ("weights", "floor"),
    [
        ([[0, 1], [0, 0]], 0.5**0.5),  # nearest: 1/2 both ways, half the squared norm is left
        ([[0, 1], [1, 0]], 0.0),
        ([[0, 1], [-1, 0]], 1.0),
        ([[7, 3], [1, 0]], (2 / 10) ** 0.5),  # 2 both ways leaves 1 + 1 of 9 + 1; the diagonal is no weight
    ],
)
def test_the_least_error_of_a_symmetric_estimate(weights, floor):
    assert symmetric_floor(network_of(weights)) == pytest.approx(floor)


@pytest.mark.parametrize(
    ("weights", "floor"),
    [
        ([[0, 4], [-3, 0]], 0.6),
        ([[0, -4], [3, 0]], 0.6),
        ([[0, 1], [1, 0]], 0.0),
        ([[0, -1], [0, 0]], 0.0),
    ],
)
def test_the_least_error_of_an_estimate_of_one_sign(weights, floor):
    network = network_of(np.array(weights, dtype=float))
    assert one_sign_floor(network) == pytest.approx(floor)
    # Whatever the couplings: no scale brings any of one sign nearer.
    rng = np.random.default_rng(1)
    found = [total_error(network.weights, rng.random((2, 2)) ** 9) for _ in range(2000)]
    assert floor - 1e-12 <= min(found) < floor + 0.05
    table = pd.DataFrame({"estimator": ["te", "glm"], "signed": [False, True], "directed": [True, True]})
    notes = trait_notes(network, table)
    told = (
        "W0 excites and inhibits, but te cannot tell these apart: no estimate of one sign has a total error"
    )
    assert notes == ([f"{told} below {floor:.2f}"] if floor else [])


def errors_table(**columns):
    row = {
        "estimator": "glm",
        "r": 0.01,
        "seed": 1,
        "total": 0.3,
        "n_pairs": 1560,
        "directed": False,
        "note": None,
    }
    return pd.DataFrame({key: [value] for key, value in (row | columns).items()})


def test_what_the_reader_should_know():
    rng = np.random.default_rng(1)
    network = network_of(rng.normal(size=(40, 40)))
    loud = Recording(0.01, 1, "", np.array([9000.0] * 20 + [60.0] * 20), 0.1)
    found = outcome(network, [loud], errors_table(n_pairs=39, note="SeparableCountsWarning"), {})
    assert found.unusable == []
    saturated, some, undirected = found.notes
    assert "20 of 40 neurons fire in more than 10% of the steps, at up to 9000 Hz" in saturated
    assert some.startswith("glm at r = 0.01, seed 1: 39 of 1560 pairs have a coupling (Separable")
    assert undirected.startswith("W0 is not symmetric, but glm cannot tell directions apart")
    quiet = Recording(0.01, 1, "", np.full(40, 60.0), 0.1)
    assert outcome(network, [quiet], errors_table(directed=True), {}).notes == []


def test_what_has_no_result_is_told_by_part():
    network = network_of(np.ones((40, 40)))
    fine = Recording(0.01, 1, "", np.full(40, 60.0), 0.1)
    nothing = errors_table(n_pairs=0, total=np.nan, note="too few bins")
    empty = pd.DataFrame({"r": [0.01], "seed": [1], "n_spikes": [0], "note": ["too short"]})
    found = outcome(network, [fine], nothing, {"patterns": empty, "bin_width": nothing})
    assert found.unusable == [
        "estimate glm at r = 0.01, seed 1: too few bins",
        "experiment patterns at r = 0.01, seed 1: too short",
        "experiment bin_width glm at r = 0.01, seed 1: too few bins",
    ]


def test_points_of_some_pairs_are_crossed_out():
    few, most = errors_table(n_pairs=39, total=0.01), errors_table(r=0.03, n_pairs=1500)
    table = pd.concat([few, errors_table(r=0.02), most], ignore_index=True).assign(n_all_pairs=1560)
    some = fewer_pairs.of_some_pairs(table)
    assert some.r.tolist() == [0.01]  # 1500 of 1560 are nearly all
    (line,) = notes.over_fewer_pairs(table)
    said = "39 of 1560 pairs: GLM at r = 0.01; 1500 of 1560 pairs: GLM at r = 0.03."
    assert line == f"Errors over fewer pairs than there are: {said}"


# --- before the first job -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "experiments", "key"),
    [
        ({"family": "sparse", "n_neurons": 30, "n_inputs": 3}, {"patterns": {}}, "experiments.patterns"),
        ({"family": "file", "path": "random.npy"}, {"patterns": {}}, "experiments.patterns"),
        ({"family": "file", "path": "zeros.npy"}, {"patterns": {}}, "experiments.patterns"),
        (
            {"family": "file", "path": "random.npy"},
            {"partial_observation": {"n_observed": [3, 9]}},
            "experiments.partial_observation.n_observed = [3, 9]: each must be <= 8",
        ),
        ({}, {"partial_observation": {"n_observed": [101]}}, "must be <= 100"),
    ],
)
def test_what_the_network_cannot_give_is_refused_at_once(tmp_path, monkeypatch, network, experiments, key):
    monkeypatch.chdir(tmp_path)
    np.save("random.npy", np.random.default_rng(1).normal(size=(8, 8)))
    np.save("zeros.npy", np.zeros((8, 8)))
    given = {"network": network, "experiments": experiments}
    config = load_config(given | ({"thresholds": [0.001], "strengths": [0.01]} if network else {}))
    with pytest.raises(ConfigError) as refusal:
        require_possible(config)
    assert key in str(refusal.value)


def test_a_file_of_weights_that_is_not_there_is_a_mistake_in_the_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = {"family": "file", "path": "mine.npy"}
    given = {"network": network, "thresholds": [0.001], "strengths": [0.01], "experiments": {"patterns": {}}}
    with pytest.raises(ConfigError, match=r"network\.path = 'mine.npy': no such file"):
        require_possible(load_config(given))


def test_what_a_ring_gives_is_not_refused():
    require_possible(load_config({"experiments": {"patterns": {}, "partial_observation": {}}}))
