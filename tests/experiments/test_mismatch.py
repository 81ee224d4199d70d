"""The walk from the matched model to the paper's GLM."""

import numpy as np
import pandas as pd
import pytest

import circuitbias as cb
from circuitbias.experiments.mismatch import STEPS, run, take
from circuitbias.figures.mismatch import draw

RESOURCES = {"memory_mb": 500, "device": "cpu"}


@pytest.fixture(scope="module")
def walked():
    ring = cb.network("ring", n_neurons=30)
    spikes = cb.simulate(ring, r=0.02, rate_hz=62.5, n_spikes=60_000, seed=1)
    return ring, spikes, run(ring, spikes, n_spikes=40_000, resources=RESOURCES)[0]


def test_every_step_changes_one_that_came_before():
    seen = {""}
    for step in STEPS:
        assert step.parent in seen and (step.kind == "") == (step.parent == "")
        seen.add(step.name)
    assert len(seen) == len(STEPS) + 1


def test_steps_are_the_estimates_that_their_names_say(walked):
    ring, spikes, table = walked
    table = table.set_index("estimator")
    assert (table.n_spikes >= 40_000).all() and table.total.notna().all()
    part = cb.SpikeRecord(30, 0.1, list(spikes.segments(0, 0, first(spikes, 40_000))))
    for name, method, options in (
        ("paper's GLM", "glm", {"bin_steps": 100}),
        ("1 ms", "glm_history", {"bin_steps": 10, "filter_ms": 10.0}),
        ("paper's GLM, logistic", "logistic", {"bin_steps": 100}),
    ):
        expected = cb.compare(ring, cb.infer(part, method, **options)).total
        assert table.total[name] == pytest.approx(expected, rel=1e-6)


def first(spikes, n):
    """Step after that of the n-th spike."""
    return int(np.concatenate([piece.steps for piece in spikes.pieces])[n - 1]) + 1


def test_hidden_neurons_are_every_other_one(walked):
    table = walked[2]
    hidden = table[table.hidden]
    assert len(hidden) == 4 and (hidden.n_pairs <= 15 * 14).all()
    assert hidden.set_index("estimator").n_pairs["paper's GLM, hidden"] == 15 * 14


def test_a_wrong_filter_is_longer_or_shorter(walked):
    ring, spikes, _ = walked
    for step, tau in zip(
        [s for s in STEPS if s.parent == "matched" and s.kind == "filter"], (5, 20), strict=True
    ):
        row = take(step, ring, cb.SpikeRecord(30, 0.1, list(spikes.segments(0, 0, 60_000))), RESOURCES)
        assert f'"tau_ms": {tau}.0' in row["options"]


def test_the_figure_shows_all_steps_and_says_where_there_are_none(walked):
    table = walked[2].assign(r=0.02, seed=1)
    figure, numbers = draw(table)
    assert set(numbers.series) == set(table.estimator)
    labels = [label.get_text().strip() for label in figure.axes[0].get_yticklabels()]
    assert labels == list(table.change)
    nothing = table.assign(total=np.nan, bias_corrected=np.nan)
    _, numbers = draw(nothing)
    assert isinstance(numbers, pd.DataFrame) and numbers.empty
