"""Probabilities and lists: hand-worked, and on evidence whose probability is known."""

import numpy as np
import pytest

from circuitbias.trust.calibration import Case, calibration_error, learn, listed, lists, real_pairs


def test_a_list_is_as_long_as_its_mean_allows():
    phantom = np.array([0.3, 0.0, np.nan, 0.1, 0.9, 0.1])
    assert listed(phantom, 0.1).tolist() == [False, True, False, True, False, True]  # .2 / 3 < .1 < .5 / 4
    assert listed(phantom, 0.125).tolist() == [True, True, False, True, False, True]
    assert not listed(np.array([0.5, np.nan]), 0.2).any()


def test_excitation_and_inhibition_have_lists_of_their_own():
    phantom = np.array([0.0, 0.0, 0.0, 0.3, 0.3])
    signs = np.array([1, 1, 1, 1, -1])
    assert lists(phantom, signs)[0.1].tolist() == [True, True, True, True, False]


def test_calibration_error_by_hand():
    phantom = np.array([0.9, 0.9, 0.1, 0.1])
    real = np.array([False, True, True, True])
    assert calibration_error(phantom, real) == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)


def test_a_weight_of_the_other_sign_is_no_discovery():
    weights = np.array([[0, 1.0, -1.0], [0.01, 0, 1.0], [0, -1.0, 0]])
    signs = np.array([1, 1, 1, 1, -1, -1])  # 01 02 10 12 20 21
    assert real_pairs(weights, signs).tolist() == [True, False, False, True, False, True]


def case(seed, group, slope=2.0):
    rng = np.random.default_rng(seed)
    evidence = rng.normal(size=(4000, 3))
    chance = 1 / (1 + np.exp(-slope * (evidence[:, 0] - 1)))
    signs = rng.choice([-1, 1], 4000)
    return Case(evidence, signs, rng.random(4000) < chance, group), 1 - chance


def test_probabilities_are_those_of_the_evidence_and_promises_are_kept():
    cases = [case(k, "ab"[k % 2])[0] for k in range(4)]
    judge = learn(cases)
    new, truth = case(9, "a")
    phantom, _ = judge.phantom(new.features, new.signs)
    assert np.abs(phantom - truth).mean() < 0.06
    for promise, chosen in lists(phantom, new.signs).items():
        assert chosen.sum() > 40
        chance = 3 * np.sqrt(promise * (1 - promise) / chosen.sum())
        assert 1 - new.real[chosen].mean() == pytest.approx(promise, abs=0.03 + chance)
    for one, found in zip(cases, judge.held_out, strict=True):
        assert calibration_error(found, one.real) < 0.05


def test_the_promise_is_that_of_the_worse_simulator():
    cases = [case(k, "ab"[k % 2], slope=(4.0, 0.5)[k % 2])[0] for k in range(4)]
    judge = learn(cases)
    features, signs = cases[0].features, cases[0].signs
    each = judge.phantoms(features, signs)
    assert judge.phantom(features, signs)[1] == "b"
    sure = features[:, 0] > 2
    assert each["b"][sure].mean() > each["a"][sure].mean() + 0.1


def test_no_coupling_no_probability_and_one_twin_is_too_few():
    one, _ = case(0, "a")
    with pytest.raises(ValueError, match="1 twins: at least 2"):
        learn([one])
    judge = learn([one, case(1, "b")[0]])
    assert np.isnan(judge.phantom(one.features[:2], np.array([0, 0]))[0]).all()
