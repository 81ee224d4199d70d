"""What recurrence does to the activity: patterns, shared noise, diffusion of the bumps, rates."""

import pandas as pd
from matplotlib.figure import Figure

from circuitbias.figures import style

_COLOR = "#3B2E7E"


@style.styled
def draw(
    table: pd.DataFrame,
    summary: pd.DataFrame | None = None,
    comparison: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.patterns.run`, with columns r and seed.
    summary : None
        Not used.
    comparison : DataFrame, optional
        Published numbers beside ours: quantities "noise_correlation" and "diffusivity".

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(60), style.Numbers()
    columns = ("pattern_strength", "noise_correlation", "diffusivity", "mean_rate_hz")
    for letter, axes, column in zip("abcd", figure.subplots(1, 4), columns, strict=True):
        mean = table.groupby("r")[column].mean()
        axes.plot(mean.index, mean, ".-", color=_COLOR)
        style.strength_axis(axes)
        numbers.add(letter, column, mean.index, mean)
    return figure, numbers.table()
