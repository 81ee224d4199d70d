import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from circuitbias import api
from circuitbias.errors import (
    circulant_errors,
    connected_pairs,
    detection_scores,
    fit_scale,
    rows_corrected,
    seed_errors,
    total_error,
)
from circuitbias.errors.of_estimate import CONDITION, InvertedCouplingsWarning, run_of, sum_of_counts
from circuitbias.errors.tables import error_table, profile_table, repetition_table
from circuitbias.estimators import Couplings
from circuitbias.experiments.sweep import error_row
from circuitbias.networks.network import Network
from circuitbias.networks.ring import ring_network

OLDER = ("scale_l1", "total_l1", "bias_l1", "variance_l1")


@pytest.fixture(scope="module")
def small_ring():
    return ring_network(20, sigma1=1.98, sigma2=2.0)


@pytest.fixture(scope="module")
def asymmetric():
    weights = np.random.default_rng(1).normal(size=(20, 20)) * (
        np.random.default_rng(2).random((20, 20)) < 0.2
    )
    return Network(weights, np.arange(20), np.ones(20), "random", False, {})


def run(network, seed=1, r=0.01, name="glm", noise=0.2):
    """Couplings as the estimate step leaves them: a noisy copy of the weights."""
    size = np.abs(network.weights).max()
    rng = np.random.default_rng(seed)
    return Couplings(
        3 * network.weights + noise * size * rng.normal(size=network.weights.shape),
        provenance={
            "parameters": {
                "name": name,
                "method": "glm",
                "options": {"ridge": 0.0, "bin_steps": 100},
                "n_spikes": 10_003,
                "spikes": {
                    "parameters": {
                        "model": {"r": r, "theta": 0.001, "b": 0.001},
                        "n_spikes": 10_000,
                        "seed": seed,
                    }
                },
            }
        },
    )


def test_what_identifies_a_run(small_ring):
    assert run_of(run(small_ring, seed=4)) == {
        "estimator": "glm",
        "method": "glm",
        "options": '{"bin_steps": 100, "ridge": 0.0}',
        "r": 0.01,
        "theta": 0.001,
        "n_spikes": 10_000,  # those asked for: the same for all seeds
        "seed": 4,
    }
    with pytest.raises(ValueError, match="'parameters' is not in the provenance"):
        run_of(Couplings(np.eye(3)))


def test_error_table_of_a_ring(small_ring):
    runs = [run(small_ring), run(small_ring, seed=2, r=0.02, name="other")]
    runs[1].values[3, 5] = np.nan
    table = error_table(small_ring, runs)
    assert table.estimator.tolist() == ["glm", "other"]
    assert table.r.tolist() == [0.01, 0.02]
    assert table.n_pairs.tolist() == [380, 379]
    for row, couplings in zip(table.itertuples(), runs, strict=True):
        expected = vars(circulant_errors(small_ring.weights, couplings.values))
        connected = connected_pairs(small_ring.weights, wiring_known=False)
        expected |= detection_scores(small_ring.weights, couplings.values, connected)
        assert {key: getattr(row, key) for key in expected} == pytest.approx(expected, nan_ok=True)
        assert row.bias > 0


def test_errors_in_the_older_convention_of_the_scale(small_ring):
    """The scale minimises a sum of absolute values over the mean profile; the errors are sums over pairs."""
    couplings = run(small_ring, noise=0.5)
    (row,) = error_table(small_ring, [couplings]).to_dict("records")
    n, weights, values = 20, small_ring.weights, couplings.values
    offsets = range(1, n)
    profile = np.array([np.mean([values[i, (i + d) % n] for i in range(n)]) for d in offsets])
    truth = weights[0, 1:]
    scale = minimize_scalar(
        lambda factor: np.abs(factor * profile - truth).sum(), bounds=(0, 1), options={"xatol": 1e-10}
    ).x
    residual = scale * values - weights
    of_offset = np.array([[residual[i, (i + d) % n] for i in range(n)] for d in offsets])
    norm = np.linalg.norm([weights[0, d] for d in offsets]) * np.sqrt(n)
    assert row["scale_l1"] == pytest.approx(scale, rel=1e-6)
    assert abs(row["scale_l1"] / row["scale"] - 1) > 0.05
    assert row["total_l1"] == pytest.approx(np.linalg.norm(of_offset) / norm, rel=1e-5)
    assert row["bias_l1"] == pytest.approx(np.sqrt(n) * np.linalg.norm(of_offset.mean(1)) / norm, rel=1e-5)
    assert row["variance_l1"] == pytest.approx(
        np.sqrt(n * of_offset.var(axis=1, ddof=1).sum()) / norm, rel=1e-5
    )


