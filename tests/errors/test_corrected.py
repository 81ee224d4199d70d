"""The bias that stays with infinite data, and the spread of one estimate: known ones are found again."""

import math

import numpy as np
import pytest

from circuitbias.errors import blocks_corrected, rows_corrected, seed_errors, seeds_corrected
from circuitbias.errors.corrected import CorrectedErrors
from circuitbias.errors.repeated import block_errors

N = 60
NAN = math.nan
OFF = ~np.eye(N, dtype=bool)


def unit(matrix):
    return matrix / np.linalg.norm(matrix[OFF])


def ring(values):
    d = np.arange(N)
    return unit(np.where(OFF, values[(d - d[:, None]) % N], 0))


D = np.minimum(np.arange(N), N - np.arange(N))
RING = ring(-np.exp(-(D**2) / 40))
RING_BIAS = ring(np.cos(2 * np.pi * 4 * D / N))
RING_BIAS = unit(RING_BIAS - RING * (RING * RING_BIAS)[OFF].sum())


def sparse(seed):
    """A random asymmetric network, and a systematic error orthogonal to it."""
    rng = np.random.default_rng(seed)
    weights = unit(np.where(OFF & (rng.random((N, N)) < 0.1), rng.normal(size=(N, N)), 0))
    bias = np.where(OFF, rng.normal(size=(N, N)), 0)
    return weights, unit(bias - weights * (weights * bias).sum())


def noise(rng, power, symmetric=False):
    """A matrix of this expected power off the diagonal."""
    matrix = math.sqrt(power / (N * (N - 1))) * rng.normal(size=(N, N))
    return np.triu(matrix, 1) + np.triu(matrix, 1).T if symmetric else np.where(OFF, matrix, 0)


def check(runs, beta2, xi2, scale):
    """Means over runs are the true values, and the standard errors are those that runs scatter by."""
    truths = {
        "bias2": beta2 / (1 + beta2),
        "variance": math.sqrt(xi2) / (1 + beta2),
        "scale": scale / (1 + beta2),
    }
    for name, truth in truths.items():
        values = np.array([getattr(run, name) for run in runs])
        scatter = values.std(ddof=1)
        assert abs(values.mean() - truth) < 4 * scatter / math.sqrt(len(runs)), name
        told = math.sqrt(np.mean([getattr(run, f"{name}_se") ** 2 for run in runs]))
        assert 0.7 < told / scatter < 2, (name, told, scatter)
    assert all(run.bias == math.sqrt(max(run.bias2, 0)) for run in runs)
    assert all(run.bias_se > 0 and run.n_pairs == N * (N - 1) for run in runs)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("beta2", "xi2"), [(0.0, 0.5), (0.05, 4.0), (0.4, 0.2)])
def test_rows_find_the_bias_that_stays(beta2, xi2, symmetric):
    rng = np.random.default_rng(1)
    mean = RING + math.sqrt(beta2) * RING_BIAS
    runs = [rows_corrected(RING, -3 * (mean + noise(rng, xi2, symmetric))) for _ in range(60)]
    check(runs, beta2, xi2, -1 / 3)


def test_rows_know_that_slow_activity_makes_their_noise_alike():
    """Noise of long waves along the ring: the mean over rows may hold one of them, and the error says so."""
    rng, beta2, runs = np.random.default_rng(2), 0.2, []
    place = np.arange(N)[:, None]
    for _ in range(200):
        modes = [rng.normal() * np.cos(2 * np.pi * k * place / N + rng.uniform(0, 7)) for k in range(10)]
        correlated = sum(mode * ring(np.cos(3 * D + k)) for k, mode in enumerate(modes))
        runs.append(rows_corrected(RING, RING + math.sqrt(beta2) * RING_BIAS + 0.2 * correlated))
    values = np.array([run.bias2 for run in runs])
    told = math.sqrt(np.mean([run.bias2_se**2 for run in runs]))
    assert values.std() < 2.2 * told
    assert abs(values.mean() - beta2 / (1 + beta2)) < told


@pytest.mark.parametrize(("beta2", "xi2"), [(0.0, 0.3), (0.1, 0.5), (0.5, 0.05)])
def test_blocks_find_the_bias_that_stays(beta2, xi2):
    weights, bias = sparse(3)
    rng, runs = np.random.default_rng(4), []
    for _ in range(60):
        parts = np.array([weights + math.sqrt(beta2) * bias + noise(rng, 4 * xi2) for _ in range(4)])
        # those of blocks may be larger, as nonlinear methods have them
        runs.append(blocks_corrected(weights, 2 * parts.mean(axis=0), 2.5 * parts))
    check(runs, beta2, xi2, 1 / 2)


