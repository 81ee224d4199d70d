"""The paper's own numbers, as small tables to compare with.

Das & Fiete (2020), "Systematic errors in connectivity inferred from activity in strongly recurrent
networks", Nature Neuroscience 23:1286-1296, doi:10.1038/s41593-020-0699-2. Each csv file names its
source in its head.
"""

from importlib.resources import files

import pandas as pd


def thresholds(network: str, generator: str = "threshold") -> pd.Series:
    """Return the spike thresholds theta that give 62.5 Hz per neuron.

    Parameters
    ----------
    network : {"ring", "ring_pinned", "sideband_1_3", "sideband_2_3", "sideband_3_3"}
    generator : {"threshold", "lnp", "glm_relu", "glm_exp"}, optional
        Of the last one the paper has divisors F = exp(theta / 1e-4). The pinned ring has some of the first
        alone.

    Returns
    -------
    Series
        theta in input units (where the drive b is 1e-3), indexed by the weight strength r, rising.

    Raises
    ------
    ValueError
        If there is no table for this network and generator.
    """
    if network == "ring" and generator != "threshold":
        table = _table("thresholds_generators")
        if not (its := table[table.generator == generator]).empty:
            return its.set_index("r")["theta"]
    if generator != "threshold":
        raise ValueError(f"generator: {generator!r} has no table for network {network!r}")
    tables = dict(list(_table("thresholds").groupby("network", sort=False)))
    if network not in tables:
        raise ValueError(f"network: {network!r} has no table; choose from {', '.join(tables)}")
    return tables[network].set_index("r")["theta"]


def errors(network: str = "ring") -> pd.DataFrame:
    """Return the published errors against weight strength (threshold model, 1e8 spikes).

    Parameters
    ----------
    network : {"ring", "ring_pinned", "sideband", "ring_lnp", "ring_glm_exp", "ring_glm_relu", "ring_ising"}
        The last four are of other generators on the ring, with fewer spikes.

    Returns
    -------
    DataFrame
        Columns method ("glm", "mean_field", "mean_field_binarised", "logistic", "mpf", "tap",
        "sessak_monasson"; of the pinned ring "mpf" and "logistic_binarised", of the ring with sidebands and
        of the Ising generator "mpf", of other generators "glm"), r, n_spikes, total, bias,
        variance (errors relative to the norm of W0); total_l1, bias_l1, variance_l1: the same with the older
        scale, where the authors' files have that, else NaN.
    """
    table, others = _table("errors"), _table("errors_generators")
    others = others.assign(network="ring_" + others.generator).drop(columns="generator")
    table = pd.concat([table, others], ignore_index=True)[list(table)]
    return table[table.network == network].drop(columns="network").reset_index(drop=True)


def errors_of_generators() -> pd.DataFrame:
    """Return the published errors on the ring for every generator, matched or not.

    Returns
    -------
    DataFrame
        Columns generator, method, r, n_spikes, total, bias, variance; of the threshold model those of
        `errors`.
    """
    threshold = errors()[["method", "r", "n_spikes", "total", "bias", "variance"]].assign(
        generator="threshold"
    )
    others = _table("errors_generators")
    return pd.concat([others, threshold[others.columns]], ignore_index=True)


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


def error_against_volume() -> pd.DataFrame:
    """Return errors of minimum probability flow on the pinned ring: columns r, log10_spikes, total."""
    return _table("error_against_volume")


def data_demand() -> pd.DataFrame:
    """Return the data that minimum probability flow takes for a total error of 0.577 on the pinned ring.

    Returns
    -------
    DataFrame
        Columns r, log10_spikes (sum of the binned values).
    """
    return _table("data_demand")


def bin_width() -> pd.DataFrame:
    """Return errors of minimum probability flow: columns bin_steps, total, bias, variance."""
    return _table("bin_width")


def synchrony() -> pd.DataFrame:
    """Return the total errors of Extended Data Figure 7: columns estimator, r, total."""
    return _table("synchrony")


def substates() -> pd.DataFrame:
    """Return published joint states of ten neighbours: columns against, r, divergence, entropy.

    ``against`` is "same" or a ring with sidebands, as in `thresholds`; ``divergence`` D(ring || it) in bits;
    ``entropy`` of that network in bits, NaN where there is none.
    """
    return _table("substates")


def noise_correlation() -> pd.DataFrame:
    """Return noise correlations of the pinned ring: columns r, noise_correlation."""
    return _table("noise_correlation")


def diffusivity() -> pd.DataFrame:
    """Return diffusivities of the bumps, in a unit that is not said: columns r, diffusivity."""
    return _table("diffusivity")


def _table(name: str) -> pd.DataFrame:
    with files(__package__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        # Python's own float: r is a key, so 0.0168 must become the same number as the literal
        return pd.read_csv(file, comment="#", converters={"r": float, "theta": float})
