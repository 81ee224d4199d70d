import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitbias.errors import (
    circulant_errors,
    fit_profile_scale,
    fit_scale,
    offset_profile,
    seed_errors,
    total_error,
)

NAN = math.nan
# W[i, i+1] = 1, W[i, i+2] = 2: the two offsets differ, so orientation matters
RING3 = np.array([[9.0, 1, 2], [2, 9, 1], [1, 2, 9]])
FIELDS = ("total", "bias", "variance", "bias_proportion")


def circulant(profile):
    return np.array([np.roll(profile, i) for i in range(len(profile))])


def as_array(errors):
    return np.array([getattr(errors, field) for field in FIELDS])


def noisy_ring(seed, n=8):
    rng = np.random.default_rng(seed)
    weights = circulant(rng.normal(size=n))
    return weights, 3 * weights + rng.normal(size=(n, n))


def test_fit_scale_by_hand():
    couplings = np.array([[5, 2, 2], [NAN, 5, 1], [2, 4, 5]])
    # pairs but (1, 0): <W, J> = 2 + 4 + 1 + 2 + 8 = 17, <J, J> = 4 + 4 + 1 + 4 + 16 = 29
    assert fit_scale(RING3, couplings) == pytest.approx(17 / 29)
    assert fit_scale(RING3, -2 * RING3) == -0.5


def test_the_older_scale_by_hand():
    # W = 1, 2, 3 at offsets 1, 2, 3; mean couplings 4, 1, -1, so ratios 1/4, 2 and -3 of sizes 4, 1 and 1:
    # half of 6 is reached at 1/4, between -3 (1) and 2 (6)
    weights = circulant([0.0, 1, 2, 3])
    couplings = circulant([0.0, 4, 1, -1])
    couplings[0, 1], couplings[1, 2] = 3, 5  # the mean stays
    couplings[2, 0] = NAN  # of the three others the mean is 1, too
    assert fit_profile_scale(weights, couplings) == pytest.approx(0.25)
    assert fit_profile_scale(weights, 2 * weights) == 0.5
    couplings[:, :] = circulant([0.0, 0, 1, -1])  # no ratio at offset 1; of two alike, the lower one is taken
    assert fit_profile_scale(weights, couplings) == -3
    # ratios 1/2 and 2/3 of sizes 2 and 3: half of 5 is reached at the second
    assert fit_profile_scale(weights, circulant([0.0, 2, 3, 0])) == pytest.approx(2 / 3)
    assert math.isnan(fit_profile_scale(weights, np.zeros((4, 4))))


def test_offset_profile_is_from_row_to_column():
    matrix = np.array([[NAN, 1, 2], [5, NAN, 6], [4, NAN, NAN]])
    # offset 1: (0,1), (1,2), (2,0) = 1, 6, 4; offset 2: (0,2), (1,0), (2,1) = 2, 5, unobserved
    np.testing.assert_allclose(offset_profile(matrix), [NAN, 11 / 3, 3.5])
    np.testing.assert_allclose(offset_profile(RING3), [NAN, 1, 2])
    matrix[1, 0] = matrix[0, 2] = NAN
    np.testing.assert_allclose(offset_profile(matrix), [NAN, 11 / 3, NAN])


def test_circulant_errors_by_hand():
    # offset 1 reads 0, 1, 2 (unbiased variance 1), offset 2 reads 2, 2, 2
    couplings = np.array([[0.0, 0, 2], [2, 0, 1], [2, 2, 0]])
    errors = circulant_errors(RING3, couplings)
    k = 15 / 17  # <W, J> = 3 + 12, <J, J> = 5 + 12, |W|^2 = 15
    assert errors.scale == pytest.approx(k)
    assert errors.total**2 == pytest.approx(1 - k)
    assert errors.bias**2 == pytest.approx(3 * ((k - 1) ** 2 + (2 * k - 2) ** 2) / 15)
    assert errors.variance**2 == pytest.approx(3 * k**2 / 15)
    angle = math.atan(errors.bias / errors.variance)
    assert errors.bias_proportion == pytest.approx(angle / (math.pi / 2))


