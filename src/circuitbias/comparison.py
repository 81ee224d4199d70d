"""Published numbers beside ours: what was to be expected with our number of spikes, and does it agree?"""

import json
import math

import numpy as np
import pandas as pd

from circuitbias import published
from circuitbias.errors.sampling import predict_errors
from circuitbias.networks import Network, ring_weights

COLUMNS = [
    "quantity",
    "estimator",
    "r",
    "n_spikes_published",
    "published",
    "n_spikes",
    "expected",
    "standard_error",
    "ours",
    "ratio",
    "z",
    "verdict",
]
AGREEMENT_SE = 2.0
"""Values agree if they differ by at most so many standard errors, or ..."""
AGREEMENT_RATIO = {"total": 0.03, "bias": 0.03, "variance": 0.05}
"""... by at most this fraction of what was expected."""
MOST_EXTRAPOLATION = 100
"""The prediction is of first order in the noise: it is not used over more than this factor of spikes."""

# Published method for an estimator's method and the options that must be so. Logistic regression has none:
# its published penalty was chosen anew for each strength and number of spikes, against the true weights.
_COUNTERPARTS = (
    ("glm", "glm", {"bin_steps": 100, "binarise": False, "lags": [0], "ridge": 0.0}),
    ("mean_field", "mean_field", {"bin_steps": 100, "binarise": False}),
    ("mean_field_binarised", "mean_field", {"bin_steps": 100, "binarise": True}),
    ("mpf", "mpf", {"bin_steps": 100, "all_flip": True}),
    ("tap", "tap", {"bin_steps": 100, "as_published": True}),
    ("sessak_monasson", "sessak_monasson", {"bin_steps": 100, "as_published": True}),
)


def is_published_ring(network: Network) -> bool:
    """Whether the published errors and pattern strengths are of this network: 100 neurons, none silenced."""
    ring = ring_weights()
    return (
        network.weights.shape == ring.shape
        and np.allclose(network.weights, ring, rtol=0, atol=1e-12)
        and bool((network.drive_scale == 1).all())
    )


def published_method(method: str, options: dict) -> str | None:
    """Name in the published tables of an estimator with these options; None if it is not there."""
    for name, same_method, needed in _COUNTERPARTS:
        if method == same_method and all(options.get(key) == value for key, value in needed.items()):
            return name
    return None


def compare_errors(errors: pd.DataFrame, n_neurons: int) -> pd.DataFrame:
    """Compare the total, bias and variance error of the ring with the published ones.

    The published errors belong to 1e8 spikes. What they become with ours, and by how much a single
    recording scatters, follows from `circuitbias.errors.sampling`; nothing is fitted to our results. The
    standard error is that of the difference: ours, and the published value's own carried over.

    The authors' recordings ended when the sum of the binned values reached the limit. Binarised bins hold
    fewer than the spikes in them, so what counts as their volume, and as ours, is that sum (``n_counts``).

    Parameters
    ----------
    errors : DataFrame
        As from `circuitbias.errors.tables.error_table`; runs with several seeds are averaged.
    n_neurons : int

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, a row a quantity, estimator and strength that the paper has.
    """
    table = published.errors()
    rows = []
    for (estimator, method, options, r, n_spikes), runs in errors.groupby(
        ["estimator", "method", "options", "r", "n_spikes"], sort=False
    ):
        name = published_method(method, json.loads(options))
        for paper in table[(table.method == name) & np.isclose(table.r, r)].itertuples():
            volumes = paper.n_spikes, runs.n_counts.mean()
            then, now = (
                predict_errors(paper.bias, paper.variance, n_neurons, paper.n_spikes, n) for n in volumes
            )
            for quantity in ("total", "bias", "variance"):
                expected = getattr(now, quantity)
                # A relative fluctuation of the published noise carries over to the prediction.
                carried = getattr(then, f"{quantity}_se") / getattr(paper, quantity) * expected
                rows.append(
                    {
                        "quantity": quantity,
                        "estimator": estimator,
                        "r": r,
                        "n_spikes_published": paper.n_spikes,
                        "published": getattr(paper, quantity),
                        "n_spikes": n_spikes,
                        "expected": expected,
                        "standard_error": math.hypot(
                            getattr(now, f"{quantity}_se") / math.sqrt(len(runs)), carried
                        ),
                        "ours": runs[quantity].mean(),
                    }
                )
    return _with_verdicts(rows)


def compare_patterns(activity: pd.DataFrame) -> pd.DataFrame:
    """Compare the pattern strength with the published one.

    It depends on the number of spikes, so windows of the published number are cut from our recordings.
    Their scatter is the sampling error; with a single window there is none to be had.

    Parameters
    ----------
    activity : DataFrame
        Columns r, n_spikes (of a window), pattern_strength; a row a window.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`.
    """
    table = published.pattern_strength()
    rows = []
    for (r, n_spikes), windows in activity.groupby(["r", "n_spikes"]):
        for paper in table[np.isclose(table.r, r) & (table.n_spikes == n_spikes)].itertuples():
            ours = windows.pattern_strength
            rows.append(
                {
                    "quantity": "pattern_strength",
                    "estimator": "",
                    "r": r,
                    "n_spikes_published": n_spikes,
                    "published": paper.pattern_strength,
                    "n_spikes": n_spikes,
                    "expected": paper.pattern_strength,
                    "standard_error": ours.std(ddof=1) * math.sqrt(1 + 1 / len(ours)),
                    "ours": ours.mean(),
                }
            )
    return _with_verdicts(rows)


def _with_verdicts(rows: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    if table.empty:
        return table
    table["ratio"] = table.ours / table.expected
    table["z"] = (table.ours - table.expected) / table.standard_error
    near = (table.ratio - 1).abs() <= table.quantity.map(AGREEMENT_RATIO).fillna(0.0)
    agrees = near | (table.z.abs() <= AGREEMENT_SE)
    unknown = table.standard_error.isna() & ~near
    too_far = table.n_spikes * MOST_EXTRAPOLATION < table.n_spikes_published
    table["verdict"] = np.select(
        [too_far, unknown, agrees], ["too few spikes", "no error known", "agrees"], "differs"
    )
    return table


def summary(comparison: pd.DataFrame) -> str:
    """Say in a few lines how many rows agree, and list those that do not."""
    if comparison.empty:
        return "The paper has no numbers for this network and these estimators."
    lines = ["Published numbers beside ours (expected: the published value at our number of spikes):"]
    for (quantity, estimator), rows in comparison.groupby(["quantity", "estimator"], sort=False):
        counts = rows.verdict.value_counts()
        verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in counts.index)
        lines.append(f"  {quantity:<17}{estimator:<22}{verdicts}")
    differing = comparison[comparison.verdict == "differs"]
    if len(differing):
        shown = differing[["quantity", "estimator", "r", "expected", "standard_error", "ours", "ratio", "z"]]
        lines += ["Rows that differ:", shown.to_string(index=False, float_format="{:.4g}".format)]
    return "\n".join(lines)
