import math

import numpy as np
import pytest

from circuitbias.errors import detection_scores

WEIGHTS = np.array([[9, -1.0, 0, 0], [0, 9, -0.5, 0], [0, 0, 9, 0.005], [0, 0, 0, 9]])


def test_scores_by_hand():
    # connected: (0, 1) and (1, 2); 0.005 is below 1 % of the largest weight
    couplings = np.zeros((4, 4))
    couplings[0, 1], couplings[2, 3], couplings[1, 2] = -3, 2, 1
    scores = detection_scores(WEIGHTS, couplings)
    # of 2 x 10 pairs of (connected, not), one is the wrong way round; precision 1 and 2/3
    assert scores["roc_auc"] == pytest.approx(19 / 20)
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert detection_scores(WEIGHTS, couplings, 0)["roc_auc"] == 1


def test_missing_pairs_and_the_diagonal_do_not_count():
    couplings = -WEIGHTS.copy()
    np.fill_diagonal(couplings, 100)
    couplings[2, 3] = math.nan
    couplings[3] = math.nan
    assert detection_scores(WEIGHTS, couplings) == {"roc_auc": 1, "average_precision": 1}


def test_size_counts_not_sign():
    rng = np.random.default_rng(0)
    couplings = rng.normal(size=(4, 4))
    assert detection_scores(WEIGHTS, couplings) == detection_scores(WEIGHTS, -np.abs(couplings))


@pytest.mark.parametrize(
    ("weights", "couplings"),
    [
        (np.ones((3, 3)), np.ones((3, 3))),
        (np.zeros((3, 3)), np.ones((3, 3))),
        (WEIGHTS, np.full((4, 4), math.nan)),
        (np.full((3, 3), math.nan), np.ones((3, 3))),
    ],
)
@pytest.mark.filterwarnings("error")
def test_nothing_to_tell_apart_is_nan(weights, couplings):
    assert all(math.isnan(score) for score in detection_scores(weights, couplings).values())


@pytest.mark.parametrize("fraction", [-0.1, 1, math.nan])
def test_fraction_is_checked(fraction):
    with pytest.raises(ValueError, match="min_weight_fraction"):
        detection_scores(WEIGHTS, WEIGHTS, fraction)
