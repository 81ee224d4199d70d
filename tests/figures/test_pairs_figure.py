"""The figure of spurious couplings, pair by pair."""

import numpy as np
import pandas as pd

from circuitbias.figures import pairs


def table(kinds=("unconnected", "inhibitory"), strengths=(0.01, 0.02), distances=(1, 2, 5, 6, np.inf)):
    """Three groups by correlation and a row a distance, of two seeds and two estimators."""
    rows = []
    for j, name in enumerate(("glm", "mean_field")):
        for r in strengths:
            for seed in (1, 2):
                for kind in kinds:
                    about = {"estimator": name, "r": r, "seed": seed, "kind": kind}
                    for k in range(3):
                        mean = 0.1 * k + j + seed / 10
                        told = {"against": "correlation", "at": k / 10 + seed / 100, "mean": mean}
                        rows.append(about | told | {"low": mean - 0.5, "high": mean + 0.5, "n_pairs": 10})
                    for at in distances if kind == "unconnected" else (1,):
                        told = {"against": "distance", "at": at, "n_pairs": 10 * seed, "systematic": seed}
                        rows.append(about | told)
    return pd.DataFrame(rows)


def test_means_over_seeds_stand_at_the_mean_correlation_of_each_group():
    figure, numbers = pairs.draw(table())
    assert len(figure.axes) == 4
    ours = numbers[(numbers.panel == "b") & (numbers.series == "mean_field")]
    np.testing.assert_allclose(ours.x, [0.015, 0.115, 0.215])
    np.testing.assert_allclose(ours.y, [1.15, 1.25, 1.35])
    np.testing.assert_allclose(ours.high - ours.low, 1.0)


def test_distances_are_grouped_and_named():
    figure, numbers = pairs.draw(table())
    labels = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert labels == ["inh.", "other\nway", "2", "4+", "none"]
    ours = numbers[(numbers.panel == "c") & (numbers.series == "glm")]
    # squares are weighed by pairs: (10 * 1 + 20 * 4) / 30
    np.testing.assert_allclose(ours.y, np.sqrt(3.0))
    np.testing.assert_allclose(ours.x, range(5))


def test_a_network_without_unconnected_pairs():
    figure, _ = pairs.draw(table(kinds=("excitatory", "inhibitory")))
    said = [text.get_text() for axes in figure.axes[:2] for text in axes.texts]
    assert said == ["All pairs are connected."] * 2
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["exc.", "inh."]
