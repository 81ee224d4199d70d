"""Published errors against weight strength beside ours: what was to be expected with our number of spikes?"""

import json
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.comparison.expectation import (
    NEURONS,
    QUANTITIES,
    Expectation,
    carried_over,
    noise_power,
    of_split,
    of_total,
)
from circuitbias.comparison.verdicts import AS_PUBLISHED, error_from_scatter, pairs_note, with_verdicts
from circuitbias.errors.sampling import PredictedErrors, noise_and_bias_power
from circuitbias.networks import Network
from circuitbias.networks.ring import ring_weights
from circuitbias.networks.sideband import circulant, published_profile

_PINNED = {"bin_steps": 100, "binarise": True, "as_published": True}
# Published method for an estimator's method and the options that must be so.
_COUNTERPARTS = (
    ("glm", "glm", {"bin_steps": 100, "binarise": False, "lags": [0], "ridge": 0.0}),
    ("mean_field", "mean_field", {"bin_steps": 100, "binarise": False}),
    ("mean_field_binarised", "mean_field", {"bin_steps": 100, "binarise": True}),
    ("mpf", "mpf", {"bin_steps": 100, "all_flip": True}),
    ("tap", "tap", {"bin_steps": 100, "as_published": True}),
    ("sessak_monasson", "sessak_monasson", {"bin_steps": 100, "as_published": True}),
    ("logistic", "logistic", {"bin_steps": 100, "binarise": False, "l1": "oracle", "as_published": False}),
    ("logistic_binarised", "logistic", _PINNED | {"l1": "oracle"}),
    ("logistic_binarised", "logistic", _PINNED | {"l1": 0.0}),  # what an oracle chooses where noise is little
)
_OF_SWEEPS = (("mpf", "mpf", {"bin_steps": 1}),)  # of the Ising generator, a sample a sweep
_SAME_VOLUME = {"logistic": 2.0, "logistic_binarised": 2.0}
"""Methods whose error at other volumes is not to be predicted (a penalty fights the noise), and by which
factor volumes may differ."""


def published_network(network: Network) -> str | None:
    """Return a network's name in the published tables: the ring of 100 neurons, pinned, or with sidebands."""
    ring = ring_weights()
    if network.weights.shape != ring.shape:
        return None
    weights, equal = network.dense_weights(), (network.drive_scale == 1).all()
    if equal and np.allclose(weights, circulant(published_profile("mpf")), rtol=0, atol=1e-12):
        return "sideband"
    if not np.allclose(weights, ring, rtol=0, atol=1e-12):
        return None
    if equal:
        return "ring"
    silenced = network.drive_scale == 0
    alone = silenced.sum() == 1 and (network.drive_scale[~silenced] == 1).all()
    return "ring_pinned" if alone else None


def published_method(method: str, options: dict, network: str = "ring") -> str | None:
    """Return an estimator's name in the published tables, given its options; None if it has none."""
    for name, same_method, needed in _OF_SWEEPS if network == "ring_ising" else _COUNTERPARTS:
        if method == same_method and all(options.get(key) == value for key, value in needed.items()):
            return name
    return None


def compare_errors(errors: pd.DataFrame, network: str) -> pd.DataFrame:
    """Compare the total, bias and variance error with the published ones.

    The published errors belong to 1e8 spikes (of other generators, fewer). What they become with ours, and by
    how much a single recording scatters, follows from published numbers: see
    `circuitbias.comparison.expectation`.

    The authors' recordings ended when the sum of the binned values reached the limit. Binarised bins hold
    fewer than the spikes in them, so what counts as their volume, and as ours, is that sum (``n_counts``).

    Where the authors' files hold errors with the older scale, those are compared too (``total_l1``, ...).
    Of the pinned ring only the total error is: see `circuitbias.comparison.expectation.pinned_power`.

    Parameters
    ----------
    errors : DataFrame
        As from `circuitbias.errors.tables.error_table`; runs with several seeds are averaged.
    network : str
        A key of `NEURONS`.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, a row a quantity, estimator and strength that the paper has.
    """
    table = published.errors(network)
    rows = []
    for (estimator, method, options, r, n_spikes), runs in errors.groupby(
        ["estimator", "method", "options", "r", "n_spikes"], sort=False
    ):
        options = json.loads(options)
        name = published_method(method, options, network)
        slips = AS_PUBLISHED if options.get("as_published") else ""
        n_counts, factor = runs.n_counts.mean(), _SAME_VOLUME.get(name, math.inf)
        for paper in table[(table.method == name) & np.isclose(table.r, r)].itertuples():
            if paper.n_spikes / factor <= n_counts <= paper.n_spikes * factor:
                rows += [
                    {
                        "quantity": quantity,
                        "estimator": estimator,
                        "r": r,
                        "n_spikes_published": paper.n_spikes,
                        "published": as_published,
                        "n_spikes": n_spikes,
                        "expected": expectation.expected,
                        **measured_error(runs, quantity, expectation, paper.n_spikes),
                        "ours": runs[quantity].mean(),
                        "expected_from": origin,
                        "note": "; ".join(filter(None, (slips, pairs_note(runs, NEURONS[network])))),
                    }
                    for quantity, as_published, origin, expectation in _expectations(
                        paper, network, n_counts, len(runs)
                    )
                ]
    return with_verdicts(rows)


