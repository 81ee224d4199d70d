"""The figure of networks that freeze."""

import numpy as np
import pandas as pd
import pytest
from figure_helpers import panel, series

from circuitbias.figures import freezing


def table(froze):
    """Two strengths, three volumes each; the second freezes after 900 s, before the last one ends."""
    rows = pd.DataFrame(
        {"n_spikes": [1e4, 1e5, 1e6], "total": [0.5, 0.2, 0.3], "seed": 1, "frozen_share": 0.0}
    )
    once = {"duration_s": 1000.0, "active_before": 80.0, "rate_before_hz": 20.0}
    never = {"frozen_from_s": np.nan, "active_after": np.nan, "rate_after_hz": np.nan}
    tables = [rows.assign(r=0.01, **once | never)]
    if froze:
        after = {"frozen_from_s": 900.0, "active_after": 2.0, "rate_after_hz": 90.0}
        tables.append(rows.assign(r=0.03, frozen_share=[0, 0, 0.1], **once | after))
    return pd.concat(tables, ignore_index=True)


def test_a_recording_too_short_to_tell_is_not_drawn_as_one_that_did_not_freeze():
    unknown = ["frozen_share", "active_before", "rate_before_hz"]
    figure, _ = freezing.draw(table(froze=False).assign(**dict.fromkeys(unknown, np.nan)))
    assert [text.get_text() for text in figure.legends[0].texts] == ["r = 0.01"]
    assert [len(line.get_xdata()) for line in panel(figure, "d").lines if line.get_marker() == "^"] == [0]


@pytest.mark.parametrize("froze", [True, False])
def test_every_mark_that_is_drawn_is_told(froze):
    figure, numbers = freezing.draw(table(froze))
    told = [text.get_text() for text in figure.legends[0].texts]
    always = "end of a recording that did not freeze"
    if froze:
        assert told == ["r = 0.01", "r = 0.03", "partly frozen data", "after freezing", always]
    else:
        assert told == ["r = 0.01", always]
    ends = [line for line in panel(figure, "d").lines if line.get_marker() == "^"]
    assert [list(line.get_ydata()) for line in ends] == [[1000.0]]
    filled = [
        len(line.get_xdata())
        for line in panel(figure, "a").lines
        if line.get_marker() == "o" and line.get_markerfacecolor() != "white"
    ]
    assert sum(filled) == froze
    assert series(numbers, "a", "r = 0.01, seed 1").y.tolist() == [0.5, 0.2, 0.3]
