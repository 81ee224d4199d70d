"""Published descriptions of activity beside ours: every column of every row, from tables made by hand."""

import math

import pandas as pd
import pytest

from circuitbias import published
from circuitbias.comparison.activity import (
    compare_diffusivities,
    compare_noise_correlations,
    compare_patterns,
)


def test_rows_of_patterns():
    windows = pd.DataFrame(
        {"r": 0.015, "n_spikes": [10**6] * 3 + [10**7], "pattern_strength": [0.8, 0.9, 1.0, 0.4]}
    )
    first, second = compare_patterns(windows).itertuples()
    assert (first.quantity, first.estimator, first.r) == ("pattern_strength", "", 0.015)
    assert first.n_spikes_published == first.n_spikes == 10**6
    assert first.published == first.expected == 0.80718
    assert (first.ours, first.standard_error) == (pytest.approx(0.9), pytest.approx(0.1 * math.sqrt(4 / 3)))
    assert (first.expected_from, first.error_from, first.note) == ("published value", "our windows", "")
    assert (second.n_spikes, second.ours) == (10**7, 0.4) and math.isnan(second.standard_error)


def test_patterns_of_recordings_of_their_own_have_the_scatter_of_these():
    eight = pd.DataFrame(
        {"r": 0.015, "seed": range(8), "n_spikes": 10**6, "pattern_strength": [0.7, 0.9] * 4}
    )
    (row,) = compare_patterns(eight).itertuples()
    assert row.error_from == "scatter of our 8 recordings"
    assert row.standard_error == pytest.approx(0.1 * math.sqrt(8 / 7) * math.sqrt(9 / 8))
    for fewer in (eight[:7], eight.assign(seed=1)):
        (row,) = compare_patterns(fewer).itertuples()
        assert row.error_from == "our windows"


def measured(table, name, factor=1.0):
    return table.assign(**{name: factor * table[name], f"{name}_se": 0.02}, n_spikes=3e7)


def test_rows_of_noise_correlations():
    table = published.noise_correlation()[:3]
    renamed = table.rename(columns={"noise_correlation": "noise_correlation_as_published"})
    ours = pd.concat([measured(renamed, "noise_correlation_as_published", f) for f in (1.0, 1.2)])
    ours["noise_correlation"] = 7.0  # of neurons exactly whole periods apart: not what is compared
    rows = compare_noise_correlations(ours.assign(n_spikes=[3e7] * 3 + [5e7] * 3))
    assert rows.quantity.eq("noise_correlation").all() and rows.estimator.eq("").all()
    assert rows.r.tolist() == table.r.tolist()
    assert rows.published.tolist() == rows.expected.tolist() == table.noise_correlation.tolist()
    assert rows.ours.tolist() == pytest.approx((1.1 * table.noise_correlation).tolist())
    assert rows.standard_error.tolist() == pytest.approx(
        [0.02 * math.sqrt(1 / 2 + 4e7 / 1e8)] * 3  # two of ours, and theirs of 1e8
    )
    assert rows.n_spikes.eq(4e7).all() and rows.n_spikes_published.eq(1e8).all()
    assert rows.expected_from.eq("published value").all() and rows.error_from.eq("our parts").all()
    assert compare_noise_correlations(ours.assign(r=0.5)).empty


def test_eight_recordings_know_an_error_by_their_scatter():
    table = published.noise_correlation()[:1].rename(
        columns={"noise_correlation": "noise_correlation_as_published"}
    )
    factors = [1.0, 1.2] * 4  # a variance of .08 / 7
    ours = pd.concat([measured(table, "noise_correlation_as_published", f) for f in factors])
    (row,) = compare_noise_correlations(ours).itertuples()
    assert row.error_from == "scatter of our 8 recordings"
    assert row.standard_error == pytest.approx(row.published * math.sqrt(0.08 / 7 * (1 / 8 + 0.3)))
    (row,) = compare_noise_correlations(ours[:7]).itertuples()
    assert row.error_from == "our parts"


def test_rows_of_diffusivities():
    """The published unit: neurons² a step, which is 2 D, of a phase that counts 100 neurons a bump."""
    table = published.diffusivity()[:3]
    name = "diffusivity_as_published"
    ours = pd.concat(
        [table.assign(**{name: 100.0, f"{name}_sd": sd, "n_windows": n}) for sd, n in ((3.0, 30), (6.0, 10))]
    )
    ours.loc[ours.n_windows == 10, name] = 200.0
    rows = compare_diffusivities(ours.assign(n_spikes=1e7))
    assert rows.condition.eq("published times 312.5").all()
    assert rows.published.tolist() == table.diffusivity.tolist()
    assert rows.expected.tolist() == pytest.approx((table.diffusivity * 1e4 / 2 / 4**2).tolist())
    assert rows.ours.tolist() == pytest.approx([125.0] * 3)  # the mean of all 40 windows
    one = math.sqrt((30 * 9 + 10 * 36) / 40)
    assert rows.standard_error.tolist() == pytest.approx([one * math.sqrt(1 + 1 / 40)] * 3)
    assert rows.expected_from.eq("published value in a unit found after seeing ours").all()
    short = ours.assign(n_windows=[1, 30, 30, 1, 10, 10], n_spikes=1e7)  # one window does not scatter
    assert compare_diffusivities(short).r.tolist() == table.r[1:].tolist()
