"""Figures that set circuits with different generators or drives side by side."""

import numpy as np
import pandas as pd
import pytest

from circuitbias.figures.matched_mismatched import draw as draw_matched
from circuitbias.figures.remedies import costs, in_words
from circuitbias.figures.remedies import draw as draw_remedies
from circuitbias.published import errors_of_generators


def rows(circuit, generator, method, strengths, **more):
    return pd.DataFrame(
        {
            "circuit": circuit,
            "generator": generator,
            "method": method,
            "estimator": method,
            "r": strengths,
            "total": np.linspace(0.2, 0.4, len(strengths)),
            "bias": np.linspace(0.1, 0.3, len(strengths)),
            "seed": 1,
        }
        | more
    )


def test_published_errors_stand_beside_those_of_their_generator():
    table = pd.concat(
        [
            rows("one", "ising", "mpf", [10.0, 30.0]),
            rows("two", "lnp", "glm", [0.0125, 0.025]),
            rows("three", "threshold", "glm", [0.0125, 0.025]),
        ]
    )
    figure, numbers = draw_matched(table)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes[:3]]
    assert ["its own model" in title for title in titles] == [True, False, False]
    theirs = numbers[numbers.series.str.endswith("published") & (numbers.panel == "a")]
    assert theirs.y.tolist() == [
        0.406157,
        0.127684,
    ]  # total errors at 10 and 30: inference_data_ising_5e4.mat
    lnp = numbers[(numbers.series == "two, glm, published") & (numbers.panel == "e")]
    assert lnp.y.round(3).tolist() == [0.082, 0.488]
    threshold = numbers[(numbers.series == "three, glm, published") & (numbers.panel == "f")]
    assert threshold.y.round(3).tolist() == [0.059, 0.232]


def test_nothing_published_stands_beside_a_drive_that_changes():
    table = rows("two", "lnp", "glm", [0.0125, 0.025], drive='{"family": "reset"}')
    assert not draw_matched(table)[1].series.str.endswith("published").any()


def test_published_errors_add_up():
    table = errors_of_generators()
    others = table[table.generator != "threshold"]
    assert others.groupby("generator").size().to_dict() == {
        "glm_exp": 11, "glm_relu": 11, "ising": 10, "lnp": 11
    }  # fmt: skip
    squares = 0.99 * others.variance**2 + others.bias**2
    assert np.allclose(np.sqrt(squares), others.total, rtol=2e-3)


REMEDIES = rows(
    "control", "threshold", "glm", [0.025], variance=0.2, recorded_s=600.0, n_spikes=1e6, drive=""
)
REMEDIES["n_all_pairs"] = 90


def test_costs_are_those_of_the_wanted_variance():
    found = costs(REMEDIES).iloc[0]
    assert found.minutes == pytest.approx(40.0) and found.spikes == pytest.approx(
        4e6
    )  # half the error: four times
    assert found.rate_hz == pytest.approx(1e6 / (600 * 10))
    assert "| `control` | steady | `glm` | 166.7 | 0.100 | 0.200 | 0.200 | 40.0 | 4.0e+06 |" in in_words(
        REMEDIES
    )


def test_remedies_are_drawn_a_row_a_circuit():
    other = REMEDIES.assign(circuit="reset", estimator="glm_offsets", drive='{"family": "reset"}', bias=0.02)
    figure, numbers = draw_remedies(pd.concat([REMEDIES, other]))
    bias = numbers[numbers.panel == "a"].set_index("series")
    assert bias.x.to_dict() == {"glm": 0.1, "glm_offsets": 0.02} and bias.y.to_dict() == {
        "glm": 0,
        "glm_offsets": 1,
    }
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["control", "reset"]
    figure, numbers = draw_remedies(REMEDIES.assign(total=np.nan, note="too short"))
    assert numbers.empty
