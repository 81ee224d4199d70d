"""Quality of the inference against weight strength: couplings, mean profiles, errors."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from circuitbias.component import Picture
from circuitbias.errors.decomposition import fit_scale
from circuitbias.figures import fewer_pairs, notes, shared, style

_QUANTITIES = {"total": "total error", "bias": "bias error", "variance": "variance error"}
_TRUE = {"color": style.TRUTH, "linewidth": 0.8}
_SHADE = style.tint(style.TRUTH, 0.25)
_MOST_ESTIMATORS = 6  # more curves in a panel cannot be told apart: `methods` shows them all
_PRINCIPAL = ("glm", "mean_field", "mean_field_binarised", "cross_correlation")
_MOST_POINTS = 5000  # of a scatter plot; more only hide each other


class Figure2(Picture):
    """Quality of the inference against weight strength.

    **a**: the true weights and those inferred at the example strengths, on one scale of colours; grey was
    not estimated. **b**: the mean coupling at each offset around the ring, over the true profile (grey).
    With strong weights, spurious couplings appear between neurons that are not connected but active
    together or in turn, about 25 and 37 neurons apart. (For other networks: inferred against true weight,
    pair by pair.) **c**–**e**: total, bias and variance error, mean over seeds, with bars for the range.
    Open markers are the published errors; dashed lines what these become with our number of spikes, and
    their bands ± 2 standard errors: there our lines should lie. Bias and variance are those of this
    volume of data, as published: little data shrink an estimate, which counts as bias and goes with more
    data. Two black lines are floors, below which no unbiased estimate can come (Cramér-Rao, at the true
    weights): dash-dotted, of any directed network; dotted, if the weights are known to be symmetric.
    Methods without direction, such as the GLM on counts of the same bin, gain that knowledge on a ring
    and may lie between the two. Dotted in colour, with bars of one standard error, are the bias that
    stays with infinite data and the spread of one estimate without shrinkage; where only a bar is drawn,
    no bias is found above it. |minus| marks couplings with excitation and inhibition the wrong way round,
    which errors do not show. Of more than six estimators, only the principal ones are drawn; *methods*
    shows all. Crosses: errors over less than 90 % of the pairs, not to be compared with those of all.
    **What to conclude**: where the error is variance, record longer. Where it is bias, more data do not
    help: the estimate holds connections that are not there, and is sure of them. The more an error lies
    above the floor, the more a better method could gain.
    """

    title = "2  Quality of the inference"
    compared = (
        ("total", ""),
        ("bias", ""),
        ("variance", ""),
    )
    inputs = ("network", "comparison", "floor", "errors", "profiles", "couplings")
    in_full = True


@style.styled
def draw(
    weights: np.ndarray,
    errors: pd.DataFrame,
    profiles: pd.DataFrame,
    couplings: dict[float, dict[str, np.ndarray]],
    comparison: pd.DataFrame | None = None,
    floor: pd.DataFrame | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    weights : ndarray, shape (n, n)
        True weights [pre, post].
    errors : DataFrame
        As from `circuitbias.errors.tables.error_table`. Of more than six estimators the principal ones are
        drawn (or, without those, the first six). Quantities that are NaN throughout get no panel.
    profiles : DataFrame
        As from `circuitbias.errors.tables.profile_table`. If empty, the couplings are drawn against the
        weights instead.
    couplings : dict
        For each example strength r, shown from left to right, the couplings [pre, post] by estimator.
        The matrix shown is that of ``glm``, or else of the first in ``errors``.
    comparison : DataFrame, optional
        As from `circuitbias.comparison.compare_errors`.
    floor : DataFrame, optional
        As from `circuitbias.errors.floor.floor_table`. Of networks without profiles only the total is drawn.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    shown = drawn_estimators(list(errors.estimator.unique()))
    errors = errors[errors.estimator.isin(shown)]
    if comparison is not None:
        comparison = comparison[comparison.estimator.isin(shown)]
    couplings = {
        r: {name: found for name, found in estimates.items() if name in shown}
        for r, estimates in couplings.items()
    }
    styles = style.estimator_styles(shown)
    scaled = {
        r: {name: fit_scale(weights, found) * found for name, found in estimates.items()}
        for r, estimates in couplings.items()
    }
    figure, numbers = style.new_figure(165), style.Numbers()
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.22, 1))
    panels = top.subplots(2, 1 + len(couplings), height_ratios=(1, 0.85))
    _matrices(panels[0], numbers, weights, scaled, "glm" if "glm" in styles else shown[0])
    if len(profiles):
        _profiles(panels[1], numbers, profiles, list(couplings), styles)
    else:
        panels[1, 0].axis("off")
        _scatters(panels[1, 1:], numbers, weights, scaled, styles)
    quantities = [quantity for quantity in _QUANTITIES if errors[quantity].notna().any()]
    if not quantities:
        shared.say(bottom.subplots(), notes.why_empty(errors))
        _legend(bottom, styles, errors, None)
        return figure, numbers.table()
    error_axes = bottom.subplots(1, len(quantities), sharey=True, squeeze=False)[0]
    for letter, axes, quantity in zip("cde", error_axes, quantities, strict=False):
        axes.set_title(style.lettered(letter, _QUANTITIES[quantity]))
        _errors(axes, numbers, letter, errors, quantity, styles)
        for name in styles:
            some = fewer_pairs.of_some_pairs(errors[errors.estimator == name])
            fewer_pairs.mark_fewer(axes, numbers, letter, name, some, "r", quantity)
        if floor is not None and (quantity == "total" or len(profiles)):
            _floors(axes, numbers, letter, floor, quantity)
    if comparison is not None:
        comparison = shared.under_condition(comparison, _QUANTITIES, "")
        for letter, axes, quantity in zip("cde", error_axes, quantities, strict=False):
            _published(axes, numbers, letter, comparison[comparison.quantity == quantity], styles)
    error_axes[0].set_ylabel("error relative to $W_0$")
    low, high = error_axes[0].get_ylim()
    if high < 10 * low:  # too few powers of ten to read values from
        error_axes[0].yaxis.set_minor_formatter(FormatStrFormatter("%g"))
    _legend(bottom, styles, errors, comparison, floor)
    return figure, numbers.table()


def drawn_estimators(names: list[str]) -> list[str]:
    """Estimators to draw: all if they are few, else the principal ones, or the first."""
    if len(names) <= _MOST_ESTIMATORS:
        return names
    return [name for name in names if name in _PRINCIPAL] or names[:_MOST_ESTIMATORS]


def _matrices(row, numbers, weights, scaled, estimator):
    off_diagonal = np.where(np.eye(len(weights), dtype=bool), np.nan, weights)
    limit = np.nanmax(np.abs(off_diagonal))
    factor, unit = style.power_of_ten(limit)
    shown = {"true weights": off_diagonal} | {f"r = {r:g}": found[estimator] for r, found in scaled.items()}
    for axes, (title, matrix) in zip(row, shown.items(), strict=True):
        image = style.show_matrix(axes, factor * matrix, factor * limit)
        axes.set_title(title if axes is not row[0] else style.lettered("a", title))
        numbers.add_matrix("a", title if axes is row[0] else f"{estimator}, {title}", matrix)
    row[0].set_ylabel("from neuron")
    row[1].set_ylabel(f"inferred by {style.pretty(estimator)}")
    style.add_color_bar(image, f"weight ({unit})")


def _profiles(row, numbers, profiles, examples, styles):
    n = int(profiles.offset.max()) + 1
    half = n // 2
    factor, unit = style.power_of_ten(profiles.weight.abs().max())
    offsets = np.arange(-half, half + 1)

    def mean(rows, column):
        # Self-coupling has no offset; both ends of the axis are the neuron across the ring.
        return rows.groupby("offset")[column].mean().reindex(range(n)).to_numpy()[offsets % n]

    truth = mean(profiles, "weight")
    known = np.isfinite(truth)
    numbers.add("b", "true weights", offsets, truth)
    for axes in row:
        axes.axhline(0, color=style.GUIDE, linewidth=0.6)
        axes.fill_between(offsets[known], 0, factor * truth[known], color=_SHADE, linewidth=0)
        axes.plot(offsets, factor * truth, **_TRUE)
        axes.set_xlim(-half, half)
        style.offset_ticks(axes)
    for axes, r in zip(row[1:], examples, strict=True):
        here = profiles[np.isclose(profiles.r, r)]
        for name, look in styles.items():
            y = mean(here[here.estimator == name], "coupling")
            axes.plot(offsets, factor * y, **look | {"marker": ""})
            numbers.add("b", f"{name}, r = {r:g}", offsets, y)
    _align(row, "mean profile", f"mean weight ({unit})")


def _scatters(row, numbers, weights, scaled, styles):
    pairs = np.flatnonzero(~np.eye(len(weights), dtype=bool))
    pairs = pairs[:: -(-len(pairs) // _MOST_POINTS)]
    x = weights.flat[pairs]
    factor, unit = style.power_of_ten(np.abs(x).max())
    size = 3.0 if len(pairs) < 2000 else 1.5
    for axes, (r, estimates) in zip(row, scaled.items(), strict=True):
        ends = factor * np.array([x.min(), x.max()])
        for name, couplings in estimates.items():
            y = couplings.flat[pairs]
            axes.plot(
                factor * x,
                factor * y,
                ".",
                color=styles[name]["color"],
                markersize=size,
                markeredgewidth=0,
                alpha=0.5,
                rasterized=True,
            )
            numbers.add("b", f"{name}, r = {r:g}", x, y)
        axes.plot(ends, ends, **_TRUE)
        axes.set(xlabel=f"weight ({unit})")
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    _align(row, "pair by pair", f"scaled coupling ({unit})")


def _align(row, title, label):
    """Give the panels of a row one y axis."""
    limits = np.array([axes.get_ylim() for axes in row])
    for axes in row:
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        axes.set_title(style.lettered("b", title) if axes is row[0] else "")
        axes.tick_params(labelleft=axes is row[0])
    row[0].set_ylabel(label)


def _errors(axes, numbers, letter, errors, quantity, styles):
    for name, look in styles.items():
        over_seeds = errors[errors.estimator == name].groupby("r")[quantity]
        mean, low, high = over_seeds.mean(), over_seeds.min(), over_seeds.max()
        axes.vlines(mean.index, low, high, color=look["color"], linewidth=1.0)
        axes.plot(mean.index, mean, **look)
        numbers.add(letter, name, mean.index, mean, low, high)
        rows = errors[errors.estimator == name]
        shared.draw_strengths_without_noise(axes, numbers, letter, name, rows, quantity, look["color"])
        shared.mark_inverted(axes, rows, quantity)
    axes.set(yscale="log", xlabel="weight strength r", xlim=(0, None))
    axes.margins(y=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))


def _published(axes, numbers, letter, comparison, styles):
    limits = axes.get_ylim()
    for name, rows in comparison.groupby("estimator", sort=False):
        rows = rows.sort_values("r")
        look = styles[name]
        color = look["color"]
        low, high = (rows.expected + sign * 2 * rows.standard_error for sign in (-1, 1))
        axes.fill_between(rows.r, low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(rows.r, rows.expected, "--", color=color, linewidth=0.8)
        axes.plot(rows.r, rows.published, **look | style.OPEN)
        numbers.add(letter, f"{name}, expected", rows.r, rows.expected, low, high)
        numbers.add(letter, f"{name}, published", rows.r, rows.published)
        limits = min(limits[0], 0.75 * rows.published.min()), limits[1]
    axes.set_ylim(limits)


def _floors(axes, numbers, letter, floor, quantity):
    for end, (label, look) in shared.FLOORS.items():
        rows = floor[floor[f"{quantity}{end}"].notna()].sort_values("r")
        if len(rows):
            axes.plot(rows.r, rows[f"{quantity}{end}"], color=style.INK, **look)
            numbers.add(letter, label, rows.r, rows[f"{quantity}{end}"])


def _legend(figure, styles, errors, comparison, floor=None):
    ours = _counts(errors.n_spikes)
    handles = [Line2D([], [], label=style.pretty(name), **look) for name, look in styles.items()]
    handles.insert(0, Line2D([], [], label="true weights", **_TRUE))
    paper = comparison[comparison.quantity.isin(_QUANTITIES)] if comparison is not None else ()
    if len(paper):
        label = f"published, {_counts(paper.n_spikes_published)}"
        handles += [
            Line2D([], [], color=style.INK, marker="o", label=label, **style.OPEN),
            Line2D([], [], color=style.INK, linestyle="--", linewidth=0.8, label=f"predicted for {ours}"),
        ]
    handles += shared.floor_handles(floor) + shared.extra_handles(errors)
    figure.legend(
        handles=handles, title=f"estimates from {ours}", alignment="left", loc="outside upper center", ncols=4
    )


def _counts(n_spikes) -> str:
    return " and ".join(style.count_text(n) for n in sorted(set(n_spikes))) + " spikes"
