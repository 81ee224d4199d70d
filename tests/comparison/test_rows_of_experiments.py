"""Published results of experiments beside ours: every column of every row, from tables made by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from circuitbias import published
from circuitbias.comparison.activity import compare_substates
from circuitbias.comparison.errors import compare_errors
from circuitbias.comparison.expectation import pinned_power
from circuitbias.comparison.experiments import (
    BIN_WIDTH_COUNTS,
    compare_bin_widths,
    compare_data_demand,
    compare_synchrony,
    compare_volume_curves,
    compare_volume_laws,
)
from circuitbias.errors import predict_errors
from circuitbias.errors.sampling import ErrorPower, expected_errors
from circuitbias.estimators.registry import complete_options

GLM, MPF = (
    {"estimator": f"my_{method}", "method": method, "options": json.dumps(complete_options(method, options))}
    for method, options in (("glm", {}), ("mpf", {"all_flip": True}))
)


def law(**changes):
    limits = {"slope": -1.0, "slope_low": -1.02, "slope_high": -0.98, "log10_intercept": 5.0}
    limits |= {"intercept_low": 4.9, "intercept_high": 5.1, "r": 0.01, "error_level": 0.2}
    return pd.DataFrame([GLM | limits | changes])


def test_rows_of_volume_laws():
    table = compare_volume_laws(law())
    paper = published.power_law_fits().query("method == 'glm' and r == 0.01").iloc[0]
    assert table.quantity.tolist() == ["volume_slope", "volume_log10_intercept"]
    assert table.published.tolist() == table.expected.tolist() == [paper.slope, paper.log10_intercept]
    assert table.ours.tolist() == [-1.0, 5.0]
    # 95 % limits lie 1.96 standard errors away
    errors_ours, errors_theirs = (
        (0.02, 0.1),
        ((paper.slope_high - paper.slope_low) / 2, (paper.intercept_high - paper.intercept_low) / 2),
    )
    expected = [math.hypot(a, b) / 1.96 for a, b in zip(errors_ours, errors_theirs, strict=True)]
    assert table.standard_error.tolist() == pytest.approx(expected)
    assert table.expected_from.eq("published value").all() and table.error_from.eq("both fits").all()
    assert table.estimator.eq("my_glm").all() and table.n_spikes_published.isna().all()
    assert compare_volume_laws(law(r=0.0005)).empty  # was not fitted
    assert compare_volume_laws(law(options=json.dumps(complete_options("glm", {"ridge": 1.0})))).empty
    mpf = compare_volume_laws(law(**MPF, r=0.025))
    assert mpf.published[0] == published.power_law_fits().query("method == 'mpf' and r == 0.025").slope.item()


def demand(**changes):
    row = MPF | {"r": 0.005, "error_level": 0.577, "log10_demand": 6.1, "demand_from": "data"}
    return compare_data_demand(pd.DataFrame([row | changes]))


def test_rows_of_the_demand_of_data():
    (row,) = demand().itertuples()
    assert (row.quantity, row.estimator, row.r) == ("log10_data_demand", "my_mpf", 0.005)
    assert row.condition == "total error 0.577, from data"
    assert row.published == row.expected == 6.109 and row.ours == 6.1
    assert (row.expected_from, row.error_from) == ("published value", "model")
    assert demand(log10_demand=np.nan, demand_from="above").verdict.item() == "no value"
    assert len(demand(error_level=0.5779)) == len(demand(error_level=0.5761)) == 1
    assert demand(error_level=0.5781).empty and demand(error_level=0.5759).empty
    assert demand(**GLM).empty and demand(r=0.0175).empty


@pytest.mark.parametrize("r", [0.0005, 0.005, 0.015])
def test_the_error_of_the_demand_is_that_of_the_error_divided_by_its_slope(r):
    """By differences: volumes at which the model of the published curve is a little above and below .577."""
    power = pinned_power(r)

    def log10_volume(total):
        noise = 1 / (1 - total**2) - 1 - power.bias
        return 8 + math.log10(power.noise / noise)

    level = 0.577 + np.array([-1e-6, 1e-6])
    noise = power.noise * 10 ** (8 - log10_volume(0.577))
    scatter = expected_errors(ErrorPower(power.bias, noise), 99).total_se
    slope = (log10_volume(level[0]) - log10_volume(level[1])) / 2e-6
    assert demand(r=r).standard_error.item() == pytest.approx(math.sqrt(2) * scatter * slope, rel=1e-4)
    curve = published.error_against_volume().query("r == @r").sort_values("total")
    assert abs(log10_volume(0.577) - np.interp(0.577, curve.total, curve.log10_spikes)) < 0.12


def test_a_level_below_what_all_data_leave_has_no_error_of_its_demand():
    from circuitbias.comparison.experiments import demand_se

    assert math.isnan(demand_se(0.025, 0.5))  # .52 are left
    assert demand_se(0.025, 0.56) > 0


def curves(offsets=(0.0, -0.25, -0.5), seeds=(1,), r=0.0075, **changes):
    """Our errors at 10**(7.9 + offset): the published one there, on a straight line in logarithms."""
    rows = [
        MPF
        | {"r": r, "fraction": 10**offset, "n_counts": 10 ** (7.9 + offset), "seed": seed, "n_pairs": 9702}
        | {"total": 0.2 * 10 ** (-0.2 * offset), "bias": np.nan, "variance": np.nan}
        for offset in offsets
        for seed in seeds
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**changes)


def test_rows_of_the_volume_curves_by_hand():
    table = compare_volume_curves(curves(), "ring_pinned")
    assert table.condition.tolist() == ["10^7.75 spikes", "10^7.50 spikes"]  # 7.4 to 7.9, and no further
    assert table.n_spikes.tolist() == table.n_spikes_published.tolist() == pytest.approx([10**7.75, 10**7.5])
    paper = published.error_against_volume().query("r == 0.0075").set_index("log10_spikes").total
    assert table.published.tolist() == table.expected.tolist() == [paper[7.75], paper[7.5]]
    assert table.ours.tolist() == pytest.approx([0.2 * 10 ** (0.2 * 0.15), 0.2 * 10 ** (0.2 * 0.4)])
    assert (
        table.quantity.eq("total").all() and table.estimator.eq("my_mpf").all() and table.r.eq(0.0075).all()
    )
    assert table.expected_from.eq("published value").all() and table.error_from.eq("model").all()
    assert table.note.eq("").all()
    for row in table.itertuples():  # one recording each; their noise by hand from the first and last point
        inverse = {v: 1 / (1 - paper[v] ** 2) for v in (8.0, 6.5)}
        noise = (inverse[6.5] - inverse[8.0]) / (10**1.5 - 1) * 1e8 / row.n_spikes
        power = ErrorPower(1 / (1 - row.published**2) - 1 - noise, noise)
        expected = math.sqrt(2) * expected_errors(power, 99).total_se
        assert row.standard_error == pytest.approx(expected, rel=0.1)


def test_volume_curves_just_within_and_just_outside_of_our_volumes():
    def conditions(shift):
        table = compare_volume_curves(
            curves(n_counts=10 ** (np.array([7.75, 7.5, 7.25]) + shift)), "ring_pinned"
        )
        return [float(text[3:7]) for text in table.condition]

    assert conditions(0.0) == conditions(0.009) == conditions(-0.009) == [7.75, 7.5, 7.25]
    assert conditions(0.011) == [7.75, 7.5] and conditions(-0.011) == [7.5, 7.25]


def test_volume_curves_are_means_over_windows_of_estimates_that_there_are():
    two = curves(seeds=(1, 2))
    two.loc[two.seed == 2, "total"] *= 3
    twice = compare_volume_curves(two, "ring_pinned").ours
    assert twice.tolist() == pytest.approx((2 * compare_volume_curves(curves(), "ring_pinned").ours).tolist())
    two.loc[two.seed == 2, ["total", "n_counts"]] = np.nan
    pd.testing.assert_frame_equal(
        compare_volume_curves(two, "ring_pinned"), compare_volume_curves(curves(), "ring_pinned")
    )
    assert compare_volume_curves(curves(total=np.nan), "ring_pinned").empty
    noted = compare_volume_curves(curves(n_pairs=9506), "ring_pinned")
    assert noted.note.eq("over 9506 of 9702 pairs").all()


def test_several_recordings_know_the_error_of_a_volume_curve_by_their_scatter_or_share_that_of_one():
    once = compare_volume_curves(curves(), "ring_pinned")
    four = compare_volume_curves(curves(seeds=range(4)), "ring_pinned")
    assert four.standard_error.tolist() == pytest.approx((once.standard_error * (1.25 / 2) ** 0.5).tolist())
    many = curves(seeds=range(9))
    many["total"] *= 1 + (many.seed - 4) / 10  # -.4 to .4: a variance of .6 / 8, relative to the mean
    nine = compare_volume_curves(many, "ring_pinned")
    assert nine.ours.tolist() == pytest.approx(once.ours.tolist())
    assert nine.standard_error.tolist() == pytest.approx(
        (once.ours * (0.6 / 8 * (1 + 1 / 9)) ** 0.5).tolist()
    )
    assert nine.error_from.eq("scatter of our 9 recordings").all()
    shorter = many[(many.seed != 8) | (many.n_counts < many.n_counts.max())]  # one does not go as far
    assert compare_volume_curves(shorter, "ring_pinned").error_from[0] == "scatter of our 8 recordings"


def test_volume_curves_of_other_methods_and_strengths_are_left_out():
    assert compare_volume_curves(curves(**GLM), "ring_pinned").empty
    single = json.dumps(complete_options("mpf", {"all_flip": False}))
    assert compare_volume_curves(curves(options=single), "ring_pinned").empty
    assert compare_volume_curves(curves(r=0.0076), "ring_pinned").empty
    both = pd.concat([curves(**GLM), curves()])
    assert len(compare_volume_curves(both, "ring_pinned")) == 2


def widths(*steps, seeds=(1,), **changes):
    rows = [
        MPF
        | {"options": json.dumps(complete_options("mpf", {"all_flip": True, "bin_steps": width}))}
        | {"r": 0.005, "bin_steps": width, "n_counts": 4e6 + 1e4 * width, "n_spikes": 5.3e6, "seed": seed}
        | {"total": 0.3 + seed / 10, "bias": 0.2, "variance": 0.1, "n_pairs": 9900}
        for width in steps
        for seed in seeds
    ]
    return pd.DataFrame(rows).assign(**changes)


def test_rows_of_bin_widths():
    table = compare_bin_widths(widths(50, 100, 30, seeds=(1, 3)))  # 30 is none of the paper's
    assert sorted(table.condition.unique()) == ["bins of 100 steps", "bins of 50 steps"]
    rows = table[table.condition == "bins of 50 steps"].set_index("quantity")
    paper = published.bin_width().set_index("bin_steps").loc[50]
    then, now = (predict_errors(paper.bias, paper.variance, 100, 5.0e6, n) for n in (5.0e6, 4.5e6))
    for quantity in ("total", "bias", "variance"):
        row = rows.loc[quantity]
        assert (row.published, row.expected) == (paper[quantity], pytest.approx(getattr(now, quantity)))
        own = getattr(now, f"{quantity}_se") / math.sqrt(2)
        theirs = getattr(then, f"{quantity}_se") / row.published * row.expected
        assert row.standard_error == pytest.approx(math.hypot(own, theirs))
    assert rows.ours.tolist() == pytest.approx([0.5, 0.2, 0.1])
    assert rows.n_spikes.eq(5.3e6).all() and rows.r.eq(0.005).all() and rows.estimator.eq("my_mpf").all()
    assert rows.expected_from.eq("published errors").all() and rows.error_from.eq("model").all()
    assert rows.note.eq("").all() and BIN_WIDTH_COUNTS == 5.0e6
    assert compare_bin_widths(widths(50, n_pairs=9702)).note.eq("over 9702 of 9900 pairs").all()


def test_eight_recordings_know_the_error_of_widths_graphs_and_states_by_their_scatter():
    """Of values one to the left and one to the right the scatter is sqrt(8 / 7)."""
    aside, n = 0.01 * np.array([-1.0, 1.0] * 4), 8
    scatter = 0.01 * math.sqrt(8 / 7)
    table = widths(50, seeds=range(n))
    row = compare_bin_widths(table.assign(total=0.5 + aside)).set_index("quantity").loc["total"]
    assert row.error_from == "scatter of our 8 recordings"
    assert row.standard_error == pytest.approx(scatter * math.sqrt(1 / n + table.n_counts.mean() / 5e6))
    graphs = [{"estimator": "glm_masked", "r": 0.025, "n_spikes": 1e8, "total": 0.3 + d} for d in aside]
    (row,) = compare_synchrony(pd.DataFrame(graphs)).itertuples()
    assert row.error_from == "scatter of our 8 recordings and rounding"
    assert row.standard_error == pytest.approx(math.hypot(scatter * math.sqrt(9 / 8), 0.01 / math.sqrt(12)))
    states = {"r": 0.0125, "against": "same", "n_spikes": 3e6, "divergence": 0.0, "divergence_se": 1.0}
    states = pd.DataFrame({"entropy": 9.8 + aside, "entropy_se": 1.0}).assign(**states)
    (row,) = compare_substates(states).itertuples()
    assert row.error_from == "scatter of our 8 recordings"
    assert row.standard_error == pytest.approx(scatter * math.sqrt(1 / 8 + 0.03))


def test_bin_widths_of_other_methods_are_left_out():
    """Whatever the options, if the method is another one; both written as one width wrote them."""
    assert compare_bin_widths(widths(100, method="glm")).empty
    single = json.dumps(complete_options("mpf", {"all_flip": False}))
    assert compare_bin_widths(widths(100, options=single)).empty
    assert len(compare_bin_widths(pd.concat([widths(100), widths(100, estimator="second")]))) == 6
    assert compare_bin_widths(widths(100, r=0.0051)).empty


def synchrony(n_spikes=1e8, **changes):
    names = ("glm", "correlogram_graph", "glm_masked")
    rows = [
        {"estimator": name, "r": 0.025, "n_spikes": n_spikes, "total": 0.3, "n_pairs": 9900} for name in names
    ]
    return compare_synchrony(pd.DataFrame(rows).assign(**changes))


def test_rows_of_synchrony():
    table = synchrony()
    assert table.estimator.tolist() == ["glm", "glm_masked"]
    assert table.published.tolist() == [0.23, 0.32] == pytest.approx(table.expected.tolist())
    assert table.n_spikes_published.eq(1e8).all() and table.n_spikes.eq(1e8).all()
    assert (
        table.condition.eq("synchrony").all()
        and table.quantity.eq("total").all()
        and table.ours.eq(0.3).all()
    )
    assert table.r.eq(0.025).all() and table.error_from.eq("model and rounding").all()
    assert table.expected_from.eq("published total and errors of the GLM").all()
    assert synchrony(n_pairs=9702).note.str.startswith("over 9702 of 9900 pairs; ").all()
    assert synchrony(r=0.0251).empty
    noise = published.errors().query("method == 'glm' and r == 0.025").iloc[0]
    se = predict_errors(noise.bias, noise.variance, 100, 1e8, 1e8).total_se
    expected = math.hypot(se, se, 0.01 / math.sqrt(12))
    assert table.standard_error[0] == pytest.approx(expected, rel=0.02)


def of_errors(n_spikes, total=0.3):
    """The row of the total error of the GLM at r = 0.025 in the table of errors."""
    row = GLM | {"r": 0.025, "n_spikes": n_spikes, "n_counts": n_spikes, "total": total}
    return compare_errors(pd.DataFrame([row | {"bias": 0.2, "variance": 0.1}]), "ring")


@pytest.mark.parametrize("n_spikes", [1e7, 3e6])
def test_one_estimate_has_one_expectation_in_whichever_row_it_stands(n_spikes):
    """The GLM at r = 0.025 is in the table of errors and in that of synchrony; .234 is .23 in two digits."""
    total = of_errors(n_spikes).iloc[0]
    row = synchrony(n_spikes).iloc[0]
    assert row.expected - row.published == pytest.approx(total.expected - total.published, rel=0.05)
    assert row.expected > 1.03 * row.published
    for ours in (total.expected, 1.3 * total.expected):
        verdicts = {
            synchrony(n_spikes, total=ours).verdict[0],
            of_errors(n_spikes, total=ours).verdict[0],
        }
        assert len(verdicts) == 1


def test_divergences_are_compared_without_the_bias_of_the_published_ones():
    table = pd.DataFrame(
        {
            "r": 0.0125,
            "against": ["same", "sideband_3_3"],
            "n_spikes": 1e6,
            "divergence": [0.0, 1.6],
            "divergence_se": 0.05,
            "entropy": [9.8, 7.2],
            "entropy_se": 0.01,
        }
    )
    found = compare_substates(table).set_index(["quantity", "condition"])
    assert sorted(found.index) == [
        ("divergence", "sideband 3 3"),
        ("entropy", "ring"),
        ("entropy", "sideband 3 3"),
    ]
    row = found.loc[("divergence", "sideband 3 3")]
    assert row.expected == pytest.approx(1.61206 - 7.4988e-6) and row.published == pytest.approx(1.61206)
    assert row.standard_error == pytest.approx(0.05 * (1 + 0.01) ** 0.5)
    assert found.loc[("entropy", "ring")].expected == pytest.approx(9.83864)
