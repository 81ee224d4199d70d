"""A guard that needs no twins: what the sizes of all couplings together say of each.

Twins are only as good as the model that they share. If units that nobody recorded, drift or delays make many
small couplings, the twins take them for wiring. The guard does not: it takes as many couplings for phantoms
as the middle of the distribution of z allows (Efron 2004, doi:10.1198/016214504000000089). And it lets them
scatter more than their standard errors say, if there is a sign of it: pairs that fire together without an
explanation, or a crowd of couplings that are not zero but within two errors of it. Where couplings are large
or not there, it changes next to nothing.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from circuitbias.estimators.couplings import Couplings
from circuitbias.trust.calibration import Judge, lists
from circuitbias.trust.evidence import evidence
from circuitbias.trust.traits import Traits
from circuitbias.trust.wiring import Mixture, mixture

_MIDDLE = np.linspace(-2, 2, 81)  # z between which couplings may all be phantoms
_CROWD, _MOST_FOR_CROWD = 1.25, 0.25  # more scatter for each share of couplings in the crowd, and at most
_CHANCE = 3.0  # standard errors of the residual correlations that are put down to chance
_MOST_FOR_EXCESS = 2.0  # scatter for residual correlations: a wrong link alone may leave many times chance
_GUARDED = 1.25  # scatter of phantoms from which on the guard's probabilities count pair by pair


def judged(
    judge: Judge, estimates: Mapping[str, Couplings], first: str, traits: Traits, shift: float, excess: float
) -> tuple[np.ndarray, dict[float, np.ndarray], str, float]:
    """Judge the pairs of a recording: by what twins have taught, and by the guard.

    Parameters
    ----------
    judge : Judge
    estimates : mapping of str to Couplings
    first : str
        The estimator whose couplings are judged.
    traits : Traits
    shift : float
        Mean estimate of unconnected pairs, in standard errors.
    excess : float
        Residual correlations over chance (`circuitbias.trust.checks.FitChecks.residual`).

    Returns
    -------
    phantom : ndarray, shape (n_pairs,)
        In the order of `circuitbias.trust.evidence.pairs`.
    lists : dict of float to ndarray of bool, shape (n_pairs,)
    worse : str
        The simulator by whose calibration fewer can be believed.
    spread : float
        Scatter of phantoms in standard errors.
    """
    features, signs, _ = evidence(estimates, first, traits)
    phantom, worse = judge.phantom(features, signs)
    off = ~np.eye(len(traits.rates_hz), dtype=bool)
    values, errors = (one[off] for one in (estimates[first].values, estimates[first].standard_errors))
    least, spread = least_phantom(values - shift * errors, errors, excess)
    chosen = lists(phantom, signs, least)
    if spread > _GUARDED:
        phantom = np.fmax(phantom, np.where(signs != 0, least, np.nan))
    return phantom, chosen, worse, spread


def least_phantom(values: np.ndarray, errors: np.ndarray, excess: float) -> tuple[np.ndarray, float]:
    """Probability of being a phantom that a list of couplings is to reckon with at least.

    Parameters
    ----------
    values, errors : ndarray, shape (n_pairs,)
        Couplings, less their bias where there is no connection, and their standard errors.
    excess : float
        Residual correlations over chance (`circuitbias.trust.checks.FitChecks.residual`).

    Returns
    -------
    phantom : ndarray, shape (n_pairs,)
        1 without a standard error.
    spread : float
        Scatter of phantoms in standard errors, at least 1.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        z = values / errors
    known = np.isfinite(z)
    found = np.ones(len(z))
    if not known.any():
        return found, 1.0
    all_ = mixture(z[known], np.ones(known.sum()))
    if excess < 1 + _CHANCE / np.sqrt(2 * len(z)):  # a root mean square over so many pairs
        excess = 1.0
    crowd = float(all_.shares[(all_.widths > 0) & (np.abs(all_.values) < _MIDDLE[-1])].sum())
    spread = max(min(excess, _MOST_FOR_EXCESS), 1 + min(_CROWD * crowd, _MOST_FOR_CROWD))
    middle = _density(all_, _MIDDLE)
    # The largest share of phantoms that the middle has room for, by any scatter up to that one.
    share = min(max((middle / norm.pdf(_MIDDLE, 0, one)).min() for one in np.linspace(1, spread, 6)), 1.0)
    null = share * norm.pdf(z[known], 0, spread)
    found[known] = np.clip(null / np.maximum(_density(all_, z[known]), 1e-300), 0, 1)
    return found, spread


def _density(all_: Mixture, z: np.ndarray) -> np.ndarray:
    """Density of z, whose standard error is 1."""
    spread = np.sqrt(1 + all_.widths**2)
    return norm.pdf(z, all_.values[:, None], spread[:, None]).T @ all_.shares
