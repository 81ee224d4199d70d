"""How well the joint states of neighbours tell the ring from rings with sidebands, and their entropy."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from circuitbias import published
from circuitbias.component import Picture
from circuitbias.figures import shared, style

_LOOKS = {
    "same": ("the ring again", "#8A8A8A"),
    "sideband_1_3": ("1/3 sidebands", "#7FB7BE"),
    "sideband_2_3": ("2/3 sidebands", "#3B7EA1"),
    "sideband_3_3": ("all sidebands", "#3B2E7E"),
}
_LINE = {"marker": "o", "markersize": 3.6, "markeredgewidth": 0.0, "linewidth": 1.2}


class Substates(Picture):
    """How well joint states of neighbours tell a ring from rings with sidebands.

    **a**: divergence of the ring's states from those of rings with one third, two thirds and all of the
    published sidebands, the weights that a biased inference takes the ring for, and from a second
    recording of itself (grey), in bits a window and bin; bars are two standard errors, from blocks left
    out in turn, and what is not above 0 is not drawn. It is largest where patterns form. **b**: the same
    on a linear scale. **c**: entropy of the states of the ring and of the ring with all sidebands,
    without the bias of few samples (Grassberger), and naive (dashed). **d**: entropies of a tenth and of
    a hundredth of each recording less that of all of it: near 0, the recording was long enough. Open
    markers: published, 1e8 spikes. **What to conclude**: where the divergence is above the grey curve,
    one can tell from joint states which of the two circuits fired; where it is not, the false ring with
    sidebands fits the activity as well as the true one, and no method that looks at such states can know
    better.
    """

    title = "Joint states of neighbours"
    compared = (
        ("divergence", ".*"),
        ("entropy", ".*"),
    )
    table = "experiments/substates"
    inputs = ("network", "table")


@style.styled
def draw(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the figure.

    Parameters
    ----------
    table : DataFrame
        As from `circuitbias.experiments.substates.run`, with columns r and seed.

    Returns
    -------
    figure : Figure
    numbers : DataFrame
        Columns panel, series, x, y, low, high, value.
    """
    figure, numbers = style.new_figure(72), style.Numbers()
    panels = figure.subplots(1, 4)
    panels[0].set(title=style.lettered("a", "divergence"), ylabel="bits", yscale="log")
    panels[1].set(title=style.lettered("b", "divergence"), ylabel="bits")
    panels[2].set(title=style.lettered("c", "entropy"), ylabel="bits")
    panels[3].set(title=style.lettered("d", "fewer data"), ylabel="bits less")
    paper = published.substates()
    for against, (_, color) in _LOOKS.items():
        ours, theirs = table[table.against == against], paper[paper.against == against]
        theirs = theirs[theirs.r.between(0.99 * table.r.min(), 1.01 * table.r.max())]
        for axes, letter in zip(panels[:2], "ab", strict=True):
            rows = _with_bars(axes, numbers, letter, against, ours, "divergence", color, letter == "a")
            axes.plot(rows["mean"], color=color, **_LINE)
            axes.plot(theirs.r, theirs.divergence, "o", color=color, **style.OPEN)
            numbers.add(letter, f"{against}, published", theirs.r, theirs.divergence)
        if against in ("same", "sideband_3_3"):
            _entropies(panels, numbers, against, ours, theirs, color)
    panels[3].axhline(0, color=style.GUIDE, linewidth=0.6)
    for axes in panels:
        shared.strength_axis(axes)
    handles = [Line2D([], [], color=color, label=name, **_LINE) for name, color in _LOOKS.values()]
    handles += [
        Line2D([], [], color=style.INK, linestyle="--", linewidth=0.8, label="naive; a tenth of the data"),
        Line2D([], [], color=style.INK, linestyle=":", linewidth=0.8, label="a hundredth"),
        Line2D([], [], color=style.INK, marker="o", label="published", **style.OPEN),
    ]
    title = f"{style.counts_text(table.n_spikes)} each"
    figure.legend(handles=handles, title=title, loc="outside lower center", ncols=4)
    return figure, numbers.table()


def _with_bars(axes, numbers, letter, name, rows, column, color, positive=False):
    """Draw bars of two standard errors about the mean over seeds; give the mean and the bars."""
    groups = rows.assign(variance=rows[f"{column}_se"] ** 2).groupby("r")
    mean, reach = groups[column].mean(), 2 * groups.variance.sum() ** 0.5 / groups[column].count()
    found = pd.DataFrame({"mean": mean, "low": mean - reach, "high": mean + reach}).dropna()
    found = found[found.low > 0] if positive else found
    axes.vlines(found.index, found.low, found.high, color=color, linewidth=1.0)
    numbers.add(letter, name, found.index, found["mean"], found.low, found.high)
    return found


def _entropies(panels, numbers, against, ours, theirs, color):
    rows = _with_bars(panels[2], numbers, "c", against, ours, "entropy", color)
    panels[2].plot(rows["mean"], color=color, **_LINE)
    means = ours.groupby("r")[["entropy", "entropy_naive", "entropy_tenth", "entropy_hundredth"]].mean()
    panels[2].plot(means.entropy_naive, "--", color=color, linewidth=0.8)
    numbers.add("c", f"{against}, naive", means.index, means.entropy_naive)
    panels[2].plot(theirs.r, theirs.entropy, "o", color=color, **style.OPEN)
    numbers.add("c", f"{against}, published", theirs.r, theirs.entropy)
    for part, dashes in (("tenth", "--"), ("hundredth", ":")):
        less = means[f"entropy_{part}"] - means.entropy
        panels[3].plot(less, dashes, color=color, linewidth=0.9)
        numbers.add("d", f"{against}, a {part}", less.index, less)
