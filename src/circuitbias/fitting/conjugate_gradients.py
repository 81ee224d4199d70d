"""Solve linear equations from products with their matrix alone."""

import torch


def conjugate_gradients(product, diagonal, right, tolerance, max_iterations):
    """Solve ``A x = right`` for a positive definite A of which only products and the diagonal are known.

    Parameters
    ----------
    product : callable
        From x to ``A x``.
    diagonal : tensor, shape (n, 1)
    right : tensor, shape (n, 1)
    tolerance : float
        Size of the residual, relative to ``right``, both in the norm of the inverse diagonal.
    max_iterations : int

    Returns
    -------
    tensor, shape (n, 1)
    """
    solution, residual = torch.zeros_like(right), right.clone()
    scaled = residual / diagonal
    direction = scaled.clone()
    size = first = (residual * scaled).sum()
    for _ in range(max_iterations):
        if size <= tolerance**2 * first:
            break
        image = product(direction)
        length = size / (direction * image).sum()
        solution += length * direction
        residual -= length * image
        scaled = residual / diagonal
        before, size = size, (residual * scaled).sum()
        direction = scaled + size / before * direction
    return solution
