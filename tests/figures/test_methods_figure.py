"""The figures of all methods and of mean profiles: what is drawn is what the tables say."""

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

from circuitbias.figures import (
    methods,
    profiles,
)

pytestmark = pytest.mark.usefixtures(every_figure_can_be_laid_out.__name__)


NAMES = {"glm": "glm", "lagged": "glm", "mean_field": "mean_field", "cross_correlation": "cross_correlation"}


@pytest.fixture
def errors():
    table = with_errors(grid(estimator=list(NAMES), r=STRENGTHS, seed=[1, 2]))
    return table.assign(method=table.estimator.map(NAMES), n_spikes=1e6)


def test_methods_by_family_with_the_published_where_there_are_any(errors):
    older = ["total", "total_l1"]
    paper = pd.concat(
        [
            comparison(grid(quantity=["total", "bias", "variance"], estimator=["glm"], r=STRENGTHS)),
            comparison(grid(quantity=older, estimator=["mean_field"], r=STRENGTHS)),
            # Of experiments, and of an estimator that is not in the table: not for this figure.
            comparison(grid(quantity=["total"], estimator=["glm"], r=[0.01]), condition="bins of 100 steps"),
            comparison(grid(quantity=["total"], estimator=["glm_masked"], r=[0.01]), condition="synchrony"),
        ]
    )
    figure, numbers = methods.draw(errors, comparison=paper)
    families = [panel(figure, letter).get_title(loc="left")[-12:] for letter in "abc"]
    assert [family.split()[-1] for family in families] == ["regressions", "Ising", "correlations"]
    assert set(numbers[numbers.panel == "a"].series) == {"glm", "glm, expected", "glm, published", "lagged"}
    for letters, quantity in zip(("abc", "def", "ghi"), ("total", "bias", "variance"), strict=True):
        for letter, name in zip(letters, ("lagged", "mean_field", "cross_correlation"), strict=True):
            over_seeds = errors[errors.estimator == name].groupby("r")[quantity]
            expected = over_seeds.agg(["mean", "min", "max"])
            np.testing.assert_allclose(series(numbers, letter, name)[["y", "low", "high"]], expected)
            assert panel(figure, letter).get_yscale() == "log"
    published = paper[(paper.quantity == "bias") & (paper.estimator == "glm")]
    (shown,) = open_markers(panel(figure, "d"))
    np.testing.assert_allclose(shown, published[["r", "published"]])
    low, high = panel(figure, "d").get_ylim()
    assert low < published.published.min() < high
    assert set(numbers[numbers.panel == "j"].series) == {
        "mean_field",
        "mean_field, expected",
        "mean_field, published",
    }
    expected = errors[errors.estimator == "mean_field"].groupby("r").total_l1.mean()
    np.testing.assert_allclose(series(numbers, "j", "mean_field").y, expected)
    assert "published, $10^{8}$ spikes" in words(figure)


def test_errors_that_are_not_known_get_no_row(errors):
    figure, numbers = methods.draw(errors.assign(bias=np.nan, variance=np.nan))
    assert sorted(numbers.panel.unique()) == ["a", "b", "c"]
    assert not any(text.startswith("published") for text in words(figure))
    assert "estimates from $10^{6}$ spikes" in words(figure)


def test_a_failed_run_leaves_a_gap_and_a_strange_method_a_column(errors):
    strange = errors[errors.estimator == "glm"].assign(estimator="mine", method="mine")
    errors.loc[(errors.estimator == "glm") & (errors.r == 0.01), "total"] = np.nan
    figure, numbers = methods.draw(pd.concat([errors, strange]))
    assert series(numbers, "a", "glm").x.tolist() == [0.005, 0.02]
    assert panel(figure, "d").get_title(loc="left").endswith("others")


def test_a_family_without_bias_and_variance_says_so_in_its_panels(errors):
    untold = errors.estimator == "cross_correlation"
    errors.loc[untold, ["bias", "variance"]] = np.nan
    figure, _ = methods.draw(errors)
    said = {letter: [text.get_text() for text in panel(figure, letter).texts] for letter in "abcdefghi"}
    assert {letter for letter, texts in said.items() if texts} == {"f", "i"}
    assert "not told apart" in said["f"][0]
    errors.loc[untold, "total"] = np.nan
    assert [text.get_text() for text in panel(methods.draw(errors)[0], "c").texts] == ["no result"]


def test_the_figure_is_as_high_as_its_legend(errors):
    few = methods.draw(errors)[0].get_figheight()
    names = [f"glm_{k}" for k in range(6)]
    many = pd.concat([errors.assign(estimator=name, method="glm") for name in names])
    lines = (methods.draw(many)[0].get_figheight() - few) * 25.4 / 4.5  # mm to the line
    assert lines == pytest.approx(len(names) - 2)