def test_unobserved_pairs_are_left_out_of_every_sum():
    couplings = np.array([[0, 0, NAN], [2, 0, 1], [2, NAN, 0]])
    errors = circulant_errors(RING3, couplings)
    # offset 2 keeps the one pair (1, 0): |W|^2 = 3 + 4, <W, J> = 3 + 4, <J, J> = 5 + 4
    k = 7 / 9
    assert errors.scale == pytest.approx(k)
    assert errors.total**2 == pytest.approx(1 - k)
    assert errors.bias**2 == pytest.approx((3 * (k - 1) ** 2 + (2 * k - 2) ** 2) / 7)
    # variance k^2 per pair from offset 1, given to all four pairs
    assert errors.variance**2 == pytest.approx(4 * k**2 / 7)


@pytest.mark.parametrize("seed", range(5))
def test_total_is_bias_and_variance_together(seed):
    weights, couplings = noisy_ring(seed)
    errors = circulant_errors(weights, couplings)
    n = len(weights)
    assert errors.total**2 == pytest.approx(errors.bias**2 + (n - 1) / n * errors.variance**2)
    # the published formula, written out
    residual = errors.scale * couplings - weights
    off = ~np.eye(n, dtype=bool)
    norm = np.linalg.norm(weights[off])
    mean = [np.mean([residual[i, (i + d) % n] for i in range(n)]) for d in range(1, n)]
    assert errors.total == pytest.approx(np.linalg.norm(residual[off]) / norm)
    assert errors.bias == pytest.approx(math.sqrt(n) * np.linalg.norm(mean) / norm)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    factor=st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6),
    shift=st.integers(-8, 8),
    hidden=st.integers(0, 12),
)
def test_neither_scale_nor_labels_matter(seed, factor, shift, hidden):
    weights, couplings = noisy_ring(seed)
    rng = np.random.default_rng(seed + 1)
    couplings.flat[rng.choice(couplings.size, hidden, replace=False)] = NAN
    errors = circulant_errors(weights, couplings)
    rotated = factor * np.roll(couplings, (shift, shift), axis=(0, 1))
    again = circulant_errors(weights, rotated)
    assert again.scale == pytest.approx(errors.scale / factor)
    np.testing.assert_allclose(as_array(again), as_array(errors), rtol=1e-9)


def test_a_neuron_without_estimates_does_not_matter():
    weights, couplings = noisy_ring(3, n=40)
    full = circulant_errors(weights, couplings)
    couplings[7] = couplings[:, 7] = NAN
    # each of 39 offsets loses 2 of its 40 rows: errors move by their own spread at most
    np.testing.assert_allclose(as_array(circulant_errors(weights, couplings)), as_array(full), rtol=0.1)


@pytest.mark.parametrize(
    ("weights", "couplings"),
    [
        (RING3, np.full((3, 3), NAN)),
        (RING3, np.zeros((3, 3))),
        (RING3, np.diag([1.0, 2, 3])),
        (np.zeros((3, 3)), RING3),
        (np.full((3, 3), NAN), RING3),
    ],
    ids=["nothing estimated", "zero", "diagonal only", "zero weights", "no weights"],
)
@pytest.mark.filterwarnings("error")
def test_undefined_errors_are_nan(weights, couplings):
    assert np.isnan(as_array(circulant_errors(weights, couplings))).all()
    assert np.isnan(as_array(seed_errors(weights, [couplings] * 3))).all()


@pytest.mark.filterwarnings("error")
def test_perfect_and_orthogonal_estimates():
    perfect = circulant_errors(RING3, 2 * RING3)
    assert (perfect.scale, perfect.total, perfect.bias, perfect.variance) == (0.5, 0, 0, 0)
    assert math.isnan(perfect.bias_proportion)
    useless = circulant_errors(RING3, circulant([0.0, 2, -1]))
    assert as_array(useless).tolist() == [1, 1, 0, 1]


@pytest.mark.filterwarnings("error")
def test_variance_needs_two_pairs_at_some_offset():
    couplings = np.full((3, 3), NAN)
    couplings[0, 1:] = 2, 1
    errors = circulant_errors(RING3, couplings)
    assert errors.bias == pytest.approx(errors.total)
    assert math.isnan(errors.variance) and math.isnan(errors.bias_proportion)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"circulant.*seed_errors"):
        circulant_errors(np.arange(16.0).reshape(4, 4), np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"couplings must have the shape.*\(3, 3\)"):
        fit_scale(RING3, np.ones((2, 2)))
    with pytest.raises(ValueError, match="square"):
        offset_profile(np.ones((2, 3)))
    for wrong in (RING3[None], RING3, np.ones((2, 3, 4))):
        with pytest.raises(ValueError, match=r"stack must have shape \(S >= 2, n, n\)"):
            seed_errors(RING3, wrong)


