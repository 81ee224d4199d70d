"""Looks that figures share; those of bin widths and patterns of activity; the step that draws."""

import io

import numpy as np
import pandas as pd
import pytest
from figure_helpers import (
    STRENGTHS,
    comparison,
    every_figure_can_be_laid_out,
    grid,
    open_markers,
    panel,
    profile_rows,
    series,
    with_errors,
    words,
)
from matplotlib.colors import to_hex

from circuitbias.cli import main
from circuitbias.config import load_config
from circuitbias.figures import (
    bin_width,
    patterns,
    shared,
    style,
)
from circuitbias.networks import ring_network

pytestmark = pytest.mark.usefixtures(every_figure_can_be_laid_out.__name__)


# Looks


def test_every_estimator_of_the_usual_config_has_a_look_of_its_own():
    names = list(load_config("config/methods.yaml")["estimators"])
    looks = style.estimator_styles([*names, "correlogram_graph", "glm_masked"])
    assert len(looks) == len(names) + 2
    colors = [to_hex(look["color"]) for look in looks.values()]
    assert len(set(colors)) == len(colors)
    alone = style.estimator_styles(["bethe"])["bethe"]
    assert (alone["color"], alone["marker"]) == (looks["bethe"]["color"], looks["bethe"]["marker"])
    assert looks["glm"]["color"] == "#0072B2"  # as ever
    assert [style.pretty(name) for name in ("glm_lagged", "mpf", "sessak_monasson")] == [
        "GLM lagged",
        "MPF",
        "Sessak Monasson",
    ]


def test_stronger_weights_are_darker():
    colors = style.strength_colors([0.02, 0.005, 0.01, 0.01])
    assert list(colors) == [0.005, 0.01, 0.02]
    brightness = [sum(color[:3]) for color in colors.values()]
    assert brightness == sorted(brightness, reverse=True)


@pytest.mark.parametrize(
    ("given", "chosen"),
    [([3.0, 1.0], [1.0, 3.0]), ([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 3.0]), (range(5), [0, 2, 4])],
)
def test_three_strengths_stand_for_many(given, chosen):
    assert style.chosen_strengths(given) == chosen


def test_rows_under_a_condition():
    rows = pd.DataFrame(
        {"quantity": ["total", "total", "total", "bias"], "condition": ["", None, "bins of 5", ""]}
    )
    assert shared.under_condition(rows, ["total"], "").index.tolist() == [0, 1]
    assert shared.under_condition(rows, ["total"], "bins of").index.tolist() == [2]
    # Read from a file where no row has one, the column is of numbers.
    read = pd.read_csv(io.StringIO("quantity,condition\ntotal,\nbias,\n"))
    assert shared.under_condition(read, ["total"], "").index.tolist() == [0]
    assert shared.under_condition(read, ["total"], "bins of").empty
    assert shared.under_condition(None, ["total"], "").empty


@pytest.mark.parametrize(
    ("limits", "labels"),
    [((0.15, 0.35), ["0.2", "0.3"]), ((0.08, 0.6), ["0.2", "0.5"]), ((1e-3, 1.0), [])],
)
def test_numbers_between_powers_of_ten_where_these_are_few(limits, labels):
    axes = style.new_figure(50).subplots()
    axes.set(yscale="log", ylim=limits)
    shared.log_errors(axes)
    ticks = axes.yaxis.get_minorticklocs()
    inside = ticks[(ticks >= limits[0]) & (ticks <= limits[1])]
    axes.yaxis.get_minor_formatter().set_locs(ticks)
    found = [axes.yaxis.get_minor_formatter()(tick) for tick in inside]
    assert [label for label in found if label] == labels


# Bins


