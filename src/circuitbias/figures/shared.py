"""What the panels of several figures share: axes of errors, volumes and strengths; published values."""

import math
from textwrap import fill, wrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, FuncFormatter, MaxNLocator, NullFormatter

from circuitbias.errors.tables import mean_corrected
from circuitbias.experiments.sweep import most_common
from circuitbias.figures.style import INK, OPEN, TRUTH, Numbers, counts_text, new_figure, styled


def log_errors(axes) -> None:
    """Make the y axis logarithmic, with plain numbers; also between powers of ten if these are too few.

    To be called when the limits are known. Values that are all the same have no range: they get one.
    """
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    panels = axes.get_shared_y_axes().get_siblings(axes)
    lowest, highest = min(one.dataLim.y0 for one in panels), max(one.dataLim.y1 for one in panels)
    if 0 < highest <= lowest * (1 + 1e-6):
        for one in panels:
            one.set_autoscaley_on(False)
        axes.set_ylim(lowest / 2, 2 * lowest)
    low, high = axes.get_ylim()
    labelled = (2, 5) if high < 100 * low else ()

    def label(value, _):
        digit = value / 10 ** math.floor(math.log10(value) + 1e-9)
        return f"{value:g}" if high < 3 * low or round(digit) in labelled else ""

    axes.yaxis.set_minor_formatter(FuncFormatter(label))


def log_numbers(axis) -> None:
    """Make an axis logarithmic with plain numbers, at powers of ten and at twice and five times these."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(FormatStrFormatter("%g"))

    def label(value, _):
        digit = value / 10 ** math.floor(math.log10(value) + 1e-9)
        return f"{value:g}" if round(digit) in (2, 5) else ""

    axis.set_minor_formatter(FuncFormatter(label))


def volume_axis(axis) -> None:
    """Make an axis that of a volume of data: logarithmic, with powers of ten alone."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text("volume of data (spikes)")


def strength_axis(axes) -> None:
    """Label the x axis as that of weight strengths: from 0 to a little beyond the largest that is drawn.

    To be called when all is drawn.
    """
    axes.set_xlabel("weight strength r")
    right = max(one.dataLim.x1 for one in axes.get_shared_x_axes().get_siblings(axes))
    axes.set_xlim(0, 1.05 * right if 0 < right < math.inf else None)
    axes.xaxis.set_major_locator(MaxNLocator(3))


def from_zero(axes) -> None:
    """Let the y axis begin at 0 and end a little beyond the largest value, so that no marker is cut.

    To be called when all is drawn.
    """
    top = axes.dataLim.y1
    axes.set_ylim(0, 1.05 * top if 0 < top < math.inf else None)


def draw_published(axes, numbers: Numbers, panel: str, name: str, x, rows: pd.DataFrame, look: dict) -> None:
    """Draw published values as open markers and, dashed, what they become with our number of spikes.

    Parameters
    ----------
    axes : Axes
    numbers : Numbers
    panel, name : str
        The series are "NAME, expected" (with the band of two standard errors) and "NAME, published".
    x : array-like, shape (n,)
        In rising order; our own curves must have been drawn, for the limits.
    rows : DataFrame
        Columns published, expected, standard_error; a row a point.
    look : dict
        Of the estimator, as from `estimator_styles`.
    """
    color, limits = look["color"], axes.get_ylim()
    low, high = (rows.expected + sign * 2 * rows.standard_error for sign in (-1, 1))
    axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    axes.plot(x, rows.expected, "--", color=color, linewidth=0.8)
    axes.plot(x, rows.published, **look | OPEN)
    numbers.add(panel, f"{name}, expected", x, rows.expected, low, high)
    numbers.add(panel, f"{name}, published", x, rows.published)
    shown = rows[["published", "expected"]]
    axes.set_ylim(min(limits[0], 0.75 * shown.min(axis=None)), max(limits[1], 1.2 * shown.max(axis=None)))


def under_condition(comparison: pd.DataFrame | None, quantities, start: str) -> pd.DataFrame:
    """Select rows of a comparison by quantity and by how their condition starts; "" selects those without."""
    if comparison is None or comparison.empty:
        return pd.DataFrame(columns=["quantity", "estimator", "r", "condition", "n_spikes_published"])
    rows = comparison[comparison.quantity.isin(quantities)]
    conditions = rows.condition.astype(object).fillna("") if "condition" in rows else rows.quantity.str[:0]
    return rows[conditions.str.startswith(start) if start else conditions == ""]


def published_handles(rows: pd.DataFrame, n_spikes) -> list[Line2D]:
    """Legend of what `draw_published` draws; none if there are no rows.

    Parameters
    ----------
    rows : DataFrame
        Column n_spikes_published, NaN if it is not known.
    n_spikes : array-like
        Numbers of spikes of our recordings.
    """
    if not len(rows):
        return []
    theirs = counts_text(rows.n_spikes_published)
    return [
        Line2D([], [], color=INK, marker="o", label=f"published{theirs and ', ' + theirs}", **OPEN),
        Line2D(
            [], [], color=INK, linestyle="--", linewidth=0.8, label=f"predicted for {counts_text(n_spikes)}"
        ),
    ]


