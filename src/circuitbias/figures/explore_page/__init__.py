"""The page to explore: one HTML file that works without a network; Bokeh with everything inside."""

import base64
import math
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.events import DocumentReady
from bokeh.layouts import column, row
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    CustomJS,
    Div,
    HoverTool,
    LinearColorMapper,
    RadioButtonGroup,
    Slider,
    Toolbar,
)
from bokeh.resources import INLINE

from circuitbias.figures.explore_page import panels
from circuitbias.figures.explore_page.correlograms import BIN_MS, Lagged, drawn_correlogram, packed

_LEVELS, _MISSING = 32_000, -32_768
_MOST_BYTES = 5_500_000  # of matrices, as text: with Bokeh inside the page stays below 10 MB
_NARROW = 370  # pixels


_LAGS_IN_WORDS = (
    "Pairs of spikes of the two neurons by lag, over what their rates would give by chance (the line at 1), "
    f"in bins of {BIN_MS:g} ms. What the first neuron (from) does to the second (to) lies at the right of 0: "
    "a peak there and not at the left is what a connection looks like, a peak on both sides what common "
    "activity does. It is of the recording at the strength that the slider shows, whatever the method."
)


# Within the report the page lies in no folder: what its links lead to is in the report itself.
_NO_FOLDER = r"""if (["blob:", "data:"].includes(location.protocol)) {
  head.text = head.text.replace(/<a [^>]*>([^<]*)<\/a>/g, "$1 (in this report)")
}"""


class Estimate(NamedTuple):
    """Couplings, what they are of, and how wrong they are.

    Attributes
    ----------
    method : str
        Name of the estimator.
    share : float
        Of the recording.
    r : float
    n_spikes : int
    values : ndarray, shape (n, n)
        In units of the true weights; NaN where there is none.
    total, bias, variance : float
    note : str
        What is to be said of it.
    """

    method: str
    share: float
    r: float
    n_spikes: int
    values: np.ndarray
    total: float
    bias: float
    variance: float
    note: str


def page(
    name: str,
    weights: np.ndarray,
    circulant: bool,
    estimates: list[Estimate],
    tables: dict[str, str],
    correlograms: dict[float, Lagged] | None = None,
) -> tuple[str, list[str]]:
    """Make the page.

    Parameters
    ----------
    name : str
        Of the network, for the title.
    weights : ndarray, shape (n, n)
        True weights [pre, post].
    circulant : bool
        Whether they depend on the distance alone: then profiles are shown.
    estimates : list of Estimate
    tables : dict of str to str
        Addresses of the tables behind it, by what they are called.
    correlograms : dict of float to Lagged, optional
        By strength; shown of the pair that the pointer is over.

    Returns
    -------
    html : str
    left_out : list of str
        What did not fit, in sentences.
    """
    lags, without, n_bytes = packed(correlograms or {}, _importance(estimates, weights))
    kept, left_out = _that_fit(estimates, len(weights), n_bytes)
    left_out += without
    methods = list(dict.fromkeys(one.method for one in kept))
    shares = sorted({one.share for one in kept}, reverse=True)
    strengths = sorted({one.r for one in kept})
    by_key = {f"{one.method} {one.share:g} {one.r:g}": one for one in kept}
    words = [f"{share:.3g}" if share < 1 else "all" for share in shares]

    n, shown = len(weights), weights.astype(np.float32)
    np.fill_diagonal(shown, np.nan)
    pre, post = np.indices(weights.shape).astype(np.int16)
    arrays = {"truth": [shown], "pre": [pre], "post": [post], "image": [shown], "error": [shown * 0]}
    matrix = ColumnDataSource(arrays)
    finite = np.abs(shown[np.isfinite(shown)])
    limit = float(np.quantile(finite[finite > 0], 0.99)) if (finite > 0).any() else 1.0
    colors = LinearColorMapper(panels.palette(), low=-limit, high=limit, nan_color="#e4e4e4")
    truth = panels.matrix("true weights", matrix, "truth", colors, n)
    estimate = panels.matrix("estimate, scaled to them", matrix, "image", colors, n)
    estimate.x_range, estimate.y_range = truth.x_range, truth.y_range
    estimate.add_layout(ColorBar(color_mapper=colors, width=8), "right")

    profile = ColumnDataSource({"x": [], "y": []})
    second = panels.profile(shown, profile) if circulant else panels.scatter(finite, profile)
    columns = ("method", "share", "r", "total", "bias", "variance")
    by_strength = sorted(kept, key=lambda one: one.r)
    errors = ColumnDataSource({name: [getattr(one, name) for one in by_strength] for name in columns})
    curves, now = (ColumnDataSource({name: [] for name in ("r", *panels.CURVES)}) for _ in range(2))
    third = panels.errors(kept, curves, now)

    slider = Slider(
        start=0,
        end=max(len(strengths) - 1, 1),
        value=len(strengths) // 2,
        step=1,
        show_value=False,
        title="weight strength r",
        name="strength",
        width=260,
        disabled=len(strengths) < 2,
    )
    choice_method = RadioButtonGroup(labels=methods, active=0, name="method")
    choice_share = RadioButtonGroup(labels=words, active=0, name="volume")
    label, note = Div(name="label", width=420), _text("", 900, name="note")
    code = CustomJS(
        args={
            "matrix": matrix, "profile": profile, "errors": errors, "curves": curves, "now": now,
            "slider": slider, "choice_method": choice_method, "choice_share": choice_share,
            "label": label, "note": note, "methods": methods, "shares": shares, "strengths": strengths,
            "shares_in_words": words, "size": n, "circulant": circulant,
            "store": {key: _packed(one) for key, one in by_key.items()},
        },
        code=Path(__file__).with_name("choose.js").read_text(encoding="utf-8"),
    )  # fmt: skip
    slider.js_on_change("value", code)
    choice_method.js_on_change("active", code)
    choice_share.js_on_change("active", code)
    links = ", ".join(f'<a href="{escape(place)}">{escape(what)}</a>' for what, place in tables.items())
    head = _text(_words(name, n, links, left_out), 950)
    controls = _wrapped(
        column(Div(text="method"), choice_method),
        column(Div(text="share of the recording"), choice_share),
        column(slider, label),
    )
    rows = [_wrapped(truth, estimate), _wrapped(second, third)]
    if lags:
        folder = Path(__file__).parent
        draw_code = (folder / "correlogram.js").read_text(encoding="utf-8")
        fourth, pair = drawn_correlogram(lags, slider, strengths, n, draw_code, (_NARROW, panels.SIDE))
        tell = CustomJS(args={"pair": pair, "n": n}, code=(folder / "hover.js").read_text(encoding="utf-8"))
        for drawn in (truth, estimate):
            drawn.select_one(HoverTool).callback = tell
        # Beside the matrices: whoever hovers over them sees it.
        rows = [
            _wrapped(truth, estimate, fourth),
            _wrapped(second, third, Div(text=_LAGS_IN_WORDS, width=_NARROW)),
        ]
    whole = column(head, controls, note, *rows, sizing_mode="stretch_width")
    for toolbar in whole.select({"type": Toolbar}):
        toolbar.logo = None
    document = Document(title=f"{name}: couplings to explore")
    document.add_root(whole)
    document.js_on_event(DocumentReady, code, CustomJS(args={"head": head}, code=_NO_FOLDER))
    return file_html(document, INLINE, suppress_callback_warning=True), left_out