def test_bins_are_in_milliseconds_and_published_ones_at_their_width():
    table = with_errors(grid(estimator=["mpf", "glm"], r=[0.005], bin_steps=[100, 25, 200], seed=[1, 2]))
    table["bin_ms"] = 0.1 * table.bin_steps
    paper = pd.concat(
        [
            comparison(grid(quantity=["total", "bias", "variance"], estimator=["mpf"], r=[0.005])).assign(
                condition=f"bins of {steps} steps", published=steps / 1000, n_spikes_published=np.nan
            )
            for steps in (100, 25)
        ]
        + [comparison(grid(quantity=["total"], estimator=["mpf"], r=[0.005]))]  # against strength
    )
    figure, numbers = bin_width.draw(table.assign(n_spikes=5e6), comparison=paper)
    rows = table[table.estimator == "mpf"].groupby("bin_steps").variance.agg(["mean", "min", "max"])
    np.testing.assert_allclose(series(numbers, "c", "mpf")[["y", "low", "high"]], rows)
    assert series(numbers, "c", "mpf").x.tolist() == [2.5, 10.0, 20.0]
    for letter in "abc":
        (shown,) = open_markers(panel(figure, letter))
        np.testing.assert_allclose(shown, [[2.5, 0.025], [10.0, 0.1]])
        np.testing.assert_allclose(series(numbers, letter, "mpf, expected").y, 0.2)
    assert "published" in words(figure)  # of which data is not said


def test_the_axis_of_the_bins_follows_the_time_step_of_the_model():
    table = with_errors(grid(estimator=["mpf"], r=[0.005], bin_steps=[100, 25, 200]))
    table = table.assign(n_spikes=5e6, bin_ms=0.05 * table.bin_steps)
    paper = comparison(grid(quantity=["total"], estimator=["mpf"], r=[0.005]))
    _, numbers = bin_width.draw(table, comparison=paper.assign(condition="bins of 100 steps"))
    assert series(numbers, "a", "mpf").x.tolist() == [1.25, 5.0, 10.0]
    assert series(numbers, "a", "mpf, published").x.tolist() == [5.0]


def test_bins_without_noise():
    """Means over seeds: of the squares for the bias, which are unbiased."""
    table = with_errors(grid(estimator=["mpf"], r=[0.005], bin_steps=[100, 25], seed=[1, 2]))
    table = table.assign(n_spikes=5e6, bin_ms=0.1 * table.bin_steps)
    table = table.assign(bias2_corrected=[0.04, 0.06, -0.01, 0.02], variance_corrected=[0.1, 0.3, 0.2, 0.4])
    table["bias_corrected"] = np.sqrt(table.bias2_corrected.clip(0))
    figure, numbers = bin_width.draw(table)
    bias, variance = (series(numbers, letter, "mpf, without noise") for letter in "bc")
    assert bias.x.tolist() == variance.x.tolist() == [2.5, 10.0]
    np.testing.assert_allclose(bias.y, np.sqrt([0.005, 0.05]))
    np.testing.assert_allclose(variance.y, [0.3, 0.2])
    assert series(numbers, "a", "mpf, without noise").empty
    assert "without sampling noise" in words(figure)


def test_bins_whose_errors_are_over_fewer_pairs():
    table = with_errors(grid(estimator=["mpf"], r=[0.005], bin_steps=[100, 25], seed=[1, 2]))
    table = table.assign(n_spikes=5e6, bin_ms=0.1 * table.bin_steps, n_pairs=[90, 90, 80, 90], n_all_pairs=90)
    figure, numbers = bin_width.draw(table)
    crossed = series(numbers, "b", "mpf, over fewer pairs")
    assert crossed[["x", "y"]].to_numpy().tolist() == [[2.5, table.bias[2]]]
    assert "over fewer pairs" in words(figure)
    assert figure.get_suptitle().startswith("1 of 4 errors are over 88.9 % of the pairs that there are, at r")
    whole, _ = bin_width.draw(table.assign(n_pairs=72))
    assert whole.get_suptitle().startswith("All errors are over 80 % of the pairs that there are: others")
    unknown = table.assign(total=[1.0, 1.0, np.nan, 1.0])  # a point that is not there
    assert bin_width.draw(unknown)[0].get_suptitle() == ""


def test_a_row_of_panels_a_strength_at_most_three():
    table = with_errors(grid(estimator=["mpf"], r=[0.005, 0.01, 0.015, 0.02], bin_steps=[50, 100]))
    table["bin_ms"] = 0.1 * table.bin_steps
    figure, numbers = bin_width.draw(table.assign(n_spikes=5e6, variance=np.nan))
    assert sorted(numbers.panel.unique()) == list("abcdef")
    assert [panel(figure, letter).get_ylabel() for letter in "ace"] == [
        f"error, r = {r:g}" for r in (0.005, 0.015, 0.02)
    ]
    unknown = table.assign(n_spikes=5e6, total=np.nan, bias=np.nan, variance=np.nan)
    figure, numbers = bin_width.draw(unknown)
    assert numbers.empty and "No estimate has an error." in words(figure)


