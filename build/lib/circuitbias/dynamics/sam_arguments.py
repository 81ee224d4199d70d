"""What `ThresholdSAM` makes of its arguments: weights, edge lists, values for every neuron, uniform numbers.

``kind`` is the dtype and the device of the model, as keywords of torch.
"""

import torch


def tensor(value, kind: dict) -> torch.Tensor:
    """Return a value in the model's dtype and device (copying what is not yet a tensor)."""
    return value.to(**kind) if isinstance(value, torch.Tensor) else torch.tensor(value, **kind)


def weights(W0, kind: dict) -> torch.Tensor:
    """Check weights; sparse ones become COO.

    Raises
    ------
    ValueError
        If they are not square matrices of finite numbers.
    """
    W0 = tensor(W0, kind)
    sparse = W0.layout is not torch.strided
    if W0.ndim not in ((2,) if sparse else (2, 3)) or W0.shape[-1] != W0.shape[-2]:
        raise ValueError(f"W0 has shape {tuple(W0.shape)}; it must be (n, n), or (n_networks, n, n) if dense")
    if sparse:
        W0 = W0.to_sparse_coo().coalesce()
    if not (W0.values() if sparse else W0).isfinite().all():
        raise ValueError("W0 holds NaN or infinite weights; all must be finite")
    return W0


def weights_of_edges(edge_index, W0, n_neurons: int | None, kind: dict) -> torch.Tensor:
    """Make the sparse matrix of an edge list.

    Raises
    ------
    ValueError
        If the edges are not whole numbers, as many as there are weights, or name neurons that are not there.
    """
    edges, W0 = torch.as_tensor(edge_index), tensor(W0, kind)
    if edges.is_floating_point() or edges.dtype is torch.bool or edges.shape != (2, *W0.shape):
        raise ValueError(
            f"edge_index has shape {tuple(edges.shape)} and type {edges.dtype}; it must hold whole "
            f"numbers, (2, n_edges), with as many edges as W0 of shape {tuple(W0.shape)} has weights"
        )
    least, most = (int(edges.min()), int(edges.max())) if edges.numel() else (0, -1)
    size = most + 1 if n_neurons is None else n_neurons
    if least < 0 or most >= size or size < 1:
        raise ValueError(f"edge_index names the neurons {least} ... {most}; allowed are 0 ... {size - 1}")
    edges = edges.long().to(kind["device"])
    return torch.sparse_coo_tensor(edges, W0, (size, size), check_invariants=True)


def expanded(name: str, value, shape, kind: dict) -> torch.Tensor:
    """Broadcast a value to a shape.

    Raises
    ------
    ValueError
        Naming the argument, if that cannot be.
    """
    value = tensor(value, kind)
    try:
        return value.expand(shape)
    except RuntimeError:
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}, which does not broadcast to {tuple(shape)}"
        ) from None


def rows_of(uniforms, n_rows: int):
    """Return a callable that gives each step its row of uniform numbers, or None without any."""
    if uniforms is None:
        return lambda row: None
    if callable(uniforms):
        return uniforms
    if uniforms.ndim == 0 or len(uniforms) != n_rows:
        raise ValueError(
            f"uniforms has shape {tuple(uniforms.shape)}; it must have one row for each of the "
            f"{n_rows} steps, those of equilibration included"
        )
    if not ((uniforms >= 0) & (uniforms < 1)).all():
        raise ValueError("uniforms holds values outside [0, 1)")
    return uniforms.__getitem__
