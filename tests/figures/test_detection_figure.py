"""The figure of ROC curves and of precision against recall."""

import numpy as np
import pandas as pd

from circuitbias.figures import detection
from circuitbias.networks import ring_network


def curves(signs, estimators=("glm", "tap"), strengths=(0.01, 0.02), seeds=(1, 2)):
    """Curves of three points that say where they come from."""
    return pd.DataFrame(
        {
            "estimator": name,
            "r": r,
            "seed": seed,
            "sign": sign,
            "recall": recall,
            "false_positive_rate": recall / (10 * k + 2),
            "precision": 0.9 - 0.1 * k - seed / 100,
            "chance": 0.25,
            "note": "",
        }
        for k, name in enumerate(estimators)
        for r in strengths
        for seed in seeds
        for sign in signs
        for recall in (0.2, 0.6, 1.0)
    )


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_excitation_and_inhibition_have_panels_of_their_own():
    figure, numbers = detection.draw(curves(("excitatory", "inhibitory", "either")))
    assert len(figure.axes) == 8  # two signs, two kinds of curve, two strengths
    found = [title for title in titles(figure) if "itation" in title or "inhibition" in title]
    assert [("excitation" in title, "0.01" in title) for title in found] == [
        (True, True), (True, False), (False, True), (False, False)
    ]  # fmt: skip
    roc = numbers[(numbers.panel == "a") & (numbers.series == "glm")]
    np.testing.assert_allclose(roc.x, [0, 0.1, 0.3, 0.5])  # from the empty list on
    np.testing.assert_allclose(roc.y, [0, 0.2, 0.6, 1.0])
    precision = numbers[(numbers.panel == "g") & (numbers.series == "tap")]
    np.testing.assert_allclose(precision.x, [0.2, 0.6, 1.0])
    np.testing.assert_allclose(precision.y, 0.79)  # of the first seed


def test_a_ring_has_no_excitation():
    figure, _ = detection.draw(curves(("inhibitory", "either")))
    assert len(figure.axes) == 4 and not any("excitation" in title for title in titles(figure))


def test_where_all_connections_inhibit_a_method_without_signs_is_drawn_too():
    table = pd.concat([curves(("inhibitory", "either")), curves(("either",), estimators=("graph",))])
    figure, numbers = detection.draw(table)
    roc = numbers[(numbers.panel == "a") & (numbers.series == "graph")]
    np.testing.assert_allclose(roc.y, [0, 0.2, 0.6, 1.0])
    assert [line.get_linestyle() for line in figure.axes[0].lines[1:]] == ["-", "-", "--"]
    table = pd.concat([curves(("excitatory", "inhibitory")), curves(("either",), estimators=("graph",))])
    figure, numbers = detection.draw(table)
    assert "graph" not in set(numbers.series)
    assert [text.get_text() for text in figure.legends[0].texts] == ["GLM", "TAP", "(graph tells no signs)"]


def test_methods_without_signs_leave_a_reason():
    figure, numbers = detection.draw(curves(("either",)))
    assert numbers.empty and "No estimate tells excitation" in figure.axes[0].texts[0].get_text()
    assert detection.draw(curves(()).reindex(columns=list(curves(("either",)))))[1].empty


def test_it_is_drawn_from_what_the_steps_write(tmp_path):
    from circuitbias.cli import main

    ring_network(12, sigma1=1.4, sigma2=1.41).save(tmp_path / "network.npz")
    curves(("inhibitory",)).to_csv(tmp_path / "detection.csv", index=False)
    words = ["figure", "detection", "--network", tmp_path / "network.npz"]
    words += ["--table", tmp_path / "detection.csv", "--output", tmp_path / "detection"]
    assert main(list(map(str, words))) == 0
    assert len(pd.read_csv(tmp_path / "detection.csv")) and (tmp_path / "detection.png").stat().st_size