# Patterns


@pytest.fixture
def activity():
    table = grid(r=STRENGTHS, seed=[1, 2]).assign(n_spikes=1e6)
    return table.assign(
        pattern_strength=[0.0, 0.2, 0.3, 0.5, 0.9, 1.0],
        noise_correlation=[0.0, 0.0, 0.1, 0.1, 0.4, 0.5],
        noise_correlation_se=0.03,
        diffusivity=[900.0, 700.0, 80.0, 60.0, 3.0, 5.0],
        diffusivity_se=0.4,
        mean_rate_hz=62.0,
        lowest_rate_hz=[60.0, 59.0, 58.0, 58.0, 40.0, 30.0],
        highest_rate_hz=[64.0, 65.0, 66.0, 66.0, 80.0, 90.0],
    )


def test_activity_against_strength_with_the_published(activity):
    paper = pd.concat(
        [
            comparison(grid(quantity=["noise_correlation"], estimator=[""], r=STRENGTHS)),
            comparison(
                grid(quantity=["diffusivity"], estimator=[""], r=[0.02]), condition="published times 321"
            ),
            comparison(grid(quantity=["pattern_strength"], estimator=[""], r=STRENGTHS)),
        ]
    )
    figure, numbers = patterns.draw(activity, comparison=paper)
    np.testing.assert_allclose(
        series(numbers, "a", "pattern strength")[["y", "low", "high"]],
        [[0.1, 0.0, 0.2], [0.4, 0.3, 0.5], [0.95, 0.9, 1.0]],
    )
    ours = series(numbers, "b", "noise correlation")
    np.testing.assert_allclose(ours.y, [0.0, 0.1, 0.45])
    np.testing.assert_allclose(ours.high - ours.y, 2 * np.sqrt(2 * 0.03**2) / 2)  # of the mean of two seeds
    rates = numbers[numbers.panel == "d"]
    np.testing.assert_allclose(rates[["y", "low", "high"]], [[62, 59, 65], [62, 58, 66], [62, 30, 90]])
    assert not open_markers(panel(figure, "a"))  # measured otherwise
    (shown,) = open_markers(panel(figure, "b"))
    np.testing.assert_allclose(shown, paper[paper.quantity == "noise_correlation"][["r", "published"]])
    (shown,) = open_markers(panel(figure, "c"))
    np.testing.assert_allclose(shown, [[0.02, 0.2]])  # in our unit
    assert "published (in c times 321)" in words(figure)


def test_diffusion_is_drawn_faintly_where_there_is_no_pattern(activity):
    figure, numbers = patterns.draw(activity)
    np.testing.assert_allclose(series(numbers, "c", "diffusivity").y, [800, 70, 4])
    lines = {line.get_linestyle(): line for line in panel(figure, "c").lines}
    assert lines["-"].get_xdata().tolist() == [0.02]
    assert lines["--"].get_xdata().tolist() == list(STRENGTHS)
    assert panel(figure, "c").get_yscale() == "log"
    assert not any("published" in text for text in words(figure))


def test_activity_that_could_not_be_measured(activity):
    unknown = activity.assign(pattern_strength=np.nan, diffusivity=np.nan, diffusivity_se=np.nan)
    _, numbers = patterns.draw(unknown.assign(noise_correlation_se=np.nan))
    assert series(numbers, "c", "diffusivity").empty
    ours = series(numbers, "b", "noise correlation")
    assert ours.y.notna().all() and ours.low.isna().all()


# The step


def test_the_step_draws_from_a_table(tmp_path):
    network, table = tmp_path / "network.npz", tmp_path / "table.csv"
    ring_network(n_neurons=20, sigma1=1.4, sigma2=1.45).save(network)
    pd.concat([profile_rows({}, r=r) for r in STRENGTHS]).to_csv(table, index=False)
    command = ["figure", "profiles", "--network", str(network), "--table", str(table)]
    assert main([*command, "--examples", "0.01", "--output", str(tmp_path / "drawn")]) == 0
    assert {"glm, r = 0.01", "true weights"} <= set(pd.read_csv(tmp_path / "drawn.csv").series)
    assert (tmp_path / "drawn.svg").exists()