def test_error_table_of_another_network(asymmetric):
    couplings = run(asymmetric)
    (row,) = error_table(asymmetric, [couplings]).to_dict("records")
    assert row["total"] == total_error(asymmetric.weights, couplings.values)
    assert row["scale"] == fit_scale(asymmetric.weights, couplings.values)
    assert all(
        math.isnan(row[name]) for name in ("bias", "variance", "bias_proportion", "bias_corrected", *OLDER)
    )
    assert row["split_by"] == "nothing"
    assert row["roc_auc"] == detection_scores(asymmetric.weights, couplings.values)["roc_auc"]


def test_repetitions_are_runs_that_differ_in_the_seed_alone(asymmetric):
    runs = [run(asymmetric, seed, r) for r in (0.01, 0.02) for seed in (1, 2, 3)] + [run(asymmetric, r=0.03)]
    table = repetition_table(asymmetric, runs)
    assert table.r.tolist() == [0.01, 0.02]
    assert table.n_seeds.tolist() == [3, 3]
    expected = seed_errors(asymmetric.weights, np.stack([couplings.values for couplings in runs[:3]]))
    assert table.iloc[0].variance == expected.variance > 0
    assert table.iloc[0].bias == expected.bias
    assert json.loads(table.iloc[0].options) == {"bin_steps": 100, "ridge": 0.0}


def test_seeds_of_a_ring_are_averaged(small_ring):
    """Means of squares; their standard errors are those of a mean of independent numbers."""
    runs = [run(small_ring, seed, noise=0.3) for seed in (1, 2, 3)]
    runs[1].values[3, 5] = np.nan
    (row,) = repetition_table(small_ring, runs).to_dict("records")
    singles = [rows_corrected(small_ring.weights, couplings.values) for couplings in runs]

    def of(name):
        return np.array([getattr(single, name) for single in singles])

    def se_of_mean(values):
        return np.sqrt(np.square(values).sum()) / 3

    upper = (of("variance") + of("variance_se")) ** 2 - of("variance") ** 2  # a standard error upwards
    variance2 = np.mean(of("variance") ** 2)
    assert row["corrected_by"] == "rows"
    assert row["n_pairs"] == row["n_pairs_corrected"] == 379
    assert row["bias2_corrected"] == pytest.approx(of("bias2").mean())
    assert row["bias2_corrected_se"] == pytest.approx(se_of_mean(of("bias2_se")))
    assert row["scale_corrected"] == pytest.approx(of("scale").mean())
    assert row["scale_corrected_se"] == pytest.approx(se_of_mean(of("scale_se")))
    assert row["variance_corrected"] == pytest.approx(np.sqrt(variance2))
    assert (row["variance_corrected"] + row["variance_corrected_se"]) ** 2 == pytest.approx(
        variance2 + se_of_mean(upper)
    )


def test_no_repetitions(asymmetric):
    table = repetition_table(asymmetric, [run(asymmetric)])
    assert table.empty
    assert table.columns[: len(CONDITION)].tolist() == CONDITION


def test_profiles(small_ring):
    table = profile_table(small_ring, [run(small_ring, noise=0), run(small_ring, seed=2)])
    exact, noisy = (rows for _, rows in table.groupby("seed"))
    assert exact.offset.tolist() == list(range(1, 20))
    np.testing.assert_allclose(exact.weight, small_ring.weights[0, 1:])
    np.testing.assert_allclose(exact.coupling, exact.weight)  # scaled back
    np.testing.assert_allclose(exact.coupling_corrected, exact.weight)
    # shrinkage taken away, the profile is the true one within its errors, and less nearly so with it
    off = (noisy.coupling_corrected - noisy.weight) / noisy.coupling_corrected_se
    assert 0.5 < np.sqrt((off**2).mean()) < 1.5
    assert np.abs(noisy.coupling).mean() < np.abs(noisy.coupling_corrected).mean()
    assert not np.allclose(noisy.coupling, noisy.weight, rtol=1e-3)


def test_profiles_need_a_circulant_network(asymmetric):
    table = profile_table(asymmetric, [run(asymmetric)])
    assert table.empty
    assert table.columns.tolist()[:6] == ["estimator", "r", "seed", "offset", "weight", "coupling"]


