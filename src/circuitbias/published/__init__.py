"""The paper's own numbers, as small tables to compare with.

Das & Fiete (2020), "Systematic errors in connectivity inferred from activity in strongly recurrent
networks", Nature Neuroscience 23:1286-1296, doi:10.1038/s41593-020-0699-2. Each csv file names its
source in its head.
"""

from importlib.resources import files

import pandas as pd


def thresholds(network: str) -> pd.Series:
    """Return the spike thresholds theta that give 62.5 Hz per neuron.

    Parameters
    ----------
    network : {"ring", "ring_pinned"}

    Returns
    -------
    Series
        theta in input units (where the drive b is 1e-3), indexed by the weight strength r, rising.

    Raises
    ------
    ValueError
        If there is no table for this network.
    """
    tables = dict(list(_table("thresholds").groupby("network", sort=False)))
    if network not in tables:
        raise ValueError(f"network: {network!r} has no table; choose from {', '.join(tables)}")
    return tables[network].set_index("r")["theta"]


def errors() -> pd.DataFrame:
    """Return the published errors against weight strength (threshold model, ring, 1e8 spikes).

    Returns
    -------
    DataFrame
        Columns method ("glm", "mean_field", "mean_field_binarised", "logistic", "mpf", "tap",
        "sessak_monasson"), r, n_spikes, total, bias, variance (errors relative to the norm of W0).
    """
    return _table("errors")


def pattern_strength() -> pd.DataFrame:
    """Return the pattern strength of the ring: columns r, n_spikes (1e6 or 1e7), pattern_strength.

    Counts per single step; the measure depends on bin width and on the amount of data.
    """
    return _table("pattern_strength")


def power_law_fits() -> pd.DataFrame:
    """Return fits log10(variance error²) = slope log10(n_spikes) + log10_intercept.

    Returns
    -------
    DataFrame
        Columns method, r, slope, slope_low, slope_high, log10_intercept, intercept_low,
        intercept_high; low and high are 95 % confidence limits.
    """
    return _table("power_law_fits")


def _table(name: str) -> pd.DataFrame:
    with files(__package__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        # Python's own float: r is a key, so 0.0168 must become the same number as the literal
        return pd.read_csv(file, comment="#", converters={"r": float, "theta": float})
