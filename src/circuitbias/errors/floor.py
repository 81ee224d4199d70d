r"""The least error that any estimate can have: the Cramer-Rao bound at the true weights.

Given the filtered past, a spike of the threshold model is a draw with a known probability
(`circuitbias.likelihood.link`), so a recording has a Fisher information :math:`I_j` on the couplings
to each neuron j. No unbiased estimate has less variance than its inverse. With

.. math:: \xi^2 = \sum_{i \neq j} \operatorname{var} W_{ij} / \|W\|^2

and a least-squares scale, the expected errors are those of `circuitbias.errors.sampling.expected_errors`
without systematic error: a total error of :math:`\sqrt{\xi^2 / (1 + \xi^2)}`.

There are two floors. An estimate that knows that W = W' has a lower one: it joins what the spikes of i tell
of the pair (i, j) with what those of j tell. Methods without direction, such as a GLM on counts of the same
bin, can come below the first floor on a symmetric network; none can below the second.

What the floors are not: a bound for estimates that assume more (a circulant W, sparseness), or one for biased
estimates of weak couplings. Where inputs cross the threshold, at r >= 0.02 on the ring, the place of the jump
tells more of the weights than Fisher information counts.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.errors.sampling import ErrorPower, PredictedErrors, expected_errors
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.fit import information_of
from circuitbias.likelihood.link import ThresholdLink
from circuitbias.likelihood.of_spikes import Exclusion, SpikeLikelihood
from circuitbias.likelihood.symmetric import of_couplings, symmetric_fit
from circuitbias.memory import DEFAULT_MB, Budget
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import SpikeSource

_BIN_STEPS = 20  # for a step of the lattice
_ROWS_A_COLUMN, _CHOSEN_A_COLUMN = 1000, 500  # the bound is too high by a five-hundredth
_SYMMETRIC = 1e-9  # of the largest weight


@dataclass(frozen=True)
class Floor:
    """Bound for one recording, and a test of its information.

    Attributes
    ----------
    n_spikes, n_steps : int
        Of the recording.
    noise, noise_symmetric : float
        xi^2, and that if the weights are known to be symmetric; NaN if they are not.
    score_chi2, score_chi2_se : float
        Squared score at the true weights, in units of its information, a degree of freedom: mean over neurons
        and its standard error. It is 1 if the information is right.
    n_pairs : int
        Pairs of neurons that fire: others have no bound.
    """

    n_spikes: int
    n_steps: int
    noise: float
    noise_symmetric: float
    score_chi2: float
    score_chi2_se: float
    n_pairs: int


def neurons_that_fire(network: Network, source: SpikeSource) -> tuple[np.ndarray, int]:
    """Find the neurons that a floor is of: those that are driven and fire.

    Returns
    -------
    kept : ndarray of int, shape (n_kept,)
        Ascending.
    n_spikes : int
        Of all neurons.

    Raises
    ------
    UnusableDataError
        If they are fewer than two.
    """
    n_spikes = np.zeros(network.n_neurons, dtype=np.int64)
    for segment in source.segments():
        n_spikes += np.bincount(segment.neurons, minlength=network.n_neurons)
    kept = np.flatnonzero(n_spikes * network.drive_scale)
    if len(kept) < 2:
        raise UnusableDataError(f"only {len(kept)} neurons fire: couplings are between at least 2")
    return kept, int(n_spikes.sum())


def floor(
    network: Network, parameters: ThresholdParameters, source: SpikeSource, *, memory_mb: float = DEFAULT_MB
) -> Floor:
    """Bound the errors of estimates from a recording of the threshold model.

    Parameters
    ----------
    network : Network
        Which made the recording.
    parameters : ThresholdParameters
        With which it did.
    source : SpikeSource
    memory_mb : float, optional
        Bound of the memory, in 1e6 bytes. The symmetric floor takes 4 N^4 of it, and is NaN without.

    Raises
    ------
    UnusableDataError
        If fewer than two neurons fire, or no trial is longer than five time constants.
    """
    kept, n_spikes = neurons_that_fire(network, source)
    n = len(kept)
    budget = Budget(memory_mb)
    budget.require(24 * n**3 + 8 * _ROWS_A_COLUMN * n**2, f"the information on {n} neurons")
    noise_sd = parameters.b * parameters.sigma * network.drive_scale[kept]
    weights = network.dense_weights()[np.ix_(kept, kept)]
    truth = couplings_at(network, parameters, kept)
    link = ThresholdLink(parameters.rho)
    likelihood = SpikeLikelihood(source, kept, parameters.decay, link, _BIN_STEPS, single=n > 20)
    if likelihood.used_steps() == 0:
        raise UnusableDataError("no trial is longer than five time constants")
    likelihood.excluded = Exclusion(truth, 0.0)  # the smooth branch is the model's up to the threshold
    sample = likelihood.sample(_ROWS_A_COLUMN * (n + 1))
    information = information_of(likelihood, sample, truth, _CHOSEN_A_COLUMN)
    _, score = likelihood.evaluate(truth)
    chi2 = np.array([s @ np.linalg.solve(i, s) for s, i in zip(score.T, information, strict=True)])
    chi2 /= n + 1
    # In units of W: the coupling is r / noise_sd times the weight.
    couplings = of_couplings(information) * (parameters.r / noise_sd)[:, None, None] ** 2
    off_diagonal = ~np.eye(n, dtype=bool)
    power = np.square(weights[off_diagonal]).sum()
    variance = sum(
        np.linalg.inv(matrix[np.ix_(others, others)]).trace()
        for matrix, others in zip(couplings, off_diagonal, strict=True)
    )
    symmetric = np.nan
    asymmetry = np.abs(weights - weights.T).max()
    if asymmetry <= _SYMMETRIC * np.abs(weights).max() and budget.allows(8 * (n * (n - 1) / 2) ** 2):
        _, errors = symmetric_fit(weights, couplings)
        symmetric = np.square(errors[off_diagonal]).sum() / power
    return Floor(
        n_spikes,
        int(source.trial_steps.sum()),
        float(variance / power),
        float(symmetric),
        float(chi2.mean()),
        float(chi2.std(ddof=1) / np.sqrt(n)),
        n * (n - 1),
    )


def couplings_at(network: Network, parameters: ThresholdParameters, kept: np.ndarray) -> np.ndarray:
    """True coefficients of some neurons, (n + 1, n) [source, target] in standard deviations of the noise.

    The last row has the constants.
    """
    drive = parameters.b * network.drive_scale[kept]
    weights = network.dense_weights()[np.ix_(kept, kept)]
    return np.vstack([parameters.r * weights, drive - parameters.theta]) / (drive * parameters.sigma)


def least_errors(noise: float, n_neurons: int, volume: float = 1.0) -> PredictedErrors:
    """Errors of an estimate on the floor; NaN without one.

    Parameters
    ----------
    noise : float
        xi^2 of a recording.
    n_neurons : int
    volume : float, optional
        Times as many spikes as in that recording.
    """
    if not np.isfinite(noise):
        return PredictedErrors(*[np.nan] * 6)
    return expected_errors(ErrorPower(0.0, noise / volume), n_neurons)


def floor_table(found: Floor, n_neurons: int, **columns) -> pd.DataFrame:
    """One row: the floor of a recording, with the errors of estimates on it.

    Parameters
    ----------
    found : Floor
    n_neurons : int
    **columns
        More columns, in front: r, seed.

    Returns
    -------
    DataFrame
        Columns of `Floor`, and ``total``, ``bias``, ``variance``, and the same with ``_symmetric``.
    """
    row = columns | asdict(found)
    for name, noise in (("", found.noise), ("_symmetric", found.noise_symmetric)):
        errors = least_errors(noise, n_neurons)
        row |= {f"{kind}{name}": getattr(errors, kind) for kind in ("total", "bias", "variance")}
    return pd.DataFrame([row])
