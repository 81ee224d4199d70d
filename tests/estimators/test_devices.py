"""Every method on a device other than the CPU: one that is pretended everywhere, CUDA where there is one."""

import numpy as np
import pytest
import torch
from pretend_device import DEVICE, pretend_device, use_device
from test_contract import every_case

from circuitbias.catalogue import declared
from circuitbias.estimators import METHODS, estimate
from circuitbias.spikes.segments import SpikeRecord

PRETENDED = [(method, declared("estimators", method).examples[-1]) for method in METHODS]
"""The last choice of options that each method is held to the contract with, at sizes for a slow device."""


@pytest.fixture(scope="module")
def short_record(sparse_record):
    """The first segment of it."""
    return SpikeRecord(sparse_record.n_neurons, sparse_record.dt_ms, sparse_record.pieces[:2])


@pytest.mark.parametrize(("method", "options"), PRETENDED, ids=METHODS)
def test_torch_finds_what_numpy_does_and_its_devices_do_not_mix(short_record, method, options, monkeypatch):
    """One code: with arrays of numpy, with tensors of the CPU, and with tensors that mix with none of it."""
    by_numpy = estimate(method, short_record, device="cpu", **options)
    with monkeypatch.context() as patched:
        use_device(patched, torch.device("cpu"))
        by_torch = estimate(method, short_record, device="cpu", **options)
    with pretend_device(monkeypatch):
        found = estimate(method, short_record, device="cuda", **options)
    assert found.values.tobytes() == by_torch.values.tobytes()
    assert found.arrays.keys() == by_torch.arrays.keys() == by_numpy.arrays.keys()
    # Sums in another order: of moments to rounding, of fits to the tolerance at which both have converged.
    np.testing.assert_allclose(by_torch.values, by_numpy.values, rtol=1e-6, atol=1e-7)
    for name, values in by_torch.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values)
        if name != "scaled_gradient":
            np.testing.assert_allclose(values, by_numpy.arrays[name], rtol=1e-4, atol=1e-6)


def test_the_pretended_device_refuses_what_a_real_one_does(monkeypatch):
    with pretend_device(monkeypatch):
        here, there = torch.ones(3), torch.ones(3, device=DEVICE)
        for mixed in (lambda: here + there, lambda: here.add_(there), lambda: here[there > 0]):
            with pytest.raises(RuntimeError, match="device"):
                mixed()
        for unwise in (lambda: there.numpy(), lambda: np.asarray(there), lambda: np.arange(3)[there > 0]):
            with pytest.raises((RuntimeError, TypeError)):
                unwise()
        assert there.sum().item() == 3 and (there + 1).cpu().tolist() == [2, 2, 2]
        assert there[here > 0].device == there.to(here.double()).to(there).device == DEVICE


@pytest.mark.gpu
@every_case
def test_cuda_agrees_with_the_cpu_and_with_itself(sparse_record, method, options):
    on_cpu = estimate(method, sparse_record, device="cpu", **options)
    first, second = (estimate(method, sparse_record, device="cuda", **options) for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()
    # sums in another order: of moments to rounding, of fits to the tolerance at which both have converged
    np.testing.assert_allclose(first.values, on_cpu.values, rtol=1e-6, atol=1e-7)