FLOORS = {
    "": ("floor, directed", {"linestyle": (0, (4, 1.5, 1, 1.5)), "linewidth": 1.0}),
    "_symmetric": ("floor, W symmetric", {"linestyle": (0, (1, 1)), "linewidth": 1.0}),
}
"""The least errors that there can be, by the end of their columns' names: label and look."""


def floor_handles(floor: pd.DataFrame | None, quantity: str = "total") -> list[Line2D]:
    """Legend of the floors that a table has; none without it."""
    return [
        Line2D([], [], color=INK, label=label, **look)
        for end, (label, look) in FLOORS.items()
        if floor is not None and floor[f"{quantity}{end}"].notna().any()
    ]


WITHOUT_NOISE = {"linestyle": ":", "linewidth": 0.9}
"""Look of an error of which sampling noise is taken away."""


def draw_without_noise(axes, numbers: Numbers, panel: str, name: str, x, y, color) -> None:
    """Draw an error corrected for sampling noise as a dotted line; draw nothing where it is unknown.

    Parameters
    ----------
    axes : Axes
    numbers : Numbers
    panel, name : str
        The series is "NAME, without noise".
    x, y : array-like, shape (n,)
    color : colour
    """
    y = pd.Series(y).where(lambda values: values > 0).to_numpy()  # an axis of logarithms has no 0
    if pd.notna(y).any():
        axes.plot(x, y, color=color, **WITHOUT_NOISE)
        numbers.add(panel, f"{name}, without noise", x, y)


def draw_strengths_without_noise(axes, numbers: Numbers, panel: str, name: str, rows, quantity: str, color):
    """Draw an error without sampling noise against strength, with bars of one standard error.

    Parameters
    ----------
    axes : Axes
    numbers : Numbers
    panel, name : str
        The series is "NAME, without noise".
    rows : DataFrame
        Of one estimator, as from `circuitbias.errors.tables.error_table`; seeds are averaged.
    quantity : str
        "bias" or "variance"; of others there is nothing to draw.
    color : colour

    Returns
    -------
    bool
        Whether anything was drawn.
    """
    column = f"{quantity}_corrected"
    if column not in rows or not rows[column].notna().any():
        return False
    by_strength = pd.DataFrame({r: mean_corrected(seeds) for r, seeds in rows.groupby("r")}).T
    y, se = by_strength[column].astype(float), by_strength[f"{column}_se"].astype(float)
    known = y.notna()
    r, y, low, high = y.index[known], y[known], (y - se)[known], (y + se)[known]
    # An axis of logarithms has no 0: there the bar alone tells how large the bias may be.
    axes.plot(r, y.where(y > 0), color=color, **WITHOUT_NOISE)
    axes.vlines(r, low.where(low > 0, high / 3), high, color=color, linewidth=0.6)
    numbers.add(panel, f"{name}, without noise", r, y, low, high)
    return True


INVERTED = {"linestyle": "", "marker": r"$\ominus$", "markersize": 6, "color": INK}
"""Look of the mark on an estimate that only a negative scale brings to the true weights."""


def mark_inverted(axes, rows: pd.DataFrame, quantity: str) -> None:
    """Mark the strengths at which any seed's couplings have the signs of the weights the wrong way round."""
    inverted = rows.inverted.eq(True) if "inverted" in rows else pd.Series(False, rows.index)
    if inverted.any():
        marked = rows[rows.r.isin(rows.r[inverted])].groupby("r")[quantity].mean()
        axes.plot(marked.index, marked, **INVERTED)


def extra_handles(rows: pd.DataFrame) -> list[Line2D]:
    """Legend of what `draw_strengths_without_noise` and `mark_inverted` have drawn of a table of errors."""
    handles = []
    if "bias_corrected" in rows and rows.bias_corrected.notna().any():
        handles.append(without_noise_handle())
    if "inverted" in rows and rows.inverted.eq(True).any():
        handles.append(Line2D([], [], label="signs the wrong way round", **INVERTED))
    return handles


def without_noise_handle() -> Line2D:
    """Legend of what `draw_without_noise` draws."""
    return Line2D([], [], color=INK, label="without sampling noise", **WITHOUT_NOISE)


def say_why(axes, text: str, table: pd.DataFrame) -> None:
    """Write in an empty panel why it is empty: a text, and the commonest note of a table."""
    reason = most_common(table.note) if "note" in table else ""
    say(axes, "\n".join([text, *wrap(reason, 100)]))


def say_within(axes, text: str) -> None:
    """Write within the axes of one panel of many why it is empty; its neighbours need these axes."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=TRUTH)


def say(axes, text: str) -> None:
    """Write in an empty panel why it is empty."""
    axes.axis("off")
    width = max(20, int(axes.get_position().width * 110))
    text = text if "\n" in text else fill(text, width)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=TRUTH)


@styled
def empty_figure(reason: str) -> tuple[Figure, pd.DataFrame]:
    """Draw a figure without anything but the reason for that."""
    figure = new_figure(40)
    say(figure.subplots(), reason)
    return figure, Numbers().table()
