"""Ids of units in the figures of `infer` and `pair`, however long these are."""

import numpy as np
import pytest

from circuitbias.cli import main
from circuitbias.figures.pair import short_names
from circuitbias.figures.recording import Piece, draw


def test_long_ids_are_told_apart_by_their_ends():
    assert short_names(("2", "17")) == ("2", "17")
    assert short_names(("CA1_shank3_unit000", "CA1_shank3_unit001")) == ("…nk3_unit000", "…nk3_unit001")
    long = "a_unit_of_many_letters"
    assert len(set(short_names((f"x{long}", f"y{long}")))) == 2


@pytest.mark.parametrize(
    "ids", [("2", "17", "5"), tuple(f"area_CA1_of_mouse_7_unit_{k:04d}" for k in range(3))]
)
def test_the_axes_keep_their_room(tmp_path, monkeypatch, ids):
    """Names of any length leave the panels most of the page, and lie on it."""
    rng = np.random.default_rng(0)
    trains = {unit: np.sort(rng.uniform(0, 60, 300)) for unit in ids}
    np.savez(
        tmp_path / "a.npz",
        times_s=np.concatenate(list(trains.values())),
        units=np.repeat(list(trains), [len(train) for train in trains.values()]),
    )
    kept = []
    monkeypatch.setattr("circuitbias.figures.style.save", lambda figure, *_, **__: kept.append(figure))
    command = [str(tmp_path / "a.npz"), "--output", str(tmp_path / "out" / "it")]
    assert main(["pair", ids[0], ids[1], *command, "--methods", "glm", "mean_field"]) == 0
    assert main(["infer", *command]) == 0
    for figure in kept:
        figure.draw_without_rendering()
        page = figure.bbox
        panels = figure.axes or [one for part in figure.subfigs for one in part.axes]
        for axes in panels:
            box = axes.get_tightbbox()
            assert box.x0 > page.x0 - 2 and box.x1 < page.x1 + 2, axes.get_title(loc="left")
        wide = sum(axes.get_position().width * axes.get_position().height for axes in panels)
        assert wide > 0.25


def test_couplings_that_are_all_alike_are_drawn():
    values = np.where(np.eye(3), np.nan, 1e-4)
    piece = Piece(np.array([1.0, 2.0]), np.array([0, 1]), 0.0)
    figure, _ = draw(list("abc"), values, np.full((3, 3), np.nan), np.ones(3), piece, "couplings")
    bars = [len(one.patches) for part in figure.subfigs for one in part.axes if one.get_ylabel() == "pairs"]
    assert bars == [1]
