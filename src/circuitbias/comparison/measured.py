"""Standard errors that blocks of a shorter recording have shown, for comparisons that had none."""

import numpy as np
import pandas as pd

from circuitbias.comparison.verdicts import INDEPENDENT, strength_of_bumps, with_verdicts

_ERRORS = ("total", "bias", "variance", "total_l1", "bias_l1", "variance_l1")


def with_measured_errors(comparison: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Measure standard errors where independent noise was assumed wrongly, and judge those rows again.

    At strengths at which bumps have formed, the standard error of an error is that from blocks of another
    recording of the same network, estimator and strength, times the root of how much shorter that was; of the
    variance error, which falls with the volume as well, it is the relative one. It is no less than that of
    independent noise, to which slow activity can only add. Errors against volume have it where the volume,
    the sum of binned values, is no less than that of the other recording.

    Parameters
    ----------
    comparison : DataFrame
        Columns ``network`` and those of `circuitbias.comparison.COLUMNS`.
    errors : DataFrame
        Errors of the shorter recordings, as from `circuitbias.errors.tables.error_table`, with their standard
        errors: columns estimator, r, n_spikes, n_counts, total, total_se, ...; ``network`` as in the
        comparison, or else they are of the ring.

    Returns
    -------
    DataFrame
        As `comparison`.
    """
    errors = errors.assign(network=errors.get("network", "ring"))
    texts = ("condition", "note", "expected_from", "error_from")
    comparison = comparison.assign(
        **{name: comparison[name].astype(object).fillna("") for name in texts if name in comparison}
    )
    rows = []
    for row in comparison.to_dict("records"):
        known = errors[
            (errors.network == row["network"])
            & (errors.estimator == row["estimator"])
            & np.isclose(errors.r, row["r"])
        ]
        model = str(row["error_from"]).startswith("model") and row["r"] >= strength_of_bumps() - 1e-9
        if model and row["quantity"] in _ERRORS and len(known):
            row |= _measured(row, known.iloc[0])
        said = str(row["note"]).split("; ")
        row["note"] = "; ".join(
            part for part in said if part != INDEPENDENT
        )  # said anew where it still holds
        rows.append(row)
    judged = with_verdicts(rows)
    judged.insert(0, "network", [row["network"] for row in rows])
    return judged


def _measured(row: dict, known) -> dict:
    """Standard error of the difference between two recordings, and what it is made of, if it applies."""
    volume = known.n_spikes
    if row["condition"]:
        if not row["condition"].startswith("10^") or row["n_spikes"] < known.n_counts:
            return {}
        volume = known.n_counts
    error = known[f"{row['quantity']}_se"] * np.sqrt(volume / row["n_spikes"])
    if row["quantity"].startswith("variance"):
        error *= row["expected"] / known[row["quantity"]]
    if not np.isfinite(error):
        return {}
    error *= np.sqrt(1 + row["n_spikes"] / row["n_spikes_published"])
    if not error > row["standard_error"]:  # slow activity only adds to independent noise
        return {"error_from": "independent noise, no less than blocks"}
    return {
        "standard_error": error,
        "error_from": f"blocks of a recording of {known.n_spikes:.0e} spikes".replace("e+0", "e"),
    }
