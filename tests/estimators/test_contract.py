"""What every method keeps to, whatever it estimates."""

import json

import numpy as np
import pytest
import torch

from circuitbias.catalogue import declared, find
from circuitbias.estimators import METHODS, Couplings, estimate
from circuitbias.estimators.contract import CHECKS
from circuitbias.estimators.couplings import NotConvergedWarning

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::circuitbias.estimators.couplings.EstimationWarning"),
]

CASES = [(method, options) for method in METHODS for options in declared("estimators", method).examples]
NAMES = [f"{method}-{json.dumps(options)}" for method, options in CASES]
every_case = pytest.mark.parametrize(("method", "options"), CASES, ids=NAMES)


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


@every_case
@pytest.mark.parametrize("check", CHECKS)
def test_the_contract(method, options, check):
    CHECKS[check](find("estimators", method)(**options))


def test_many_choices_of_options_are_tried():
    assert len(CASES) >= 34
    assert {len(declared("estimators", method).examples) for method in METHODS} >= {1, 2, 3, 4}


@every_case
def test_what_our_own_say_of_their_data(sparse_record, method, options):
    given = json.dumps(options)
    first = estimate(method, sparse_record, device="cpu", **options)
    assert first.values.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(first.values), np.eye(sparse_record.n_neurons, dtype=bool))
    assert json.dumps(options) == given
    assert first.diagnostics["method"] == method
    assert first.diagnostics["options"].items() >= options.items()
    assert "bin_steps" in first.diagnostics["options"]  # defaults are written down too
    assert first.diagnostics["n_bins"] > 0
    assert first.diagnostics["traits"].keys() == {"directed", "signed", "binary"}
    assert first.diagnostics["n_counts"] == sum_of_binned_values(sparse_record, first.diagnostics)
    if "largest_scaled_gradient" in first.diagnostics:
        assert first.diagnostics["certificate"].startswith("largest scaled gradient")
    else:
        assert first.diagnostics["certificate"] == "closed form"


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
def test_a_fit_makes_as_many_passes_as_it_may(sparse_record, tune, method, options, max_passes):
    tune(least_sample_rows=1)  # else Hessians are exact, and few passes enough
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
