"""Families of networks against what is known of them: by hand, from theory, from the paper."""

import numpy as np
import pytest
from scipy.stats import binom, kstest

from circuitbias.catalogue import NETWORKS, find
from circuitbias.config import load_config
from circuitbias.networks import build_network, ring_network, sideband_network
from circuitbias.networks.sideband import published_profile
from circuitbias.thresholds import resolve_thresholds
from circuitbias.validation import ConfigError

STRONGEST = 2.289e-3


def weights(family, **options):
    return build_network({"family": family} | options).dense_weights()


def test_sparse_weights_are_uniform_and_placed_by_chance():
    """As those of the paper's realisation: 994 edges of 100 neurons, 15 on the diagonal, mean -1.14e-3."""
    found = weights("random_sparse", n_neurons=300, seed=5)
    there = found[found != 0]
    assert kstest(there, "uniform", (-STRONGEST, STRONGEST)).pvalue > 0.01
    outputs, inputs = (np.count_nonzero(found, axis=axis) for axis in (1, 0))
    for degrees in (outputs, inputs):
        assert degrees.var() == pytest.approx(binom(300, 0.1).var(), rel=0.25)
    low, high = binom(90_000, 0.1).ppf([0.001, 0.999])
    assert low <= len(there) <= high and 10 <= np.count_nonzero(found.diagonal()) <= 50
    paper_edges, paper_own, paper_mean = 994, 15, -1.14e-3
    assert abs(paper_edges - 1000) < 3 * binom(10_000, 0.1).std()
    assert abs(paper_own - 10) < 3 * binom(100, 0.1).std()
    assert there.mean() == pytest.approx(paper_mean, abs=4 * STRONGEST / np.sqrt(12 * paper_edges))


def test_sparse_weights_of_both_signs():
    found = weights("random_sparse", highest=STRONGEST, n_neurons=300)
    signs = np.sign(found[found != 0])
    assert abs(signs.mean()) < 4 / np.sqrt(len(signs))
    mixed = [(row > 0).any() and (row < 0).any() for row in found]
    assert np.mean(mixed) > 0.95  # no Dale's law


def test_symmetric_weights_have_the_semicircle_of_random_matrices():
    found = weights("random_symmetric", n_neurons=400)
    assert np.array_equal(found, found.T)
    upper = found[np.triu_indices(400)]
    assert kstest(upper, "uniform", (-STRONGEST, STRONGEST)).pvalue > 0.01
    values = np.linalg.eigvalsh(found)
    spread = STRONGEST / np.sqrt(12)
    # One eigenvalue is that of the mean, -n STRONGEST / 2; the others fill Wigner's semicircle.
    assert values[0] == pytest.approx(-400 * STRONGEST / 2, rel=0.03)
    assert values[-1] == pytest.approx(2 * spread * np.sqrt(400), rel=0.05)
    assert values[1] == pytest.approx(-2 * spread * np.sqrt(400), rel=0.05)


def test_dale_s_law():
    found = weights("excitation_inhibition", n_neurons=500, excitatory=0.7, inhibition=3.0)
    assert (found[:350] >= 0).all() and (found[350:] <= 0).all() and not found.diagonal().any()
    excites, inhibits = found[:350][found[:350] > 0], found[350:][found[350:] < 0]
    assert kstest(excites, "uniform", (0, STRONGEST)).pvalue > 0.01
    assert kstest(inhibits, "uniform", (-3 * STRONGEST, 3 * STRONGEST)).pvalue > 0.01
    assert np.count_nonzero(found) == pytest.approx(0.1 * 500 * 499, rel=0.03)


def test_a_balanced_network_has_no_mean_input():
    inputs = weights("excitation_inhibition", n_neurons=2000).sum(axis=0)
    assert abs(inputs.mean()) < 5 * inputs.std() / np.sqrt(400)  # columns share their inhibitory neurons


def clustering(there):
    """Part of the pairs of a neuron's targets that are connected, one way of the two counted each."""
    shares = []
    for row in there:
        targets = np.flatnonzero(row)
        shares.append(there[np.ix_(targets, targets)].sum() / (len(targets) * (len(targets) - 1)))
    return np.mean(shares)


