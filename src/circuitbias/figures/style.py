"""How all figures look, and the table of numbers that goes with each."""

import hashlib
import math
import os
import re
from itertools import cycle
from pathlib import Path
from textwrap import wrap

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import AutoMinorLocator, MaxNLocator
from matplotlib.transforms import Bbox

from circuitbias.catalogue import looks
from circuitbias.files import atomic_path

WIDTH_MM = 180.0
"""Two columns of a journal."""

INK, TRUTH, GUIDE, GAP = "#262626", "#6e6e6e", "#c8c8c8", "#e4e4e4"
"""Text and axes; the true weights; lines that only guide the eye; what is not known."""

WEIGHTS_MAP = "RdBu_r"
"""Colours of weights and couplings: blue inhibits, red excites, white is none."""

OPEN = {"linestyle": "", "markersize": 5.0, "markerfacecolor": "none", "markeredgewidth": 0.8}
"""Look of published points: open markers, no line."""

# Hues of Okabe and Ito and of Tol, which colour-blind readers can tell apart within a family of methods;
# markers tell the rest. The usual estimators keep theirs from figure to figure: their methods say them.
# Others take what is free, in the order of the table of errors.
_FREE = (("#CC79A7", "v"), ("#56B4E9", "P"), ("#8C6D31", "X"), ("#7A5195", "*"))
_FREE += (("#117733", "d"), ("#882255", "p"))

styled = matplotlib.style.context(
    [
        "default",  # whatever the user's own settings are, a figure looks the same everywhere
        {
            "font.size": 8,
            "axes.titlesize": 8.5,
            "axes.titlelocation": "left",
            "axes.titlepad": 5,
            "axes.labelsize": 8,
            "axes.labelpad": 2.5,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "legend.fontsize": 8,
            "legend.title_fontsize": 8,
            "legend.frameon": False,
            "legend.handlelength": 1.6,
            "legend.borderaxespad": 0.0,
            "axes.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "xtick.minor.width": 0.4,
            "ytick.minor.width": 0.4,
            "xtick.major.size": 2.5,
            "ytick.major.size": 2.5,
            "xtick.minor.size": 1.5,
            "ytick.minor.size": 1.5,
            "lines.linewidth": 1.2,
            "lines.markersize": 4.0,
            "image.interpolation": "nearest",
            "figure.constrained_layout.w_pad": 0.03,
            "figure.constrained_layout.h_pad": 0.03,
            "svg.hashsalt": "circuitbias",  # the same figure is the same bytes
            "pdf.fonttype": 42,
            "savefig.dpi": 200,
        },
    ]
)
"""Decorator of the functions that draw or save figures."""

_LINE_CHARACTERS, _LINE_INCHES = 135, 0.125  # of a line of footnotes

_COLUMNS = ["panel", "series", "x", "y", "low", "high", "value"]


class Numbers:
    """The numbers behind a figure, collected panel by panel."""

    def __init__(self):
        self._tables = []

    def add(self, panel: str, series: str, x, y, low=math.nan, high=math.nan, value=math.nan) -> None:
        """Note what is drawn: points (x, y) with an interval [low, high], or a matrix's value at (x, y)."""
        columns = zip(_COLUMNS[2:], np.broadcast_arrays(x, y, low, high, value), strict=True)
        parts = {name: np.atleast_1d(column) for name, column in columns}
        self._tables.append(pd.DataFrame({"panel": panel, "series": series} | parts))

    def add_matrix(self, panel: str, series: str, matrix: np.ndarray) -> None:
        """Note a matrix [pre, post]: x is post, y is pre."""
        pre, post = np.indices(matrix.shape)
        self.add(panel, series, post.ravel(), pre.ravel(), value=matrix.ravel())

    def table(self) -> pd.DataFrame:
        """Columns panel, series, x, y, low, high, value; NaN where a column does not apply."""
        if not self._tables:
            return pd.DataFrame(columns=_COLUMNS)
        return pd.concat(self._tables, ignore_index=True)


def new_figure(height_mm: float) -> Figure:
    """An empty figure of the full width, laid out so that nothing overlaps."""
    return Figure(figsize=(WIDTH_MM / 25.4, height_mm / 25.4), layout="constrained")


