"""Axes that several figures share, with as little on them as a run of one strength and one estimate has."""

import numpy as np
import pytest

from circuitbias.figures import shared, style


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("strengths", [(0.025,), (0.01, 0.02)])
def test_the_strongest_point_lies_within_the_axis(strengths):
    figure = style.new_figure(60)
    grid = figure.subplots(2, 3, sharex="col", sharey="row")
    for axes in grid.ravel():
        axes.vlines(strengths, 0.1, 0.2)
        axes.plot(strengths, [0.15] * len(strengths), "o")
        axes.set_yscale("log")
        axes.margins(y=0.08)
    for axes in grid[1]:
        shared.strength_axis(axes)
    figure.draw_without_rendering()
    for axes in grid.ravel():
        left, right = axes.get_xlim()
        assert left == 0 and 1.02 * max(strengths) < right < 1.2 * max(strengths)


@pytest.mark.filterwarnings("error")
def test_values_that_are_all_the_same_have_an_axis_around_them():
    figure = style.new_figure(60)
    row = figure.subplots(1, 3, sharey=True)
    for axes in row:
        axes.plot([0.02], [0.3], "o")
        axes.set_yscale("log")
        axes.margins(y=0.08)
    for axes in row:
        shared.log_errors(axes)
    figure.draw_without_rendering()
    low, high = row[0].get_ylim()
    assert 0.1 < low < 0.2 and 0.4 < high < 0.9
    assert any(label.get_text() in ("0.2", "0.5") for label in row[0].get_yticklabels(minor=True))


def test_labels_of_a_narrow_axis_are_plain_and_far_apart_enough():
    """Powers such as 1.4 x 10^3, one above the other, were too many."""
    figure = style.new_figure(60)
    axes = figure.subplots()
    axes.plot([0.03, 0.03], [1050.0, 2200.0], "o")
    shared.log_errors(axes)
    figure.draw_without_rendering()
    texts = [label.get_text() for label in axes.get_yticklabels(which="both")]
    shown = [float(text) for text in texts if text]
    assert len(shown) >= 3 and np.ptp(shown) > 500 and not any("10^" in text for text in texts)


def test_nothing_drawn_leaves_an_axis_of_strengths():
    axes = style.new_figure(60).subplots()
    shared.strength_axis(axes)
    assert axes.get_xlabel() == "weight strength r" and axes.get_xlim()[0] == 0


@pytest.mark.parametrize("values", [(62.1, 62.2, 61.9), (3.0, 80.0), (0.0, 0.0)])
def test_values_from_zero_on_are_not_cut(values):
    """Values that are nearly the same, too, of which the usual margin is next to nothing."""
    axes = style.new_figure(60).subplots()
    axes.plot(range(len(values)), values, "o", markersize=4)
    shared.from_zero(axes)
    bottom, top = axes.get_ylim()
    assert bottom == 0 and top >= 1.04 * max(values) and top > 0