def measured_error(runs: pd.DataFrame, quantity: str, expectation: Expectation, n_published: float) -> dict:
    """Return the standard error of the difference: from the scatter of our recordings, or from their blocks.

    The published recording scatters as ours do, but for its length: 1 / volume in the square. One of ours and
    one of theirs, equally long, differ by sqrt(2) standard errors of one.

    Parameters
    ----------
    runs : DataFrame
        A row a recording: the error itself, ``n_counts`` and, from blocks, ``<quantity>_se``.
    quantity : str
    expectation : Expectation
        Its standard error, that of independent noise, is the least that blocks can tell. Scatter over
        enough recordings is taken as it is: it assumes nothing.
    n_published : float
        Volume of the published recording.

    Returns
    -------
    dict
        ``standard_error`` and ``error_from``.
    """
    length = runs.n_counts.mean() / n_published
    if scatter := error_from_scatter(runs[quantity].dropna(), length):
        return scatter
    squares = runs.get(f"{quantity}_se", pd.Series(math.nan, runs.index)) ** 2
    if squares.isna().any():
        return {"standard_error": expectation.standard_error, "error_from": "model"}
    error = math.sqrt(squares.mean() * (1 / len(runs) + length))
    if not error > expectation.standard_error:  # slow activity only adds to independent noise
        return {
            "standard_error": expectation.standard_error,
            "error_from": "independent noise, no less than blocks",
        }
    return {"standard_error": error, "error_from": "blocks of our recording"}


def _expectations(paper, network, n_counts, n_runs) -> Iterator[tuple[str, float, str, Expectation]]:
    """Quantity, published value, what the expectation is made of, and the expectation."""
    if network == "ring_pinned":
        noise = noise_power(network, paper.method, paper.r)
        total = of_total(paper.total, noise, network, n_counts, n_runs)
        yield "total", paper.total, "published total and curve", total
        return
    for quantity, expectation in of_split(paper, network, paper.n_spikes, n_counts, n_runs).items():
        yield quantity, getattr(paper, quantity), "published errors", expectation
    if math.isfinite(paper.total_l1):
        volumes = paper.n_spikes, n_counts
        then, now = (predict_with_older_scale(paper, n, NEURONS[network]) for n in volumes)
        for quantity in QUANTITIES:
            as_published = getattr(paper, f"{quantity}_l1")
            expectation = carried_over(quantity, as_published, then, now, n_runs)
            yield f"{quantity}_l1", as_published, "published errors", expectation


def predict_with_older_scale(paper, n_counts, n_neurons) -> PredictedErrors:
    r"""Errors with the scale of the mean profile, which noise does not shrink.

    In the model of `circuitbias.errors.sampling`, with a scale :math:`\kappa / c` that does not depend
    on the volume,
    :math:`\Delta_v^2 = \kappa^2 \xi^2` and :math:`\Delta_b^2 = const + \kappa^2 \xi^2 / N`; the
    published variance errors in both conventions give :math:`\kappa`. Standard errors hold the fluctuations
    of the noise, at a given scale, and those of the scale itself (a least-absolute-deviations slope:
    :math:`\sqrt{\pi / 2}` times that of least squares), of

    .. math:: \Delta_b^2 = (1 - \kappa)^2 + \kappa^2 (\beta^2 + |m|^2 + 2 \langle B, e\rangle)
        - 2 \kappa (1 - \kappa) \langle W, e\rangle

    with the noise m left in the mean profile. Where B is not small beside W, the median that the scale is
    may scatter more.
    """
    power = noise_and_bias_power(paper.bias, paper.variance, n_neurons)
    noise = power.noise * paper.n_spikes / n_counts
    kappa2 = paper.variance_l1**2 / power.noise
    variance2 = kappa2 * noise
    bias2 = max(paper.bias_l1**2 + (variance2 - paper.variance_l1**2) / n_neurons, 0.0)
    total2 = bias2 + (1 - 1 / n_neurons) * variance2
    kappa, n = math.sqrt(kappa2), n_neurons
    # Variances of <W, e> and <B, e>, of |m|^2 and |e - m|^2, and of the scale, relative; symmetric noise.
    entry = noise / (n * (n - 1))
    of_overlap = 2 * entry * ((2 * kappa * (kappa - 1)) ** 2 + (2 * kappa2) ** 2 * power.bias)
    of_mean, of_rest = 4 * (kappa2 * noise / n) ** 2 / (n - 1), 4 * (kappa2 * noise / n) ** 2
    of_scale = math.pi * entry
    by_scale = [2 * kappa * (kappa - 1) + 2 * kappa2 * (power.bias + part) for part in (noise, noise / n)]
    errors = [math.sqrt(value) for value in (total2, bias2, variance2)]
    total_se = math.sqrt(of_overlap + of_mean + of_rest + by_scale[0] ** 2 * of_scale) / (2 * errors[0])
    bias_se = math.sqrt(of_overlap + of_mean + by_scale[1] ** 2 * of_scale) / max(2 * errors[1], 1e-9)
    variance_se = errors[2] * math.sqrt(1 / (n - 1) ** 2 + of_scale)
    return PredictedErrors(*errors, total_se, bias_se, variance_se)