@styled
def save(
    figure: Figure,
    numbers: pd.DataFrame,
    stem: str | os.PathLike,
    footnotes=(),
    formats=("svg", "pdf", "png", "csv"),
) -> None:
    """Write ``stem`` .svg, .pdf, .png and .csv, or some; the same figure gives the same bytes at any time.

    Parameters
    ----------
    figure : Figure
    numbers : DataFrame
        As from `Numbers.table`.
    stem : path-like
        Path without suffix.
    footnotes : iterable of str, optional
        Sentences, each on a line of its own (or more, if it is long), below all that is drawn.
    formats : iterable of str, optional
        Those that are written.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # laid out once, for all formats alike; "none" would draw each twice
    width, height = figure.get_size_inches()
    lines = [line for note in footnotes for line in wrap(note, _LINE_CHARACTERS)]
    depth = _LINE_INCHES * len(lines) + 0.05 if lines else 0.0
    if lines:
        look = {"va": "top", "fontsize": 7, "linespacing": 1.25, "color": INK}
        figure.text(0.06 / width, 0.0, "\n".join(map(_plain, lines)), **look)
    page = Bbox([[0, -depth], [width, height]])
    for suffix in formats:
        with atomic_path(f"{os.fspath(stem)}.{suffix}") as aside:
            if suffix == "csv":
                numbers.to_csv(aside, index=False, float_format="%.6g")
            else:
                figure.savefig(aside, metadata=_NO_DATES[suffix], bbox_inches=page)
                if suffix == "svg":
                    _name_by_order(aside)


_NO_DATES = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


_NAMES = re.compile(r"""(?<=id=")[a-z][0-9a-f]{10}(?=")|(?<=#)[a-z][0-9a-f]{10}(?=["')])""")


def _name_by_order(path) -> None:
    """Name the parts of an SVG by their order: Matplotlib's names hold the last bits of the layout.

    Those differ from run to run, where nothing that is drawn does. Names of two figures stay different.
    """
    drawn, order = Path(path).read_text(encoding="utf-8"), {}
    figure = hashlib.sha256(_NAMES.sub("", drawn).encode()).hexdigest()[:8]
    named = _NAMES.sub(lambda name: f"{name[0][0]}{figure}{order.setdefault(name[0], len(order))}", drawn)
    Path(path).write_text(named, encoding="utf-8")


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # no formula, whatever a name holds


def estimator_styles(names) -> dict[str, dict]:
    """Colour, marker and widths of each estimator, as arguments of ``Axes.plot``.

    The usual ones come first. Widths fall from the first to the last, so that curves which coincide are
    still seen.
    """
    usual = {name: style for look in looks().values() for name, style in look.styles.items()}
    names, free = sorted(names, key=lambda name: [*usual, name].index(name)), cycle(_FREE)
    widths = np.linspace(1.8, 0.9, len(names)) if len(names) > 1 else [1.4]
    return {
        name: {
            "color": color,
            "marker": marker,
            "linewidth": float(width),
            "markersize": 2.8 + float(width),
            "markeredgewidth": 0.0,
        }
        for name, width in zip(names, widths, strict=True)
        for color, marker in [usual.get(name) or next(free)]
    }


def strength_colors(strengths) -> dict[float, tuple]:
    """A colour for each strength, in rising order from light (weak) to dark (strong)."""
    strengths = sorted(set(strengths))
    shades = np.linspace(0.75, 0.05, len(strengths)) if len(strengths) > 1 else [0.3]
    return {r: matplotlib.colormaps["viridis"](shade) for r, shade in zip(strengths, shades, strict=True)}


def chosen_strengths(strengths) -> list[float]:
    """The lowest, the middle and the highest, or all if there are no more than three."""
    strengths = sorted(set(strengths))
    if len(strengths) <= 3:
        return strengths
    return [strengths[0], strengths[len(strengths) // 2], strengths[-1]]


def pretty(name: str) -> str:
    """Name of an estimator for a legend."""
    proper = {word.lower(): word for look in looks().values() for word in look.words}
    return " ".join(proper.get(word, word) for word in name.split("_"))


def lettered(letter: str, title: str = "") -> str:
    """A title with the bold letter of its panel in front."""
    return rf"$\mathbf{{{letter}}}$   {title}"


def power_of_ten(value: float) -> tuple[float, str]:
    """Factor that brings ``value`` between 1 and 10, and the unit to write on the axis for it."""
    exponent = math.floor(math.log10(value)) if value > 0 else 0
    return 10.0**-exponent, rf"$10^{{{exponent}}}$" if exponent else "1"


def count_text(n: float) -> str:
    """A count as a power of ten: 10⁷, or 2 × 10⁶."""
    factor, exponent = f"{n:.1e}".split("e")
    power = rf"10^{{{int(exponent)}}}"
    return f"${power}$" if factor == "1.0" else rf"${float(factor):g}\times {power}$"


def tint(color: str, strength: float) -> tuple[float, float, float]:
    """``color`` on white with this opacity, as one opaque colour."""
    return tuple(1 - strength * (1 - part) for part in to_rgb(color))


def show_matrix(axes, matrix: np.ndarray, limit: float):
    """Draw weights [pre, post] with colours that are white at zero and full at ± ``limit``; NaN is grey.

    Parameters
    ----------
    axes : Axes
    matrix : ndarray, shape (n, n)
    limit : float

    Returns
    -------
    AxesImage
    """
    limit = limit or 1.0  # without weights all is white
    image = axes.imshow(matrix, cmap=WEIGHTS_MAP, vmin=-limit, vmax=limit)
    axes.set_facecolor(GAP)
    axes.spines[:].set_visible(False)
    ticks = (0, len(matrix) // 2)
    axes.set(xticks=ticks, yticks=ticks, xlabel="to neuron")
    return image


def add_color_bar(image, label: str) -> None:
    """Add a colour bar beside the axes of an image, as high as they are."""
    bar = image.axes.figure.colorbar(image, cax=image.axes.inset_axes([1.06, 0, 0.06, 1]), label=label)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4, steps=[1, 2, 5, 10])


def offset_ticks(axes) -> None:
    """Label the ends and the middle of an axis of offsets, and tick the halves between."""
    axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2.5, 5, 10]))
    axes.xaxis.set_minor_locator(AutoMinorLocator(2))
    axes.set_xlabel("offset (neurons)")


def counts_text(n_spikes) -> str:
    """Numbers of spikes in words; empty if there are none. Those that look alike are told once."""
    texts = [count_text(n) for n in sorted({n for n in n_spikes if n > 0})]
    return " and ".join(dict.fromkeys(texts)) + " spikes" if texts else ""
