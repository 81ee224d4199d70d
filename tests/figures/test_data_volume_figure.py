"""The figure of the data volume: curves, fits, floors, and what is not known."""

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
    series,
    with_errors,
    words,
)

from circuitbias.figures import (
    data_volume,
)

pytestmark = pytest.mark.usefixtures(every_figure_can_be_laid_out.__name__)


@pytest.fixture
def volumes():
    table = with_errors(
        grid(estimator=["glm", "mpf"], r=(*STRENGTHS, 0.025), fraction=[1.0, 0.1, 0.01], window=[0, 7])
    )
    table["n_counts"] = 1e6 * table.fraction + table.window
    table["options"], table["scale"] = "{}", table.fraction.map({1.0: 0.2, 0.1: 0.1, 0.01: 0.05})
    summary = grid(estimator=["glm", "mpf"], r=(*STRENGTHS, 0.025))
    summary = summary.assign(
        slope=-0.9, slope_low=-1.1, slope_high=-0.8, log10_intercept=4.0, error_level=0.3
    )
    summary["demand_from"] = ["data", "beyond", "never", "below", "data", "beyond", "above", "below"]
    summary["log10_demand"] = [5.0, 7.0, np.nan, np.nan] * 2
    summary["bias_corrected"] = [0.07, 0.08, 0.0, np.nan] * 2
    summary["log10_bound"] = [np.nan, np.nan, np.nan, 4.0, np.nan, np.nan, 6.0, 4.5]
    return table, summary


def test_volume_curves_fits_and_demand(volumes):
    table, summary = volumes
    paper = pd.concat(
        [
            comparison(grid(quantity=["volume_slope"], estimator=["glm"], r=STRENGTHS)),
            comparison(grid(quantity=["log10_data_demand"], estimator=["mpf"], r=[0.005, 0.01])).assign(
                condition="total error 0.3, from data", published=[6.5, 5.5]
            ),
            comparison(
                grid(quantity=["total"], estimator=["mpf"], r=[0.005]), condition="10^5.50 spikes"
            ).assign(n_spikes_published=10**5.5),
            comparison(grid(quantity=["total"], estimator=["mpf"], r=[0.005])),  # of another figure
        ]
    )
    figure, numbers = data_volume.draw(table, summary, paper)
    here = table[(table.estimator == "glm") & (table.r == 0.005)]
    expected = here.groupby("fraction")[["n_counts", "total"]].mean()
    np.testing.assert_allclose(series(numbers, "a", "glm, r = 0.005, mean")[["x", "y"]], expected)
    floor = series(numbers, "a", "glm, r = 0.005, error left with all data").y.item()
    assert floor == 0.07
    assert series(numbers, "a", "glm, r = 0.02, error left with all data").empty  # none is left
    assert any(np.allclose(line.get_ydata(), floor) for line in panel(figure, "a").lines)
    assert series(numbers, "a", "glm, r = 0.01, mean").empty  # of four strengths the lowest, third, highest
    windows = series(numbers, "b", "glm, r = 0.005, windows").sort_values("x")
    here = here.sort_values("n_counts")
    np.testing.assert_allclose(windows.y, (here.variance * 0.2 / here.scale) ** 2)
    fit = series(numbers, "b", "glm, r = 0.005, fit")
    np.testing.assert_allclose(fit.x, [1e4, 1e6 + 7])
    np.testing.assert_allclose(fit.y, 10 ** (4 - 0.9 * np.log10(fit.x)))
    share = series(numbers, "c", "glm")
    expected = table[table.estimator == "glm"].groupby(["fraction", "r"]).bias_proportion.mean()
    np.testing.assert_allclose(share.value, expected)
    # The published total stands in the panel of its estimator alone.
    assert not open_markers(panel(figure, "a"))
    (shown,) = open_markers(panel(figure, "d"))
    np.testing.assert_allclose(shown, [[10**5.5, 0.1]])
    (shown,) = open_markers(panel(figure, "g"))
    np.testing.assert_allclose(shown, paper[paper.quantity == "volume_slope"][["r", "published"]])
    np.testing.assert_allclose(series(numbers, "g", "glm")[["y", "low", "high"]], [[-0.9, -1.1, -0.8]] * 4)
    demand = panel(figure, "h")
    shown = np.concatenate(open_markers(demand))  # bounds, and the paper's
    published = [[0.005, 10**6.5], [0.01, 10**5.5]]
    np.testing.assert_allclose(shown, [[0.025, 1e4], [0.02, 1e6], [0.025, 10**4.5], *published])
    assert series(numbers, "h", "mpf, at least")[["x", "y"]].to_numpy().tolist() == [[0.02, 6.0]]
    assert series(numbers, "h", "mpf, at most")[["x", "y"]].to_numpy().tolist() == [[0.025, 4.5]]
    assert "0.3" in demand.get_title(loc="left")
    assert {text.get_text() for text in demand.texts} == {"never"}
    never = [line for line in demand.lines if line.get_transform() == demand.get_xaxis_transform()]
    assert {line.get_marker(): line.get_xdata().tolist() for line in never if len(line.get_xdata())} == {
        "^": [0.02]
    }
    told = words(figure)
    assert "at least so many (a bound)" in told and "at most so many (a bound)" in told
    assert not any("of the pairs" in text for text in told)


