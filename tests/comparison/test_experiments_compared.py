"""Plumbing: published results of the experiments fed in as ours agree, and a deviation from them is seen."""

import json

import numpy as np
import pandas as pd
import pytest

from circuitbias import published
from circuitbias.comparison.activity import compare_diffusivities, compare_noise_correlations
from circuitbias.comparison.experiments import (
    BIN_WIDTH_COUNTS,
    BIN_WIDTH_STRENGTH,
    compare_bin_widths,
    compare_data_demand,
    compare_synchrony,
    compare_volume_curves,
    compare_volume_laws,
)
from circuitbias.errors import noise_and_bias_power
from circuitbias.estimators.registry import complete_options

MPF = {
    "estimator": "mine",
    "method": "mpf",
    "options": json.dumps(complete_options("mpf", {"all_flip": True})),
}
GLM = {"estimator": "mine", "method": "glm", "options": json.dumps(complete_options("glm", {}))}


def bin_width_table(**changes):
    table = published.bin_width().assign(r=BIN_WIDTH_STRENGTH, n_counts=BIN_WIDTH_COUNTS, n_spikes=6e6, **MPF)
    return table.assign(**changes)


def test_plumbing_published_bin_widths_fed_in_as_ours_agree():
    comparison = compare_bin_widths(bin_width_table())
    assert len(comparison) == 27
    assert (comparison.verdict == "agrees").all()
    np.testing.assert_allclose(comparison.ours, comparison.published)


def test_each_width_is_compared_at_its_own_volume():
    half = compare_bin_widths(bin_width_table(n_counts=BIN_WIDTH_COUNTS / 2))
    variance = half[half.quantity == "variance"]
    assert (variance.expected > 1.1 * variance.published).sum() >= 8
    assert (half.verdict == "differs").any()


def test_bin_widths_of_other_data_are_left_out():
    assert compare_bin_widths(bin_width_table(r=0.01)).empty
    single_flips = json.dumps(complete_options("mpf", {}))
    assert compare_bin_widths(bin_width_table(options=single_flips)).empty


def test_what_is_known_of_the_bin_width_data_follows_from_the_pair_of_errors():
    """The systematic error at 100 steps is that of r = 0.005 at 1e8 spikes, and of no other strength."""
    pair = published.bin_width().set_index("bin_steps").loc[100]
    here = noise_and_bias_power(pair.bias, pair.variance, 100)
    stored = published.errors().query("method == 'mpf'").set_index("r")
    powers = {r: noise_and_bias_power(row.bias, row.variance, 100) for r, row in stored.iterrows()}
    ratios = {r: (here.bias / power.bias) ** 0.5 for r, power in powers.items() if power.bias > 0}
    assert [r for r, ratio in ratios.items() if abs(ratio - 1) < 0.1] == [BIN_WIDTH_STRENGTH]
    spikes = 1e8 * powers[BIN_WIDTH_STRENGTH].noise / here.noise
    assert spikes == pytest.approx(BIN_WIDTH_COUNTS, rel=0.02)


def laws(**changes):
    table = published.power_law_fits().query("method == 'glm'").assign(**GLM)
    return table.assign(error_level=0.2, bias=0.1, variance=0.1, **changes)


def test_volume_laws():
    assert (compare_volume_laws(laws()).verdict == "agrees").all()
    comparison = compare_volume_laws(laws(slope=-0.8))
    assert (comparison[comparison.quantity == "volume_slope"].verdict == "differs").all()
    (first, *_) = comparison.itertuples()
    paper = published.power_law_fits().iloc[0]
    # both intervals are the published one: sqrt(2) of its half width over 1.96
    expected = 2**0.5 * (paper.slope_high - paper.slope_low) / (2 * 1.96)
    assert first.standard_error == pytest.approx(expected)


def demand(shift=0.0, level=0.577):
    table = published.data_demand().assign(**MPF, error_level=level, demand_from="data")
    errors = published.errors("ring_pinned").query("method == 'mpf'").set_index("r")
    return table.assign(
        log10_demand=table.log10_spikes + shift,
        bias=errors.bias[table.r].to_numpy(),
        variance=errors.variance[table.r].to_numpy(),
    )


def test_demand_of_data():
    assert (compare_data_demand(demand()).verdict == "agrees").all()
    shifted = compare_data_demand(demand(0.3))
    assert (shifted.verdict == "differs").all()
    assert shifted.standard_error.between(0.001, 0.1).all()
    assert compare_data_demand(demand(level=0.2)).empty


def test_volume_curves_are_interpolated_between_our_volumes():
    curve = published.error_against_volume().query("r == 0.0075")
    ours = pd.DataFrame(
        {
            "r": 0.0075,
            "fraction": 10 ** (curve.log10_spikes - 8),
            "n_counts": 10 ** (curve.log10_spikes + 0.1),  # other volumes than theirs
            "total": 10
            ** np.interp(curve.log10_spikes + 0.1, curve.log10_spikes[::-1], np.log10(curve.total[::-1])),
            "bias": 0.9 * curve.total,
            "variance": 0.43 * curve.total,
        }
    ).assign(**MPF)
    comparison = compare_volume_curves(ours, "ring_pinned")
    assert len(comparison) > 8
    np.testing.assert_allclose(comparison.ratio, 1, atol=0.05)
    assert comparison.condition.str.match(r"10\^\d\.\d\d spikes").all()
    off = compare_volume_curves(ours.assign(total=1.2 * ours.total), "ring_pinned")
    assert (off.verdict == "differs").all()


def test_synchrony_is_two_digits():
    table = pd.DataFrame(
        {"estimator": ["glm", "glm_masked"], "r": 0.025, "n_spikes": 1e8, "total": [0.234, 0.40]}
    )
    comparison = compare_synchrony(table)
    assert comparison.verdict.tolist() == ["agrees", "differs"]
    assert compare_synchrony(table.assign(r=0.01)).empty


def test_noise_correlations_and_diffusivities():
    name = "noise_correlation_as_published"
    correlations = published.noise_correlation().rename(columns={"noise_correlation": name})
    correlations = correlations.assign(**{f"{name}_se": 0.01}, n_spikes=1e8)
    assert (compare_noise_correlations(correlations).verdict == "agrees").all()
    paper = published.diffusivity()
    name = "diffusivity_as_published"
    ours = paper.assign(n_spikes=1e7, n_windows=160)
    ours = ours.assign(**{name: 310 * paper.diffusivity, f"{name}_sd": 10 * paper.diffusivity})
    assert (compare_diffusivities(ours).verdict == "agrees").all()
    ours.loc[2, name] *= 2
    assert (compare_diffusivities(ours).verdict == "differs").tolist() == [k == 2 for k in range(len(paper))]
