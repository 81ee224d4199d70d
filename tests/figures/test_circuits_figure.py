from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from circuitbias.cli import main
from circuitbias.figures import circuits

STRENGTHS = {"ring": (0.01, 0.02, 0.03), "sparse": (0.1, 0.2)}


def errors(**strengths):
    """Errors that say where they come from: circuit, estimator, strength and seed."""
    return pd.DataFrame(
        {
            "circuit": name,
            "estimator": estimator,
            "r": r,
            "seed": seed,
            "total": 0.1 * (k + 1) + 0.01 * (j + 1) + r + seed / 1000,
            "bias": np.nan if name == "sparse" else 0.05,
            "variance": np.nan,
            "roc_auc": 0.8,  # as in every table of errors
            "recorded_s": 100.5,
        }
        for k, (name, rs) in enumerate(strengths.items())
        for j, estimator in enumerate(("glm", "mean_field")[: 2 - k % 2])
        for r in rs
        for seed in (1, 2)
    )


def panels(figure):
    return [axes for axes in figure.axes if axes.lines]


def test_each_circuit_has_a_column_and_its_own_errors():
    figure, numbers = circuits.draw(errors(**STRENGTHS))
    curve = numbers[(numbers.series == "sparse, glm") & (numbers.panel == "b")]
    assert list(curve.x) == [0.1, 0.2]
    np.testing.assert_allclose(curve.y, [0.2 + 0.01 + r + 0.0015 for r in (0.1, 0.2)])
    np.testing.assert_allclose(curve.low, [0.211 + r for r in (0.1, 0.2)])
    np.testing.assert_allclose(curve.high, [0.212 + r for r in (0.1, 0.2)])
    assert set(numbers.series) == {"ring, glm", "ring, mean_field", "sparse, glm"}
    assert set(numbers[numbers.panel == "c"].series) == {"ring, glm", "ring, mean_field"}  # bias of the ring
    assert "variance error" not in [axes.get_ylabel() for axes in figure.axes]  # known of none
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert ["ring" in titles[0], "sparse" in titles[1]] == [True, True]


def test_excitation_and_inhibition_have_scores_of_their_own():
    table = errors(**STRENGTHS)
    table["roc_auc_inhibitory"] = 0.9
    table["average_precision_excitatory"] = np.where(
        table.circuit == "sparse", 0.3, np.nan
    )  # a ring has none
    figure, numbers = circuits.draw(table)
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names[2:] == ["mean precision\nexcitatory", "area under ROC\ninhibitory"]
    assert (numbers[numbers.panel == "f"].y == 0.3).all() and (numbers[numbers.panel == "g"].y == 0.9).all()
    assert numbers[numbers.panel == "e"].empty
    scored = [axes for axes in figure.axes if axes.get_yscale() == "linear"]
    assert len(scored) == 4 and all(axes.get_ylim() == (-0.03, 1.03) for axes in scored)


def test_panels_without_a_curve_say_why():
    table = errors(**STRENGTHS)
    table["roc_auc_excitatory"] = np.where(table.circuit == "sparse", 0.7, np.nan)
    said = [
        [text.get_text().replace("\n", " ") for text in axes.texts] for axes in circuits.draw(table)[0].axes
    ]
    # Total, bias and the area under the ROC curve, of the ring and of the sparse network.
    assert said == [[], [], [], ["not told from variance"], ["none to find, or no signs"], []]


def test_names_of_six_circuits_do_not_run_into_each_other():
    names = [
        "ring",
        "random_symmetric",
        "excitation_inhibition",
        "noise_06_release_20_20",
        "small_world",
        "x",
    ]
    figure, _ = circuits.draw(errors(**dict.fromkeys(names, (0.01, 0.02))))
    figure.draw_without_rendering()
    boxes = [axes._left_title.get_window_extent() for axes in figure.axes[: len(names)]]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert boxes[-1].x1 <= figure.bbox.x1


def test_of_many_circuits_the_first_six_are_drawn_and_that_is_said():
    figure, numbers = circuits.draw(errors(**{f"c{i}": (0.01, 0.02) for i in range(9)}))
    assert {name.partition(",")[0] for name in numbers.series} == {f"c{i}" for i in range(6)}
    assert figure.legends[0].get_title().get_text() == "The first 6 of 9 circuits."


def test_tables_of_circuits_are_put_into_one_and_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring").mkdir()  # a folder of that name is nothing to the step
    table = errors(**STRENGTHS)
    for name in STRENGTHS:
        table[table.circuit == name].drop(columns="circuit").to_csv(f"{name}.csv", index=False)
    words = ["gather", "--tables", "ring.csv", "sparse.csv", "--output", "both.csv"]
    assert main([*words, "--circuits", "ring", "sparse"]) == 0
    pd.testing.assert_frame_equal(pd.read_csv("both.csv"), table.reset_index(drop=True))
    assert main(["figure", "circuits", "--table", "both.csv", "--output", "circuits"]) == 0
    assert min(Image.open("circuits.png").size) > 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gather", "--tables", "a.csv", "--circuits", "a", "b"], "2 names for 1 tables"),
        (["figure", "circuits", "--table", "a.csv"], "no column circuit"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    errors(ring=(0.01,)).drop(columns="circuit").to_csv("a.csv", index=False)
    assert main([*words, "--output", "out"]) == 1
    assert said in capsys.readouterr().err
