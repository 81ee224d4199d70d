"""Published errors against weight strength beside ours: what was to be expected with our number of spikes?"""

import json
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.comparison.verdicts import with_verdicts
from circuitbias.errors.sampling import (
    PredictedErrors,
    expected_errors,
    noise_and_bias_power,
    predict_errors,
)
from circuitbias.networks import Network, ring_weights

QUANTITIES = ("total", "bias", "variance")
NEURONS = {"ring": 100, "ring_pinned": 99}
"""Networks that the paper has numbers of, and how many of their neurons fire."""

# Published method for an estimator's method and the options that must be so.
_COUNTERPARTS = (
    ("glm", "glm", {"bin_steps": 100, "binarise": False, "lags": [0], "ridge": 0.0}),
    ("mean_field", "mean_field", {"bin_steps": 100, "binarise": False}),
    ("mean_field_binarised", "mean_field", {"bin_steps": 100, "binarise": True}),
    ("mpf", "mpf", {"bin_steps": 100, "all_flip": True}),
    ("tap", "tap", {"bin_steps": 100, "as_published": True}),
    ("sessak_monasson", "sessak_monasson", {"bin_steps": 100, "as_published": True}),
    ("logistic", "logistic", {"bin_steps": 100, "binarise": False, "l1": "oracle"}),
    ("logistic_binarised", "logistic", {"bin_steps": 100, "binarise": True, "l1": 0.0}),
)
_SAME_VOLUME = {"logistic": 2.0, "logistic_binarised": 2.0}
"""Methods whose error at other volumes is not to be predicted (a penalty fights the noise), and by which
factor volumes may differ."""


def published_network(network: Network) -> str | None:
    """Name in the published tables of a network: the ring of 100 neurons, pinned or not; else None."""
    ring = ring_weights()
    if network.weights.shape != ring.shape:
        return None
    if not np.allclose(network.dense_weights(), ring, rtol=0, atol=1e-12):
        return None
    if (network.drive_scale == 1).all():
        return "ring"
    silenced = network.drive_scale == 0
    alone = silenced.sum() == 1 and (network.drive_scale[~silenced] == 1).all()
    return "ring_pinned" if alone else None


def published_method(method: str, options: dict) -> str | None:
    """Name in the published tables of an estimator with these options; None if it is not there."""
    for name, same_method, needed in _COUNTERPARTS:
        if method == same_method and all(options.get(key) == value for key, value in needed.items()):
            return name
    return None


