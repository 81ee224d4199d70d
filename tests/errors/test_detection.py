import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from circuitbias.errors import connected_pairs, detection_scores
from circuitbias.networks import Network, file_network, ring_network, sparse_network

NAN = math.nan
WEIGHTS = np.array([[9, -1.0, 0, 0], [0, 9, -0.5, 0], [0, 0, 9, 0.005], [0, 0, 0, 9]])


def test_scores_by_hand():
    # connected: (0, 1), (1, 2) and, however weak, (2, 3)
    couplings = np.zeros((4, 4))
    couplings[0, 1], couplings[0, 2], couplings[1, 2], couplings[2, 3] = -3, 2, 1, 1.5
    scores = detection_scores(WEIGHTS, couplings)
    # of 3 x 9 pairs of (connected, not), two are the wrong way round; precision 1, 2/3, 3/4
    assert scores["roc_auc"] == pytest.approx(25 / 27)
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    # (2, 3) excites: of 11 other pairs one has a larger coupling; precision 1/2
    assert scores["roc_auc_excitatory"] == pytest.approx(10 / 11)
    assert scores["average_precision_excitatory"] == pytest.approx(1 / 2)
    # (0, 1) and (1, 2) inhibit: the second is below eight zeros and above two larger couplings
    assert scores["roc_auc_inhibitory"] == pytest.approx((10 + 2) / 20)
    assert scores["average_precision_inhibitory"] == pytest.approx((1 + 2 / 10) / 2)
    assert scores["signs_right"] == pytest.approx(2 / 3)
    assert (scores["n_excitatory"], scores["n_inhibitory"]) == (1, 2)
    # all three connections have a coupling, and of nine other pairs (0, 2)
    assert (scores["graph_sensitivity"], scores["graph_false_positive_rate"]) == (1, pytest.approx(1 / 9))
    assert math.isnan(detection_scores(WEIGHTS, couplings + 1)["graph_sensitivity"])  # no graph


def test_missing_pairs_and_the_diagonal_do_not_count():
    couplings = WEIGHTS.copy()
    np.fill_diagonal(couplings, 100)
    couplings[2, 3] = NAN
    couplings[3] = NAN
    scores = detection_scores(WEIGHTS, couplings)
    assert (scores["roc_auc"], scores["average_precision"], scores["signs_right"]) == (1, 1, 1)
    assert (scores["n_excitatory"], scores["n_inhibitory"]) == (0, 2)
    assert math.isnan(scores["roc_auc_excitatory"]) and scores["roc_auc_inhibitory"] == 1


def test_all_signs_wrong_does_not_look_good():
    """Size alone is perfect; what asks for the sign says that it is wrong."""
    network = sparse_network(30, 6, seed=2)
    weights = network.dense_weights()
    scores = detection_scores(weights, -2 * weights)
    assert (scores["roc_auc"], scores["signs_right"]) == (1, 0)
    assert scores["roc_auc_excitatory"] < 0.5 and scores["roc_auc_inhibitory"] < 0.5
    assert detection_scores(weights, 2 * weights)["signs_right"] == 1
    # a coupling of 0 has no sign, so none that is right
    half = np.where(np.arange(30) % 2, 2 * weights, 0)
    assert detection_scores(weights, half)["signs_right"] == pytest.approx(
        (weights[:, 1::2] != 0).sum() / (weights != 0).sum()
    )


def test_a_network_without_excitation():
    scores = detection_scores(-np.abs(WEIGHTS), np.random.default_rng(0).normal(size=(4, 4)))
    assert math.isnan(scores["roc_auc_excitatory"]) and math.isnan(scores["average_precision_excitatory"])
    assert scores["n_excitatory"] == 0 and 0 <= scores["roc_auc_inhibitory"] <= 1


def test_a_method_without_signs_has_none_that_are_right():
    scores = detection_scores(WEIGHTS, np.abs(WEIGHTS), signed=False)
    assert scores["roc_auc"] == 1
    assert all(
        math.isnan(scores[name])
        for name in scores
        if name.endswith(("atory", "itory", "right")) and name[1] != "_"
    )


def test_size_counts_not_sign_for_connections_of_either():
    couplings = np.random.default_rng(0).normal(size=(4, 4))
    one, other = (detection_scores(WEIGHTS, c) for c in (couplings, -np.abs(couplings)))
    assert one["roc_auc"] == other["roc_auc"] and one["average_precision"] == other["average_precision"]


@pytest.mark.parametrize(
    ("weights", "couplings"),
    [
        (np.ones((3, 3)), np.ones((3, 3))),
        (np.zeros((3, 3)), np.ones((3, 3))),
        (WEIGHTS, np.full((4, 4), NAN)),
        (np.full((3, 3), NAN), np.ones((3, 3))),
        (np.zeros((2, 2)), np.ones((2, 2))),
    ],
)
@pytest.mark.filterwarnings("error")
def test_nothing_to_tell_apart_is_nan(weights, couplings):
    scores = detection_scores(weights, couplings)
    assert all(math.isnan(score) for name, score in scores.items() if name.startswith(("roc", "average")))
    assert math.isnan(scores["signs_right"]) == (scores["n_excitatory"] == 0)


