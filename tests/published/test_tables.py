import numpy as np
import pytest

from circuitbias import published

STRENGTHS = [0.0005, 0.0025, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.0225, 0.025]


def test_thresholds_can_be_looked_up_by_the_literal_strength():
    ring = published.thresholds("ring")
    assert (ring.index.name, ring.name) == ("r", "theta")
    expected = {0.0005: 1.378e-3, 0.0125: 9.50e-4, 0.0168: 8.58e-4, 0.025: 7.35e-4, 0.035: 6.12e-4}
    assert ring[list(expected)].to_dict() == expected
    assert set(STRENGTHS) <= set(ring.index)
    assert len(ring) == 12 + 16  # the main list, and those for the demand of data
    pinned = published.thresholds("ring_pinned")
    assert pinned.index.tolist() == STRENGTHS
    assert pinned[0.0005] == 1.3775e-3
    assert pinned[0.015] == 8.93e-4


@pytest.mark.parametrize("network", ["ring", "ring_pinned"])
def test_thresholds_fall_with_strength(network):
    theta = published.thresholds(network)
    assert theta.index.is_monotonic_increasing and theta.index.is_unique
    assert (np.diff(theta) < 0).all()


def test_unknown_network_is_named():
    with pytest.raises(ValueError, match=r"network: 'lattice' .* ring, ring_pinned"):
        published.thresholds("lattice")


# Total errors as printed for r = 0.0005, 0.01 and 0.025
TOTALS = {
    "glm": (0.509, 0.0462, 0.234),
    "mean_field": (0.510, 0.0452, 0.549),
    "mean_field_binarised": (0.580, 0.253, 0.797),
    "logistic": (0.549, 0.0498, 0.1425),
    "mpf": (0.580, 0.254, 0.511),
    "tap": (0.579, 0.255, 0.761),
    "sessak_monasson": (0.579, 0.213, 0.798),
}


def test_errors_hold_every_method_and_strength_once():
    table = published.errors()
    assert table.columns.tolist() == [
        "method",
        "r",
        "n_spikes",
        *("total", "bias", "variance"),
        *("total_l1", "bias_l1", "variance_l1"),
    ]
    assert set(table["method"]) == set(TOTALS)
    assert (table["n_spikes"] == 100_000_000).all()
    for _, rows in table.groupby("method"):
        assert rows["r"].tolist() == STRENGTHS


@pytest.mark.parametrize(("method", "totals"), TOTALS.items())
def test_total_errors(method, totals):
    table = published.errors().query("method == @method").set_index("r")
    np.testing.assert_allclose(table.loc[[0.0005, 0.01, 0.025], "total"], totals, rtol=3e-3)


def test_errors_obey_pythagoras_of_a_circulant_network():
    table = published.errors()
    expected = np.sqrt(0.99 * table["variance"] ** 2 + table["bias"] ** 2)
    np.testing.assert_allclose(table["total"], expected, rtol=1e-5)


def test_pattern_strength():
    table = published.pattern_strength()
    wide = table.pivot_table(index="r", columns="n_spikes", values="pattern_strength")
    assert wide.index.tolist() == STRENGTHS
    np.testing.assert_allclose(wide.loc[0.0125, [1_000_000, 10_000_000]], [0.248, 0.699], atol=5e-4)
    assert len(table) == 22


def test_power_law_fits():
    table = published.power_law_fits()
    assert table.query("method == 'glm'")["r"].tolist() == STRENGTHS[1:]
    assert table.query("method == 'mpf'")["r"].tolist() == [0.0025, 0.025]
    assert table["slope"].between(table["slope_low"], table["slope_high"]).all()
    intercept = table["log10_intercept"]
    assert intercept.between(table["intercept_low"], table["intercept_high"]).all()
    assert table["slope"].between(-1.05, -0.93).all()


def test_fits_and_errors_agree_at_full_data():
    """The two come from different files: each fit must hit its stored error at 1e8 spikes."""
    fits = published.power_law_fits().set_index(["method", "r"])
    stored = published.errors().set_index(["method", "r"])["variance"]
    predicted = 10 ** ((fits["slope"] * 8 + fits["log10_intercept"]) / 2)
    np.testing.assert_allclose(predicted, stored[fits.index], rtol=0.2)


def test_errors_of_the_pinned_ring():
    table = published.errors("ring_pinned").set_index(["method", "r"])
    assert set(table.index.get_level_values("method")) == {"mpf", "logistic_binarised"}
    assert table.total["mpf", 0.025] == 0.537325
    assert table.total["logistic_binarised", 0.01] == 0.249928


def test_the_older_scale_is_there_where_the_files_have_it():
    table = published.errors()
    old = table[table.total_l1.notna()]
    assert set(old.method) == {"mean_field", "mean_field_binarised", "tap", "sessak_monasson"}
    np.testing.assert_allclose(old.total_l1, np.sqrt(0.99 * old.variance_l1**2 + old.bias_l1**2), rtol=1e-4)
    assert (old.total_l1 >= 0.999 * old.total).all()  # the other scale is the one with the least error


def test_results_of_the_experiments():
    """The demand of data is where the error against volume reaches 0.577."""
    curves = published.error_against_volume()
    for point in published.data_demand().itertuples():
        curve = curves[np.isclose(curves.r, point.r)].sort_values("total")
        reached = np.interp(0.577, curve.total, curve.log10_spikes)
        assert reached == pytest.approx(point.log10_spikes, abs=0.1)
    assert published.bin_width().set_index("bin_steps").total[100] == 0.348305
    assert published.synchrony().total.tolist() == [0.23, 0.32]
    assert published.noise_correlation().noise_correlation.is_monotonic_increasing
    assert published.diffusivity().diffusivity.is_monotonic_decreasing
