import io

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from circuitbias.cli import main
from circuitbias.config import load_config
from circuitbias.figures import (
    bin_width,
    data_volume,
    methods,
    partial_observation,
    patterns,
    profiles,
    shared,
    style,
)
from circuitbias.networks import ring_network

STRENGTHS = (0.005, 0.01, 0.02)
COLUMNS = ["panel", "series", "x", "y", "low", "high", "value"]


def grid(**columns):
    """A row for every combination of the values."""
    return pd.MultiIndex.from_product(columns.values(), names=columns.keys()).to_frame(index=False)


def with_errors(table, seed=1):
    random = np.random.default_rng(seed)
    errors = pd.DataFrame(random.uniform(0.05, 0.6, (len(table), 3)), columns=["total", "bias", "variance"])
    table = pd.concat([table, errors], axis=1)
    table["bias_proportion"] = np.arctan(table.bias / table.variance) / (np.pi / 2)
    return table.assign(total_l1=1.1 * table.total)


def series(numbers, panel, name):
    return numbers[(numbers.panel == panel) & (numbers.series == name)]


def panel(figure, letter):
    wanted = rf"$\mathbf{{{letter}}}$"
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(wanted))


def open_markers(axes):
    """Points (x, y) of the open markers of a panel, a list a line."""
    lines = [
        line for line in axes.lines if line.get_marker() != "None" and line.get_markerfacecolor() == "none"
    ]
    return [np.column_stack(line.get_data()) for line in lines]


def words(figure):
    """Everything that is written in the legends and panels."""
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    return texts + [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def comparison(table, **columns):
    published = 0.1 * np.linspace(1, 2, len(table))
    told = {"published": published, "expected": 0.2, "standard_error": 0.01, "n_spikes_published": 1e8}
    return table.assign(**told | columns)


@pytest.fixture(autouse=True)
def every_figure_can_be_laid_out(monkeypatch, tmp_path):
    """Save what a test draws: the layout of constrained axes fails only then."""
    drawn = []
    for module in (methods, profiles, data_volume, partial_observation, bin_width, patterns):
        draw = module.draw

        def recorded(*args, draw=draw, **keywords):
            drawn.append(draw(*args, **keywords))
            return drawn[-1]

        monkeypatch.setattr(module, "draw", recorded)
    yield
    for figure, numbers in drawn:
        figure.draw_without_rendering()
        assert list(numbers) == COLUMNS


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


# Methods


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


def test_no_error_at_all_is_said(errors):
    figure, numbers = methods.draw(errors.assign(total=np.nan, bias=np.nan, variance=np.nan))
    assert numbers.empty and "No estimate has an error." in words(figure)


# Profiles


def profile_rows(couplings, r=0.02, estimator="glm", seed=1):
    """Profile of the ring of 20 neurons whose bumps are 5 apart, with couplings at some offsets replaced."""
    weight = ring_network(n_neurons=20, sigma1=1.4, sigma2=1.45).weights[0]
    table = pd.DataFrame(
        {"estimator": estimator, "r": r, "seed": seed, "offset": np.arange(20), "weight": weight}
    )
    table["coupling"] = table.weight
    for offset, coupling in couplings.items():
        table.loc[offset % 20, "coupling"] = coupling
    return table[1:]


def test_features_are_those_of_the_places_around_the_ring():
    truth = profile_rows({})
    depth = -truth.weight.min()
    dip = int(truth.offset[truth.weight.idxmin()])
    assert profiles._spacing(profiles._truth(truth)) == 5.0
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


# Volume


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
    least = series(numbers, "a", "glm, r = 0.005, Cramér–Rao floor").sort_values("x")
    np.testing.assert_allclose(least.x[::2], [1e4, 1e5, 1e6])
    np.testing.assert_allclose(least.y[::2], np.sqrt([25 / 26, 2.5 / 3.5, 0.2]))
    assert series(numbers, "a", "glm, r = 0.02, Cramér–Rao floor").empty
    assert "Cramér–Rao floor" in words(figure)
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


# Observed neurons


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
