"""A device of torch beside the CPU, for machines without any: its tensors do not mix with those of the CPU.

It computes what the CPU does, and refuses what a CUDA device refuses: arithmetic between tensors of both,
NumPy on a tensor of the device. It says nothing of speed, nor of rounding in another order of additions.
"""

import sys
from contextlib import contextmanager

import torch
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from circuitbias import device

# A build of torch for the CPU knows no cuda, but it knows this one, which holds no numbers of its own.
DEVICE = torch.device("meta")
_ACROSS = ("_to_copy", "copy_")  # move from device to device
_INDEXING = ("index", "index_put_", "_index_put_impl_", "index_put")  # take indices of the CPU, too


class _OnDevice(torch.Tensor):
    """A tensor that says it lies on the device; ``held`` are its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        meta = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, held.size(), device=DEVICE, **meta)

    def __init__(self, held):
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})


class _Device(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls):
        return False  # skipping it would import it, which takes seconds

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})


def _compute(function, args, kwargs):
    name = function.overloadpacket.__name__
    tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
    on_device = any(isinstance(tensor, _OnDevice) for tensor in tensors)
    if on_device and name not in (*_ACROSS, *_INDEXING):
        strangers = [tensor for tensor in tensors if not isinstance(tensor, _OnDevice) and tensor.dim()]
        if strangers:
            raise RuntimeError(f"{name}: expected all tensors to be on the same device, this and the cpu")
    if name in _INDEXING and not on_device == isinstance(args[0], _OnDevice):
        raise RuntimeError(f"{name}: a tensor of the cpu takes no indices of the device")
    target = kwargs.get("device")
    if target is not None:
        on_device = torch.device(target) == DEVICE
        kwargs = kwargs | {"device": torch.device("cpu")}
    result = function(*tree_map(_held, args), **tree_map(_held, kwargs))
    if name.endswith("_") and not name.endswith("__"):
        if torch.Tag.inplace_view in function.tags:  # the shape changes, also that of what holds the numbers
            with no_dispatch():
                function(*args, **kwargs)
        return args[0]
    if "out" in kwargs:
        return kwargs["out"]
    return tree_map(_placed, result) if on_device else result


def _held(value):
    return value.held if isinstance(value, _OnDevice) else value


def _placed(value):
    return _OnDevice(value) if isinstance(value, torch.Tensor) else value


def use_device(monkeypatch, chosen):
    """Have the estimators use a device, whatever they are asked for."""
    original = device.resolve_device
    for module in list(sys.modules.values()):
        if getattr(module, "resolve_device", None) is original:
            monkeypatch.setattr(module, "resolve_device", lambda device: chosen)


@contextmanager
def pretend_device(monkeypatch):
    """Have the estimators use the pretended one."""
    with monkeypatch.context() as patched, _Device():
        use_device(patched, DEVICE)
        yield
