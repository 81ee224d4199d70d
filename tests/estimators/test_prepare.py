"""What every method begins and ends with: the budget of memory, certificates, and whom warnings name."""

import warnings

import numpy as np
import pytest

from circuitbias.estimators import Couplings, estimate
from circuitbias.estimators.couplings import Certificate, ConstantNeuronWarning
from circuitbias.estimators.glm import Glm
from circuitbias.memory import Budget, MemoryLimitError


def test_the_budget_is_shared_out():
    budget = Budget(400)
    assert (budget.matrices, budget.kept) == (2e8, 1e8)
    assert budget.allows(2e8) and not budget.allows(2.01e8)
    assert budget.block_rows(100) == 2e8 // (8 * 8 * 100)
    with pytest.raises(MemoryLimitError, match=r"too small for 50000 neurons: at least 410 are needed"):
        budget.block_rows(50_000)
    for wrong in (0, -1, np.nan, "many", True):
        with pytest.raises(ValueError, match="memory_mb = "):
            Budget(wrong)


@pytest.mark.parametrize(
    ("certificate", "words", "reaches"),
    [
        (Certificate(3, 2e-9), "largest scaled gradient 2.0e-09", True),
        (Certificate(3, 2e-7), "largest scaled gradient 2.0e-07", False),
        (Certificate(3, 2e-9, 1), "largest scaled gradient 2.0e-09", False),
        (Certificate(3, None, 4), "nothing was fitted", False),
    ],
)
def test_certificates(certificate, words, reaches):
    assert str(certificate) == words
    assert certificate.reaches(1e-8) == reaches


def test_certificates_come_back_from_files(record_of, tmp_path):
    record = record_of(np.random.default_rng(0).poisson(0.5, (500, 4)))
    for method, fitted in (("glm", True), ("mean_field", False)):
        found = estimate(method, record, bin_steps=10)
        found.save(tmp_path / "couplings.npz")
        again = Couplings.load(tmp_path / "couplings.npz")
        assert again.certificate == found.certificate and (found.certificate is not None) == fitted
        assert again.n_counts == found.n_counts == record.n_spikes
        assert found.diagnostics["certificate"] == str(found.certificate or "closed form")
    assert found.certificate is None


def test_warnings_name_the_line_that_called_the_package(record_of):
    counts = np.random.default_rng(0).poisson(0.5, (500, 4))
    counts[:, 2] = 0
    for method in ("glm", "mean_field", "cross_correlation", "transfer_entropy"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimate(method, record_of(counts), bin_steps=10)
        (warning,) = [one for one in caught if issubclass(one.category, ConstantNeuronWarning)]
        assert warning.filename == __file__


def test_help_says_what_options_mean():
    assert "ridge : float, default 0.0\n    Strength of the quadratic penalty" in Glm.__doc__
