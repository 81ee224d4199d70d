"""Coefficients whose best value is infinite, and the fit of all others in that limit.

If a target responds only where a covariate is at its lowest, the likelihood grows without end as that
coefficient falls. In the limit, rows in which the covariate is not at its lowest have no response for certain
and say nothing more of this target; all other coefficients have the values that the remaining rows give them.
So such a coefficient is held where this limit is reached to within rounding. Where a target responds only
where a covariate is at its highest, the same holds with the other sign.

The alternative, leaving the covariate out, was measured beside it on Poisson networks with known weights
(`tests/fitting/test_limits.py`): what is left out then biases the others and the intercept, by .05 to .3 of
log rate where the covariate is common or correlated with others; in the limit there is no such bias.
"""

from circuitbias.device import Array, namespace


def limits_at(falling, rising, bounds, steepness) -> Array:
    """Where to hold coefficients of targets whose responses are certain off a bound of a covariate.

    Parameters
    ----------
    falling, rising : sequence of array of bool, shape (n_columns, n_targets), or False
        Coefficients that go to minus, and to plus infinity: where what is left to fit are rows with the
        covariate at its lowest, and at its highest. The last row is not used.
    bounds : array, shape (2, n_columns)
        Lowest and highest value of each column.
    steepness : array, shape (n_columns,)
        Absolute coefficient at which a column's limit is reached.

    Returns
    -------
    array, shape (n_columns, n_targets)
        Where to hold coefficients that have no finite value, and what this adds to the intercepts, which are
        last; zero elsewhere.
    """
    values = 0 * steepness[:, None] * falling[0]
    for sign, of_bounds in ((-1, falling), (1, rising)):
        for bound, held in zip(bounds, of_bounds, strict=True):
            value = sign * steepness[:, None] * (held & (values == 0))
            value[-1] = -(value * bound[:, None])[:-1].sum(0)  # at the bounds they add nothing
            values += value
    return values


def unidentified(hessians, n_rows: int, free, least: float) -> Array:
    """Coefficients in directions that too few responses tell of.

    Parameters
    ----------
    hessians : array, shape (n_targets, n_columns, n_columns)
        Of the mean negative log-likelihood at its optimum.
    n_rows : int
    free : array of bool, shape (n_columns, n_targets)
    least : float
        Responses that must tell of a direction whose largest entry is 1.

    Returns
    -------
    array of bool, shape (n_columns, n_targets)
    """
    xp = namespace(hessians)
    curvatures, directions = xp.linalg.eigh(n_rows * hessians)
    directions = directions / xp.amax(abs(directions), 1)[:, None]
    told = (directions * directions).sum(1) * curvatures
    # What moves little along such a direction may be known well enough from all others.
    none = (abs(directions) > 1e-3) & (told[:, None] < least * directions**2)
    return none.any(2).T & free
