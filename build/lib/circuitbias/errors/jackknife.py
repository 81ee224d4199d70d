r"""Standard errors of errors, by the jackknife over blocks of the recording.

With K blocks in the recording, of which k were looked at, and deviations :math:`e_b` of them
(`circuitbias.estimators.deviations`), the estimate without block b is :math:`J_b = J - e_b / (K - 1)`, and

.. math:: s^2 = \frac{(K - 1)^2}{K (k - 1)} \sum_b (f(J_b) - \bar f)^2

for an error f; of k = K it is the jackknife. An error holds the power of the noise, a sum of products
:math:`\langle e_a, e_b \rangle` of blocks, and of these the jackknife counts the variance twice (Efron &
Stein, Ann. Statist. 9:586, 1981). It is known from how the products differ, and taken away once.

Nothing here takes the noise of different pairs to be independent: what slow activity does to all of them at
once is in every block.
"""

import math

import numpy as np

from circuitbias.errors.decomposition import aligned_pairs, finite_mean, off_diagonal

QUANTITIES = ("total", "bias", "variance")


def jackknife_errors(
    weights, couplings, deviations, n_blocks: float, errors_of, by_rows: bool
) -> dict[str, float]:
    """Standard errors of the errors of one estimate.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and the estimate from the whole recording.
    deviations : (k, n, n) array_like
        Of k >= 3 of its blocks.
    n_blocks : float
        Blocks that the recording has, k or more.
    errors_of : callable
        Couplings (n, n) to two objects with the attributes ``scale``, ``total``, ``bias``, ``variance``: on
        the least-squares scale, and on the older one.
    by_rows : bool
        Whether bias and variance are split by rows; weights must then be circulant.

    Returns
    -------
    dict
        ``total_se``, ``bias_se``, ``variance_se``, and of the older scale ``total_l1_se``, ...; NaN where the
        error is NaN.
    """
    deviations = np.asarray(deviations, dtype=np.float64)
    k = len(deviations)
    replicates = [errors_of(couplings - deviation / (n_blocks - 1)) for deviation in deviations]
    factor = (n_blocks - 1) ** 2 / (n_blocks * (k - 1))
    products = _products(weights, deviations, by_rows)
    found = {}
    for which, (suffix, whole) in enumerate(zip(("", "_l1"), errors_of(couplings), strict=True)):
        for name in QUANTITIES:
            values = np.array([getattr(errors[which], name) for errors in replicates])
            variance = factor * ((values - values.mean()) ** 2).sum()
            error, (of_mean, of_rest) = getattr(whole, name), _slopes(whole, name, shrinks=not suffix)
            gram = whole.scale**2 * (of_mean * products["mean"] + of_rest * products["rest"])
            # The variance of an error's square over (2 error)² is that of the error.
            once = 2 / n_blocks**2 * np.var(gram) / (2 * error) ** 2 if error > 0 else 0.0
            found[f"{name}{suffix}_se"] = math.sqrt(max(variance - once, once)) if variance >= 0 else math.nan
    return found


def _slopes(whole, name: str, shrinks: bool) -> tuple[float, float]:
    """How the square of an error grows with the noise power that rows share, and with the rest of it.

    Powers are those on the scale of the errors. With a least-squares scale, k = 1 - total², noise also
    shrinks the estimate: see `circuitbias.errors.sampling`.
    """
    shrinkage = 0.0
    if shrinks and whole.variance >= 0 and whole.total < 1:
        shrinkage = 2 * whole.variance**2 / (1 - whole.total**2)
    return {
        "total": (1.0, 1.0),
        "bias": (1 + shrinkage, shrinkage),
        "variance": (-shrinkage, 1 - shrinkage),
    }[name]


def _products(weights, deviations, by_rows: bool) -> dict[str, np.ndarray]:
    """Products of the noise of all pairs of blocks: of what rows share, and of the rest; in units of |W|²."""
    true, _ = off_diagonal(weights, weights)
    pairs = np.triu_indices(len(deviations), 1)
    rows = np.stack([off_diagonal(weights, one)[1] for one in deviations])
    mean = np.zeros_like(rows)
    if by_rows:
        rows = np.stack([aligned_pairs(weights, one)[1] for one in deviations])
        mean = np.stack([np.broadcast_to(finite_mean(aligned), aligned.shape) for aligned in rows])
    flat = {"mean": mean, "rest": rows - mean}
    flat = {name: np.nan_to_num(part).reshape(len(rows), -1) for name, part in flat.items()}
    return {name: (part @ part.T / np.nansum(true**2))[pairs] for name, part in flat.items()}
