"""Error against the number of observed neurons."""

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
        As from `circuitbias.experiments.partial_observation.run`, with columns r and seed, and ``summarise``.
    comparison : DataFrame, optional
        Not used: the paper's numbers are not to be had.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    shown = list(style.estimator_styles(summary.estimator.unique()))[:MOST_ESTIMATORS]
    figure, numbers = style.new_figure(20 + 50 * len(shown)), style.Numbers()
    grid = figure.subplots(len(shown), 3, squeeze=False)
    for row, name in zip(grid, shown, strict=True):
        here = summary[summary.estimator == name]
        for r, color in style.strength_colors(here.r).items():
            rows = here[here.r == r].sort_values("n_observed")
            for axes, letter, quantity in zip(row, "abc", ("total", "bias", "variance"), strict=True):
                axes.plot(rows.n_observed, rows[quantity], color=color)
                axes.plot(rows.n_observed, rows[f"merged_{quantity}"], "--", color=color)
                numbers.add(letter, f"{name}, r = {r:g}", rows.n_observed, rows[quantity])
    return figure, numbers.table()
