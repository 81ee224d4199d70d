"""Plumbing: published numbers fed in as ours come out as they should; what is compared, what is left out."""

import json

import numpy as np
import pandas as pd
import pytest

from circuitbias import published
from circuitbias.comparison import COLUMNS, published_network, summary
from circuitbias.comparison.activity import compare_patterns
from circuitbias.comparison.errors import compare_errors, published_method
from circuitbias.errors import predict_errors
from circuitbias.networks import Network, ring_network

OPTIONS = {
    "glm": {
        "bin_steps": 100,
        "binarise": False,
        "lags": [0],
        "ridge": 0.0,
        "tolerance": 1e-8,
        "max_passes": 200,
    },
    "mean_field": {"bin_steps": 100, "binarise": False},
    "mean_field_binarised": {"bin_steps": 100, "binarise": True},
    "mpf": {"bin_steps": 100, "all_flip": True, "tolerance": 1e-8, "max_passes": 200},
    "tap": {"bin_steps": 100, "as_published": True},
    "sessak_monasson": {"bin_steps": 100, "as_published": True},
}


def errors_as_published(n_spikes=100_000_000, seeds=(1,)):
    """A table of errors with the published values themselves, or what becomes of them with fewer spikes."""
    rows = []
    for paper in published.errors().query("method in @OPTIONS.keys()").itertuples():
        ours = {key: getattr(paper, key) for key in ("total", "bias", "variance")}
        if n_spikes != paper.n_spikes:
            predicted = predict_errors(paper.bias, paper.variance, 100, paper.n_spikes, n_spikes)
            ours = {key: getattr(predicted, key) for key in ours}
        rows += [
            {
                "estimator": f"our_{paper.method}",
                "method": paper.method.removesuffix("_binarised"),
                "options": json.dumps(OPTIONS[paper.method], sort_keys=True),
                "r": paper.r,
                "n_spikes": n_spikes,
                "n_counts": n_spikes,
                "seed": seed,
                **{f"{key}_l1": getattr(paper, f"{key}_l1") for key in ours},
                **ours,
            }
            for seed in seeds
        ]
    return pd.DataFrame(rows)


def test_the_volume_is_that_of_the_binned_values():
    """Binarised bins that hold half of the spikes are worth half of the volume."""
    errors = errors_as_published(n_spikes=20_000_000).assign(n_counts=10_000_000)
    comparison = compare_errors(errors, "ring")
    tenth = compare_errors(errors_as_published(n_spikes=10_000_000), "ring")
    np.testing.assert_allclose(comparison.expected, tenth.expected)
    assert (comparison.n_spikes == 20_000_000).all()


def test_plumbing_published_values_fed_in_as_ours_agree():
    errors = errors_as_published()
    comparison = compare_errors(errors, "ring")
    assert comparison.columns.tolist() == COLUMNS
    with_older_scale = errors.total_l1.notna().sum()
    assert len(comparison) == 3 * (len(errors) + with_older_scale) == 3 * 11 * (len(OPTIONS) + 4)
    assert (comparison.verdict == "agrees").all()
    # Where all of a bias is shrinkage, the published noise is a little less than that takes.
    np.testing.assert_allclose(comparison.ratio, 1, atol=5e-3)
    np.testing.assert_allclose(comparison.ours, comparison.published)
    assert (comparison.standard_error > 0).all()
    assert "differ" not in summary(comparison).replace("expected", "")


def test_plumbing_predicted_values_fed_in_as_ours_agree_with_fewer_spikes():
    comparison = compare_errors(errors_as_published(n_spikes=10_000_000), "ring")
    comparison = comparison[~comparison.quantity.str.endswith("_l1")]
    assert (comparison.verdict == "agrees").all()
    np.testing.assert_allclose(comparison.ratio, 1, rtol=1e-12)
    variance = comparison.query("quantity == 'variance' and estimator == 'our_glm' and r == 0.01")
    # Ten times fewer spikes: noise of sqrt(10) times the size, a little less as the scale shrinks.
    assert 2.9 < (variance.expected / variance.published).item() < 10**0.5