def test_the_volume_is_what_a_method_says_it_saw_and_unknown_rather_than_wrong():
    def volume(**told):
        return sum_of_counts(Couplings(np.zeros((3, 3)), told), 500)

    assert volume(n_counts=123, traits={"binary": True}) == 123
    assert volume() == volume(traits={"binary": False}) == 500  # counts are spikes
    assert math.isnan(volume(traits={"binary": True}))  # of which there are fewer, by nobody knows how many


def test_couplings_with_all_signs_wrong_are_said_to_be(asymmetric):
    right, wrong, unsigned = run(asymmetric), run(asymmetric, seed=2), run(asymmetric, seed=3)
    wrong.values *= -1
    unsigned.values = -np.abs(unsigned.values)
    unsigned.diagnostics["traits"] = {"signed": False}
    with pytest.warns(InvertedCouplingsWarning, match=r"glm at r = 0.01, seed 2: only a negative scale \(-"):
        table = error_table(asymmetric, [right, wrong, unsigned])
    assert table.inverted.tolist() == [False, True, False]
    assert table.signs_right[0] > 0.9 and table.signs_right[1] < 0.2 and math.isnan(table.signs_right[2])
    assert table.total[1] == pytest.approx(error_table(asymmetric, [run(asymmetric, seed=2)]).total[0])
    assert table.roc_auc_inhibitory[0] > 0.9 and table.roc_auc_inhibitory[1] < 0.2
    # estimated in Python, it says the method alone; a sweep says it in its notes
    wrong.provenance, wrong.diagnostics = {}, {"method": "glm"}
    with pytest.warns(InvertedCouplingsWarning, match="^glm: only a negative"):
        assert api.compare(asymmetric, wrong).inverted
    assert "signs the wrong way round" in error_row(asymmetric, wrong, 100, "")["note"]
    # nothing estimated, nothing inverted
    right.values[:] = np.nan
    assert error_table(asymmetric, [right]).inverted.tolist() == [False]


def test_rows_split_errors_only_where_no_neuron_can_be_told_from_another(small_ring):
    n = small_ring.n_neurons
    alone = np.ones(n)
    alone[3] = 0
    held = np.zeros((n, n))
    held[4, 4] = np.abs(small_ring.weights).max()
    pinned = replace(small_ring, drive_scale=alone)
    inhibited = replace(small_ring, weights=small_ring.weights + held)
    assert small_ring.equivalent_positions
    assert not pinned.equivalent_positions and not inhibited.equivalent_positions
    assert replace(small_ring, drive_scale=np.full(n, 0.5)).equivalent_positions
    unseen = run(small_ring)
    unseen.values[5] = unseen.values[:, 5] = np.nan
    for network, couplings in ((pinned, run(pinned)), (inhibited, run(inhibited)), (small_ring, unseen)):
        (row,) = error_table(network, [couplings]).to_dict("records")
        assert row["split_by"] == "nothing" and math.isnan(row["bias"]) and math.isnan(row["bias_corrected"])
        assert math.isnan(row["variance_l1"]) and row["total_l1"] > 0
        couplings.arrays["blocks"] = np.stack([run(network, seed, noise=0.4).values for seed in range(4)])
        (row,) = error_table(network, [couplings]).to_dict("records")
        assert row["split_by"] == "blocks"
        assert row["total"] ** 2 == pytest.approx(row["bias"] ** 2 + row["variance"] ** 2)
        assert row["variance_corrected"] > 0 and row["bias_corrected_se"] > 0
        couplings.arrays["blocks"][1:] = np.nan  # one part alone tells nothing
        (row,) = error_table(network, [couplings]).to_dict("records")
        assert row["split_by"] == "nothing" and math.isnan(row["variance"]) and row["total"] > 0


def test_errors_over_seeds_have_the_total_of_single_seeds(asymmetric, small_ring):
    for network, by in ((asymmetric, "seeds"), (small_ring, "rows")):
        runs = [run(network, seed) for seed in range(4)]
        (over,) = repetition_table(network, runs).to_dict("records")
        singles = error_table(network, runs)
        assert over["total"] ** 2 == pytest.approx((singles.total**2).mean())
        assert over["total"] ** 2 == pytest.approx(over["bias"] ** 2 + over["variance"] ** 2)
        assert over["corrected_by"] == by
        # a copy of the weights with noise has no bias, but on a shrunken scale it seems to
        assert over["bias"] > 0.9 * over["total"] ** 2
        assert abs(over["bias2_corrected"]) < 3 * over["bias2_corrected_se"] < 0.1
        assert over["scale_corrected"] == pytest.approx(1 / 3, abs=4 * over["scale_corrected_se"])
