"""Errors of every method against weight strength, method by method family."""

import pandas as pd
from matplotlib.figure import Figure

from circuitbias.figures import style

FAMILIES = {
    "regressions": ("glm", "glm_history", "glm_spatiotemporal", "logistic"),
    "inverse Ising": ("mean_field", "tap", "sessak_monasson", "independent_pair", "bethe", "mpf"),
    "correlations": (
        "cross_correlation",
        "partial_correlation",
        "transfer_entropy",
        "correlogram_graph",
        "glm_masked",
    ),
}
"""Methods of each column of panels; others share a last column."""

_ROWS = {"total": "total error", "bias": "bias error", "variance": "variance error"}
_OLDER = "total_l1"


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
        As from `circuitbias.errors.tables.error_table`. Quantities that are NaN throughout get no row.
    summary : None
        Not used.
    comparison : DataFrame, optional
        As from `circuitbias.comparison.errors.compare_errors`. Methods with rows of quantity "total_l1" are
        shown once more with the older scale, in a last row of panels.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    columns = _columns(table)
    paper = _of_methods(comparison, table)
    older = set(paper.estimator[paper.quantity == _OLDER])
    quantities = [quantity for quantity in _ROWS if table[quantity].notna().any()] + [_OLDER] * bool(older)
    figure, numbers = style.new_figure(32 + 42 * len(quantities)), style.Numbers()
    if not quantities:
        style.say(figure, "No error of these estimates is known.")
        return figure, numbers.table()
    grid = figure.subplots(len(quantities), len(columns), sharex=True, sharey="row", squeeze=False)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    styles = style.estimator_styles(table.estimator.unique())
    for row, quantity in zip(grid, quantities, strict=True):
        for axes, (family, names) in zip(row, columns.items(), strict=True):
            if quantity == _OLDER and not (names := [name for name in names if name in older]):
                axes.axis("off")
                continue
            letter = next(letters)
            axes.set_title(style.lettered(letter, family if row is grid[0] else ""))
            for name in names:
                _curve(axes, numbers, letter, table[table.estimator == name], quantity, name, styles[name])
                theirs = paper[(paper.quantity == quantity) & (paper.estimator == name)].sort_values("r")
                if len(theirs):
                    style.draw_published(axes, numbers, letter, name, theirs.r, theirs, styles[name])
    return figure, numbers.table()


def _columns(table):
    """Names of the estimators of each family that has any."""
    methods = dict(zip(table.estimator, table.method, strict=True))
    known = {method for family in FAMILIES.values() for method in family}
    families = FAMILIES | {"others": set(methods.values()) - known}
    names = list(style.estimator_styles(methods))
    found = {
        family: [name for name in names if methods[name] in members] for family, members in families.items()
    }
    return {family: names for family, names in found.items() if names}


def _of_methods(comparison, table):
    """Rows of the comparison that are of these errors, and not of an experiment."""
    if comparison is None or comparison.empty:
        return pd.DataFrame(columns=["quantity", "estimator", "r", "n_spikes_published"])
    if "condition" in comparison:
        comparison = comparison[comparison.condition.fillna("") == ""]
    return comparison[comparison.estimator.isin(table.estimator) & comparison.published.notna()]


def _curve(axes, numbers, letter, rows, quantity, name, look):
    over_seeds = rows.groupby("r")[quantity]
    mean, low, high = over_seeds.mean().dropna(), over_seeds.min().dropna(), over_seeds.max().dropna()
    axes.vlines(mean.index, low, high, color=look["color"], linewidth=1.0)
    axes.plot(mean.index, mean, **look)
    numbers.add(letter, name, mean.index, mean, low, high)