def test_the_older_scale_is_not_shrunk_by_noise():
    """Ten times fewer spikes: noise grows by sqrt(10), and what is left of it in the profile adds up."""
    comparison = compare_errors(errors_as_published(n_spikes=10_000_000), "ring")
    rows = comparison.query("estimator == 'our_mean_field' and r == 0.0025").set_index("quantity")
    expected, published_ = rows.expected, rows.published
    assert expected["variance_l1"] == pytest.approx(10**0.5 * published_["variance_l1"])
    left = 9 * published_["variance_l1"] ** 2 / 100
    assert expected["bias_l1"] ** 2 == pytest.approx(published_["bias_l1"] ** 2 + left)
    assert expected["variance"] < expected["variance_l1"]


@pytest.mark.parametrize("method", ["mpf", "logistic_binarised"])
@pytest.mark.parametrize("r", [0.0025, 0.0175, 0.025])
def test_of_the_pinned_ring_the_total_is_compared_whatever_its_split(method, r):
    """At half of the volume it lies between the published curve's points at 10^7.75 and 10^7.5 = 1e8 / 3.16.

    Our own split is not looked at: rows of this ring are no repetitions of each other.
    """
    logistic = {"bin_steps": 100, "binarise": True, "l1": 0.0, "as_published": True}
    options = OPTIONS["mpf"] if method == "mpf" else logistic
    paper = published.errors("ring_pinned").query("method == @method and r == @r").iloc[0]
    row = errors_as_published().query("method == 'mpf' and r == @r")
    row = row.assign(method=method.removesuffix("_binarised"), options=json.dumps(options), n_counts=5e7)
    first, second = (compare_errors(row.assign(variance=v, bias=v), "ring_pinned") for v in (0.3, np.nan))
    pd.testing.assert_frame_equal(first, second)
    (compared,) = first.itertuples()
    assert (compared.quantity, compared.published) == ("total", paper.total)
    assert compared.expected_from == "published total and curve"
    curve = published.error_against_volume().query("r == @r").set_index("log10_spikes").total
    if method == "mpf":
        assert curve[7.75] - 0.002 < compared.expected < curve[7.5] + 0.002
        # As 1 / (1 - total²) is linear in 1/D; the curve's own points scatter by .005.
        inverse = 1 / (1 - curve[[8.0, 7.5]] ** 2)
        between = inverse[8.0] + (inverse[7.5] - inverse[8.0]) / (10**0.5 - 1)
        assert compared.expected == pytest.approx((1 - 1 / between) ** 0.5, abs=0.005)
    assert compared.expected > paper.total
    ours = row.assign(total=compared.expected + 1.9 * compared.standard_error)
    assert compare_errors(ours, "ring_pinned").verdict.item() == "agrees"
    ours = row.assign(total=1.2 * compared.expected)
    assert compare_errors(ours, "ring_pinned").verdict.item() == "differs"


def test_a_penalty_chosen_against_the_truth_is_compared_at_its_own_volume_only():
    options = {"bin_steps": 100, "binarise": False, "l1": "oracle", "as_published": False}
    row = errors_as_published().head(1).assign(method="logistic", options=json.dumps(options))
    assert len(compare_errors(row, "ring")) == 3
    assert compare_errors(row.assign(n_counts=10_000_000), "ring").empty


def test_a_deviation_is_found_and_named():
    errors = errors_as_published()
    where = (errors.estimator == "our_glm") & (errors.r == 0.01)
    errors.loc[where, "bias"] *= 1.5
    comparison = compare_errors(errors, "ring")
    differing = comparison[comparison.verdict == "differs"]
    assert differing[["quantity", "estimator", "r"]].values.tolist() == [["bias", "our_glm", 0.01]]
    assert differing.ratio.item() == pytest.approx(1.5, rel=2e-3)
    assert differing.z.item() > 2
    text = summary(comparison)
    assert "bias             our_glm               10 agrees, 1 differs" in text
    assert "Rows that differ:" in text
    assert text.splitlines()[-1].split()[:3] == ["bias", "our_glm", "0.01"]


