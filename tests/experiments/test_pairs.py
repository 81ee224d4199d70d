"""Errors of pairs, against correlations, couplings and distances made by numpy and by hand."""

import numpy as np
import pytest

import circuitbias as cb
from circuitbias.experiments.pairs import graph_distances, run
from circuitbias.networks import Network
from circuitbias.spikes.segments import SpikeRecord

RESOURCES = {"memory_mb": 500, "device": "cpu"}
MEAN_FIELD = {"mean_field": {"method": "mean_field"}}


def examine(network, spikes, estimators=MEAN_FIELD, **options):
    given = {"bin_steps": 100, "n_groups": 3, "least_weight": 0.05, "n_spikes": None} | options
    table, arrays = run(network, spikes, estimators=estimators, resources=RESOURCES, **given)
    assert arrays == {}
    return table


def distances_by_search(connected):
    """Breadth first, one neuron after the other."""
    either = connected | connected.T
    found = np.full(connected.shape, np.inf)
    for start in range(len(connected)):
        edge, steps = {start}, 0
        while edge:
            for neuron in edge:
                found[start, neuron] = steps
            steps += 1
            edge = {j for i in edge for j in np.flatnonzero(either[i]) if np.isinf(found[start, j])}
    return found


def test_distances_are_those_of_a_search():
    rng = np.random.default_rng(0)
    connected = rng.random((40, 40)) < 0.04
    np.fill_diagonal(connected, False)
    connected[7] = connected[:, 7] = False  # on its own
    expected = distances_by_search(connected)
    assert np.isinf(expected).any() and expected[np.isfinite(expected)].max() > 3
    np.testing.assert_array_equal(graph_distances(connected), expected)


@pytest.fixture(scope="module")
def wired():
    """Two chains, one of inhibition and one of excitation, and two neurons of no connection."""
    weights = np.zeros((12, 12))
    weights[range(5), range(1, 6)] = -0.02
    weights[range(6, 9), range(7, 10)] = 0.01
    network = Network(weights, np.arange(12), np.ones(12), "chains", False, {})
    spikes = cb.simulate(network, r=0.02, rate_hz=40, n_spikes=30_000, seed=1)
    return network, spikes


