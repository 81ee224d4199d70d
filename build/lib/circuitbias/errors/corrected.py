r"""Errors without what sampling noise makes of them: the bias that stays, and the spread of one estimate.

An estimate from finite data is :math:`J = c (W + B + e)` (see `circuitbias.errors.sampling`). The published
definition of the bias holds shrinkage and left-over noise besides B. Both are in squares of J alone:
products of two *realisations* of the estimate with independent noise hold none of it. With sums over
off-diagonal pairs and the mean over pairs of different realisations a, b,

.. math::
    R = \frac{\langle J_a, J_b \rangle \, \|W\|^2}{\langle W, J \rangle^2} \to 1 + \beta^2, \qquad
    \Delta_{b\infty}^2 = 1 - 1/R, \qquad \Delta_{v\infty}^2 = \xi^2 / R^2, \qquad
    \alpha_\infty = \frac{\langle W, J \rangle}{\langle J_a, J_b \rangle} .

:math:`\Delta_{b\infty}` is the error, all of it bias, that the published definition has with infinite data;
:math:`\Delta_{v\infty}` the spread of one estimate on the scale :math:`\alpha_\infty` that noise does not
shrink. Realisations are the rows of a network with equivalent positions, blocks of one recording, or
recordings. R is a ratio free of scales, so that blocks, whose couplings are larger or smaller than those of
the whole recording, serve as well. docs/errors.md says which error is to be read for what.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from circuitbias.errors.decomposition import (
    aligned_pairs,
    circulant_matrix,
    finite_mean,
    fit_scale,
    off_diagonal,
    stacked,
    total_error,
)

LEAST_SHARED_SE = 2.0
"""Power that realisations share must be so many standard errors above 0, or nothing is said of it."""

LEAST_WEIGHTS = 3
"""Fewer weights than this are fitted by one scale almost whatever they are."""


@dataclass(frozen=True)
class CorrectedErrors:
    """Errors on the scale that noise does not shrink, relative to the norm of the true weights.

    Attributes
    ----------
    scale, scale_se : float
        Factor on the couplings, and its standard error.
    bias, bias_se : float
        Error that stays with infinite data; 0 if its square comes out negative. The standard error is the
        reach of one standard error of the square upwards, which is the usual one where the bias is not near
        0.
    bias2, bias2_se : float
        Its square, unbiased and so negative now and then where there is no bias: the one to average.
    variance, variance_se : float
        Spread of one estimate.
    bias_proportion : float
        atan(bias / variance) / (pi / 2).
    n_pairs : int
        Pairs of neurons behind it: those of weights with two realisations or more.
    """

    scale: float = math.nan
    scale_se: float = math.nan
    bias: float = math.nan
    bias_se: float = math.nan
    bias2: float = math.nan
    bias2_se: float = math.nan
    variance: float = math.nan
    variance_se: float = math.nan
    bias_proportion: float = math.nan
    n_pairs: int = 0

    @classmethod
    def of_squares(cls, scale, scale_se, bias2, variance2, n_pairs) -> "CorrectedErrors":
        """Errors from squares, each with its standard error."""
        bias, variance = math.sqrt(max(bias2[0], 0.0)), math.sqrt(max(variance2[0], 0.0))
        return cls(
            scale=scale,
            scale_se=scale_se,
            bias=bias,
            bias_se=math.sqrt(bias**2 + bias2[1]) - bias,
            bias2=bias2[0],
            bias2_se=bias2[1],
            variance=variance,
            variance_se=math.sqrt(variance**2 + variance2[1]) - variance,
            bias_proportion=math.atan2(bias, variance) / (math.pi / 2) if bias or variance else math.nan,
            n_pairs=n_pairs,
        )


def rows_corrected(weights, couplings) -> CorrectedErrors:
    r"""Correct the errors of one estimate of a network whose positions are equivalent.

    Parameters
    ----------
    weights : (n, n) array_like
        True weights [pre, post], circulant; the drive must be the same everywhere, too
        (`circuitbias.networks.Network.equivalent_positions`), or the rows differ by more than noise.
    couplings : (n, n) array_like
        Estimate, NaN where it could not be had.

    Returns
    -------
    CorrectedErrors
        All NaN where rows share no power that stands out of the noise. Standard errors come from the spread
        over rows, Fourier-transformed along the ring: the mean over rows is wave number 0, the others hold
        noise alone. Slow activity makes some wave numbers noisier than others; the noise at 0 is taken to be
        as uncertain as the others differ.
    """
    targets, rows = aligned_pairs(weights, couplings)
    profile = finite_mean(targets)
    alike = _alike(off_diagonal(couplings, couplings)[0] - circulant_matrix(finite_mean(rows)))
    shared = _shared(profile, rows, alike)
    if shared is None:
        return CorrectedErrors()
    shared = _with_row_se(shared, profile, rows, alike)
    return _corrected(shared, shared.scale, int(np.isfinite(rows).sum()))


def blocks_corrected(weights, couplings, blocks) -> CorrectedErrors:
    """Correct the errors of one estimate by those from blocks of its recording, for any network.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and the estimate from the whole recording.
    blocks : (K, n, n) array_like
        Estimates from K >= 3 parts of it that do not overlap, of equal length.

    Returns
    -------
    CorrectedErrors
        The noise of the whole is that of a block over K, and its R what is left of its own power: for a
        method linear in what it averages, the products of blocks; for others without what fewer data do to
        them besides. Standard errors by the jackknife over blocks (K - 1 degrees of freedom). Blocks shorter
        than the slowest activity are not independent.

    Raises
    ------
    ValueError
        If shapes do not match, or there are fewer than three blocks.
    """
    blocks = stacked(blocks, 3, "blocks")
    weights, couplings = off_diagonal(weights, couplings)
    used = np.isfinite(weights) & np.isfinite(couplings) & (np.isfinite(blocks).sum(axis=0) > 1)
    shared = _jackknifed(weights[used], blocks[:, used], _alike(*(blocks - finite_mean(blocks))))
    couplings = np.where(used, couplings, np.nan)
    total = total_error(weights, couplings)
    if shared is None or not total < 1:
        return CorrectedErrors()
    power = 1 / (1 - total**2)  # 1 + beta² + xi² of the whole recording
    noise, noise_se = shared.noise / len(blocks), shared.noise_se / len(blocks)
    ratio = power - noise
    if not ratio > LEAST_SHARED_SE * shared.ratio_se:
        return CorrectedErrors()
    shared = replace(shared, ratio=ratio, noise=noise, noise_se=noise_se)
    return _corrected(shared, fit_scale(weights, couplings) * power / ratio, int(used.sum()))


def seeds_corrected(weights, stack) -> CorrectedErrors:
    """Correct the errors of estimates from repeated recordings of any network.

    Parameters
    ----------
    weights : (n, n) array_like
    stack : (S, n, n) array_like
        Estimates from S >= 2 independent recordings of about the same length.

    Returns
    -------
    CorrectedErrors
        Standard errors by the jackknife over recordings; of two, for which there is none, from the spread
        between them, with noise taken as independent between pairs of neurons.

    Raises
    ------
    ValueError
        If shapes do not match, or there are fewer than two estimates.
    """
    stack = stacked(stack, 2, "stack")
    weights, _ = off_diagonal(weights, finite_mean(stack))
    used = np.isfinite(weights) & (np.isfinite(stack).sum(axis=0) > 1)
    alike = _alike(*(stack - finite_mean(stack)))
    shared = (_jackknifed if len(stack) > 2 else _shared)(weights[used], stack[:, used], alike)
    return CorrectedErrors() if shared is None else _corrected(shared, shared.scale, int(used.sum()))


@dataclass(frozen=True)
class _Shared:
    """What realisations share: R, the noise power xi² of one of them, <J_a, J_b>, and <W, J> over it."""

    ratio: float
    ratio_se: float
    noise: float
    noise_se: float
    power: float
    scale: float
    overlap_se: float  # of <W, J>, relative
    noise_noise: float  # the part of the relative variance of R that is due to products of noise


def _shared(target, stack, alike) -> _Shared | None:
    """Compare realisations (k, m) of m weights with each other; None if they share nothing.

    A sum over pairs of different realisations is that over all less the squares. Standard errors take noise
    to be independent between pairs of neurons, ``alike`` times as large in sums as both directions of a pair
    make it.
    """
    finite = np.isfinite(stack)
    used = (finite.sum(axis=0) > 1) & np.isfinite(target)
    if used.sum() < LEAST_WEIGHTS:
        return None
    target, stack, finite = target[used], stack[:, used], finite[:, used]
    count = finite.sum(axis=0)
    mean = finite_mean(stack)
    spread = (np.where(finite, stack - mean, 0) ** 2).sum(axis=0) / (count - 1)
    norm2, overlap = count @ target**2, count @ (target * mean)
    power = count @ mean**2 - spread.sum()
    overlap_noise = count @ (target**2 * spread)
    # 2 count / (count - 1) times the squared variance, whose estimate is spread² (count - 1) / (count + 1).
    noise_noise = 2 * alike * (spread**2 * count / (count + 1)).sum()
    if not (norm2 > 0 and power > LEAST_SHARED_SE * math.sqrt(noise_noise) and overlap**2 > overlap_noise):
        return None
    unit = norm2 / (overlap**2 - overlap_noise)
    ratio, noise = power * unit, count @ spread * unit
    signal_noise = 4 * alike * spread.mean() * max(ratio - 1, 0) / power
    overlap_se = math.sqrt(alike * overlap_noise / overlap**2)
    return _Shared(
        ratio=ratio,
        ratio_se=ratio * math.sqrt(signal_noise + noise_noise / power**2),
        noise=noise,
        noise_se=noise * math.hypot(math.sqrt(2 * alike / (count - 1).sum()), 2 * overlap_se),
        power=power,
        scale=overlap / power,
        overlap_se=overlap_se,
        noise_noise=noise_noise / power**2,
    )


def _alike(*residuals) -> float:
    """1 plus the correlation of the noise of both directions of a pair: 2 for undirected methods."""
    both = squares = 0.0
    for residual in residuals:
        known = np.isfinite(residual) & np.isfinite(residual.T)
        both += (residual * residual.T)[known].sum()
        squares += (residual[known] ** 2).sum()
    return 1 + min(max(both / squares, 0.0), 1.0) if squares > 0 else 1.0


def _jackknifed(target, stack, alike) -> _Shared | None:
    """`_shared`, with standard errors from leaving out one of k >= 3 realisations at a time.

    The jackknife counts products of noise 2 (k - 1) / (k - 2) times; what is too much is taken away.
    """
    whole = _shared(target, stack, alike)
    parts = [_shared(target, np.delete(stack, k, axis=0), alike) for k in range(len(stack))]
    if whole is None or None in parts:
        return None

    def variance(name):
        return (len(parts) - 1) * np.var([getattr(part, name) for part in parts])

    excess = (len(parts) / (len(parts) - 2)) * whole.noise_noise * whole.ratio**2
    ratio_se = math.sqrt(max(variance("ratio") - excess, whole.ratio_se**2))
    return replace(whole, ratio_se=ratio_se, noise_se=math.sqrt(max(variance("noise"), whole.noise_se**2)))


def _with_row_se(shared, profile, rows, alike) -> _Shared:
    """`_shared` of rows, with standard errors that know that their noise may be correlated along the ring."""
    n, mean = len(rows), finite_mean(rows)
    observed = np.isfinite(rows)
    noise = np.where(observed, rows - mean, 0) / math.sqrt(observed[:, np.isfinite(mean)].mean())
    mean, profile = np.nan_to_num(mean), np.nan_to_num(profile)
    waves = np.fft.fft(noise, axis=0)[1:] / math.sqrt(n)
    power = (np.abs(waves) ** 2).sum(axis=1)
    # d log R = 2 <noise of the mean profile, direction>; the direction, too, is known but for noise.
    direction = n * mean / shared.power - profile / (profile @ mean)
    along = np.abs(waves @ direction) ** 2
    certain = min(1.0, max(shared.ratio - 1, 0.0) * n / shared.power / max(direction @ direction, 1e-300))
    at_zero = max(math.sqrt((along**2).mean() / 2), along[:3].mean())  # long waves are its neighbours
    signal_noise = 4 * alike * certain * at_zero / n
    ratio_se = shared.ratio * math.sqrt(signal_noise + (power.std() / shared.power) ** 2)
    relative = power.std() / power.mean() * math.sqrt(2 / len(power)) if power.any() else 0.0
    noise_se = shared.noise * math.hypot(relative, 2 * shared.overlap_se)
    return replace(shared, ratio_se=max(ratio_se, shared.ratio_se), noise_se=max(noise_se, shared.noise_se))


def _corrected(shared, scale, n_pairs) -> CorrectedErrors:
    """Errors and their standard errors, from what realisations share."""
    ratio, ratio_se = shared.ratio, shared.ratio_se / shared.ratio
    bias2, bias2_se = 1 - 1 / ratio, ratio_se / ratio
    variance2 = max(shared.noise, 0.0) / ratio**2
    variance2_se = math.hypot(shared.noise_se / ratio**2, 2 * ratio_se * variance2)
    scale_se = abs(scale) * math.hypot(ratio_se, shared.overlap_se)
    return CorrectedErrors.of_squares(scale, scale_se, (bias2, bias2_se), (variance2, variance2_se), n_pairs)
