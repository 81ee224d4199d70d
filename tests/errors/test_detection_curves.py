"""Curves of detection against those of scikit-learn, and against lists counted by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from circuitbias.errors.detection_curves import (
    MOST_POINTS,
    curve_table,
    detection_curve,
    detection_curves,
    thinned,
)
from circuitbias.estimators import Couplings
from circuitbias.networks import Network


def cases():
    rng = np.random.default_rng(4)
    truth = rng.random(500) < 0.2
    smooth = rng.normal(size=500) + truth
    return {"all different": (truth, smooth), "many ties": (truth, np.round(2 * smooth)),
            "mostly zero": (truth, np.where(smooth > 1.2, smooth, 0.0))}  # fmt: skip


@pytest.mark.parametrize("case", cases())
def test_curves_are_those_of_scikit_learn(case):
    truth, score = cases()[case]
    curve = detection_curve(truth, score)
    false, true, thresholds = roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, false[1:])  # theirs begins with the empty list
    np.testing.assert_allclose(curve.recall, true[1:])
    np.testing.assert_allclose(curve.threshold, thresholds[1:])
    precision, recall, _ = precision_recall_curve(truth, score)
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1])
    assert curve.n_listed[-1] == 500 and (np.diff(curve.n_listed) > 0).all()


def test_thinned_curves_are_points_of_the_whole_one_and_have_its_area():
    rng = np.random.default_rng(5)
    truth = rng.random(9900) < 0.1
    score = rng.normal(size=9900) + 1.5 * truth
    whole = detection_curve(truth, score)
    few = thinned(whole)
    assert len(few.threshold) <= MOST_POINTS < len(whole.threshold)
    rows = np.searchsorted(whole.n_listed, few.n_listed)
    for thin, full in zip(few, whole, strict=True):
        np.testing.assert_array_equal(thin, full[rows])
    assert few.n_listed[0] == 1 and few.n_listed[-1] == 9900
    area = auc(np.append(0, few.false_positive_rate), np.append(0, few.recall))
    assert area == pytest.approx(roc_auc_score(truth, score), abs=2e-3)
    steps = np.diff(np.append(0, whole.recall)) @ whole.precision
    assert steps == pytest.approx(average_precision_score(truth, score))


WEIGHTS = np.array([[9, -1.0, 0, 0], [0, 9, -0.5, 0], [0, 0, 9, 0.4], [0, 0, 0, 9]])
COUPLINGS = np.array([[7, -3.0, 2, 0], [0, 7, 1, 0], [0, 0, 7, 1.5], [0, 0, 0, 7]])


def test_excitation_and_inhibition_have_lists_of_their_own():
    curves = detection_curves(WEIGHTS, COUPLINGS)
    # (0, 1) inhibits and is the lowest; (1, 2) does, too, and stands above eight zeros.
    np.testing.assert_array_equal(curves["inhibitory"].n_listed, [1, 9, 10, 11, 12])
    np.testing.assert_allclose(curves["inhibitory"].recall, [0.5, 0.5, 1, 1, 1])
    np.testing.assert_allclose(curves["inhibitory"].precision, [1, 1 / 9, 2 / 10, 2 / 11, 2 / 12])
    # (2, 3) excites: one larger coupling stands before it.
    np.testing.assert_allclose(curves["excitatory"].recall[:2], [0, 1])
    np.testing.assert_allclose(curves["excitatory"].false_positive_rate[:2], [1 / 11, 1 / 11])
    # Of either sign by size: 3, 2, 1.5, 1, zeros.
    np.testing.assert_allclose(curves["either"].precision, [1, 1 / 2, 2 / 3, 3 / 4, 3 / 12])


def test_what_cannot_be_told_apart_has_no_curve():
    assert set(detection_curves(WEIGHTS, np.abs(COUPLINGS), signed=False)) == {"either"}
    assert set(detection_curves(-np.abs(WEIGHTS), COUPLINGS)) == {"inhibitory", "either"}
    assert detection_curves(np.zeros((3, 3)), np.ones((3, 3))) == {}
    assert detection_curves(WEIGHTS, np.full((4, 4), math.nan)) == {}


def test_a_table_has_a_row_a_point_and_one_for_a_run_without_any():
    network = Network(WEIGHTS, np.arange(4), np.ones(4), "four", False, {})
    model = {"r": 0.01, "theta": 1e-3}

    def run(name, values):
        spikes = {"parameters": {"model": model, "n_spikes": 10, "seed": 3}}
        parameters = {"name": name, "method": "glm", "options": {}, "spikes": spikes}
        return Couplings(values, {"traits": {"signed": True}}, {}, {"parameters": parameters})

    table = curve_table(network, [run("glm", COUPLINGS), run("none", np.full((4, 4), math.nan))])
    assert (table.r == 0.01).all() and (table.seed == 3).all()
    of_sign = table[table.estimator == "glm"].groupby("sign").size()
    assert dict(of_sign) == {"either": 5, "excitatory": 5, "inhibitory": 5}
    assert dict(table.groupby("sign").chance.first().round(4))["inhibitory"] == round(2 / 12, 4)
    (nothing,) = table[table.estimator == "none"].itertuples()
    assert nothing.note == "no pair has a coupling" and pd.isna(nothing.recall)
    assert list(curve_table(network, [])) == list(table)