def test_seed_errors_by_hand():
    # two seeds, W +- E with E orthogonal to W and as large: each has the scale 1/2, deviations -W/2 +- E/2,
    # total² = 1/2; their product is shrinkage alone, (1 - 1/2)²; unbiased variance of (+e, -e)/2 is e²/2
    weights = np.array([[0.0, 1, 0], [2, 0, 0], [0, 0, 0]])
    noise = np.array([[0.0, 2, 0], [-1, 0, 0], [0, 0, 0]])
    errors = seed_errors(weights, [weights + noise, weights - noise])
    assert errors.scale == pytest.approx(0.5)
    assert errors.total**2 == pytest.approx(0.5)
    assert errors.variance**2 == pytest.approx(0.5)
    assert errors.bias**2 == pytest.approx(0.0, abs=1e-12)  # 1/4 - 1/4: the noises happen to be opposite
    # noises orthogonal to each other, too: nothing but shrinkage in the product
    other = np.array([[0.0, 0, math.sqrt(5)], [0, 0, 0], [0, 0, 0]])
    errors = seed_errors(weights, [weights + noise, weights + other])
    assert (errors.total**2, errors.bias**2) == (pytest.approx(0.5), pytest.approx(0.25))
    # a bias B of the same power, orthogonal to W, halves the scale: |W - (W + B)/2|^2 = 1/2
    errors = seed_errors(weights, [weights + noise] * 2)
    assert errors.scale == pytest.approx(0.5)
    assert as_array(errors) == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0, 1])


def test_seed_errors_leave_out_what_a_seed_missed():
    weights = np.array([[0.0, 1, 1], [2, 0, 1], [1, 1, 0]])
    stack = np.random.default_rng(1).normal(1, 0.3, (3, 3, 3)) * weights
    stack[2, 1, 0] = stack[1, 0, 1] = stack[2, 0, 1] = NAN  # (1, 0) is seen twice, (0, 1) once
    errors = seed_errors(weights, stack)
    totals, scales = zip(
        *[(total_error(weights, one), fit_scale(weights, one)) for one in stack], strict=True
    )
    assert errors.scale == pytest.approx(np.mean(scales))
    assert errors.total**2 == pytest.approx(np.mean(np.square(totals)))
    bias2 = variance2 = 0
    for i, j in [(0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]:
        seen = [k * one[i, j] - weights[i, j] for k, one in zip(scales, stack, strict=True)]
        seen = [d for d in seen if not math.isnan(d)]
        bias2 += np.mean([a * b for p, a in enumerate(seen) for q, b in enumerate(seen) if p != q])
        variance2 += np.var(seen, ddof=1)
    norm2 = 1 + 4 + 1 + 1 + 1
    assert errors.bias**2 == pytest.approx(max(bias2, 0) / norm2)
    assert errors.variance**2 == pytest.approx(variance2 / norm2)


def test_seed_errors_find_known_bias_and_spread():
    rng = np.random.default_rng(0)
    n, n_seeds, noise, bias = 30, 5, 0.5, 0.3
    weights = rng.normal(size=(n, n))
    shift = rng.normal(size=(n, n))
    np.fill_diagonal(weights, 0)
    np.fill_diagonal(shift, 0)
    shift -= weights * (weights * shift).sum() / (weights**2).sum()
    shift *= bias * np.linalg.norm(weights) / np.linalg.norm(shift)
    sigma = noise * np.linalg.norm(weights) / math.sqrt(n * (n - 1))
    stack = weights + shift + sigma * rng.normal(size=(n_seeds, n, n))
    errors = seed_errors(weights, stack)
    k = 1 / (1 + bias**2 + noise**2)  # the scale of a single estimate
    # 3480 independent entries: the relative standard error of the variance is 1.2 %; four of those. The bias
    # has <W + B, e> besides, of relative size 2 noise / sqrt(870 * 5) / bias
    assert errors.variance == pytest.approx(k * noise, rel=0.05)
    assert errors.bias == pytest.approx(math.sqrt((1 - k) ** 2 + k**2 * bias**2), rel=0.12)
    assert errors.total**2 == pytest.approx(errors.bias**2 + errors.variance**2)
    assert errors.total**2 == pytest.approx(np.mean([total_error(weights, one) ** 2 for one in stack]))
