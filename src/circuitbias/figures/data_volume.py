"""Error against the volume of data: what more spikes cure, what they do not, and how many an error takes."""

import pandas as pd
from matplotlib.figure import Figure

from circuitbias.figures import style

MOST_ESTIMATORS = 4


@style.styled
def draw(
    table: pd.DataFrame,
    summary: pd.DataFrame,
    comparison: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table, summary : DataFrame
        As from `circuitbias.experiments.data_volume.run`, with columns r and seed, and ``summarise``.
    comparison : DataFrame, optional
        Published numbers beside ours: quantities "volume_slope" and "log10_data_demand", and "total" with a
        condition such as "10^6.50 spikes".

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    styles = style.estimator_styles(summary.estimator.unique())
    shown = list(styles)[:MOST_ESTIMATORS]
    figure, numbers = style.new_figure(55 * (1 + len(shown))), style.Numbers()
    grid = figure.subplots(1 + len(shown), 3, squeeze=False)
    for row, name in zip(grid, shown, strict=False):
        here = table[(table.estimator == name) & table.total.notna()]
        for r, color in style.strength_colors(style.chosen_strengths(here.r)).items():
            windows = here[here.r == r]
            row[0].loglog(windows.n_counts, windows.total, ".", color=color)
            row[1].loglog(windows.n_counts, windows.variance**2, ".", color=color)
            numbers.add("a", f"{name}, r = {r:g}", windows.n_counts, windows.total)
            numbers.add("b", f"{name}, r = {r:g}", windows.n_counts, windows.variance**2)
    for name, look in styles.items():
        rows = summary[summary.estimator == name].sort_values("r")
        grid[-1, 0].plot(rows.r, rows.slope, **look)
        grid[-1, 1].plot(rows.r, rows.log10_demand, **look)
        numbers.add("c", name, rows.r, rows.slope, rows.slope_low, rows.slope_high)
        numbers.add("e", name, rows.r, rows.log10_demand)
    return figure, numbers.table()
