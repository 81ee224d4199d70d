"""Which rows there are, and every column of them, from tables made by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from circuitbias import published
from circuitbias.comparison.errors import compare_errors, published_method
from circuitbias.comparison.verdicts import AS_PUBLISHED
from circuitbias.errors import predict_errors
from circuitbias.estimators.registry import complete_options

GLM, MPF = (
    {"estimator": f"my_{method}", "method": method, "options": json.dumps(complete_options(method, options))}
    for method, options in (("glm", {}), ("mpf", {"all_flip": True}))
)


def errors(r=0.01, n_counts=1e7, **changes):
    """A row of the table of errors."""
    values = {
        "total": 0.1,
        "bias": 0.08,
        "variance": 0.06,
        "total_l1": 0.2,
        "bias_l1": 0.3,
        "variance_l1": 0.4,
    }
    row = GLM | {"r": r, "n_spikes": 1.5e7, "n_counts": n_counts, "seed": 1, "n_pairs": 9900} | values
    return row | changes


def compared(rows, network="ring"):
    return compare_errors(pd.DataFrame(rows), network)


# Errors at every strength


def test_a_row_of_each_quantity_with_all_that_it_is_made_of():
    table = compared([errors(), errors(seed=2, total=0.3, n_counts=3e7)])
    paper = published.errors().query("method == 'glm' and r == 0.01").iloc[0]
    assert table.quantity.tolist() == ["total", "bias", "variance"]
    assert table.estimator.eq("my_glm").all() and table.r.eq(0.01).all() and table.condition.eq("").all()
    assert table.n_spikes_published.eq(1e8).all() and table.n_spikes.eq(1.5e7).all()
    assert table.published.tolist() == [paper.total, paper.bias, paper.variance]
    assert table.ours.tolist() == pytest.approx([0.2, 0.08, 0.06])  # the mean of two seeds
    then, now = (predict_errors(paper.bias, paper.variance, 100, 1e8, n) for n in (1e8, 2e7))
    assert table.expected.tolist() == pytest.approx([now.total, now.bias, now.variance])
    for row in table.itertuples():
        own = getattr(now, f"{row.quantity}_se") / math.sqrt(2)
        theirs = getattr(then, f"{row.quantity}_se") / row.published * row.expected
        assert row.standard_error == pytest.approx(math.hypot(own, theirs))
    assert table.expected_from.eq("published errors").all() and table.error_from.eq("model").all()
    assert table.note.eq("").all()


def test_eight_recordings_tell_what_recordings_scatter_by():
    """Ours of 1e7, theirs of 1e8, which scatters less by the root of ten; seven are too few to tell."""
    totals = [0.10, 0.11, 0.12, 0.10, 0.09, 0.11, 0.10, 0.12]
    rows = [errors(total=total, seed=seed, total_se=0.9) for seed, total in enumerate(totals)]
    table = compared(rows).set_index("quantity")
    own = math.sqrt(sum((total - 0.10625) ** 2 for total in totals) / 7)
    assert table.standard_error["total"] == pytest.approx(own * math.sqrt(1 / 8 + 1 / 10))
    assert table.error_from.eq("scatter of our 8 recordings").all()
    assert compared(rows[:7]).error_from.tolist() == ["blocks of our recording", "model", "model"]


def test_scatter_judges_one_recording_of_theirs_as_the_difference_of_two():
    """Where only noise differs 5 % lie beyond two; 8 % as eight know a standard error to 27 %."""
    rng, beyond = np.random.default_rng(1), []
    expected = compared([errors(n_counts=1e8)]).set_index("quantity").expected["total"]
    for _ in range(400):
        theirs, ours = rng.normal(0, 0.01), rng.normal(0, 0.01, 8)
        rows = [errors(total=expected + value - theirs, n_counts=1e8, seed=k) for k, value in enumerate(ours)]
        beyond.append(abs(compared(rows).z[0]) > 2)
    assert 0.05 < np.mean(beyond) < 0.125


def test_errors_over_fewer_pairs_say_so():
    assert compared([errors(n_pairs=9702), errors(seed=2)]).note.eq("over 9702 of 9900 pairs").all()
    pinned = errors(**MPF, n_pairs=9702)
    assert compared([pinned], "ring_pinned").note.tolist() == [""]  # the 99 that fire
    assert compared([pinned | {"n_pairs": 9506}], "ring_pinned").note.tolist() == ["over 9506 of 9702 pairs"]


def test_a_method_that_repeats_a_slip_says_so():
    options = json.dumps(complete_options("glm", {"as_published": True}))
    assert compared([errors(options=options)]).note.eq(AS_PUBLISHED).all()
    fewer = compared([errors(options=options, n_pairs=9702)])
    assert fewer.note.eq(f"{AS_PUBLISHED}; over 9702 of 9900 pairs").all()


def test_with_the_older_scale_where_the_files_have_it():
    options = json.dumps(complete_options("mean_field", {}))
    table = compared([errors(method="mean_field", options=options)])
    names = ["total", "bias", "variance"]
    assert table.quantity.tolist() == names + [f"{name}_l1" for name in names]
    paper = published.errors().query("method == 'mean_field' and r == 0.01").iloc[0]
    assert table.published.tolist() == [paper[name] for name in table.quantity]
    assert table.ours.tolist() == [0.1, 0.08, 0.06, 0.2, 0.3, 0.4]
    assert table.expected_from.eq("published errors").all()


def test_each_estimator_strength_and_volume_is_a_row_of_its_own():
    rows = [errors(), errors(r=0.02), errors(estimator="other"), errors(n_spikes=2e7)]
    rows.append(errors(options=json.dumps(complete_options("glm", {"max_passes": 9}))))
    table = compared(rows)
    assert len(table) == 3 * 5
    assert table.estimator[table.estimator == "other"].size == 3


@pytest.mark.parametrize(
    ("method", "options", "network"),
    [
        ("logistic", {"l1": "oracle", "l1_grid": [0.0, 60.0]}, "ring"),
        ("logistic", {"binarise": True, "l1": 0.0, "as_published": True}, "ring_pinned"),
        ("logistic", {"binarise": True, "l1": "oracle", "as_published": True}, "ring_pinned"),
    ],
)
def test_a_penalty_is_compared_within_a_factor_of_two_of_the_volume(method, options, network):
    row = errors(method=method, options=json.dumps(complete_options(method, options)))
    for n_counts, there in ((0.51e8, True), (0.49e8, False), (1.99e8, True), (2.01e8, False)):
        assert (len(compared([row | {"n_counts": n_counts}], network)) > 0) == there, n_counts


def test_a_volume_that_is_not_known_is_not_compared():
    assert compared([errors(n_counts=np.nan)]).empty


def test_other_methods_are_compared_at_any_volume():
    assert len(compared([errors(n_counts=1e6)])) == 3
    assert compared([errors(**MPF, n_counts=1e6)], "ring_pinned").quantity.tolist() == ["total"]


NEEDED = [
    ("glm", "glm", {"bin_steps": 100, "binarise": False, "lags": [0], "ridge": 0.0}),
    ("mean_field", "mean_field", {"bin_steps": 100, "binarise": False}),
    ("mean_field_binarised", "mean_field", {"bin_steps": 100, "binarise": True}),
    ("mpf", "mpf", {"bin_steps": 100, "all_flip": True}),
    ("tap", "tap", {"bin_steps": 100, "as_published": True}),
    ("sessak_monasson", "sessak_monasson", {"bin_steps": 100, "as_published": True}),
    ("logistic", "logistic", {"bin_steps": 100, "binarise": False, "l1": "oracle", "as_published": False}),
    ("logistic_binarised", "logistic", {"bin_steps": 100, "binarise": True, "l1": 0.0, "as_published": True}),
    (
        "logistic_binarised",
        "logistic",
        {"bin_steps": 100, "binarise": True, "l1": "oracle", "as_published": True},
    ),
]
OTHER = {"bin_steps": 50, "lags": [0, 1], "ridge": 0.5, "all_flip": False, "l1": 3.0}


@pytest.mark.parametrize(("name", "method", "options"), NEEDED)
def test_a_published_method_is_one_with_all_of_its_options(name, method, options):
    assert published_method(method, options | {"tolerance": 1e-3}) == name
    for key in options.keys() - {"binarise"}:
        other = not options[key] if key == "as_published" else OTHER[key]
        assert published_method(method, options | {key: other}) != name, key
        assert published_method(method, {k: v for k, v in options.items() if k != key}) != name
    if "binarise" in options:
        assert published_method(method, options | {"binarise": not options["binarise"]}) != name
    assert published_method("bethe", options) is None
