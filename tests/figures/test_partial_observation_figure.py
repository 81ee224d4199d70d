"""The figure of partial observation: errors of the observed, merged and growing data."""

import numpy as np
import pytest
from figure_helpers import STRENGTHS, every_figure_can_be_laid_out, grid, panel, series, with_errors, words

from circuitbias.figures import (
    partial_observation,
)

pytestmark = pytest.mark.usefixtures(every_figure_can_be_laid_out.__name__)


@pytest.fixture
def observed():
    summary = with_errors(grid(estimator=["glm", "mean_field"], r=STRENGTHS, n_observed=[6, 3, 12]))
    summary = summary.assign(total_sd=0.02)
    for quantity in ("total", "bias", "variance"):
        summary[f"merged_{quantity}"] = 0.9 * summary[quantity]
    half = with_errors(grid(estimator=["glm", "mean_field"], r=STRENGTHS, fraction=[1.0, 0.1], seed=[1, 2]))
    half = half.assign(experiment="fixed_half", n_observed=6, n_spikes=1e6 * half.fraction)
    return half, summary


def test_errors_of_the_observed_with_the_merged_and_the_half(observed):
    table, summary = observed
    figure, numbers = partial_observation.draw(table, summary)
    rows = summary[(summary.estimator == "mean_field") & (summary.r == 0.01)].sort_values("n_observed")
    for letter, quantity in zip("efg", ("total", "bias", "variance"), strict=True):
        np.testing.assert_allclose(
            series(numbers, letter, "mean_field, r = 0.01")[["x", "y"]], rows[["n_observed", quantity]]
        )
        merged = series(numbers, letter, "mean_field, r = 0.01, merged")
        np.testing.assert_allclose(merged.y, 0.9 * rows[quantity])
        dashed = [line for line in panel(figure, letter).lines if line.get_linestyle() == "--"]
        assert any(np.allclose(line.get_ydata(), merged.y) for line in dashed)
    ours = series(numbers, "e", "mean_field, r = 0.01")
    np.testing.assert_allclose(ours.high - ours.low, 0.04)
    half = table[(table.estimator == "mean_field") & (table.r == 0.01)].groupby("n_spikes").total.mean()
    np.testing.assert_allclose(series(numbers, "h", "mean_field, r = 0.01, total").y, half)
    assert panel(figure, "d").get_title(loc="left").endswith("6 observed")


def test_errors_without_noise_are_dotted(observed):
    table, summary = observed
    summary = summary.assign(bias_corrected=0.5 * summary.bias, variance_corrected=2 * summary.variance)
    summary.loc[summary.n_observed == 3, "bias_corrected"] = 0.0  # has no place on this axis
    figure, numbers = partial_observation.draw(table.assign(bias_corrected=0.04), summary)
    rows = summary[(summary.estimator == "glm") & (summary.r == 0.01)].sort_values("n_observed")
    bias = series(numbers, "b", "glm, r = 0.01, without noise")
    np.testing.assert_allclose(bias.y, [np.nan, *(0.5 * rows.bias[1:])])
    np.testing.assert_allclose(series(numbers, "c", "glm, r = 0.01, without noise").y, 2 * rows.variance)
    assert series(numbers, "a", "glm, r = 0.01, without noise").empty
    assert (series(numbers, "d", "glm, r = 0.01, bias").y == 0.04).all()
    assert "without sampling noise" in words(figure)


def test_no_line_falls_to_a_bias_of_nothing_with_growing_data(observed):
    """Without noise it can be 0, which the axis does not have: nothing is drawn there."""
    table, summary = observed
    left = np.where(table.fraction < 1, 0.0, 0.3)
    figure, numbers = partial_observation.draw(table.assign(bias_corrected=left), summary)
    assert series(numbers, "d", "glm, r = 0.01, bias").y.tolist() == [0, 0.3]
    dotted = [line.get_ydata() for line in panel(figure, "d").lines if line.get_linestyle() == ":"]
    np.testing.assert_array_equal(dotted, [[np.nan, 0.3]] * len(STRENGTHS))


def test_subsets_over_fewer_pairs_are_crossed_out(observed):
    table, summary = observed
    pairs = summary.n_observed * (summary.n_observed - 1)
    summary = summary.assign(n_pairs=pairs, n_all_pairs=pairs, merged_n_pairs=132, merged_n_all_pairs=132)
    assert partial_observation.draw(table, summary)[0].get_suptitle() == ""
    where = (summary.estimator == "glm") & (summary.r == 0.01) & (summary.n_observed == 12)
    summary.loc[where, "n_pairs"] = 121  # the mean over subsets, one of which has a silent neuron
    figure, numbers = partial_observation.draw(table, summary)
    crossed = series(numbers, "a", "glm, r = 0.01, over fewer pairs")
    assert crossed[["x", "y"]].to_numpy().tolist() == [[12, summary.total[where].item()]]
    assert "over fewer pairs" in words(figure)
    assert "1 of 60 errors are over 91.7 %" in figure.get_suptitle()
    figure, _ = partial_observation.draw(table, summary.assign(merged_n_pairs=99))
    assert "19 of 60 errors are over 75 to 91.7 %" in figure.get_suptitle()


def test_without_a_half_or_without_bias(observed):
    table, summary = observed
    _, numbers = partial_observation.draw(table[:0], summary)
    assert sorted(numbers.panel.unique()) == list("abcdef")
    unknown = {f"{merged}{name}": np.nan for merged in ("", "merged_") for name in ("bias", "variance")}
    _, numbers = partial_observation.draw(table.assign(bias=np.nan), summary.assign(**unknown))
    assert sorted(numbers.panel.unique()) == list("abcd")
    assert partial_observation.draw(table[:0], summary[:0])[1].empty
    nothing = summary.assign(total=np.nan, note="2 pairs are too few")
    figure, numbers = partial_observation.draw(table.assign(total=np.nan), nothing)
    assert numbers.empty and "No choice of neurons has an error.\n2 pairs are too few" in words(figure)


def test_a_size_that_nothing_could_be_estimated_at(observed):
    table, summary = observed
    summary.loc[summary.n_observed == 3, ["total", "bias", "variance", "total_sd"]] = np.nan
    _, numbers = partial_observation.draw(table, summary)
    assert np.isnan(series(numbers, "a", "glm, r = 0.01").y.iloc[0])
