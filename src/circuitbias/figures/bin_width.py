"""Error against the width of the bins."""

import pandas as pd
from matplotlib.figure import Figure

from circuitbias.figures import style


@style.styled
def draw(
    table: pd.DataFrame,
    summary: pd.DataFrame | None = None,
    comparison: pd.DataFrame | None = None,
    dt_ms: float = 0.1,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.bin_width.run`, with columns r and seed.
    summary : None
        Not used.
    comparison : DataFrame, optional
        Published numbers beside ours: rows with a condition such as "bins of 100 steps".
    dt_ms : float, optional
        Length of a step.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(60), style.Numbers()
    grid = figure.subplots(1, 3, squeeze=False)
    styles = style.estimator_styles(table.estimator.unique())
    for letter, axes, quantity in zip("abc", grid[0], ("total", "bias", "variance"), strict=True):
        for name, look in styles.items():
            mean = table[table.estimator == name].groupby("bin_steps")[quantity].mean()
            axes.plot(dt_ms * mean.index, mean, **look)
            numbers.add(letter, name, dt_ms * mean.index, mean)
    return figure, numbers.table()
