"""What every method keeps to, whatever it estimates."""

import json

import numpy as np
import pytest
import torch

from circuitbias.errors import detection_scores
from circuitbias.estimators import METHODS, Couplings, estimate
from circuitbias.estimators.couplings import NotConvergedWarning
from circuitbias.spikes.segments import SpikeRecord

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]

# Method, options, whether the estimate knows the direction.
CASES = [
    ("cross_correlation", {}, True),
    ("cross_correlation", {"measure": "zero_lag", "bin_steps": 100, "window_ms": 50}, False),
    ("cross_correlation", {"measure": "z_score", "binarise": True, "far_ms": 8.0}, True),
    ("glm", {}, False),
    ("glm", {"lags": [1], "ridge": 1e-3}, True),
    ("glm", {"lags": [0, 1], "bin_steps": 50}, True),
    ("glm", {"binarise": True}, False),
    ("logistic", {}, False),
    ("logistic", {"binarise": True, "bin_steps": 80}, False),
    ("logistic", {"l1": 5.0}, False),
    ("glm_history", {}, True),
    ("glm_history", {"bin_steps": 20, "filter_ms": 5.0, "ridge": 1e-3}, True),
    ("glm_spatiotemporal", {"bin_steps": 20, "n_basis": 4}, True),
    ("matched", {}, True),
    ("matched", {"bin_steps": 7, "rho": 0.05}, True),
    ("logistic", {"l1": "cross_validation", "l1_grid": [0, 3, 10], "folds": 3}, False),
    ("mean_field", {}, False),
    ("mean_field", {"binarise": True, "bin_steps": 80}, False),
    ("mpf", {}, False),
    ("mpf", {"all_flip": True, "bin_steps": 80}, False),
    ("tap", {}, False),
    ("tap", {"as_published": True, "bin_steps": 80}, False),
    ("sessak_monasson", {}, False),
    ("sessak_monasson", {"as_published": True}, False),
    ("independent_pair", {}, False),
    ("bethe", {"bin_steps": 80}, False),
    ("correlogram_graph", {}, False),
    ("correlogram_graph", {"bin_steps": 10, "jitter_ms": 20.0, "window_ms": 60.0}, False),
    ("correlogram_graph", {"rule": "zero_jump", "bin_steps": 20, "window_ms": 60.0, "least_z": 2.0}, True),
    ("correlogram_graph", {"rule": "largest_jump", "bin_steps": 30}, False),
    ("glm_masked", {"correlogram_bin_steps": 10, "bin_steps": 80}, False),
    ("partial_correlation", {}, False),
    ("partial_correlation", {"alpha": 0.005}, False),
    ("partial_correlation", {"alpha": "cross_validation", "binarise": True, "bin_steps": 80}, False),
    ("transfer_entropy", {}, True),
    ("transfer_entropy", {"bin_steps": 50, "lag": 2}, True),
]
every_case = pytest.mark.parametrize(
    "method, options, directed",
    CASES,
    ids=[f"{method}-{json.dumps(options)}" for method, options, _ in CASES],
)


def sum_of_binned_values(record, told):
    """Counted event by event: spikes in complete bins, or, of binarised counts, bins with a spike."""
    width, seen = told["options"]["bin_steps"], {}
    past = told["options"].get("lag", 0)  # of transfer entropy, which sees the bins that have a past
    (n_steps,) = record.trial_steps
    for piece in record.pieces:
        for step, neuron in zip(piece.steps.tolist(), piece.neurons.tolist(), strict=True):
            if past <= step // width < n_steps // width:
                seen[step // width, neuron] = seen.get((step // width, neuron), 0) + 1
    return len(seen) if told["traits"]["binary"] else sum(seen.values())


def test_every_method_is_held_to_the_contract():
    assert {method for method, _, _ in CASES} == set(METHODS)


@every_case
def test_form_and_repeatability(sparse_record, method, options, directed):
    before = [(piece.steps.tobytes(), piece.neurons.tobytes()) for piece in sparse_record.pieces]
    given = json.dumps(options)
    first, second = (estimate(method, sparse_record, device="cpu", **options) for _ in range(2))
    n = sparse_record.n_neurons
    assert first.values.shape == (n, n)
    assert first.values.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(first.values), np.eye(n, dtype=bool))
    assert first.values.tobytes() == second.values.tobytes()
    assert [(piece.steps.tobytes(), piece.neurons.tobytes()) for piece in sparse_record.pieces] == before
    assert json.dumps(options) == given
    assert first.diagnostics["method"] == method
    assert first.diagnostics["options"].items() >= options.items()
    assert "bin_steps" in first.diagnostics["options"]  # defaults are written down too
    assert first.diagnostics["n_bins"] > 0
    assert first.diagnostics["traits"].keys() == {"directed", "signed", "binary"}
    assert first.diagnostics["traits"]["directed"] == directed
    assert first.diagnostics["n_counts"] == sum_of_binned_values(sparse_record, first.diagnostics)
    if "largest_scaled_gradient" in first.diagnostics:
        assert first.diagnostics["certificate"].startswith("largest scaled gradient")
    else:
        assert first.diagnostics["certificate"] == "closed form"
    json.dumps(first.diagnostics)


