"""Published descriptions of activity beside ours: every column of every row, from tables made by hand."""

import math

import numpy as np
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


def test_rows_of_diffusivities():
    table = published.diffusivity()[:3]
    ours = measured(table, "diffusivity", np.array([200.0, 300.0, 500.0]))
    rows = compare_diffusivities(ours)
    assert rows.condition.eq("published times 300").all()
    assert rows.published.tolist() == table.diffusivity.tolist()
    assert rows.expected.tolist() == pytest.approx((300 * table.diffusivity).tolist())
    assert rows.ours.tolist() == pytest.approx(ours.diffusivity.tolist())
    assert rows.standard_error.tolist() == pytest.approx([0.02 * math.sqrt(1 + 3e7 / 1e8)] * 3)
    assert rows.expected_from.eq("published value times a factor fitted to ours").all()
    assert len(compare_diffusivities(ours[:2])) == 2 and compare_diffusivities(ours[:1]).empty
    stuck = ours.assign(diffusivity=[0.0, *ours.diffusivity[1:]])  # bumps that do not move have no ratio
    assert compare_diffusivities(stuck).r.tolist() == table.r[1:].tolist()
    assert compare_diffusivities(stuck[:2]).empty
