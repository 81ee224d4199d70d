"""Where the linear algebra runs."""

import torch


def torch_device(device: str) -> torch.device:
    """Resolve ``auto`` to cuda where there is one."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={device!r} is unknown, allowed are: auto, cpu, cuda")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' was asked for, but torch sees no CUDA device; allowed: auto, cpu")
    return torch.device(device)
