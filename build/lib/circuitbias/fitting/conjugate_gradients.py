"""Solve linear equations from products with their matrix alone."""

from circuitbias.device import namespace


def conjugate_gradients(product, diagonal, right, tolerance, max_iterations):
    """Solve ``A x = right`` for a positive definite A of which only products and the diagonal are known.

    Parameters
    ----------
    product : callable
        From x to ``A x``, of several columns.
    diagonal : array, shape (n, 1)
    right : array, shape (n, k)
    tolerance : float
        Size of the residual of each column, relative to ``right``, both in the norm of the inverse diagonal.
    max_iterations : int

    Returns
    -------
    array, shape (n, k)
    """
    xp = namespace(right)
    solution, residual = xp.zeros_like(right), xp.asarray(right, copy=True)
    scaled = residual / diagonal
    direction = scaled
    size = first = (residual * scaled).sum(0)
    for _ in range(max_iterations):
        left = size > tolerance**2 * first
        if not left.any():
            break
        image = product(direction)
        length = xp.where(left, size / (direction * image).sum(0), 0.0)
        solution += length * direction
        residual -= length * image
        scaled = residual / diagonal
        before, size = size, (residual * scaled).sum(0)
        direction = scaled + xp.where(left, size / before, 0.0) * direction
    return solution