def test_errors_by_blocks_are_those_of_the_published_definition():
    weights, bias = sparse(5)
    beta2, xi2, rng, found = 0.1, 0.5, np.random.default_rng(6), []
    for _ in range(40):
        parts = np.array([weights + math.sqrt(beta2) * bias + noise(rng, 4 * xi2) for _ in range(4)])
        whole = parts.mean(axis=0)
        errors = block_errors(weights, whole, blocks_corrected(weights, whole, parts))
        assert errors.total**2 == pytest.approx(errors.bias**2 + errors.variance**2)
        found.append((errors.total**2, errors.bias**2, errors.variance**2))
    k = 1 / (1 + beta2 + xi2)
    expected = np.array([1 - k, (1 - k) ** 2 + k**2 * beta2, k**2 * xi2])
    assert (np.abs(np.mean(found, axis=0) - expected) < 4 * np.std(found, axis=0) / math.sqrt(40)).all()


@pytest.mark.parametrize("n_seeds", [2, 5])
@pytest.mark.parametrize(("beta2", "xi2"), [(0.0, 0.5), (0.3, 0.5)])
def test_seeds_find_the_bias_that_stays(beta2, xi2, n_seeds):
    weights, bias = sparse(7)
    rng, runs, published = np.random.default_rng(8), [], []
    for _ in range(60):
        stack = [4 * (weights + math.sqrt(beta2) * bias + noise(rng, xi2)) for _ in range(n_seeds)]
        runs.append(seeds_corrected(weights, stack))
        published.append(seed_errors(weights, stack).bias)
    check(runs, beta2, xi2, 1 / 4)
    assert np.median(published) > 1.1 * math.sqrt(beta2 / (1 + beta2))  # which shrinkage is still in


@pytest.mark.parametrize("n_seeds", [3, 4, 6])
def test_noise_that_all_pairs_share_has_the_error_of_a_jackknife(n_seeds):
    """One pattern comes and goes: the variance of its few amplitudes is all there is to know."""
    weights, pattern = sparse(15)
    amplitudes = 0.1 * np.random.default_rng(16).normal(size=n_seeds)
    run = seeds_corrected(weights, [weights + amplitude * pattern for amplitude in amplitudes])
    left_out = [np.var(np.delete(amplitudes, k), ddof=1) for k in range(n_seeds)]
    assert run.variance**2 == pytest.approx(np.var(amplitudes, ddof=1), rel=0.02)
    told = (run.variance + run.variance_se) ** 2 - run.variance**2
    assert told == pytest.approx(math.sqrt((n_seeds - 1) * np.var(left_out)), rel=0.02)


def test_noise_that_both_directions_share_makes_errors_larger_by_the_root_of_two():
    weights, bias = sparse(13)
    rng = np.random.default_rng(14)
    found = {
        symmetric: [
            seeds_corrected(weights, [weights + bias + noise(rng, 1.0, symmetric) for _ in range(2)])
            for _ in range(5)
        ]
        for symmetric in (False, True)
    }
    plain, shared = (np.mean([run.bias2_se for run in runs]) for runs in found.values())
    assert shared / plain == pytest.approx(math.sqrt(2), rel=0.1)


def test_blocks_by_hand():
    """Sums written out, over the pairs that two blocks have."""
    rng = np.random.default_rng(9)
    weights = rng.normal(size=(4, 4))
    blocks = weights + 0.2 * rng.normal(size=(3, 4, 4))
    blocks[0, 1, 2] = blocks[1, 0, 3] = blocks[2, 0, 3] = blocks[0, 3, 0] = NAN
    whole = weights + 0.1 * rng.normal(size=(4, 4))
    whole[2, 0] = math.inf
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j and (i, j) not in [(0, 3), (2, 0)]]

    counts = {(i, j): sum(not math.isnan(block[i, j]) for block in blocks) for i, j in pairs}
    norm2 = sum(count * weights[pair] ** 2 for pair, count in counts.items())
    overlap = sum(np.nansum([block[pair] for block in blocks]) * weights[pair] for pair in pairs)
    overlap_noise = sum(
        count * weights[pair] ** 2 * np.nanvar([block[pair] for block in blocks], ddof=1)
        for pair, count in counts.items()
    )
    spread = sum(
        count * np.nanvar([block[pair] for block in blocks], ddof=1) for pair, count in counts.items()
    )
    noise = spread * norm2 / (overlap**2 - overlap_noise) / 3
    w, j = (np.array([matrix[pair] for pair in pairs]) for matrix in (weights, whole))
    ratio = (w @ w) * (j @ j) / (w @ j) ** 2 - noise
    corrected = blocks_corrected(weights, whole, blocks)
    assert corrected.bias2 == pytest.approx(1 - 1 / ratio)
    assert corrected.variance == pytest.approx(math.sqrt(noise) / ratio)
    assert corrected.n_pairs == len(pairs)
    assert corrected.scale == pytest.approx((w @ w) / (w @ j) / ratio)