def _wrapped(*parts):
    """Parts side by side, or one below the other in a window that is too narrow for them."""
    return row(*parts, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"})


def _text(text: str, width: int, **more) -> Div:
    """Text of this width at most."""
    return Div(text=text, sizing_mode="stretch_width", styles={"max-width": f"{width}px"}, **more)


def _importance(estimates: list[Estimate], weights: np.ndarray) -> np.ndarray:
    """Largest estimate of each pair, of all methods and strengths."""
    largest = np.abs(weights)
    for one in estimates:
        largest = np.fmax(largest, np.abs(one.values))
    return largest


def _that_fit(estimates: list[Estimate], n: int, n_bytes: int) -> tuple[list[Estimate], list[str]]:
    """Leave out parts of recordings, the smallest first, until the page is small with `n_bytes` more."""
    most = max(1, int((_MOST_BYTES - n_bytes) / (2 * n * n * 4 / 3)))
    kept, left_out = list(estimates), []
    while len(kept) > most and len(shares := sorted({one.share for one in kept})) > 1:
        kept = [one for one in kept if one.share > shares[0]]
        left_out.append(f"estimates from {shares[0]:g} of the recording are left out")
    if len(kept) > most:
        strengths = sorted({one.r for one in kept})
        per_strength = math.ceil(len(kept) / len(strengths))
        chosen = strengths[:: math.ceil(len(strengths) / max(1, most // per_strength))]
        kept = [one for one in kept if one.r in chosen]
        left_out.append(f"of {len(strengths)} strengths {len(chosen)} are shown")
    return kept, [f"{line}: all of {n} neurons would make the page larger than 10 MB" for line in left_out]


def _packed(one: Estimate) -> dict:
    """Couplings as whole numbers of 16 bits, as text."""
    known = np.isfinite(one.values)
    if not known.any():
        return {"values": None, "step": 1.0, "note": escape(one.note)}
    step = float(np.abs(one.values[known]).max()) / _LEVELS or 1.0
    numbers = np.full(one.values.shape, _MISSING, dtype="<i2")
    numbers[known] = np.rint(one.values[known] / step)
    return {"values": base64.b64encode(numbers.tobytes()).decode(), "step": step, "note": escape(one.note)}


def _words(name: str, n: int, links: str, left_out: list[str]) -> str:
    more = "".join(f"<br>{escape(line[0].upper() + line[1:])}." for line in left_out)
    return (
        f"<h2>{escape(name)}: couplings to explore</h2>W0[i, j] is the weight from neuron i to neuron j "
        f"({n} neurons). Estimates are scaled to the true weights by least squares; errors are parts of the "
        "size of these: total² = bias² + variance². Move the slider, choose a method and how much of the "
        "recording it sees, hover over a coupling. "
        f"{'Tables behind: ' + links if links else ''}{more}"
    )
