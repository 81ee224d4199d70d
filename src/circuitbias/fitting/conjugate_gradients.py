"""Solve linear equations from products with their matrix alone."""

import torch


def conjugate_gradients(product, diagonal, right, tolerance, max_iterations):
    """Solve ``A x = right`` for a positive definite A of which only products and the diagonal are known.

    Parameters
    ----------
    product : callable
        From x to ``A x``, of several columns.
    diagonal : tensor, shape (n, 1)
    right : tensor, shape (n, k)
    tolerance : float
        Size of the residual of each column, relative to ``right``, both in the norm of the inverse diagonal.
    max_iterations : int

    Returns
    -------
    tensor, shape (n, k)
    """
    solution, residual = torch.zeros_like(right), right.clone()
    scaled = residual / diagonal
    direction = scaled.clone()
    size = first = (residual * scaled).sum(0)
    for _ in range(max_iterations):
        left = size > tolerance**2 * first
        if not left.any():
            break
        image = product(direction)
        length = torch.where(left, size / (direction * image).sum(0), 0.0)
        solution += length * direction
        residual -= length * image
        scaled = residual / diagonal
        before, size = size, (residual * scaled).sum(0)
        direction = scaled + torch.where(left, size / before, 0.0) * direction
    return solution
