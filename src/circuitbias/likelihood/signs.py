"""Signs of couplings: known, or the same of all that leave a neuron (Dale's law) and fitted with them."""

import numpy as np

from circuitbias.likelihood.constrained import Constraints, couplings_of, parabola_minimum
from circuitbias.likelihood.fit import LIMIT, MatchedFit

_TRIED = 20  # neurons whose sign is in doubt most; another one of others does not come into question


def sign_constraints(signs: np.ndarray, infinite: np.ndarray) -> Constraints:
    """Bounds by which all couplings that leave a neuron have its sign.

    Parameters
    ----------
    signs : ndarray of {-1, 0, 1}, shape (n,)
        0 for any.
    infinite : ndarray of bool, shape (n, n)
        [source, target] of those that the data tell no lower bound of: they end at the lowest that counts.
    """
    n = len(signs)
    bounds, couplings = Constraints.none(n), couplings_of(n)
    bounds.lower[:-1][infinite] = -LIMIT
    of_coupling = np.where(couplings, np.append(signs, 0)[:, None], 0)
    bounds.lower[of_coupling > 0] = 0.0
    bounds.upper[of_coupling < 0] = 0.0
    return bounds


def signs_by_presynaptic(fitted: MatchedFit) -> np.ndarray:
    """The sign of each neuron, (n,), by which the parabola of the likelihood loses least.

    Begins at the sign of most of the squared couplings, in standard errors. Then neurons in doubt are turned
    over, one at a time, as long as that gains anything: no single one does at the end.

    Parameters
    ----------
    fitted : MatchedFit
        Without constraints.
    """
    n = len(fitted.information)
    evidence = np.square(fitted.coefficients[:-1]) * fitted.information.diagonal(axis1=1, axis2=2).T[:-1]
    evidence = np.where(couplings_of(n)[:-1], np.sign(fitted.coefficients[:-1]) * evidence, 0).sum(1)
    signs = np.where(evidence > 0, 1, -1)
    doubtful = np.argsort(np.abs(evidence))[:_TRIED]
    targets = np.flatnonzero(fitted.information.diagonal(axis1=1, axis2=2).sum(1))
    found = {j: fitted.coefficients[:, j] for j in targets}
    losses = np.zeros(n)

    def solve(some_signs):
        bounds, fits, lost = sign_constraints(some_signs, fitted.infinite), {}, np.zeros(n)
        for j in targets:
            best, matrix = fitted.coefficients[:, j], fitted.information[j]
            begin = np.clip(found[j], bounds.lower[:, j], bounds.upper[:, j])
            of_target = Constraints(bounds.penalty[:, j], bounds.lower[:, j], bounds.upper[:, j])
            fits[j] = parabola_minimum(matrix, matrix @ (best - begin), begin, of_target)
            lost[j] = (fits[j] - best) @ matrix @ (fits[j] - best) / 2
        return fits, lost

    found, losses = solve(signs)
    turned = True
    while turned:
        turned = False
        for neuron in doubtful:
            other = signs.copy()
            other[neuron] *= -1
            fits, lost = solve(other)
            if lost.sum() < losses.sum() - 1e-6:
                signs, found, losses, turned = other, fits, lost, True
    return signs