def test_two_neurons():
    scores = detection_scores([[0, -1.0], [0, 0]], [[0, -3.0], [1.0, 0]])
    assert (scores["roc_auc"], scores["signs_right"], scores["n_inhibitory"]) == (1, 1, 1)


def test_a_zero_is_a_zero_where_the_wiring_is_known():
    network = sparse_network(200, 20, inhibition=1e4, seed=3)  # excitation is a ten-thousandth of inhibition
    weights = network.dense_weights()
    assert network.wiring_known
    assert (connected_pairs(weights, network.wiring_known) == (weights != 0)).all()
    rng = np.random.default_rng(6)
    wired = np.where(rng.random((40, 40)) < 0.2, rng.lognormal(0, 3, (40, 40)), 0)
    np.fill_diagonal(wired, 0)
    assert (connected_pairs(wired) == (wired > 0)).all()
    assert connected_pairs(wired, False).sum() < 0.8 * (wired > 0).sum()


@pytest.mark.parametrize(
    "where", [(2, 7), (slice(None), 7), (2, slice(None))], ids=["one", "inputs", "outputs"]
)
def test_large_weights_of_one_neuron_do_not_hide_the_others(where):
    weights = np.random.default_rng(1).normal(size=(20, 20))
    np.fill_diagonal(weights, 0)
    before = connected_pairs(weights, False)
    weights[where] *= 1e5
    others = np.ones((20, 20), dtype=bool)
    others[where] = False
    # two neurons' largest weights are as typical as each other, or nearly
    assert (connected_pairs(weights, False) != before)[others].sum() <= 2
    assert before.sum() > 0.95 * 380


def test_connections_of_a_ring_are_those_near_its_largest_weight():
    """By hand: |W| / max |W| is .0129 at distance 24 and .0089 at 25."""
    network = ring_network()
    assert not network.wiring_known
    row = connected_pairs(network.weights, network.wiring_known)[0]
    distance = np.minimum(np.arange(100), 100 - np.arange(100))
    size = np.abs(network.weights[0]) / 2.28939e-3  # the largest, at distance 9
    assert row.tolist() == ((size > 0.01) & (distance > 0)).tolist()
    assert (connected_pairs(network.weights).sum(), row.sum()) == (100 * row.sum(), (size[1:] > 0.01).sum())
    # a large ring has weights too small for a double: that these are 0 says nothing
    large = ring_network(700)
    assert (large.weights == 0).any() and not large.wiring_known
    assert connected_pairs(large.weights, large.wiring_known)[0].sum() == row.sum()


def test_weights_of_a_file_are_taken_at_their_word(tmp_path):
    weights = np.where(np.random.default_rng(4).random((9, 9)) < 0.3, 1e-4, 0.0)
    np.fill_diagonal(weights, 0)
    weights[0, 1] = 1e3
    np.save(tmp_path / "wired.npy", weights)
    np.save(tmp_path / "full.npy", np.ones((3, 3)))
    assert file_network(tmp_path / "wired.npy").wiring_known
    assert not file_network(tmp_path / "full.npy").wiring_known
    assert (connected_pairs(weights) == (weights != 0)).all()
    rounded = weights + 1e-15 * np.random.default_rng(5).normal(size=(9, 9)) * (np.arange(9) > 4)
    np.fill_diagonal(rounded, 0)
    assert (connected_pairs(rounded, True) == (weights != 0)).all()


def test_a_network_without_a_family_goes_by_its_weights():
    assert Network(WEIGHTS, np.arange(4), np.ones(4), "by hand", False, {}).wiring_known


@pytest.mark.parametrize("fraction", [-0.1, 1, NAN])
def test_wrong_input_is_refused(fraction):
    with pytest.raises(ValueError, match="min_weight_fraction"):
        connected_pairs(WEIGHTS, min_weight_fraction=fraction)
    with pytest.raises(ValueError, match=r"connected must have the shape of the weights, \(4, 4\)"):
        detection_scores(WEIGHTS, WEIGHTS, connected=np.ones((3, 3)))


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_areas_are_those_of_scikit_learn(decimals):
    """Also where many pairs have the same coupling."""
    rng = np.random.default_rng(decimals)
    connected = rng.random((20, 20)) < 0.3
    couplings = np.round(rng.normal(size=(20, 20)) + connected, decimals)
    scores = detection_scores(np.where(connected, 1.0, 0.0), couplings)
    off = ~np.eye(20, dtype=bool)
    truth, found = connected[off], couplings[off]
    assert scores["roc_auc"] == pytest.approx(roc_auc_score(truth, np.abs(found)), abs=1e-12)
    expected = average_precision_score(truth, np.abs(found))
    assert scores["average_precision"] == pytest.approx(expected, abs=1e-12)
    assert scores["roc_auc_excitatory"] == pytest.approx(roc_auc_score(truth, found), abs=1e-12)