def test_a_small_world_clusters_and_is_small():
    from scipy.sparse.csgraph import shortest_path

    lattice, world, anywhere = (
        weights("small_world", n_neurons=200, n_neighbours=10, shortcuts=p) != 0 for p in (0, 0.05, 1)
    )
    offsets = (np.argwhere(lattice)[:, 1] - np.argwhere(lattice)[:, 0] + 100) % 200 - 100
    assert sorted(set(offsets)) == [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]
    k = 10  # Watts & Strogatz: 3 (k - 2) / 4 (k - 1) of a lattice, k / n if targets are drawn by chance
    assert clustering(lattice) == pytest.approx(3 * (k - 2) / (4 * (k - 1)))
    assert clustering(anywhere) < 0.1
    assert clustering(world) > 0.5
    paths = [shortest_path(found.astype(float)).mean() for found in (lattice, world, anywhere)]
    assert paths[0] > 10 and paths[1] < 5 and paths[2] < 3
    for found in (lattice, world, anywhere):
        assert (found.sum(axis=1) == k).all() and not found.diagonal().any()
    assert world[~lattice].sum() == pytest.approx(0.05 * 2000, abs=4 * np.sqrt(95))


def test_shortcuts_where_there_are_hardly_any_others():
    found = weights("small_world", n_neurons=6, n_neighbours=5, shortcuts=1.0)
    assert (found == -STRONGEST * (1 - np.eye(6))).all()