def test_errors_of_squares_reach_a_standard_error_upwards():
    """Squares 0.09 +- 0.07 and 0.16 +- 0.09: roots .3 and .4, and .4 and .5 a standard error up."""
    found = CorrectedErrors.of_squares(2.0, 0.1, (0.09, 0.07), (0.16, 0.09), 30)
    expected = {"scale": 2.0, "scale_se": 0.1, "bias2": 0.09, "bias2_se": 0.07, "n_pairs": 30}
    expected |= {"bias": 0.3, "bias_se": 0.1, "variance": 0.4, "variance_se": 0.1}
    expected |= {"bias_proportion": math.atan(3 / 4) / (math.pi / 2)}
    assert vars(found) == pytest.approx(expected)
    below = CorrectedErrors.of_squares(2.0, 0.1, (-0.01, 0.04), (-0.02, 0.09), 30)
    assert (below.bias, below.variance, below.bias2) == (0, 0, -0.01)
    assert (below.bias_se, below.variance_se) == (pytest.approx(0.2), pytest.approx(0.3))
    assert math.isnan(below.bias_proportion)
    assert CorrectedErrors.of_squares(2.0, 0.1, (0.01, 0.0), (-0.02, 0.0), 30).bias_proportion == 1


def test_seeds_by_hand():
    """Products of different recordings, written out pair by pair."""
    rng = np.random.default_rng(19)
    weights = rng.normal(size=(4, 4))
    stack = weights + 0.2 * rng.normal(size=(3, 4, 4))
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    different = [(a, b) for a in range(3) for b in range(3) if a != b]

    def mean_product(of):
        return np.mean([sum(of(stack[a], stack[b], pair) for pair in pairs) for a, b in different])

    shared = mean_product(lambda a, b, pair: a[pair] * b[pair])
    overlaps = [sum(one[pair] * weights[pair] for pair in pairs) for one in stack]
    # the square of the mean overlap, without the noise of single pairs in it
    noise = sum(weights[pair] ** 2 * np.var(stack[(slice(None), *pair)], ddof=1) for pair in pairs) / 3
    norm2 = sum(weights[pair] ** 2 for pair in pairs)
    ratio = shared * norm2 / (np.mean(overlaps) ** 2 - noise)
    found = seeds_corrected(weights, stack)
    assert found.bias2 == pytest.approx(1 - 1 / ratio)
    assert found.scale == pytest.approx(np.mean(overlaps) / shared)


def test_missing_rows_and_pairs_change_little():
    rng = np.random.default_rng(10)
    couplings = RING + 0.5 * RING_BIAS + noise(rng, 0.2)
    full = rows_corrected(RING, couplings)
    couplings[OFF & (rng.random((N, N)) < 0.05)] = NAN
    some = rows_corrected(RING, couplings)
    assert some.bias2 == pytest.approx(full.bias2, abs=3 * full.bias2_se)
    assert some.bias2_se == pytest.approx(full.bias2_se, rel=0.2)
    assert some.n_pairs == np.isfinite(couplings[OFF]).sum() < full.n_pairs


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("weights", "couplings"),
    [
        (RING, np.full((N, N), NAN)),
        (RING, np.zeros((N, N))),
        (np.zeros((N, N)), RING),
        (RING, noise(np.random.default_rng(11), 1.0)),
        (np.ones((2, 2)), np.array([[0.0, 2], [3, 0]])),
    ],
    ids=["nothing estimated", "zero", "no weights", "noise alone", "two neurons"],
)
def test_where_there_is_nothing_to_correct_all_is_nan(weights, couplings):
    repeated = [couplings, couplings + noise(np.random.default_rng(12), 1.0)[: len(weights), : len(weights)]]
    found = [
        rows_corrected(weights, couplings),
        blocks_corrected(weights, couplings, [couplings, repeated[1], repeated[1][::-1]]),
        seeds_corrected(weights, [repeated[1], repeated[1].T]),
    ]
    for corrected in found:
        assert all(math.isnan(value) for name, value in vars(corrected).items() if name != "n_pairs")
        assert corrected.n_pairs == 0


@pytest.mark.filterwarnings("error")
def test_a_perfect_estimate_has_neither_error():
    perfect = rows_corrected(RING, 2 * RING)
    assert (perfect.scale, perfect.variance) == (pytest.approx(0.5), pytest.approx(0, abs=1e-7))
    assert perfect.bias2 == pytest.approx(0, abs=1e-12)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"blocks must have shape \(S >= 3, n, n\), got \(2, 60, 60\)"):
        blocks_corrected(RING, RING, [RING, RING])
    with pytest.raises(ValueError, match=r"stack must have shape \(S >= 2"):
        seeds_corrected(RING, RING)
    with pytest.raises(ValueError, match="couplings must have the shape"):
        seeds_corrected(RING, np.ones((2, 3, 3)))