@every_case
def test_relabelling_neurons_permutes_the_couplings(sparse_record, method, options, directed):
    new_label = np.random.default_rng(0).permutation(sparse_record.n_neurons)
    relabelled = SpikeRecord.from_events(
        np.concatenate([piece.steps for piece in sparse_record.pieces]),
        new_label[np.concatenate([piece.neurons for piece in sparse_record.pieces])],
        sparse_record.n_neurons,
        int(sparse_record.trial_steps[0]),
    )
    np.testing.assert_allclose(
        estimate(method, relabelled, **options).values[np.ix_(new_label, new_label)],
        estimate(method, sparse_record, **options).values,
        rtol=1e-6,
        atol=1e-7,
    )


@every_case
def test_small_memory_changes_nothing(sparse_record, method, options, directed):
    np.testing.assert_allclose(
        estimate(method, sparse_record, memory_mb=0.3, **options).values,
        estimate(method, sparse_record, memory_mb=1000, **options).values,
        rtol=1e-6,
        atol=1e-8,
    )


@every_case
def test_recovers_a_sparse_network(sparse_record, sparse_weights, method, options, directed):
    values = estimate(method, sparse_record, **options).values
    truth = sparse_weights if directed else sparse_weights + sparse_weights.T
    assert (values[truth < 0] < 0).all()
    assert detection_scores(truth, values)["roc_auc"] > 0.95
    if directed:  # a connection is told from its reverse
        one_way = (sparse_weights < 0) & (sparse_weights.T == 0)
        assert (values[one_way] < values.T[one_way]).all()


@pytest.mark.parametrize("max_passes", [2, 3, 6])
@pytest.mark.parametrize(
    "method, options",
    [
        ("glm", {}),
        ("glm_history", {}),
        ("glm_spatiotemporal", {"n_basis": 4}),
        ("logistic", {}),
        ("logistic", {"l1": 5.0}),
        ("matched", {}),
        ("mpf", {}),
    ],
)
def test_a_fit_makes_as_many_passes_as_it_may(sparse_record, method, options, max_passes):
    with pytest.warns(NotConvergedWarning, match=rf"did not reach .*max_passes={max_passes},"):
        fit = estimate(method, sparse_record, max_passes=max_passes, tolerance=1e-15, **options)
    assert fit.diagnostics["passes"] == max_passes
    assert np.isnan(fit.values).all()


@pytest.mark.parametrize("method", METHODS)
def test_wrong_arguments_are_named(sparse_record, method, monkeypatch):
    with pytest.raises(ValueError, match=r"bin_step = 10: unknown key \(did you mean .*bin_steps\?\)"):
        estimate(method, sparse_record, bin_step=10)
    with pytest.raises(ValueError, match="bin_steps = 0: must be a whole number >= 1"):
        estimate(method, sparse_record, bin_steps=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device='cuda' .* no CUDA device; allowed: auto, cpu"):
        estimate(method, sparse_record, device="cuda")
    for device in ("gpu", 0, None):
        with pytest.raises(ValueError, match=f"device={device!r} is unknown, allowed are: auto, cpu, cuda"):
            estimate(method, sparse_record, device=device)


def test_unknown_method(sparse_record):
    with pytest.raises(ValueError, match=r"method = 'glmm': must be one of `glm`, .*\(did you mean glm\?\)"):
        estimate("glmm", sparse_record)


@pytest.fixture
def saved(tmp_path):
    couplings = Couplings(
        np.arange(9.0).reshape(3, 3),
        diagnostics={"n_bins": 7, "options": {"lags": [0]}},
        arrays={"intercepts": np.array([1.0, np.nan, 2.0])},
        provenance={"parameters": {"seed": 2**62}},
    )
    path = tmp_path / "folder" / "couplings.npz"
    couplings.save(path)
    return couplings, path


def test_save_and_load(saved):
    couplings, path = saved
    loaded = Couplings.load(path)
    np.testing.assert_array_equal(loaded.values, couplings.values)
    assert np.isnan(loaded.values.diagonal()).all()
    np.testing.assert_array_equal(loaded.arrays["intercepts"], couplings.arrays["intercepts"])
    assert (loaded.diagnostics, loaded.provenance) == (couplings.diagnostics, couplings.provenance)
    assert [file.name for file in path.parent.iterdir()] == ["couplings.npz"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "text", "array", "foreign"])
def test_damaged_files_are_told(saved, damage):
    path = saved[1]
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        middle = content.index(b"values.npy") + 40  # in the packed numbers
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("from,to,coupling\n")
    elif damage == "array":
        np.save(path.with_suffix(".npy"), np.eye(3))
        path.with_suffix(".npy").rename(path)
    else:
        np.savez(path, weights=np.eye(3))
    with pytest.raises(ValueError, match=r"couplings\.npz: not a whole file of couplings"):
        Couplings.load(path)


def test_missing_file_and_wrong_shape(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        Couplings.load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"square matrix, got shape \(2, 3\)"):
        Couplings(np.zeros((2, 3)))


def test_values_given_stay_untouched():
    given = np.ones((2, 2))
    Couplings(given)
    assert (given == 1).all()
