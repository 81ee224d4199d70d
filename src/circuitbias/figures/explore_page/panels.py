"""The panels of the page to explore, as Bokeh draws them."""

import math
from functools import partial

import numpy as np
from bokeh.models import BasicTickFormatter, HoverTool
from bokeh.plotting import figure as new_figure
from matplotlib import colormaps
from matplotlib.colors import to_hex

from circuitbias.figures.style import WEIGHTS_MAP

SIDE = 400
"""Side of a panel (pixels)."""
CURVES = {"total": ("#262626", "solid"), "bias": ("#D55E00", "solid"), "variance": ("#0072B2", "dashed")}
"""Colour and dash of the error curves."""
_PLAIN = partial(BasicTickFormatter, use_scientific=False)


def palette() -> list[str]:
    """The colours that weights have in all figures."""
    return [to_hex(color) for color in colormaps[WEIGHTS_MAP](np.linspace(0, 1, 255))]


def matrix(title: str, source, name: str, colors, n: int):
    """Draw a matrix, with the pair and its values under the pointer."""
    drawn = new_figure(
        title=title, name=name, width=SIDE + 80 * (name == "image"), height=SIDE,
        x_range=(-0.5, n - 0.5), y_range=(n - 0.5, -0.5),
        x_axis_label="to neuron (post)", y_axis_label="from neuron (pre)",
        tools="pan,wheel_zoom,box_zoom,reset", active_drag="box_zoom",
    )  # fmt: skip
    glyph = drawn.image(image=name, x=-0.5, y=-0.5, dw=n, dh=n, source=source, color_mapper=colors)
    tips = [
        ("from, to", "@pre, @post"),
        ("truth", "@truth{0.0000}"),
        ("estimate", "@image{0.0000}"),
        ("error", "@error{0.0000}"),
    ]
    drawn.add_tools(HoverTool(renderers=[glyph], tooltips=tips))
    return drawn


def profile(shown, source):
    """Draw the mean weight by distance on the ring, true and, from `source`, estimated."""
    n = len(shown)
    half = n // 2
    offsets = np.arange(n) - half
    truth = np.array(
        [np.nanmean([shown[i, (i + d) % n] for i in range(n)]) if d else np.nan for d in offsets]
    )
    source.data = {"x": offsets, "y": np.full(n, np.nan)}
    drawn = new_figure(
        title="mean profile",
        width=SIDE,
        height=300,
        x_axis_label="distance on the ring",
        y_axis_label="weight",
        tools="pan,wheel_zoom,reset",
    )
    drawn.yaxis.formatter = _PLAIN()
    drawn.line(offsets, truth, color="#6e6e6e", line_width=2, legend_label="true")
    drawn.line("x", "y", source=source, color="#D55E00", line_width=2, legend_label="estimate")
    drawn.legend.update(location="bottom_right", background_fill_alpha=0.6)
    return drawn


def scatter(finite, source):
    """Draw every pair: its estimate, from `source`, over its true weight."""
    limit = float(finite.max(initial=1e-12))
    drawn = new_figure(
        title="every pair",
        width=SIDE,
        height=300,
        x_axis_label="true weight",
        y_axis_label="estimate, scaled",
        tools="pan,wheel_zoom,reset",
        output_backend="canvas",
    )
    drawn.line([-limit, limit], [-limit, limit], color="#6e6e6e")
    drawn.scatter("x", "y", source=source, size=2, alpha=0.4, color="#D55E00")
    return drawn


def errors(kept, curves, now):
    """Draw the error curves of `curves` over strength, with dots at those of `now`."""
    largest = max(
        (value for one in kept for value in (one.total, one.bias, one.variance) if math.isfinite(value)),
        default=1.0,
    )
    drawn = new_figure(
        title="errors at every strength; the dots: what is shown",
        width=SIDE + 80,
        height=300,
        y_range=(0, 1.05 * largest),
        x_axis_label="weight strength r",
        y_axis_label="error",
        tools="reset,save",
        name="errors",
    )
    for name, (color, dash) in CURVES.items():
        drawn.line("r", name, source=curves, color=color, line_dash=dash, line_width=2, legend_label=name)
        drawn.scatter("r", name, source=now, color=color, size=9)
    drawn.xaxis.formatter = _PLAIN()
    drawn.legend.update(orientation="horizontal", padding=0, margin=0, border_line_color=None)
    drawn.add_layout(drawn.legend[0], "above")  # not over the curves
    return drawn