def compare_errors(errors: pd.DataFrame, network: str) -> pd.DataFrame:
    """Compare the total, bias and variance error with the published ones.

    The published errors belong to 1e8 spikes. What they become with ours, and by how much a single
    recording scatters, follows from `circuitbias.errors.sampling`; nothing is fitted to our results. The
    standard error is that of the difference: ours, and the published value's own carried over.

    The authors' recordings ended when the sum of the binned values reached the limit. Binarised bins hold
    fewer than the spikes in them, so what counts as their volume, and as ours, is that sum (``n_counts``).

    Where the authors' files hold errors with the older scale, those are compared too (``total_l1``, ...).
    Of the pinned ring only the total error is: see `_pinned_total`.

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
        name = published_method(method, json.loads(options))
        n_counts = runs.n_counts.mean()
        for paper in table[(table.method == name) & np.isclose(table.r, r)].itertuples():
            if abs(math.log(n_counts / paper.n_spikes)) > math.log(_SAME_VOLUME.get(name, math.inf)):
                continue
            if network == "ring_pinned":
                rows.append(_pinned_total(estimator, paper, runs))
                continue
            for quantity, as_published, then, now in _predictions(paper, n_counts, NEURONS[network]):
                key = quantity.removesuffix("_l1")
                expected = getattr(now, key)
                # A relative fluctuation of the published noise carries over to the prediction.
                carried = getattr(then, f"{key}_se") / as_published * expected
                own = getattr(now, f"{key}_se") / math.sqrt(len(runs))
                rows.append(
                    {
                        "quantity": quantity,
                        "estimator": estimator,
                        "r": r,
                        "n_spikes_published": paper.n_spikes,
                        "published": as_published,
                        "n_spikes": n_spikes,
                        "expected": expected,
                        "standard_error": math.hypot(own, carried),
                        "ours": runs[quantity].mean(),
                    }
                )
    return with_verdicts(rows)


def _predictions(paper, n_counts, n_neurons) -> Iterator[tuple[str, float, PredictedErrors, PredictedErrors]]:
    """Quantity, published value, and errors to expect at the published and at our volume."""
    volumes = paper.n_spikes, n_counts
    then, now = (predict_errors(paper.bias, paper.variance, n_neurons, paper.n_spikes, n) for n in volumes)
    for quantity in QUANTITIES:
        yield quantity, getattr(paper, quantity), then, now
    if math.isfinite(paper.total_l1):
        then, now = (_predict_with_older_scale(paper, n, n_neurons) for n in volumes)
        for quantity in QUANTITIES:
            yield f"{quantity}_l1", getattr(paper, f"{quantity}_l1"), then, now


def _predict_with_older_scale(paper, n_counts, n_neurons) -> PredictedErrors:
    r"""Errors with the scale of the mean profile, which noise does not shrink.

    In the model of `circuitbias.errors.sampling`, with a scale :math:`\kappa / c` that does not depend
    on the volume,
    :math:`\Delta_v^2 = \kappa^2 \xi^2` and :math:`\Delta_b^2 = const + \kappa^2 \xi^2 / N`; the
    published variance errors in both conventions give :math:`\kappa`. Noise of the scale itself (a
    least-absolute-deviations slope:
    :math:`\sqrt{\pi / 2}` times that of least squares) and the noise left in the mean profile make the
    standard error.
    """
    power = noise_and_bias_power(paper.bias, paper.variance, n_neurons)
    noise = power.noise * paper.n_spikes / n_counts
    kappa2 = paper.variance_l1**2 / power.noise
    variance2 = kappa2 * noise
    bias2 = max(paper.bias_l1**2 + (variance2 - paper.variance_l1**2) / n_neurons, 0.0)
    total2 = bias2 + (1 - 1 / n_neurons) * variance2
    least_squares = expected_errors(power._replace(noise=noise), n_neurons)
    d_kappa = math.sqrt(
        math.pi * noise / (n_neurons * (n_neurons - 1))
    )  # relative; 2 noise / n (n - 1) symmetric
    variance_se = math.hypot(least_squares.variance_se, d_kappa * math.sqrt(variance2))
    bias_se = math.hypot(
        least_squares.bias_se, d_kappa * abs(1 - math.sqrt(kappa2)) / max(math.sqrt(bias2), 1e-9)
    )
    errors = [math.sqrt(value) for value in (total2, bias2, variance2)]
    total_se = math.hypot(errors[1] * bias_se, errors[2] * variance_se) / errors[0]
    return PredictedErrors(*errors, total_se, bias_se, variance_se)


def _pinned_total(estimator, paper, runs) -> dict:
    """Compare the total error of the pinned ring, which does not depend on how neurons are aligned.

    The published split into bias and variance drops the silent neuron and aligns the other 99 as if they were
    a ring of 99: pairs on either side of the gap are shifted by one place, which counts as variance but is no
    noise. So the total alone is compared, and carried over to our volume by our own noise, to first order.
    """
    n = NEURONS["ring_pinned"]
    n_counts, variance, bias = (runs[key].mean() for key in ("n_counts", "variance", "bias"))
    more_noise = (1 - 1 / n) * variance**2 * (1 - n_counts / paper.n_spikes)
    own = expected_errors(noise_and_bias_power(bias, variance, n), n).total_se
    return {
        "quantity": "total",
        "estimator": estimator,
        "r": paper.r,
        "n_spikes_published": paper.n_spikes,
        "published": paper.total,
        "n_spikes": runs.n_spikes.iloc[0],
        "expected": math.sqrt(max(paper.total**2 + more_noise, 0.0)),
        "standard_error": own * math.sqrt(1 / len(runs) + n_counts / paper.n_spikes),
        "ours": runs.total.mean(),
    }