def by_hand(network, spikes):
    """Errors of each half by naive mean field, in units of the weights, and correlations of the halves."""
    steps, neurons = (
        np.concatenate([getattr(piece, name) for piece in spikes.pieces]) for name in ("steps", "neurons")
    )
    total = int(spikes.trial_steps.sum())
    half = total // 2
    weights, off = network.dense_weights(), ~np.eye(12, dtype=bool)
    unit = np.sqrt((weights[weights != 0] ** 2).mean())
    errors, correlations = [], []
    for start in (0, total - half):
        inside = (steps >= start) & (steps < start + half // 100 * 100)
        counts = np.zeros((half // 100, 12))
        np.add.at(counts, ((steps[inside] - start) // 100, neurons[inside]), 1)
        couplings = -np.linalg.inv(np.cov(counts.T, bias=True))
        scale = (weights * couplings)[off].sum() / (couplings[off] ** 2).sum()
        errors.append((scale * couplings - weights) / unit)
        correlations.append(np.corrcoef(counts.T))
    return errors, correlations


def test_errors_by_distance_are_those_that_numpy_finds(wired):
    network, spikes = wired
    table = examine(network, spikes)
    (first, second), _ = by_hand(network, spikes)
    weights = network.dense_weights()
    apart = distances_by_search(weights != 0)
    rows = table[table.against == "distance"].set_index(["kind", "at"])
    pairs = {
        ("inhibitory", 1.0): weights < 0,
        ("excitatory", 1.0): weights > 0,
        ("unconnected", 1.0): (weights == 0) & (apart == 1),  # connected the other way round
    } | {("unconnected", d): apart == d for d in (2.0, 3.0, 4.0, 5.0, np.inf)}
    assert set(rows.index) == set(pairs)
    for key, mask in pairs.items():
        both = np.concatenate([first[mask], second[mask]])
        row = rows.loc[key]
        assert row.n_pairs == mask.sum()
        assert (row["mean"], row.low, row.high) == pytest.approx(
            (both.mean(), *np.percentile(both, (10, 90))), rel=1e-6, abs=1e-9
        )
        shared = max((first[mask] * second[mask]).mean(), 0)
        assert row.systematic == pytest.approx(np.sqrt(shared), rel=1e-5, abs=1e-6)


def test_errors_of_one_half_stand_against_the_correlations_of_the_other(wired):
    network, spikes = wired
    table = examine(network, spikes, n_groups=2)
    errors, correlations = by_hand(network, spikes)
    mask = (network.dense_weights() == 0) & ~np.eye(12, dtype=bool)
    x = np.concatenate([correlations[1][mask], correlations[0][mask]])
    y = np.concatenate([errors[0][mask], errors[1][mask]])
    order = np.argsort(x, kind="stable")
    rows = table[(table.against == "correlation") & (table.kind == "unconnected")]
    for row, part in zip(rows.itertuples(), np.array_split(order, 2), strict=True):
        assert row.at == pytest.approx(x[part].mean(), abs=1e-9)
        assert row.mean == pytest.approx(y[part].mean(), abs=1e-7)
    ranks = [np.argsort(np.argsort(one)) for one in (x, y)]
    assert rows.rank_correlation.iloc[0] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=0.01)
    assert rows.systematic.isna().all()


def test_of_independent_neurons_nothing_is_spurious_though_noise_is(record_of):
    """In one and the same half couplings follow the chance correlations: halves are crossed for that."""
    rng = np.random.default_rng(2)
    spikes = record_of((rng.random((40_000, 30)) < 0.3).astype(int))
    weights = np.zeros((30, 30))
    weights[0, 1] = weights[1, 2] = weights[5, 6] = -1.0
    network = Network(weights, np.arange(30), np.ones(30), "three", False, {})
    table = examine(
        network, spikes, bin_steps=10, estimators={"m": {"method": "mean_field", "bin_steps": 10}}
    )
    rows = table[table.kind == "unconnected"]
    # 861 pairs of either half: a rank correlation by chance has a spread of about .03
    assert abs(rows.rank_correlation.iloc[0]) < 0.12
    spread = (rows.high - rows.low).max() / 2.56  # of noise, as a standard deviation
    apart = rows[np.isinf(rows["at"])]
    assert (apart.systematic < 0.35 * spread).all()


def test_spurious_couplings_of_a_strong_ring_are_those_of_the_method(ring):
    """Published of r >= 0.02: mean field has positive ones between bumps, the GLM negative ones alone."""
    spikes = cb.simulate(ring, r=0.0225, theta=7.7e-4, n_spikes=300_000, seed=3)
    asked = {"mean_field": {"method": "mean_field"}, "glm": {"method": "glm"}}
    table = examine(ring, spikes, asked, n_groups=8)
    rows = table[(table.kind == "unconnected") & (table.against == "correlation")]
    lowest, highest = (rows.groupby("estimator")["mean"].nth(k).to_numpy() for k in (0, -1))
    assert highest[0] > 0.3 and abs(highest[1]) < 0.05
    assert lowest[1] < -0.1
    follows = rows.groupby("estimator").rank_correlation.first()
    assert follows.mean_field > 0.25


def test_a_method_that_finds_nothing_has_one_row_that_says_why(wired):
    network, spikes = wired
    short = SpikeRecord(12, 0.1, list(spikes.segments(0, 0, 300)))  # three bins for twelve neurons
    table = examine(network, short, {"glm": {"method": "glm"}, "mean_field": {"method": "mean_field"}})
    assert list(table.estimator) == ["glm", "mean_field"]
    assert table.total.isna().all() and table.note.str.len().min() > 10