def test_seeds_are_averaged():
    errors = errors_as_published(n_spikes=10_000_000, seeds=(1, 2, 3, 4))
    factor = errors.seed.map({1: 0.9, 2: 1.1, 3: 0.95, 4: 1.05})
    spread = errors.assign(**{key: errors[key] * factor for key in ("total", "bias", "variance")})
    four, one = compare_errors(spread, "ring"), compare_errors(errors_as_published(10_000_000), "ring")
    assert len(four) == len(one)
    np.testing.assert_allclose(four.ours, one.ours)
    assert (four.standard_error < one.standard_error).all()  # the scatter of ours is averaged out ...
    assert (four.standard_error > one.standard_error / 2).all()  # ... that of the published value stays


@pytest.mark.parametrize(
    "method, changed",
    [
        ("glm", {"lags": [1]}),
        ("glm", {"ridge": 0.1}),
        ("glm", {"bin_steps": 50}),
        ("glm", {"binarise": True}),
        ("mean_field", {"bin_steps": 50}),
        ("logistic", {"l1": 0.0}),
        ("mpf", {"all_flip": False}),
        ("tap", {"as_published": False}),
        ("sessak_monasson", {"as_published": False}),
        ("cross_correlation", {}),
    ],
)
def test_options_without_a_counterpart_are_left_out(method, changed):
    options = OPTIONS.get(method, {"bin_steps": 100}) | changed
    assert published_method(method, options) is None
    errors = errors_as_published().head(1).assign(method=method, options=json.dumps(options))
    comparison = compare_errors(errors, "ring")
    assert comparison.empty
    assert comparison.columns.tolist() == COLUMNS
    assert summary(comparison) == "The paper has no numbers for this network and these estimators."


def test_options_that_do_not_matter():
    assert published_method("glm", OPTIONS["glm"] | {"max_passes": 7, "tolerance": 1e-6}) == "glm"
    assert published_method("mean_field", OPTIONS["mean_field_binarised"]) == "mean_field_binarised"


def test_strengths_that_the_paper_has_not_are_left_out():
    assert compare_errors(errors_as_published().head(1).assign(r=0.0123), "ring").empty


def windows(values, r=0.015, n_spikes=1_000_000):
    return pd.DataFrame({"r": r, "n_spikes": n_spikes, "pattern_strength": values})


def test_patterns_agree_within_the_scatter_of_windows():
    (row,) = compare_patterns(windows([0.80, 0.82, 0.84])).itertuples()
    assert row.expected == row.published == 0.80718
    assert row.ours == pytest.approx(0.82)
    # One published value and the mean of three: 0.02 sqrt(1 + 1/3).
    assert row.standard_error == pytest.approx(0.02 * (4 / 3) ** 0.5)
    assert row.verdict == "agrees"
    (row,) = compare_patterns(windows([0.87, 0.88, 0.89])).itertuples()
    assert row.verdict == "differs"


def test_a_single_window_has_no_error():
    (row,) = compare_patterns(windows([0.3])).itertuples()
    assert (row.verdict, row.ratio) == ("no error known", pytest.approx(0.3 / 0.80718))
    assert "1 no error known" in summary(compare_patterns(windows([0.3])))


def test_patterns_of_other_sizes_are_left_out():
    assert compare_patterns(windows([0.8, 0.9], n_spikes=500_000)).empty
    assert compare_patterns(windows([0.8, 0.9], r=0.0151)).empty


def test_only_the_ring_of_the_paper_has_published_numbers(ring):
    assert published_network(ring) == "ring"
    assert published_network(ring_network(pinned=True)) == "ring_pinned"
    assert published_network(ring_network(50, sigma1=3.49, sigma2=3.5)) is None
    assert published_network(ring_network(a2=1.001)) is None
    assert (
        published_network(Network(ring.weights, np.zeros(100), 2 * np.ones(100), "driven", True, {})) is None
    )
    read = Network(ring.weights, np.zeros(100), np.ones(100), "from_a_file", True, {})
    assert published_network(read) == "ring"