@pytest.mark.parametrize("periodic", [True, False])
def test_weights_of_a_sheet_by_their_distance(periodic):
    options = {"sigma1": 1.1, "sigma2": 1.3, "a1": 2.0, "a2": 1.1}
    found = weights("sheet", n_rows=4, n_columns=6, periodic=periodic, **options)

    def weight(i, j):
        rows, columns = abs(i // 6 - j // 6), abs(i % 6 - j % 6)
        if periodic:
            rows, columns = min(rows, 4 - rows), min(columns, 6 - columns)
        square = rows**2 + columns**2
        return 2 * (np.exp(-square / 2 / 1.1**2) - 1.1 * np.exp(-square / 2 / 1.3**2))

    by_hand = [[weight(i, j) for j in range(24)] for i in range(24)]
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


def test_a_sheet_of_one_row_is_a_ring():
    ring = ring_network(30, sigma1=2.0, sigma2=2.01).weights
    found = weights("sheet", n_rows=1, n_columns=30, sigma1=2.0, sigma2=2.01)
    np.testing.assert_allclose(found, ring, atol=1e-15)
    assert not build_network({"family": "sheet"}).wiring_known  # all are connected, ever more weakly


def test_connections_of_a_sheet_fall_off_with_distance():
    network = build_network({"family": "sheet", "n_rows": 30, "n_columns": 30, "reach": 2.0})
    there, whole = network.weights != 0, weights("sheet", n_rows=30, n_columns=30)
    assert network.wiring_known
    assert (network.weights[there] == whole[there]).all()
    right = there[np.arange(900), np.arange(900) // 30 * 30 + (np.arange(900) + 2) % 30]
    assert right.mean() == pytest.approx(np.exp(-0.5), abs=4 * np.sqrt(0.24 / 900))


def test_chaotic_weights_fill_the_circle_of_ginibre():
    """The paper's realisations: a spectral radius of 1.006; of the sparse one .342, with 1020 weights."""
    dense, sparse = weights("chaotic", n_neurons=400), weights("chaotic", n_neurons=400, connected=0.1)
    assert kstest(dense.ravel(), "norm", (0, 1 / 20)).pvalue > 0.01
    for found, radius in ((dense, 1.0), (sparse, np.sqrt(0.1))):
        sizes = np.abs(np.linalg.eigvals(found))
        assert sizes.max() == pytest.approx(radius, rel=0.12)
        assert (sizes < radius / 2).mean() == pytest.approx(1 / 4, abs=0.05)  # evenly over the circle
    assert ((sparse == 0) | (sparse == dense)).all()
    assert np.count_nonzero(sparse) == pytest.approx(16_000, abs=4 * binom(160_000, 0.1).std())


def test_the_published_sidebands():
    """FACTS of the stored matrix: a main band at 4 ... 19 with its minimum at 11, another at 32 ... 43."""
    profile = published_profile("mpf")
    assert np.flatnonzero(profile[1:51]).tolist() == [*range(3, 19), *range(31, 43)]
    assert profile[1:51].argmin() == 10 and 32 + profile[32:44].argmin() == 37
    assert profile[37] == pytest.approx(-7.1e-4, abs=1e-5) and profile[0] == -0.0005
    ring = ring_network().weights
    assert profile.min() == pytest.approx(ring.min(), rel=1e-9)
    mixed = weights("sideband", fraction=1 / 3)
    np.testing.assert_allclose(mixed, 2 / 3 * ring + weights("sideband") / 3, rtol=1e-12)
    assert build_network({"family": "sideband"}).equivalent_positions
    assert weights("sideband", profile="ising").max() > 0  # that one was not cut off at 0


def test_the_recipe_of_sidebands_by_hand():
    ring = ring_network(6, sigma1=1.0, sigma2=1.01)
    couplings = np.full((6, 6), np.nan)
    for pre in range(6):
        for offset, value in enumerate([-1.0, -3.0, 2.0, -4.0, 0.0], 1):
            couplings[pre, (pre + offset) % 6] = value + (-1) ** pre  # what differs between rows goes
    couplings[0, 1] = np.nan  # offset 1 is left with (0 - 2 + 0 - 2 - 2) / 5 of five rows
    # Without what excites -1.2, -3, 0, -4, 0; the same both ways -.6, -3.5, 0, -3.5, -.6; -4 is the
    # strongest.
    made = sideband_network(couplings, ring)
    strongest = ring.weights[0, 1:].min()
    np.testing.assert_allclose(made.weights[0, 1:], strongest * np.array([0.6, 3.5, 0, 3.5, 0.6]) / 4)
    assert made.weights[0, 0] == ring.weights[0, 0]
    half = sideband_network(couplings, ring, fraction=0.5)
    np.testing.assert_allclose(half.weights, (ring.weights + made.weights) / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("couplings", "message"),
    [
        (np.zeros((5, 5)), "shape is .5, 5.; allowed is that of the ring, .6, 6."),
        (np.eye(6), "no mean coupling inhibits"),
        (np.where(np.roll(np.eye(6), 2, axis=1), np.nan, -1.0), "offset 2 has no coupling"),
    ],
)
def test_couplings_that_make_no_sideband(couplings, message):
    with pytest.raises(ValueError, match=message):
        sideband_network(couplings, ring_network(6))
    with pytest.raises(ValueError, match="not circulant"):
        sideband_network(np.ones((6, 6)), build_network({"family": "chaotic", "n_neurons": 6}))


def test_published_thresholds_of_sidebands():
    def thresholds(**network):
        config = {"network": {"family": "sideband"} | network, "strengths": [0.01, 0.025]}
        return list(resolve_thresholds(load_config(config)).values())

    assert thresholds() == [1.108e-3, 1.044e-3]
    assert thresholds(fraction=0.333) == [1.040e-3, 8.40e-4]
    assert thresholds(fraction=2 / 3) == [1.065e-3, 9.42e-4]
    for other in ({"fraction": 0.5}, {"profile": "glm"}, {"pinned": True}, {"fraction": 0.0}):
        with pytest.raises(ConfigError, match="1/3, 2/3 or all of its sidebands only"):
            thresholds(**other)


def test_a_row_of_a_sheet_and_a_small_world_without_shortcuts_are_rings():
    """Weights depend on the offset alone, so that rows of an estimate are repetitions (docs/errors.md)."""
    rings = [
        {"family": "sheet", "n_rows": 1, "n_columns": 12},
        {"family": "small_world", "n_neurons": 12, "n_neighbours": 3, "shortcuts": 0.0},
    ]
    for options in rings:
        made = build_network(options)
        whole = made.dense_weights()
        assert all(np.array_equal(np.roll(whole[0], k), whole[k]) for k in range(12))
        assert made.circulant and made.equivalent_positions
    for other in ({"periodic": False}, {"reach": 2.0}, {"n_rows": 2}):
        assert not build_network(rings[0] | other).circulant
    assert not build_network(rings[1] | {"shortcuts": 0.5}).circulant


SIZES = [name for name in NETWORKS if name not in ("file", "sideband", "sheet")]


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("n", [2, 3, 1000])
def test_any_size(family, n):
    few = {"sparse": {"n_inputs": 1}, "small_world": {"n_neighbours": 1}}.get(family, {})
    network = build_network({"family": family, "n_neurons": n} | few)
    assert network.n_neurons == n and np.isfinite(network.dense_weights()).all()
    assert find("networks", family)(n_neurons=n, **few).size == n


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        ("random_sparse", {"connected": 1.5}, "connected = 1.5: must be a finite number >= 0 and <= 1"),
        ("random_sparse", {"lowest": 0.1}, "lowest = 0.1: must be < highest = 0.0"),
        ("random_symmetric", {"n_neurons": 1}, "n_neurons = 1: must be a whole number >= 2"),
        ("excitation_inhibition", {"inhibition": -1}, "inhibition = -1"),
        ("small_world", {"n_neurons": 10, "n_neighbours": 10}, "n_neighbours = 10: must be < n_neurons = 10"),
        ("sheet", {"reach": 0}, "reach = 0.0: must be"),
        ("chaotic", {"connected": -0.1}, "connected = -0.1: must be"),
        ("sideband", {"fraction": 2}, "fraction = 2.0: must be"),
        ("sideband", {"profile": "tap"}, "profile = 'tap': must be one of `mpf`, `glm`, `ising`"),
    ],
)
def test_bad_options_are_named(family, options, message):
    with pytest.raises(ConfigError, match=message):
        build_network({"family": family} | options)