def test_least_errors_fall_with_the_volume(volumes):
    """xi^2 = 1/4 at 1e6 spikes, a total error of sqrt(1/5); a tenth of the counts, of the spikes."""
    table, summary = volumes
    table = table.assign(n_spikes=2e6 * table.fraction)
    floor = pd.DataFrame({"r": [0.005], "n_spikes": 2e6, "noise": 0.25, "noise_symmetric": np.nan})
    figure, numbers = data_volume.draw(table, summary, floor=floor)
    least = series(numbers, "a", "glm, r = 0.005, floor, directed").sort_values("x")
    np.testing.assert_allclose(least.x[::2], [1e4, 1e5, 1e6])
    np.testing.assert_allclose(least.y[::2], np.sqrt([25 / 26, 2.5 / 3.5, 0.2]))
    assert series(numbers, "a", "glm, r = 0.02, floor, directed").empty
    assert "floor, directed" in words(figure)
    assert "floor, W symmetric" not in words(figure)


def test_errors_over_fewer_pairs_are_crossed_out_and_counted(volumes):
    """A neuron is silent in one window at r = 0.01, and in all of them at 0.02."""
    table, summary = volumes
    table = table.assign(n_pairs=9900, n_all_pairs=9900)
    table.loc[table.r == 0.02, "n_pairs"] = 9702
    lost = (table.r == 0.005) & (table.fraction == 0.1) & (table.window == 7) & (table.estimator == "glm")
    table.loc[lost, "n_pairs"] = 9506
    figure, numbers = data_volume.draw(table, summary)
    (x,) = table.n_counts[lost]
    crossed = series(numbers, "a", "glm, r = 0.005, over fewer pairs")
    assert crossed[["x", "y"]].to_numpy().tolist() == [[x, table.total[lost].item()]]
    mean = series(numbers, "a", "glm, r = 0.005, mean").set_index("x").y
    kept = (table.r == 0.005) & (table.fraction == 0.1) & (table.window == 0) & (table.estimator == "glm")
    assert mean[1e5] == pytest.approx(table.total[kept].item())  # the other window alone
    assert len(series(numbers, "a", "glm, r = 0.02, over fewer pairs")) == 6
    assert len(series(numbers, "a", "glm, r = 0.02, mean")) == 3  # all alike
    assert series(numbers, "d", "mpf, r = 0.005, over fewer pairs").empty
    assert "over fewer pairs" in words(figure)
    told = figure.get_suptitle().replace("\n", " ")
    assert told.startswith(
        "13 of 48 errors are over 96 to 98 % of the pairs that there are, at r = 0.005, 0.02"
    )


def test_the_share_of_the_bias_is_that_without_noise_where_it_is_known(volumes):
    table, summary = volumes
    without = table.assign(bias_proportion_corrected=0.3 * table.bias_proportion)
    for drawn, factor in ((table, 1.0), (without, 0.3)):
        _, numbers = data_volume.draw(drawn, summary)
        expected = drawn[drawn.estimator == "glm"].groupby(["fraction", "r"]).bias_proportion.mean()
        np.testing.assert_allclose(series(numbers, "c", "glm").value, factor * expected)


def test_volumes_where_bias_and_variance_are_not_told_apart(volumes):
    table, summary = volumes
    unknown = dict.fromkeys(("slope", "slope_low", "slope_high", "log10_demand"), np.nan)
    figure, numbers = data_volume.draw(
        table.assign(bias=np.nan, variance=np.nan, bias_proportion=np.nan),
        summary.assign(**unknown, demand_from="never"),
    )
    assert "bias and variance\nare not told apart" in words(figure)
    assert not series(numbers, "a", "glm, r = 0.005, mean").empty
    assert "published" not in words(figure)


def test_one_window_of_one_strength_is_enough(volumes):
    table, summary = volumes
    figure, _ = data_volume.draw(table[:1], summary[:1])
    assert panel(figure, "c").collections
    assert data_volume.draw(table[:0], summary[:0])[1].empty


def test_volumes_without_any_error_say_why(volumes):
    table, summary = volumes
    nothing = dict.fromkeys(("total", "bias", "variance", "slope", "log10_demand"), np.nan)
    figure, numbers = data_volume.draw(
        table.assign(total=np.nan), summary.assign(**nothing, note="bins are too few", demand_from="unknown")
    )
    assert numbers.empty
    assert "No window of the recordings has an error.\nbins are too few" in words(figure)


def test_no_more_rows_than_fit_on_a_page_but_the_demand_of_all(volumes):
    table, summary = volumes
    many = [f"m{k}" for k in range(6)]
    several = [part[part.estimator == "glm"] for part in (table, summary)]
    table, summary = (pd.concat([part.assign(estimator=name) for name in many]) for part in several)
    figure, numbers = data_volume.draw(table, summary)
    assert figure.get_figheight() * 25.4 < 300
    demand = next(axes for axes in figure.axes if "spikes for" in axes.get_title(loc="left"))
    letter = demand.get_title(loc="left")[9]
    assert {name.split(",")[0] for name in numbers[numbers.panel == letter].series} == set(many)