def test_no_error_at_all_is_said(errors):
    figure, numbers = methods.draw(errors.assign(total=np.nan, bias=np.nan, variance=np.nan))
    assert numbers.empty and "No estimate has an error." in words(figure)


# Profiles


def test_features_are_those_of_the_places_around_the_ring():
    truth = profile_rows({})
    depth = -truth.weight.min()
    dip = int(truth.offset[truth.weight.idxmin()])
    assert profiles.bump_spacing(profiles.weights_by_offset(truth)) == 5.0
    table = profile_rows({dip: -0.5 * depth, -dip: -0.7 * depth, 5: 0.4 * depth, -5: 0.2 * depth, 8: -depth})
    found = profiles.features(pd.concat([table, profile_rows({}, estimator="perfect")]))
    row = found[found.estimator == "glm"].iloc[0]
    assert row.main_dip == pytest.approx(-0.6)
    assert row.side_lobe == pytest.approx(0.3)
    # One and a half spacings are 7.5, so offset 8: half of it is the truth's on the other side.
    assert row["between"] == pytest.approx((-1 + truth.weight[12] / depth) / 2)
    columns = ["main_dip", "side_lobe", "between"]
    perfect, true = (found[found.estimator == name].iloc[0] for name in ("perfect", "true weights"))
    np.testing.assert_allclose(perfect[columns].astype(float), true[columns].astype(float))
    assert true.main_dip == pytest.approx(-1)


def test_profiles_are_means_over_seeds_at_the_examples_with_the_bumps_marked():
    table = pd.concat(
        [
            profile_rows({3: seed}, r=r, estimator=name, seed=seed)
            for name in ("glm", "mine")
            for r in STRENGTHS
            for seed in (1, 2)
        ]
    )
    figure, numbers = profiles.draw(table, examples=[0.005, 0.02])
    assert [name for name in numbers.series.unique() if " = " in name] == [
        f"{name}, r = {r}" for name in ("glm", "mine") for r in (0.005, 0.02)
    ]
    shown = series(numbers, "a", "glm, r = 0.02").set_index("x").y
    assert shown.index.tolist() == list(range(-10, 11))
    assert shown[3] == 1.5 and np.isnan(shown[0]) and shown[-10] == shown[10]
    upright = [line for line in panel(figure, "a").lines if len(set(line.get_xdata())) == 1]
    assert {float(line.get_xdata()[0]): line.get_linestyle() for line in upright} == {
        **dict.fromkeys((-10.0, -5.0, 5.0, 10.0), "-"),
        **dict.fromkeys((-7.5, 7.5), ":"),
    }
    np.testing.assert_allclose(series(numbers, "b", "glm").x, STRENGTHS)


def test_profiles_on_the_scale_without_shrinkage_are_dotted():
    table = profile_rows({3: 1.0}).assign(coupling_corrected=lambda rows: 2 * rows.coupling)
    figure, numbers = profiles.draw(table, examples=[0.01])
    plain, dotted = (series(numbers, "a", f"glm, r = 0.01{end}") for end in ("", ", without shrinkage"))
    np.testing.assert_allclose(dotted.y, 2 * plain.y)
    assert series(numbers, "b", "glm, without shrinkage").y.item() == 2 * series(numbers, "b", "glm").y.item()
    assert [line.get_linestyle() for line in panel(figure, "b").lines][-1] == ":"
    assert not any("ominus" in axes.get_title(loc="left") for axes in figure.axes)
    figure, _ = profiles.draw(table.assign(inverted=True), examples=[0.01])
    assert sum("ominus" in axes.get_title(loc="left") for axes in figure.axes) == 1


def test_without_a_profile_the_figure_says_so():
    figure, numbers = profiles.draw(pd.DataFrame(columns=profile_rows({}).columns), examples=[0.01])
    assert numbers.empty and any("No mean profile" in text for text in words(figure))


def test_weights_without_bumps_and_missing_couplings_do_not_crash():
    table = profile_rows({}).assign(weight=1.0, coupling=np.nan)
    _, numbers = profiles.draw(table)
    assert series(numbers, "c", "true weights").y.isna().all()


@pytest.mark.parametrize("n", [1, 6, 16])
def test_any_number_of_methods(n):
    figure, _ = profiles.draw(pd.concat([profile_rows({}, estimator=f"m{k}") for k in range(n)]))
    drawn = [axes for axes in figure.axes if axes.axison]
    assert len(drawn) == n + 3
    columns = {axes.get_subplotspec().colspan.start for axes in drawn}
    assert max(columns) < profiles.MOST_IN_A_ROW
